//! The vocabularies of criteria: applications, protocols, categories, address groups.

use std::sync::{Arc, LazyLock};

use super::risk::RISKS;
use crate::app::{
    APPLICATION_CATEGORIES, Catalogue, Category, PROTOCOL_CATEGORIES,
    category::application_category,
};
use crate::criteria::{Group, Names, Vocabulary};
use crate::dissect;
use crate::facts::Protocol;
use crate::lists::Lists;

/// Protocol categories whose tag no application category has stand behind this number in the
/// common vocabulary of `category`.
const PROTOCOL_CATEGORY_BASE: u32 = 1000;

/// What names in criteria stand for.
#[derive(Debug)]
pub struct Vocabularies<'a> {
    /// Applications.
    pub catalogue: &'a Catalogue,
    /// Address groups and the categories of the user's own lists.
    pub lists: &'a Lists,
}

impl Names for Vocabularies<'_> {
    fn resolve(&self, vocabulary: Vocabulary, name: &str) -> Vec<u32> {
        if vocabulary == Vocabulary::Application {
            let app = self.catalogue.resolve(name).and_then(|id| self.catalogue.app(id));
            return app.map(|app| app.id).into_iter().collect();
        }
        let mut found = Vec::new();
        self.each(vocabulary, &mut |known, id| {
            if known.eq_ignore_ascii_case(name) && !found.contains(&id) {
                found.push(id);
            }
        });
        found
    }

    fn each(&self, vocabulary: Vocabulary, visit: &mut dyn FnMut(&str, u32)) {
        let of_applications = APPLICATION_CATEGORIES.iter().map(|c| (c.tag, u32::from(c.id)));
        let of_lists = self.lists.categories.own().map(|(tag, id)| (tag, u32::from(id)));
        match vocabulary {
            Vocabulary::Application => {
                self.catalogue.iter().for_each(|app| visit(app.tag, app.id));
            }
            Vocabulary::Protocol => {
                protocols().for_each(|protocol| visit(protocol.name, protocol.id.into()));
            }
            Vocabulary::ProtocolCategory => {
                PROTOCOL_CATEGORIES.iter().for_each(|c| visit(c.tag, c.id.into()));
            }
            Vocabulary::ApplicationCategory => of_applications.for_each(|(tag, id)| visit(tag, id)),
            Vocabulary::DomainCategory | Vocabulary::NetworkCategory => {
                of_applications.chain(of_lists).for_each(|(tag, id)| visit(tag, id));
            }
            Vocabulary::Category => {
                of_applications.chain(of_lists).for_each(|(tag, id)| visit(tag, id));
                for category in PROTOCOL_CATEGORIES {
                    visit(category.tag, common_number(category));
                }
            }
            Vocabulary::Risk => RISKS.iter().for_each(|risk| visit(risk.name, risk.id)),
            Vocabulary::Tag | Vocabulary::TagCategory => {}
        }
    }

    fn group(&self, tag: &str) -> Option<Arc<Group>> {
        self.lists.groups.get(tag)
    }

    fn each_group(&self, visit: &mut dyn FnMut(&str)) {
        self.lists.groups.tags().for_each(visit);
    }
}

/// Every protocol that some dissector can tell.
pub fn protocols() -> impl Iterator<Item = &'static Protocol> {
    dissect::ALL.iter().flat_map(|dissector| dissector.protocols.iter().copied())
}

/// The same by a protocol category's tag, whose case does not matter; 0 if there is none of that tag.
/// Evaluation asks for each flow without an application, so the numbers are found out once.
pub fn common_number_of(tag: &str) -> u32 {
    static NUMBERS: LazyLock<Vec<u32>> =
        LazyLock::new(|| PROTOCOL_CATEGORIES.iter().map(common_number).collect());
    let mut known = PROTOCOL_CATEGORIES.iter().zip(&*NUMBERS);
    let found = known.find(|(category, _)| category.tag.eq_ignore_ascii_case(tag));
    found.map_or(0, |(_, number)| *number)
}

/// The number of a protocol's category in the common vocabulary: that of the application category
/// with the same tag, where there is one.
pub fn common_number(category: &Category) -> u32 {
    match application_category(category.tag) {
        Some(same) => same.id.into(),
        None => PROTOCOL_CATEGORY_BASE.saturating_add(category.id.into()),
    }
}
