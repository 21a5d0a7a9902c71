//! Sets that are filled because of their names: the actions and targets that stand for them.

use super::{Config, NamedTarget};
use crate::app::Catalogue;
use crate::criteria::{self, Names, Vocabulary};
use crate::interface::InterfaceFilter;
use crate::lists::Lists;
use crate::policy::{Action, Vocabularies, protocols, schema};
use crate::spelling::Nearest;
use crate::target::Adoptable;

/// For so many names that mean nothing the nearest that does is looked for, which takes a walk
/// through all names there are.
const SUGGESTIONS_MAX: usize = 8;

/// What was added to a configuration for sets found in the kernel: actions in front of its own, so
/// that none of those keeps them from being evaluated, targets and sets behind its own.
#[derive(Debug, Default)]
pub struct Adopted {
    /// The sets, as they were given.
    asked: Vec<Adoptable>,
    /// What keeps some of them from being filled.
    refused: Vec<String>,
    actions: usize,
    targets: usize,
    sets: usize,
}

impl Adopted {
    /// Whether these are the sets.
    pub fn are(&self, sets: &[Adoptable]) -> bool {
        self.asked == sets
    }

    /// Why some sets are not filled, a line each.
    pub fn refused(&self) -> &[String] {
        &self.refused
    }
}

/// Which flows a set is about.
enum Meaning {
    /// Those that actions of that name match.
    Action,
    /// Those that these criteria hold for.
    Criteria(String),
}

impl Config {
    /// Takes sets that are to be filled because of their names, in place of those it had. One that
    /// a target names is its target's alone.
    pub fn adopt(&mut self, sets: Vec<Adoptable>, catalogue: &Catalogue) {
        self.disown();
        for set in &sets {
            if !self.sets.holds(&set.spec)
                && let Err(refusal) = self.adopt_one(set, catalogue)
            {
                self.adopted.refused.push(refusal);
            }
        }
        self.adopted.asked = sets;
    }

    /// As it was written.
    fn disown(&mut self) {
        let Adopted { actions, targets, sets, .. } = std::mem::take(&mut self.adopted);
        self.policy.actions.drain(..actions.min(self.policy.actions.len()));
        self.targets.truncate(self.targets.len().saturating_sub(targets));
        self.sets.truncate(self.sets.len().saturating_sub(sets));
        let left = self.targets.len();
        for action in &mut self.policy.actions {
            action.targets.retain(|number| *number < left);
        }
    }

    fn adopt_one(&mut self, set: &Adoptable, catalogue: &Catalogue) -> Result<(), String> {
        let subject = set.subject.as_str();
        let own = self.policy.actions.iter().skip(self.adopted.actions);
        let meaning = meaning(subject, own, catalogue, &self.lists);
        let number = self.targets.len();
        match meaning {
            Some(Meaning::Action) => {
                let own = self.policy.actions.iter_mut().skip(self.adopted.actions);
                own.filter(|action| spelled(&action.name) == subject)
                    .for_each(|action| action.targets.push(number));
            }
            Some(Meaning::Criteria(text))
                if self.add_to_implicit(subject, &text, number, catalogue) => {}
            _ => return Err(self.unknown(set, catalogue)),
        }
        // Nobody had this set before.
        let Ok(id) = self.sets.intern(set.spec.clone()) else { return Ok(()) };
        let name = set.spec.to_string();
        self.targets.push(NamedTarget { name, kind: set.target(id) });
        self.adopted.targets = self.adopted.targets.saturating_add(1);
        self.adopted.sets = self.adopted.sets.saturating_add(1);
        Ok(())
    }

    /// Gives one target more to the action that stands for a subject, which is made if need be.
    /// False: it cannot be.
    fn add_to_implicit(
        &mut self,
        subject: &str,
        text: &str,
        number: usize,
        catalogue: &Catalogue,
    ) -> bool {
        let mut implicit = self.policy.actions.iter_mut().take(self.adopted.actions);
        if let Some(action) = implicit.find(|action| action.name == subject) {
            action.targets.push(number);
            return true;
        }
        let vocabularies = Vocabularies { catalogue, lists: &self.lists };
        let compiled = criteria::compile_any(&[text], schema(), &vocabularies);
        // A category of the user's own may be called so that no text can name it.
        let Ok(criteria) = compiled.criteria else { return false };
        let action = Action {
            name: subject.to_owned(),
            enabled: true,
            schedule: None,
            interface: InterfaceFilter::default(),
            criteria,
            exemptions: Vec::new(),
            targets: vec![number],
            halt_on_match: false,
        };
        self.policy.actions.insert(self.adopted.actions, action);
        self.adopted.actions = self.adopted.actions.saturating_add(1);
        true
    }

    fn unknown(&self, set: &Adoptable, catalogue: &Catalogue) -> String {
        let Adoptable { subject, spec } = set;
        let mut nearest = Nearest::new(subject);
        if self.adopted.refused.len() < SUGGESTIONS_MAX {
            let mut consider = |name: &str| {
                let name = spelled(name);
                nearest.consider(&name, &name);
            };
            let own = self.policy.actions.iter().skip(self.adopted.actions);
            own.for_each(|action| consider(&action.name));
            catalogue.iter().for_each(|app| consider(app.short_name()));
            protocols().for_each(|protocol| consider(protocol.name));
            let vocabularies = Vocabularies { catalogue, lists: &self.lists };
            vocabularies.each(Vocabulary::Category, &mut |tag, _| consider(tag));
        }
        let hint = nearest.found().map_or(String::new(), |name| {
            let whole = spec.name.replacen(subject.as_str(), &name, 1);
            format!("; did you mean \"{whole}\"?")
        });
        format!(
            "{spec} is not filled: no action, application, protocol or category is called \
             \"{subject}\"{hint}"
        )
    }
}

/// What the name of a set stands for: an action, an application (and the protocol that is called as
/// it), a protocol, a category; the first of these that is called so.
fn meaning<'a>(
    subject: &str,
    mut actions: impl Iterator<Item = &'a Action>,
    catalogue: &Catalogue,
    lists: &Lists,
) -> Option<Meaning> {
    let is = |name: &str| spelled(name) == subject;
    if actions.any(|action| is(&action.name)) {
        return Some(Meaning::Action);
    }
    // Of several with one short name the catalogue knows which counts.
    let resolved = catalogue.resolve(subject).and_then(|id| catalogue.app(id));
    let resolved = resolved.filter(|app| is(app.tag) || is(app.short_name()));
    let app = resolved.or_else(|| catalogue.iter().find(|app| is(app.tag) || is(app.short_name())));
    let protocol = protocols().find(|protocol| is(protocol.name));
    let text = match (app, protocol) {
        (Some(app), None) => format!("application == '{}';", app.tag),
        (None, Some(protocol)) => format!("protocol == '{}';", protocol.name),
        // One name, one thing: who writes `nfa.bittorrent.v4` means the swarms of BitTorrent, not
        // only its maker's web site.
        (Some(app), Some(protocol)) => {
            format!("application == '{}' || protocol == '{}';", app.tag, protocol.name)
        }
        (None, None) => String::new(),
    };
    if !text.is_empty() {
        return Some(Meaning::Criteria(text));
    }
    let mut category = None;
    Vocabularies { catalogue, lists }.each(Vocabulary::Category, &mut |tag, _| {
        if category.is_none() && is(tag) {
            category = Some(format!("category == '{tag}';"));
        }
    });
    category.map(Meaning::Criteria)
}

/// As a name stands in the name of a set.
fn spelled(name: &str) -> String {
    name.to_lowercase().replace('/', "-")
}
