//! `ipset`: keeps an ipset per address family filled with the endpoints of matching flows.

use std::sync::Arc;

use super::ctmark::hexadecimal;
use super::fill::Options;
use super::set::{Dimension, Home};
use super::{Context, Kind, Target};
use crate::effect::Skb;
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
    let mut options = Options::read(object, MOST_TIMEOUT_SECONDS.into(), "max_elements");
    options.life.skb = skb(object).map(Arc::new);
    let shape = match object.value("type") {
        None => TYPES.first().map(|(_, shape)| *shape),
        Some(_) => object.word("type", TYPES),
    };
    options.fill(object, &Home::Ipset, shape?, MOST_NAME_BYTES, context.sets)
}

/// `skb_mark`, `skb_mask`, `skb_prio`, `skb_queue`, if one is there.
fn skb(object: &Object<'_>) -> Option<Skb> {
    let mark = object.value("skb_mark").and_then(|_| hexadecimal(object, "skb_mark"));
    let mask = object.value("skb_mask").and_then(|_| hexadecimal(object, "skb_mask"));
    let queue = object.number("skb_queue", 0, u16::MAX.into());
    let skb = Skb {
        mark: mark.map(|mark| (mark, mask.unwrap_or(u32::MAX))),
        prio: object.text("skb_prio").and_then(|text| prio(object, text)),
        queue: queue.and_then(|queue| u16::try_from(queue).ok()),
    };
    (skb != Skb::default()).then_some(skb)
}

/// `MAJOR:MINOR`, each of hexadecimal digits as `tc` writes it.
fn prio(object: &Object<'_>, text: &str) -> Option<(u16, u16)> {
    let half = |digits: &str| {
        let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit()); // no sign
        u16::from_str_radix(digits, 16).ok().filter(|_| plain)
    };
    let both = text.split_once(':');
    let both = both.and_then(|(major, minor)| Some((half(major)?, half(minor)?)));
    if both.is_none() {
        let expected = "a class such as \"1:a0\", both parts in hexadecimal digits";
        object.unexpected("skb_prio", expected, &format!("\"{text}\""));
    }
    both
}
