//! What may be asked of matches and of the catalogue, and the readers of such requests.

use std::net::IpAddr;

use super::request::{Request, limit};
use crate::json::Object;

/// Which matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchesQuery {
    /// Most rows.
    pub limit: usize,
    /// The number of the last row before these.
    pub cursor: Option<u64>,
    /// Of this action only.
    pub rule: Option<String>,
    /// Of this client only.
    pub client: Option<IpAddr>,
}

/// Which names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueQuery {
    /// Most rows.
    pub limit: usize,
    /// How many rows came before these.
    pub cursor: usize,
    /// Of this kind only.
    pub kind: Option<Kind>,
    /// With this in them; lower case.
    pub text: Option<String>,
    /// Of this category only.
    pub category: Option<String>,
}

/// What a name is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An application.
    Application,
    /// A category, of applications or of the configuration's lists.
    Category,
    /// A protocol.
    Protocol,
}

impl Kind {
    /// Its words.
    pub const WORDS: &'static [(&'static str, Kind)] = &[
        ("application", Kind::Application),
        ("category", Kind::Category),
        ("protocol", Kind::Protocol),
    ];

    /// Its word.
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, kind)| *kind == self).map_or("", |(word, _)| word)
    }
}

pub(super) fn matches(object: &Object<'_>) -> Option<Request> {
    let client = object.text("client").and_then(|text| {
        let parsed = text.parse::<IpAddr>().ok();
        if parsed.is_none() {
            object.unexpected("client", "an address such as 192.168.1.10", &format!("\"{text}\""));
        }
        parsed
    });
    Some(Request::Matches(MatchesQuery {
        limit: limit(object),
        cursor: object.number("cursor", 0, u64::MAX),
        rule: object.text("rule").map(str::to_owned),
        client,
    }))
}

pub(super) fn catalogue(object: &Object<'_>) -> Option<Request> {
    let cursor = object.number("cursor", 0, u32::MAX.into());
    Some(Request::Catalogue(CatalogueQuery {
        limit: limit(object),
        cursor: cursor.and_then(|cursor| usize::try_from(cursor).ok()).unwrap_or(0),
        kind: object.value("kind").and_then(|_| object.word("kind", Kind::WORDS)),
        text: object.text("text").map(str::to_lowercase),
        category: object.text("category").map(str::to_owned),
    }))
}
