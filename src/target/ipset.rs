//! `ipset`: keeps an ipset per address family filled with the endpoints of matching flows.

use super::fill::Options;
use super::set::{Dimension, Home};
use super::{Context, Kind, Target};
use crate::json::Object;
use crate::netlink::ipset::{MOST_NAME_BYTES, MOST_TIMEOUT_SECONDS};

/// The kind.
pub static IPSET: Kind =
    Kind { name: "ipset", doc: "keeps an ipset per address family filled", parse };

/// What goes into each dimension of a set type (spec section 1.4).
const TYPES: &[(&str, &[Dimension])] = &[
    ("hash:ip", &[Dimension::OtherAddr]),
    ("hash:ip,port", &[Dimension::OtherAddr, Dimension::OtherProtoPort]),
    ("hash:ip,port,ip", &[Dimension::OtherAddr, Dimension::OtherProtoPort, Dimension::LocalAddr]),
    ("hash:mac", &[Dimension::LocalMac]),
];

fn parse(object: &Object<'_>, context: &mut Context<'_>) -> Option<Box<dyn Target>> {
    let options = Options::read(object, MOST_TIMEOUT_SECONDS.into(), "max_elements");
    let shape = match object.value("type") {
        None => TYPES.first().map(|(_, shape)| *shape),
        Some(_) => object.word("type", TYPES),
    };
    options.fill(object, &Home::Ipset, shape?, MOST_NAME_BYTES, context.sets)
}
