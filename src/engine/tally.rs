//! What the traffic was since the start: by protocol, application and client; and how often actions
//! matched. Flows are added when they end, so a packet costs nothing.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::quality::RandomState;

use crate::flow::{Flow, Stakes};
use crate::policy::{Policy, View};
use crate::time::Timestamp;

/// Most protocols and applications that are told apart: more than there are.
const NAMES_MAX: usize = 4096;
/// Most clients that are told apart, of about 70 bytes each. A LAN has fewer; one that somebody
/// scans with made-up addresses does not.
const CLIENTS_MAX: usize = 1024;

/// How much went over the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Volume {
    /// Flows, ended and live.
    pub flows: u32,
    /// Those of them that are live.
    pub live: u32,
    /// Packets, both ways.
    pub packets: u64,
    /// IP bytes that the LAN's side sent, and that it got.
    pub bytes: [u64; 2],
}

impl Volume {
    /// That of one flow.
    pub fn of(view: &View<'_>) -> Self {
        let flow = view.flow;
        let [a, b] = flow.packets.map(u64::from);
        let packets = a.saturating_add(b);
        Volume { flows: 1, live: 1, packets, bytes: view.local_first(flow.bytes) }
    }

    /// Both together.
    pub fn add(&mut self, other: &Volume) {
        self.flows = self.flows.saturating_add(other.flows);
        self.live = self.live.saturating_add(other.live);
        self.packets = self.packets.saturating_add(other.packets);
        for (sum, more) in self.bytes.iter_mut().zip(other.bytes) {
            *sum = sum.saturating_add(more);
        }
    }

    /// Bytes of both ways.
    pub const fn total(&self) -> u64 {
        self.bytes[0].saturating_add(self.bytes[1])
    }
}

/// By what traffic is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The public number of the protocol; 0: unknown.
    Protocol,
    /// The public number of the application; 0: none.
    Application,
    /// The address of the LAN's side.
    Client,
}

/// One of what traffic is told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Share {
    /// A protocol or an application.
    Number(u32),
    /// A client.
    Client(IpAddr),
    /// All that found no room.
    Rest,
}

impl Hash for Share {
    /// In one step: which it is and its number, where that fits.
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Share::Number(number) => state.write_u64(u64::from(*number)),
            Share::Client(IpAddr::V4(addr)) => state.write_u64(1 << 32 | u64::from(addr.to_bits())),
            Share::Client(IpAddr::V6(addr)) => state.write_u128(addr.to_bits()),
            Share::Rest => state.write_u64(u64::MAX),
        }
    }
}

/// Volumes by one thing.
#[derive(Debug, Default)]
pub struct Shares(HashMap<Share, Volume, RandomState>);

impl Shares {
    /// Adds to one of them, or to the rest if there are too many.
    pub fn add(&mut self, share: Share, volume: &Volume) {
        if let Some(known) = self.0.get_mut(&share) {
            return known.add(volume);
        }
        let most = if matches!(share, Share::Client(_)) { CLIENTS_MAX } else { NAMES_MAX };
        let full = self.0.len() >= most;
        self.0.entry(if full { Share::Rest } else { share }).or_default().add(volume);
    }

    /// All of them, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = (Share, &Volume)> {
        self.0.iter().map(|(share, volume)| (*share, volume))
    }
}

/// What of a flow traffic is told apart by.
pub(super) fn share_of(view: &View<'_>, by: By) -> Share {
    match by {
        By::Protocol => Share::Number(view.protocol().map_or(0, |protocol| protocol.id.into())),
        By::Application => Share::Number(view.app().map_or(0, |app| app.id)),
        By::Client => Share::Client(view.flow.local().addr),
    }
}

/// The volumes of flows that have ended.
#[derive(Debug, Default)]
pub(super) struct Past {
    protocols: Shares,
    applications: Shares,
    clients: Shares,
}

impl Past {
    /// Adds a flow that has ended, by protocol, application and client.
    pub fn add(&mut self, volume: &Volume, [protocol, application, client]: [Share; 3]) {
        let volume = Volume { live: 0, ..*volume };
        self.protocols.add(protocol, &volume);
        self.applications.add(application, &volume);
        self.clients.add(client, &volume);
    }

    pub const fn by(&self, by: By) -> &Shares {
        match by {
            By::Protocol => &self.protocols,
            By::Application => &self.applications,
            By::Client => &self.clients,
        }
    }
}

/// How an action has done since its name was first in a configuration.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name.
    pub name: Arc<str>,
    /// Flows that matched it.
    pub matches: u32,
    /// When one last did.
    pub last: Option<Timestamp>,
}

/// The actions of the present configuration, by their numbers in it.
#[derive(Debug, Default)]
pub(super) struct Rules(Vec<Rule>);

impl Rules {
    /// Takes the actions of another configuration; those of a name known before go on counting.
    /// Gives the new number of each old one.
    pub fn adopt(&mut self, policy: &Policy) -> Vec<Option<u16>> {
        let old = std::mem::take(&mut self.0);
        let known = |name: &str| old.iter().find(|rule| &*rule.name == name).cloned();
        let new = policy.actions.iter().map(|action| {
            known(&action.name).unwrap_or_else(|| Rule {
                name: action.name.as_str().into(),
                matches: 0,
                last: None,
            })
        });
        self.0 = new.collect();
        let number = |name: &str| self.0.iter().position(|rule| &*rule.name == name);
        old.iter().map(|rule| number(&rule.name).and_then(|at| u16::try_from(at).ok())).collect()
    }

    /// A flow matches these actions now, and matched those before; the new ones are counted.
    pub fn count(&mut self, now: Timestamp, matched: &[u16], before: &Stakes) {
        for number in matched.iter().filter(|number| before.matched().all(|old| old != **number)) {
            if let Some(rule) = self.0.get_mut(usize::from(*number)) {
                rule.matches = rule.matches.saturating_add(1);
                rule.last = Some(now);
            }
        }
    }

    pub fn name(&self, number: usize) -> Option<&Arc<str>> {
        self.0.get(number).map(|rule| &rule.name)
    }

    pub fn all(&self) -> &[Rule] {
        &self.0
    }
}

/// A flow's matches by their numbers after a reload.
pub(super) fn renumber(flow: &mut Flow, numbers: &[Option<u16>]) {
    let matched = flow.stakes.matched();
    let kept = matched.filter_map(|old| numbers.get(usize::from(old)).copied().flatten());
    flow.stakes = Stakes::new(&kept.collect::<Vec<u16>>(), flow.stakes.held());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_bounded_and_lose_nothing() {
        let mut shares = Shares::default();
        let volume = Volume { flows: 1, live: 0, packets: 2, bytes: [3, 4] };
        for number in 0..3000_u32 {
            let client = IpAddr::from(number.to_be_bytes());
            shares.add(Share::Client(client), &volume);
            shares.add(Share::Client([0, 0, 0, 1].into()), &volume);
        }
        let all: Vec<_> = shares.iter().collect();
        assert_eq!(all.len(), CLIENTS_MAX + 1, "and the rest");
        let flows: u32 = all.iter().map(|(_, volume)| volume.flows).sum();
        assert_eq!(flows, 6000);
        let total: u64 = all.iter().map(|(_, volume)| volume.total()).sum();
        assert_eq!(total, 42_000);
    }

    #[test]
    fn rules_count_each_flow_once_and_keep_their_names() {
        let action = |name: &str| crate::policy::Action {
            name: name.to_owned(),
            enabled: true,
            schedule: None,
            interface: crate::interface::InterfaceFilter::parse("*"),
            criteria: crate::criteria::compile(
                "protocol == 'sip';",
                crate::policy::schema(),
                &crate::policy::Vocabularies {
                    catalogue: &crate::app::Catalogue::empty(),
                    lists: &crate::lists::Lists::default(),
                },
            )
            .criteria
            .unwrap(),
            exemptions: Vec::new(),
            targets: Vec::new(),
            halt_on_match: false,
        };
        let policy = |names: &[&str]| Policy {
            exemptions: Vec::new(),
            actions: names.iter().map(|name| action(name)).collect(),
        };
        let mut rules = Rules::default();
        assert!(rules.adopt(&policy(&["a", "b"])).is_empty());
        let at = Timestamp::from_parts(7, 0);
        rules.count(at, &[0, 1], &Stakes::default());
        rules.count(at, &[1], &Stakes::new(&[1], &[]));
        rules.count(at, &[1, 9], &Stakes::new(&[0], &[]));
        let counts = |rules: &Rules| {
            rules.all().iter().map(|r| (r.name.to_string(), r.matches)).collect::<Vec<_>>()
        };
        assert_eq!(counts(&rules), [("a".to_owned(), 1), ("b".to_owned(), 2)]);
        assert_eq!(rules.adopt(&policy(&["b", "c"])), [None, Some(0)]);
        assert_eq!(counts(&rules), [("b".to_owned(), 2), ("c".to_owned(), 0)]);
        assert_eq!(rules.all()[0].last, Some(at));
    }
}
