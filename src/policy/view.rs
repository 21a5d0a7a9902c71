//! A flow as criteria see it.

use std::net::IpAddr;

use super::fields::{self, schema};
use super::names::common_number;
use crate::app::category::protocol_category;
use crate::app::{App, Catalogue, Category};
use crate::criteria::{FieldId, Kind, Subject, Value, Vocabulary};
use crate::facts::{Detail, Facts, Protocol};
use crate::flow::Flow;
use crate::interface::Interface;
use crate::net::{Direction, Transport};

/// A flow with what is needed to read it.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The flow.
    pub flow: &'a Flow,
    /// Names of applications.
    pub catalogue: &'a Catalogue,
    /// Where the flow was seen.
    pub interface: &'a Interface,
}

impl Subject for View<'_> {
    fn any(&self, field: FieldId, test: &mut dyn FnMut(Value<'_>) -> bool) -> bool {
        fields::getter(field).is_some_and(|getter| getter(self, test))
    }

    fn name(&self, field: FieldId, id: u32) -> Option<&str> {
        let (Kind::Name(vocabulary) | Kind::Id(vocabulary)) = schema().field(field)?.kind else {
            return None;
        };
        let app_category = self.app().map(|app| app.category.tag);
        let protocol_category = self.protocol_category().map(|category| category.tag);
        match vocabulary {
            _ if id == 0 => Some("none"),
            Vocabulary::Application => self.app().map(|app| app.tag),
            Vocabulary::Protocol => self.protocol().map(|protocol| protocol.name),
            Vocabulary::ApplicationCategory => app_category,
            Vocabulary::ProtocolCategory => protocol_category,
            Vocabulary::Category => app_category.or(protocol_category),
            _ => None,
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

    /// Number of the category in the common vocabulary: the application's, or the protocol's where
    /// no application is known. 0: none.
    pub fn category(&self) -> u32 {
        match self.app() {
            Some(app) => app.category.id.into(),
            None => self.protocol_category().map_or(0, common_number),
        }
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

    /// A pair of counters, local side's first.
    pub fn local_first<T: Copy>(&self, pair: [T; 2]) -> [T; 2] {
        let [original, reply] = pair;
        match self.flow.sides.local {
            Direction::Original => [original, reply],
            Direction::Reply => [reply, original],
        }
    }
}
