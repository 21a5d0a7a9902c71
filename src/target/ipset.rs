//! `ipset`: keeps an ipset per address family filled with the endpoints of matching flows.

use std::time::Duration;

use super::set::{Dimension, Family, Home, SET_NAME_MAX, SetSpec, Sets};
use super::{Kind, Target, Want};
use crate::effect::{Hit, SetId};
use crate::interface::InterfaceFilter;
use crate::json::Object;

/// The kind.
pub static IPSET: Kind =
    Kind { name: "ipset", doc: "keeps an ipset per address family filled", parse };

/// Most elements a set may be made for; the kernel rounds its hash up to a power of two.
const MAX_ELEMENTS_MOST: u64 = 1 << 24;
/// Members when nothing is configured.
const MAX_ELEMENTS_DEFAULT: u64 = 65536;
/// The kernel counts timeouts in milliseconds of 32 bits (IPSET_MAX_TIMEOUT).
const TTL_MOST: u64 = 2_147_483;

/// What goes into each dimension of a set type (spec section 1.4).
const TYPES: &[(&str, &[Dimension])] = &[
    ("hash:ip", &[Dimension::OtherAddr]),
    ("hash:ip,port", &[Dimension::OtherAddr, Dimension::OtherProtoPort]),
    ("hash:ip,port,ip", &[Dimension::OtherAddr, Dimension::OtherProtoPort, Dimension::LocalAddr]),
    ("hash:mac", &[Dimension::LocalMac]),
];

const FAMILIES: &[(&str, &[Family])] =
    &[("*", &[Family::V4, Family::V6]), ("ipv4", &[Family::V4]), ("ipv6", &[Family::V6])];

#[derive(Debug)]
struct Ipset {
    interface: InterfaceFilter,
    sets: Vec<SetId>,
    timeout: Option<Duration>,
    linger: Duration,
}

impl Target for Ipset {
    fn apply(&self, hit: &Hit<'_>, sets: &Sets, wants: &mut Vec<Want>) {
        if !self.interface.holds(hit.interface) {
            return;
        }
        wants.extend(self.sets.iter().filter_map(|&set| {
            let element = sets.get(set)?.element(hit)?;
            Some(Want::Member { set, element, timeout: self.timeout, linger: self.linger })
        }));
    }
}

fn parse(object: &Object<'_>, sets: &mut Sets) -> Option<Box<dyn Target>> {
    let interface = object.text("interface").map(InterfaceFilter::parse).unwrap_or_default();
    let shape = match object.value("type") {
        None => TYPES.first().map(|(_, shape)| *shape),
        Some(_) => object.word("type", TYPES),
    };
    let families = match object.value("set_family") {
        None => FAMILIES.first().map(|(_, families)| *families),
        Some(_) => object.word("set_family", FAMILIES),
    };
    let timeout = seconds(object, "ttl");
    let linger = seconds(object, "linger").unwrap_or_default();
    let max_elements =
        object.number("max_elements", 1, MAX_ELEMENTS_MOST).unwrap_or(MAX_ELEMENTS_DEFAULT);
    let managed = object.flag("managed", false);
    let flush_on_create = object.flag("flush_on_create", false);
    let flush_on_destroy = object.flag("flush_on_destroy", false);
    let Some(name) = object.text("set_name") else {
        object.missing("set_name", "the name of the set, to which .v4 or .v6 is added");
        return None;
    };
    let (shape, families) = (shape?, families?);
    let families = if shape == [Dimension::LocalMac] { &[Family::Mac][..] } else { families };
    let ids: Option<Vec<SetId>> = families
        .iter()
        .map(|&family| {
            let spec = SetSpec {
                home: Home::Ipset,
                name: format!("{name}{}", family.suffix()),
                family,
                shape: shape.to_vec(),
                max_elements: u32::try_from(max_elements).unwrap_or(u32::MAX),
                timeout,
                managed,
                flush_on_create,
                flush_on_destroy,
            };
            named(object, spec, sets)
        })
        .collect();
    Some(Box::new(Ipset { interface, sets: ids?, timeout, linger }))
}

/// Registers a set, or reports why its name cannot stand.
fn named(object: &Object<'_>, spec: SetSpec, sets: &mut Sets) -> Option<SetId> {
    let name = spec.name.clone();
    if name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        object.unexpected("set_name", "a name without blanks", &format!("{name:?}"));
        return None;
    }
    if name.len() > SET_NAME_MAX {
        let found = format!("\"{name}\", which has {}", name.len());
        let expected = format!("a set name of at most {SET_NAME_MAX} characters with its suffix");
        object.unexpected("set_name", expected, &found);
        return None;
    }
    match sets.intern(spec) {
        Ok(id) => Some(id),
        Err(_) => {
            let found = format!("\"{name}\", which another target fills with another type");
            object.unexpected("set_name", "a set of one type only", &found);
            None
        }
    }
}

/// A time in seconds; 0 is none.
fn seconds(object: &Object<'_>, key: &'static str) -> Option<Duration> {
    object.number(key, 0, TTL_MOST).filter(|ttl| *ttl > 0).map(Duration::from_secs)
}
