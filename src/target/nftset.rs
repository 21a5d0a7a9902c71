//! `nftset`: keeps an nft set per address family filled; its key is any concatenation of fields.

use super::fill::{Options, is_name};
use super::set::{Dimension, Home};
use super::{Context, Kind, Target};
use crate::json::Object;
use crate::netlink::nftables::{MOST_FIELDS, MOST_KEY_BYTES, MOST_NAME_BYTES, Table, TableFamily};

/// The kind.
pub static NFTSET: Kind =
    Kind { name: "nftset", doc: "keeps an nft set per address family filled", parse };

/// The table where nothing is configured: nfa's own.
pub const TABLE_DEFAULT: &str = "nfa";
/// Longest time to live in seconds: thirty years, which every kernel can count in ticks.
const TTL_MOST: u64 = 30 * 365 * 24 * 3600;

/// Words of `type`, with the bytes that a value takes in a key beside others.
const FIELDS: &[(&str, (Dimension, usize))] = &[
    ("local_addr", (Dimension::LocalAddr, 16)),
    ("other_addr", (Dimension::OtherAddr, 16)),
    ("local_port", (Dimension::LocalPort, 4)),
    ("other_port", (Dimension::OtherPort, 4)),
    ("ip_proto", (Dimension::Proto, 4)),
    ("local_mac", (Dimension::LocalMac, 8)),
    ("other_mac", (Dimension::OtherMac, 8)),
    ("mark", (Dimension::Mark, 4)),
    ("interface", (Dimension::Interface, 16)),
];

const TABLE_FAMILIES: &[(&str, TableFamily)] = &[
    ("inet", TableFamily::Inet),
    ("ip", TableFamily::Ip),
    ("ip6", TableFamily::Ip6),
    ("bridge", TableFamily::Bridge),
    ("netdev", TableFamily::Netdev),
];

fn parse(object: &Object<'_>, context: &mut Context<'_>) -> Option<Box<dyn Target>> {
    let options = Options::read(object, TTL_MOST, max_elements_key(object));
    let family = match object.value("table_family") {
        None => Some(TableFamily::Inet),
        Some(_) => object.word("table_family", TABLE_FAMILIES),
    };
    let name = object.text("table_name").unwrap_or(TABLE_DEFAULT);
    let shape = shape(object);
    if !is_name(name) || name.len() > MOST_NAME_BYTES {
        object.unexpected("table_name", "a name without blanks", &format!("{name:?}"));
        return None;
    }
    let home = Home::Nft(Table { family: family?, name: name.to_owned() });
    options.fill(object, &home, &shape?, MOST_NAME_BYTES, context.sets)
}

/// `size` is what published configurations write. The target's own counts before a default's.
fn max_elements_key(object: &Object<'_>) -> &'static str {
    let (plain, alias) = (object.value("max_elements"), object.value("size"));
    let is_own = |found: &(_, String)| found.1.starts_with(&format!("{}/", object.path()));
    match (plain, alias) {
        (None, Some(_)) => "size",
        (Some(plain), Some(alias)) if !is_own(&plain) && is_own(&alias) => "size",
        _ => "max_elements",
    }
}

fn shape(object: &Object<'_>) -> Option<Vec<Dimension>> {
    let Some((_, path)) = object.value("type") else {
        object.missing("type", "a list of fields such as [\"other_addr\", \"other_port\"]");
        return None;
    };
    let texts = object.texts("type");
    let mut shape = Vec::new();
    let mut bytes = 0_usize;
    for (text, path) in &texts {
        let Some((_, (dimension, width))) = FIELDS.iter().find(|(word, _)| word == text) else {
            let words: Vec<&str> = FIELDS.iter().map(|(word, _)| *word).collect();
            let expected = format!("one of {}", words.join(", "));
            object.refuse(path.clone(), expected, &format!("\"{text}\""));
            return None;
        };
        shape.push(*dimension);
        bytes = bytes.saturating_add(*width);
    }
    if !(1..=MOST_FIELDS).contains(&shape.len()) || bytes > MOST_KEY_BYTES {
        let expected = format!("1 to {MOST_FIELDS} fields of at most {MOST_KEY_BYTES} bytes");
        object.refuse(path, expected, &format!("{} fields of {bytes} bytes", shape.len()));
        return None;
    }
    Some(shape)
}
