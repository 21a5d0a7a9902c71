//! A flow as criteria see it.

use std::net::IpAddr;

use super::fields;
use super::names::{common_number, common_number_of};
use super::risk::RISKS;
use crate::app::category::protocol_category;
use crate::app::{App, Basis, Catalogue, Category, PROTOCOL_CATEGORIES};
use crate::criteria::{FieldId, Kind, Subject, Value, Vocabulary};
use crate::effect::Tracked;
use crate::facts::{Detail, Facts, Protocol};
use crate::flow::{Flow, TcpCounts};
use crate::interface::Interface;
use crate::lists::Lists;
use crate::net::{Direction, Transport};
use crate::time::Timestamp;

/// A flow with what is needed to read it.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The flow.
    pub flow: &'a Flow,
    /// Names of applications.
    pub catalogue: &'a Catalogue,
    /// The user's own lists.
    pub lists: &'a Lists,
    /// Where the flow was seen.
    pub interface: &'a Interface,
    /// Unix time less the time that flows are dated by, in microseconds.
    pub unix_ahead_us: i64,
}

impl Subject for View<'_> {
    fn any(&self, field: FieldId, test: &mut dyn FnMut(Value<'_>) -> bool) -> bool {
        fields::getter(field).is_some_and(|getter| getter(self, test))
    }

    fn name(&self, field: FieldId, id: u32) -> Option<&str> {
        let (Kind::Name(vocabulary) | Kind::Id(vocabulary)) = fields::schema().field(field)?.kind
        else {
            return None;
        };
        let of_lists = || self.lists.categories.tag(u16::try_from(id).ok()?);
        let of_protocols = |number: fn(&Category) -> u32| {
            let found = PROTOCOL_CATEGORIES.iter().find(|category| number(category) == id);
            found.map(|category| category.tag)
        };
        match vocabulary {
            Vocabulary::Application => self.app().filter(|app| app.id == id).map(|app| app.tag),
            Vocabulary::Protocol => {
                self.protocol().filter(|p| u32::from(p.id) == id).map(|protocol| protocol.name)
            }
            Vocabulary::ProtocolCategory => of_protocols(|category| category.id.into()),
            Vocabulary::Category => of_lists().or_else(|| of_protocols(common_number)),
            Vocabulary::ApplicationCategory
            | Vocabulary::DomainCategory
            | Vocabulary::NetworkCategory => of_lists(),
            Vocabulary::Risk => RISKS.iter().find(|risk| risk.id == id).map(|risk| risk.name),
            Vocabulary::Tag | Vocabulary::TagCategory => None,
        }
    }
}

impl<'a> View<'a> {
    /// The application, once one is known.
    pub fn app(&self) -> Option<App<'a>> {
        self.flow.detection.app.and_then(|id| self.catalogue.app(id))
    }

    /// What dissection found.
    pub fn facts(&self) -> Option<&'a Facts> {
        self.flow.detection.facts.as_deref()
    }

    /// What is spoken.
    pub fn protocol(&self) -> Option<&'static Protocol> {
        self.facts().map(|facts| facts.protocol)
    }

    /// The first detail that `pick` takes.
    pub fn detail<T>(&self, pick: impl Fn(&'a Detail) -> Option<T>) -> Option<T> {
        self.facts().and_then(|facts| facts.details.iter().find_map(pick))
    }

    /// Number of the service's category in the common vocabulary: the application's, or the
    /// protocol's where no application is known. 0: none.
    pub fn service_category(&self) -> u32 {
        match self.app() {
            Some(app) => app.category.id.into(),
            None => self.protocol().map_or(0, |protocol| common_number_of(protocol.category)),
        }
    }

    /// Numbers of the categories whose lists hold the host, sorted; found when it was named.
    pub fn domain_categories(&self) -> &'a [u16] {
        self.flow.domain_categories()
    }

    /// Whether `test` passes the number of a category whose lists hold one of `addrs`.
    ///
    /// Looked up whenever it is asked for: two binary searches are cheaper than memory in each
    /// flow for what few configurations ask about.
    pub fn any_network_category(
        &self,
        addrs: &[IpAddr],
        test: &mut dyn FnMut(u16) -> bool,
    ) -> bool {
        let lists = &self.lists.categories;
        addrs.iter().any(|addr| lists.any_of_addr(*addr, &mut *test))
    }

    /// Category of the protocol.
    pub fn protocol_category(&self) -> Option<&'static Category> {
        self.protocol().and_then(|protocol| protocol_category(protocol.category))
    }

    /// Addresses of originator and destination.
    pub fn addrs(&self) -> [IpAddr; 2] {
        self.flow.ends().map(|end| end.addr)
    }

    /// Ports of originator and destination, if the transport has ports.
    pub fn ports(&self) -> Option<[u16; 2]> {
        let has_ports = matches!(
            self.flow.key.transport(),
            Transport::Tcp | Transport::Udp | Transport::Other(33 | 132 | 136)
        );
        has_ports.then(|| self.flow.ends().map(|end| end.port))
    }

    /// What told the application. Found anew whenever it is asked for: few ask.
    pub fn app_basis(&self) -> Option<Basis> {
        let told = self.flow.identify(self.catalogue);
        told.filter(|(app, _)| Some(*app) == self.flow.detection.app).map(|(_, basis)| basis)
    }

    /// A time of the flow, as milliseconds after 1970.
    pub fn unix_millis(&self, at: Timestamp) -> u64 {
        let micros = self.unix_ahead_us.saturating_add_unsigned(at.as_micros());
        u64::try_from(micros.div_euclid(1000)).unwrap_or(0)
    }

    /// Bytes a second of originator and destination; 0 until they are measured.
    pub fn rate(&self) -> [u64; 2] {
        self.flow.followed().map_or([0; 2], |followed| followed.rate)
    }

    /// TCP counters, if they are kept.
    pub fn tcp(&self) -> Option<&'a TcpCounts> {
        let is_tcp = self.flow.key.transport() == Transport::Tcp;
        self.flow.followed().filter(|_| is_tcp).map(|followed| &followed.tcp)
    }

    /// What connection tracking said, if it was asked and had an answer.
    pub fn tracked(&self) -> Option<&'a Tracked> {
        self.flow.followed()?.connection.as_ref()
    }

    /// Source (0) or destination (1) of the reply, as connection tracking said.
    pub fn reply_addr(&self, end: usize) -> Option<IpAddr> {
        self.tracked()?.reply.get(end).map(|end| end.addr)
    }

    /// A pair of counters, local side's first.
    pub fn local_first<T: Copy>(&self, pair: [T; 2]) -> [T; 2] {
        let [original, reply] = pair;
        match self.flow.sides.local {
            Direction::Original => [original, reply],
            Direction::Reply => [reply, original],
        }
    }
}
