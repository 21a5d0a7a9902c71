//! Which categories of a user's own lists hold a host or an address.
//!
//! A list is a file `NN-CATEGORY.conf`; its lines are told apart in `line`. A domain, network or
//! pattern may be in several lists: each distinct set of categories is kept once, and indices hold
//! its number. A host is in the categories of all domains it lies under, not only the longest.
//!
//! Memory, measured with 200,000 domains of 28.9 bytes (`tests/lists.rs`): 18.5 bytes a domain (8
//! its entry, 10.5 its share of the hash table) and its text, 9.5 MB in all; the program's peak
//! while loading grows by no more, for files are read line by line. A reload has old and new lists
//! at once for a moment.

use std::net::IpAddr;
use std::path::Path;

use regex_lite::{Regex, RegexBuilder};

use super::file::{Lines, Source, sources};
use super::finding::{Finding, Problem, Report, shown};
use super::line::{self, Line};
use crate::app::category::{application_category, application_category_of};
use crate::app::domain::{DomainError, DomainIndex, ENTRIES_MAX};
use crate::app::network::{NETWORKS_MAX, NetworkIndex};
use crate::app::{APPLICATION_CATEGORIES, Category};
use crate::criteria::PATTERN_BYTES_MAX;
use crate::json::Severity;
use crate::net::Network;
use crate::sorted::SortedMap;
use crate::spelling;

/// Patterns of all lists together. Each is searched in the host of every flow, once: 64 of them
/// took 8 us a host on a PC, so less than a millisecond on a small router.
pub const LIST_PATTERNS_MAX: usize = 64;
/// First and last number of categories that only lists have.
pub const OWN_NUMBERS: (u16, u16) = (60_000, u16::MAX);
/// Distinct sets of categories: of few categories there are few, and numbers must not run out.
const UNIONS_MAX: usize = 4096;
/// There are too many of them.
const NO_UNION: Problem = Problem::Full("different sets of categories", UNIONS_MAX);

/// All category lists of a user, ready for look-ups.
#[derive(Debug, Default)]
pub struct CategoryLists {
    /// Values are positions in `unions`.
    domains: DomainIndex,
    /// Values are positions in `unions`.
    networks: NetworkIndex,
    /// Sets of category numbers, each sorted.
    unions: Vec<Box<[u16]>>,
    patterns: Vec<(Regex, u16)>,
    /// Categories that no application has; sorted by tag.
    own: Vec<(Box<str>, u16)>,
}

impl CategoryLists {
    /// Reads every list of a folder.
    pub fn load(dir: &Path, findings: &mut Vec<Finding>) -> Self {
        let sources = sources(dir, "10-social-media.conf", findings);
        let own = own_categories(&sources);
        let mut loader = Loader {
            lists: CategoryLists { own, ..CategoryLists::default() },
            numbers: SortedMap::new(),
            networks: Vec::new(),
            told: Vec::new(),
        };
        for source in &sources {
            let mut report = Report::new(&source.path, Severity::Warning, findings);
            loader.file(source, &mut report);
            report.finish();
        }
        let mut report = Report::new(dir, Severity::Warning, findings);
        loader.finish(&mut report)
    }

    /// Numbers of the categories whose lists hold `host`, sorted. `host` is lower case and has no
    /// final dot. Allocates only if there is one.
    pub fn of_host(&self, host: &str) -> Box<[u16]> {
        if self.domains.is_empty() && self.patterns.is_empty() {
            return Box::default(); // nobody has lists, mostly
        }
        let mut found = Vec::new();
        self.domains.each(host, |union| found.extend_from_slice(self.union(union)));
        for (pattern, category) in &self.patterns {
            if !found.contains(category) && pattern.is_match(host) {
                found.push(*category);
            }
        }
        found.sort_unstable();
        found.dedup();
        found.into()
    }

    /// Whether `test` passes the number of a category whose lists hold `addr`; one that is in
    /// several networks around it may come more than once.
    pub fn any_of_addr(&self, addr: IpAddr, mut test: impl FnMut(u16) -> bool) -> bool {
        self.networks.any(addr, |union| self.union(union).iter().any(|category| test(*category)))
    }

    /// Tags and numbers of the categories that no application has, sorted by tag.
    pub fn own(&self) -> impl Iterator<Item = (&str, u16)> {
        self.own.iter().map(|(tag, id)| (&**tag, *id))
    }

    /// The tag of a category of that number, an application's or own.
    pub fn tag(&self, id: u16) -> Option<&str> {
        let known = application_category_of(id).map(|category| category.tag);
        known.or_else(|| self.own().find(|(_, own)| *own == id).map(|(tag, _)| tag))
    }

    /// Domains, networks and patterns in all lists.
    pub fn len(&self) -> usize {
        let indexed = self.domains.len().saturating_add(self.networks.len());
        indexed.saturating_add(self.patterns.len())
    }

    /// Whether no list has an entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Heap bytes of domains and networks, nearly all there is.
    pub fn resident_bytes(&self) -> usize {
        self.domains.resident_bytes().saturating_add(self.networks.resident_bytes())
    }

    fn union(&self, position: u16) -> &[u16] {
        self.unions.get(usize::from(position)).map_or(&[], |union| union)
    }
}

/// The tags that are no application category, with their numbers.
///
/// A number comes from the tag alone, so it stays when lists come and go; where two tags would
/// have one number, the later one in the alphabet takes the next that is free.
fn own_categories(sources: &[Source]) -> Vec<(Box<str>, u16)> {
    let mut tags: Vec<Box<str>> = sources
        .iter()
        .filter(|source| application_category(&source.tag).is_none())
        .map(|source| source.tag.to_ascii_lowercase().into())
        .collect();
    tags.sort_unstable();
    tags.dedup();
    let (first, last) = OWN_NUMBERS;
    let count = u32::from(last.saturating_sub(first)).saturating_add(1);
    let mut own: Vec<(Box<str>, u16)> = Vec::with_capacity(tags.len());
    for tag in tags {
        let hash = tag.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193) // FNV-1a
        });
        let offset = u16::try_from(hash.checked_rem(count).unwrap_or(0)).unwrap_or(0);
        let from = first.saturating_add(offset);
        let mut numbers = (from..=last).chain(first..from);
        // There are more numbers than files.
        let id = numbers.find(|id| !own.iter().any(|(_, taken)| taken == id)).unwrap_or(last);
        own.push((tag, id));
    }
    own
}

struct Loader {
    lists: CategoryLists,
    /// Positions of the sets of categories.
    numbers: SortedMap<Box<[u16]>, u16>,
    networks: Vec<(Network, u16)>,
    /// New categories that were told.
    told: Vec<u16>,
}

impl Loader {
    fn file(&mut self, source: &Source, report: &mut Report<'_>) {
        let category = self.category(&source.tag, report);
        let mut lines = match Lines::open(&source.path) {
            Ok(lines) => lines,
            Err(problem) => return report.file(Severity::Error, problem),
        };
        while let Some((number, line)) = lines.next() {
            let result = line.and_then(|line| self.line(line, category));
            if let Err(problem) = result {
                report.line(number, problem);
            }
        }
    }

    /// The number of the category of that tag. A new one that looks like a slip is told once.
    fn category(&mut self, tag: &str, report: &mut Report<'_>) -> u16 {
        if let Some(known) = application_category(tag) {
            return known.id;
        }
        let own = self.lists.own().find(|(own, _)| own.eq_ignore_ascii_case(tag));
        let id = own.map_or(OWN_NUMBERS.1, |(_, id)| id);
        let known = APPLICATION_CATEGORIES.iter().map(|Category { tag, .. }| *tag);
        if let Some(nearest) = spelling::nearest(tag, known).filter(|_| !self.told.contains(&id)) {
            self.told.push(id);
            let tag = tag.to_owned();
            report.file(Severity::Warning, Problem::NewCategory { tag, id, nearest });
        }
        id
    }

    /// Takes all of a line that can be taken; the first problem is told.
    fn line(&mut self, line: &str, category: u16) -> Result<(), Problem> {
        match line::read(line) {
            Line::Remark => Ok(()),
            Line::Domain(domain) => self.domain(domain, category),
            Line::Domains(domains) => {
                let mut result = Ok(());
                for domain in domains {
                    result = result.and(self.domain(domain, category));
                }
                result
            }
            Line::Network(text) => self.network(text, category),
            Line::Pattern(text) => self.pattern(text, category),
            Line::Partial => Err(Problem::Partial(shown(line))),
            Line::Unknown => Err(Problem::Shape(shown(line))),
        }
    }

    fn domain(&mut self, domain: &str, category: u16) -> Result<(), Problem> {
        let alone = self.position(&[category]).ok_or(NO_UNION)?;
        let insert = |lists: &mut CategoryLists, value| {
            lists.domains.insert(domain, value).map_err(|error| match error {
                DomainError::Full => Problem::Full("domains", ENTRIES_MAX),
                error => Problem::Domain(shown(domain), error),
            })
        };
        if let Some(replaced) = insert(&mut self.lists, alone)?
            && replaced.value != alone
        {
            // It is in other lists too.
            let both = self.with(replaced.value, category);
            insert(&mut self.lists, both.unwrap_or(replaced.value))?;
            both.ok_or(NO_UNION)?;
        }
        Ok(())
    }

    fn network(&mut self, text: &str, category: u16) -> Result<(), Problem> {
        if self.networks.len() >= NETWORKS_MAX {
            return Err(Problem::Full("networks", NETWORKS_MAX));
        }
        let network = text.parse().map_err(|error| Problem::Network(shown(text), error))?;
        self.networks.push((network, category));
        Ok(())
    }

    /// POSIX extended search as in criteria: any case, anywhere in the host.
    fn pattern(&mut self, text: &str, category: u16) -> Result<(), Problem> {
        if self.lists.patterns.len() >= LIST_PATTERNS_MAX {
            return Err(Problem::Full("patterns", LIST_PATTERNS_MAX));
        }
        let wrong = |why: String| Problem::Pattern(shown(text), why);
        if text.is_empty() {
            return Err(wrong("it is in every host".to_owned()));
        }
        let mut builder = RegexBuilder::new(text);
        let built = builder.case_insensitive(true).size_limit(PATTERN_BYTES_MAX).build();
        let pattern = built.map_err(|error| wrong(error.to_string()))?;
        self.lists.patterns.push((pattern, category));
        Ok(())
    }

    /// The position of a set with one category more.
    fn with(&mut self, position: u16, category: u16) -> Option<u16> {
        let mut union = self.lists.union(position).to_vec();
        match union.binary_search(&category) {
            Ok(_) => Some(position),
            Err(at) => {
                union.insert(at, category);
                self.position(&union)
            }
        }
    }

    /// The position of a sorted set of categories; `None` if there is no room for a new one.
    fn position(&mut self, union: &[u16]) -> Option<u16> {
        if let Some(position) = self.numbers.get(union) {
            return Some(*position);
        }
        let position = u16::try_from(self.lists.unions.len()).ok()?;
        if usize::from(position) >= UNIONS_MAX {
            return None;
        }
        self.lists.unions.push(union.into());
        self.numbers.insert(union.into(), position);
        Some(position)
    }

    fn finish(mut self, report: &mut Report<'_>) -> CategoryLists {
        let mut networks = std::mem::take(&mut self.networks);
        networks.sort_unstable();
        networks.dedup();
        let mut rows: Vec<(Network, u16)> = Vec::with_capacity(networks.len());
        for same in networks.chunk_by(|(one, _), (other, _)| one == other) {
            let categories: Vec<u16> = same.iter().map(|(_, category)| *category).collect();
            let network = same.first().map(|(network, _)| *network);
            rows.extend(network.zip(self.position(&categories)));
        }
        if rows.len() < networks.chunk_by(|(one, _), (other, _)| one == other).count() {
            report.file(Severity::Warning, NO_UNION);
        }
        self.lists.networks.extend(&rows);
        self.lists.domains.shrink();
        self.lists
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_new_categories_come_from_their_tags() {
        let sources = |tags: &[&str]| -> Vec<Source> {
            let source = |tag: &&str| Source { path: "x".into(), tag: (*tag).to_owned() };
            tags.iter().map(source).collect()
        };
        let few = own_categories(&sources(&["kids", "Adult", "Work", "kids"]));
        let tags: Vec<&str> = few.iter().map(|(tag, _)| &**tag).collect();
        assert_eq!(tags, ["kids", "work"]);
        let names: Vec<String> = (0..1000).map(|n| format!("own-{n}")).collect();
        let mut many: Vec<&str> = names.iter().map(String::as_str).collect();
        many.extend(["kids", "work"]);
        let many = own_categories(&sources(&many));
        let mut numbers: Vec<u16> = many.iter().map(|(_, id)| *id).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 1002, "each has its own");
        assert!(numbers.iter().all(|id| *id >= OWN_NUMBERS.0));
        assert!(few.iter().all(|(_, id)| *id >= OWN_NUMBERS.0));
    }
}
