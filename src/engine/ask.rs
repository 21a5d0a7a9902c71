//! What others may ask an engine.

use super::tally::{self, By, Rule, Shares, Volume};
use super::{Counters, Elements, Engine};
use crate::app::Catalogue;
use crate::config::Config;
use crate::effect::{SetId, StreamId};
use crate::flow::{Flow, FlowTable, Locality};
use crate::hints::Hints;
use crate::interface::{Interface, Role};
use crate::policy::View;
use crate::swarm::Swarm;
use crate::target::{Sets, Streams};
use crate::time::Timestamp;

impl Engine {
    /// Which addresses are the LAN's.
    pub const fn locality(&self) -> &Locality {
        &self.locality
    }

    /// The configuration in force.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Names of applications.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The sets that effects name.
    pub const fn sets(&self) -> &Sets {
        &self.sets
    }

    /// Numbers of the sets that the present configuration names.
    pub fn live_sets(&self) -> &[SetId] {
        &self.set_ids
    }

    /// The streams that effects name.
    pub const fn streams(&self) -> &Streams {
        &self.streams
    }

    /// Numbers of the streams that the present configuration names.
    pub fn live_streams(&self) -> &[StreamId] {
        &self.stream_ids
    }

    /// Every element that ought to be in a kernel set now.
    pub const fn elements(&self) -> &Elements {
        &self.elements
    }

    /// Live flows.
    pub const fn flows(&self) -> &FlowTable {
        &self.table
    }

    /// DNS answers remembered.
    pub const fn hints(&self) -> &Hints {
        &self.hints
    }

    /// BitTorrent endpoints remembered.
    pub const fn swarm(&self) -> &Swarm {
        &self.swarm
    }

    /// What was counted.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Unix time of a moment, in milliseconds.
    pub const fn unix_millis(&self, at: Timestamp) -> u64 {
        at.as_micros().saturating_add_signed(self.clock.ahead_us()) / 1000
    }

    /// Whether the schedule of the action of that number is open now.
    pub fn is_in_force(&self, number: usize) -> bool {
        self.timetable.is_active(number)
    }

    /// The actions of the present configuration in their order, and how they have done.
    pub fn rules(&self) -> &[Rule] {
        self.rules.all()
    }

    /// Volumes since the start, of ended flows and live ones. Goes through all live flows.
    pub fn shares(&self, by: By) -> Shares {
        let mut shares = Shares::default();
        self.past.by(by).iter().for_each(|(share, volume)| shares.add(share, volume));
        self.add_live(by, &mut shares, |_| true);
        shares
    }

    /// Volumes of live flows alone, of those that are chosen.
    pub fn live_shares(&self, by: By, chosen: impl Fn(&Flow) -> bool) -> Shares {
        let mut shares = Shares::default();
        self.add_live(by, &mut shares, chosen);
        shares
    }

    fn add_live(&self, by: By, shares: &mut Shares, chosen: impl Fn(&Flow) -> bool) {
        for (_, flow) in self.table.iter().filter(|(_, flow)| chosen(flow)) {
            let view = self.view(flow);
            shares.add(tally::share_of(&view, by), &Volume::of(&view));
        }
    }

    /// A flow as criteria and records see it.
    pub fn view<'a>(&'a self, flow: &'a Flow) -> View<'a> {
        let lists = &self.config.lists;
        let (catalogue, interface) = (&self.catalogue, self.interface(flow));
        View { flow, catalogue, lists, interface, unix_ahead_us: self.clock.ahead_us() }
    }

    pub(super) fn interface(&self, flow: &Flow) -> &Interface {
        static NOWHERE: Interface = Interface { name: String::new(), role: Role::Lan };
        self.interfaces.get(usize::from(flow.interface)).unwrap_or(&NOWHERE)
    }
}
