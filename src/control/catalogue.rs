//! The names that rules may use: what an editor offers while somebody types.

use serde_json::Value;

use super::queries::{CatalogueQuery, Kind};
use crate::criteria::{Names as _, Vocabulary};
use crate::engine::Engine;
use crate::json::object;
use crate::policy::{Vocabularies, protocols};

/// One of them.
struct Name<'e> {
    kind: Kind,
    /// As rules write it.
    name: &'e str,
    /// As people read it.
    label: &'e str,
    category: Option<&'e str>,
}

impl Name<'_> {
    fn has(&self, text: &str) -> bool {
        let has = |name: &str| name.to_lowercase().contains(text);
        has(self.name) || has(self.label) || self.category.is_some_and(has)
    }

    /// Those that begin with what was asked for come first, then those that have it in their name.
    fn rank(&self, text: &str) -> u8 {
        let name = self.name.to_lowercase();
        let label = self.label.to_lowercase();
        if name.starts_with(text) || label.starts_with(text) {
            0
        } else {
            u8::from(!name.contains(text) && !label.contains(text)).saturating_add(1)
        }
    }
}

pub(super) fn answer(engine: &Engine, query: &CatalogueQuery) -> Value {
    let config = engine.config();
    let vocabularies = Vocabularies { catalogue: engine.catalogue(), lists: &config.lists };
    // Categories are told to a closure, each for that call only.
    let mut tags: Vec<String> = Vec::new();
    vocabularies.each(Vocabulary::Category, &mut |tag, _| tags.push(tag.to_owned()));
    let apps = engine.catalogue().iter().map(|app| Name {
        kind: Kind::Application,
        name: app.short_name(),
        label: app.name,
        category: Some(app.category.tag),
    });
    let categories =
        tags.iter().map(|tag| Name { kind: Kind::Category, name: tag, label: tag, category: None });
    let protocols = protocols().map(|protocol| Name {
        kind: Kind::Protocol,
        name: protocol.name,
        label: protocol.name,
        category: Some(protocol.category),
    });
    let text = query.text.as_deref().unwrap_or_default();
    let is_meant = |name: &Name<'_>| {
        query.kind.is_none_or(|kind| kind == name.kind)
            && query.category.as_deref().is_none_or(|category| name.category == Some(category))
            && name.has(text)
    };
    let mut found: Vec<Name<'_>> =
        categories.chain(apps).chain(protocols).filter(is_meant).collect();
    found.sort_by_cached_key(|name| {
        (
            name.rank(text),
            Kind::WORDS.iter().position(|(_, kind)| *kind == name.kind),
            name.name.to_lowercase(),
        )
    });
    // A dissector may tell a protocol that another tells too, a list a category of ours.
    found.dedup_by(|a, b| a.kind == b.kind && a.name == b.name);
    let matching = found.len();
    let rows = found.into_iter().skip(query.cursor).take(query.limit);
    let rows: Vec<Value> = rows
        .map(|name| {
            object! {
                "kind": name.kind.word(),
                "name": name.name,
                "label": name.label,
                "category": name.category,
            }
        })
        .collect();
    let end = query.cursor.saturating_add(rows.len());
    object! {"matching": matching, "next": (end < matching).then_some(end), "rows": rows}
}
