//! What criteria are checked against and read from: fields and their kinds, names, the subject.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::group::Group;
use crate::net::Mac;

/// One name that criteria may use.
#[derive(Debug)]
pub struct Field {
    /// As documentation spells it. A final `*` stands for any ending: `intel_*`.
    pub name: &'static str,
    /// Other spellings of the same field.
    pub aliases: &'static [&'static str],
    /// What it may be compared with.
    pub kind: Kind,
    /// One line for `nfa fields` and the manual.
    pub doc: &'static str,
    /// False: known, but nothing fills it yet. Criteria that use it are accepted with a warning;
    /// it has no value, so `==` never holds and `!=` always does.
    pub available: bool,
}

/// The type of a field.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A count or number; also `<`, `<=`, `>`, `>=`.
    Number,
    /// Compared whole without regard to ASCII case, or searched by a `rx:` pattern.
    Text,
    /// An IP address; compared with an address, a network or a group.
    Address,
    /// A hardware address; compared with another or a group.
    Mac,
    /// True or false; usually written bare.
    Flag,
    /// One of a few words, each with its number; several words may share one. 0 means "not known".
    Constant(&'static [(&'static str, u32)]),
    /// A name of a vocabulary, or its number; 0 means "none".
    Name(Vocabulary),
    /// A number of a vocabulary only, as the `*_id` fields are; also `<`, `<=`, `>`, `>=`.
    Id(Vocabulary),
    /// Compared with anything; only sensible for fields that are not available.
    Any,
}

impl fmt::Display for Kind {
    /// With its article, as a message needs it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Number => f.write_str("a number"),
            Kind::Text => f.write_str("a text"),
            Kind::Address => f.write_str("an IP address"),
            Kind::Mac => f.write_str("a MAC address"),
            Kind::Flag => f.write_str("a flag (true or false)"),
            Kind::Constant(_) => f.write_str("a constant (a bare word)"),
            Kind::Name(vocabulary) => write!(f, "the name or number of {}", vocabulary.article()),
            Kind::Id(vocabulary) => write!(f, "the number of {}", vocabulary.article()),
            Kind::Any => f.write_str("anything"),
        }
    }
}

/// A set of names with numbers, kept outside of this module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Vocabulary {
    /// Applications: `netify.youtube`, 124.
    Application,
    /// What applications are grouped by.
    ApplicationCategory,
    /// Protocols: `HTTP/S`, 196.
    Protocol,
    /// What protocols are grouped by.
    ProtocolCategory,
    /// Every category whatever it groups.
    Category,
    /// Categories that lists of domains fill.
    DomainCategory,
    /// Categories that lists of networks fill.
    NetworkCategory,
    /// Risks: `Weak TLS Cipher`, 41.
    Risk,
    /// Overlay tags.
    Tag,
    /// What overlay tags are grouped by.
    TagCategory,
}

impl Vocabulary {
    fn article(self) -> &'static str {
        match self {
            Vocabulary::Application => "an application",
            Vocabulary::ApplicationCategory => "an application category",
            Vocabulary::Protocol => "a protocol",
            Vocabulary::ProtocolCategory => "a protocol category",
            Vocabulary::Category => "a category",
            Vocabulary::DomainCategory => "a domain category",
            Vocabulary::NetworkCategory => "a network category",
            Vocabulary::Risk => "a risk",
            Vocabulary::Tag => "a tag",
            Vocabulary::TagCategory => "a tag category",
        }
    }

    /// What one of its names is called in messages.
    pub(super) fn noun(self) -> &'static str {
        let words = self.article();
        words.split_once(' ').map_or(words, |(_, noun)| noun)
    }
}

/// Index of a field in its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldId(pub u16);

/// All fields, found by any of their names.
#[derive(Debug)]
pub struct Schema {
    fields: &'static [Field],
    /// Sorted by name.
    exact: Box<[(&'static str, FieldId)]>,
    /// Without the final `*`.
    families: Box<[(&'static str, FieldId)]>,
}

impl Schema {
    /// Fields past the 65,536th have no id and are left out.
    pub fn new(fields: &'static [Field]) -> Self {
        let (mut exact, mut families) = (Vec::new(), Vec::new());
        for (id, field) in (0..=u16::MAX).map(FieldId).zip(fields) {
            for &name in std::iter::once(&field.name).chain(field.aliases) {
                match name.strip_suffix('*') {
                    Some(head) => families.push((head, id)),
                    None => exact.push((name, id)),
                }
            }
        }
        exact.sort_unstable();
        Schema { fields, exact: exact.into(), families: families.into() }
    }

    /// The field of that exact name, alias or family.
    pub fn find(&self, name: &str) -> Option<(FieldId, &'static Field)> {
        let position = self.exact.binary_search_by(|(known, _)| (*known).cmp(name)).ok();
        let id = match position {
            Some(position) => self.exact.get(position)?.1,
            None => {
                let belongs = |head: &str| name.len() > head.len() && name.starts_with(head);
                self.families.iter().find(|(head, _)| belongs(head))?.1
            }
        };
        Some((id, self.field(id)?))
    }

    /// The field of that id.
    pub fn field(&self, id: FieldId) -> Option<&'static Field> {
        self.fields.get(usize::from(id.0))
    }

    /// Every field, in order.
    pub fn fields(&self) -> &'static [Field] {
        self.fields
    }
}

/// Turns names into numbers while criteria are compiled.
pub trait Names {
    /// The ids that `name`, as written, stands for; empty when it is unknown. Whatever else than
    /// the full name counts (an application's tag without its first label) is decided here.
    fn resolve(&self, vocabulary: Vocabulary, name: &str) -> Vec<u32>;

    /// Calls `visit` with every full name and its id: for patterns, suggestions and known numbers.
    fn each(&self, vocabulary: Vocabulary, visit: &mut dyn FnMut(&str, u32));

    /// The address group that `@tag` stands for.
    fn group(&self, tag: &str) -> Option<Arc<Group>>;

    /// Calls `visit` with the tag of every address group: for suggestions.
    fn each_group(&self, visit: &mut dyn FnMut(&str));
}

/// What a field has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// Of [`Kind::Number`].
    Number(u64),
    /// Of [`Kind::Text`].
    Text(&'a str),
    /// Of [`Kind::Address`].
    Address(IpAddr),
    /// Of [`Kind::Mac`].
    Mac(Mac),
    /// Of [`Kind::Flag`].
    Flag(bool),
    /// Of [`Kind::Constant`].
    Constant(u32),
    /// Of [`Kind::Name`] and [`Kind::Id`].
    Id(u32),
}

impl Value<'_> {
    /// Whether a bare field with this value holds: true, not zero, not empty, known.
    pub fn is_set(&self) -> bool {
        match *self {
            Value::Number(number) => number != 0,
            Value::Text(text) => !text.is_empty(),
            Value::Address(addr) => !addr.is_unspecified(),
            Value::Mac(Mac(bytes)) => bytes != [0; 6],
            Value::Flag(flag) => flag,
            Value::Constant(number) | Value::Id(number) => number != 0,
        }
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Number(number) => write!(f, "{number}"),
            Value::Text(text) => write!(f, "'{text}'"),
            Value::Address(addr) => write!(f, "{addr}"),
            Value::Mac(mac) => write!(f, "{mac}"),
            Value::Flag(flag) => write!(f, "{flag}"),
            Value::Constant(number) | Value::Id(number) => write!(f, "{number}"),
        }
    }
}

/// What criteria are evaluated on: a flow, seen through the fields of the schema.
pub trait Subject {
    /// Calls `test` with each value the field has (both ends for `ip`, every category, every
    /// risk), stops at the first that passes and returns true; false where none does or the field
    /// has no value.
    fn any(&self, field: FieldId, test: &mut dyn FnMut(Value<'_>) -> bool) -> bool;

    /// The name behind an [`Value::Id`] of that field, for explanations only.
    fn name(&self, _field: FieldId, _id: u32) -> Option<&str> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static FIELDS: [Field; 2] = [
        Field { name: "app", aliases: &["app_id"], kind: Kind::Any, doc: "", available: true },
        Field { name: "intel_*", aliases: &[], kind: Kind::Any, doc: "", available: false },
    ];

    #[test]
    fn fields_are_found_by_name_alias_and_family() {
        let schema = Schema::new(&FIELDS);
        let id = |name| schema.find(name).map(|(FieldId(id), _)| id);
        assert_eq!([id("app"), id("app_id"), id("intel_score")], [Some(0), Some(0), Some(1)]);
        assert_eq!([id("App"), id("intel_"), id("ap"), id("")], [None; 4]);
    }

    #[test]
    fn what_is_zero_or_empty_is_not_set() {
        let none: IpAddr = "0.0.0.0".parse().unwrap();
        let unset = [
            Value::Number(0),
            Value::Text(""),
            Value::Address(none),
            Value::Mac(Mac([0; 6])),
            Value::Flag(false),
            Value::Constant(0),
            Value::Id(0),
        ];
        assert!(!unset.iter().any(Value::is_set));
        assert!(Value::Text("x").is_set() && Value::Mac(Mac([0, 0, 0, 0, 0, 1])).is_set());
    }
}
