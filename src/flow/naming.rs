//! The host and the application of a flow, from all that is known of it.

use std::borrow::Cow;

use super::Flow;
use crate::app::{AppId, Basis, Catalogue, Certificate, Clues};
use crate::facts::{Detail, Facts};

impl Flow {
    /// The host it is for: as its client asked, else as a DNS answer had it, else as the server's
    /// certificate says.
    pub fn host(&self) -> Option<Cow<'_, str>> {
        let facts = self.detection.facts.as_deref();
        let asked = self.asked_host().map(Cow::Borrowed);
        asked.or_else(|| facts.and_then(certified_host).map(|host| Cow::Owned(host.into())))
    }

    /// The application it belongs to, and what told it.
    pub fn identify(&self, catalogue: &Catalogue) -> Option<(AppId, Basis)> {
        let facts = self.detection.facts.as_deref();
        let certified = facts.and_then(certified_host);
        let clues = Clues {
            host: self.asked_host(),
            certificate: facts.and_then(|facts| certificate(facts, certified.as_deref())),
            protocol: facts.map(|facts| facts.protocol.name),
            other: self.other().addr,
        };
        catalogue.identify(&clues)
    }

    fn asked_host(&self) -> Option<&str> {
        let facts = self.detection.facts.as_deref();
        facts.and_then(Facts::own_host).or(self.detection.hint.as_deref())
    }
}

/// The host of the certificate. A client that asked for a host, be it the public name of an
/// encrypted hello, got a certificate for that one.
fn certified_host(facts: &Facts) -> Option<Box<str>> {
    if facts.host.is_some() { None } else { facts.certified_host() }
}

fn certificate<'a>(facts: &'a Facts, host: Option<&'a str>) -> Option<Certificate<'a>> {
    let mut found = Certificate { host, ..Certificate::default() };
    let mut any = false;
    for detail in &facts.details {
        match detail {
            Detail::TlsServerCn(name) => found.common_name = Some(name),
            Detail::TlsServerNames(names) => found.further = names,
            Detail::TlsSubjectDn(name) => found.subject = name,
            Detail::TlsIssuerDn(name) => found.issuer = name,
            _ => continue,
        }
        any = true;
    }
    any.then_some(found)
}
