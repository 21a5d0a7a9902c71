//! Names with one `*` in their first label, such as `photos-*.example.org`, for services that live
//! under a domain of somebody else's (a CDN, a cloud) and share it with all the world.
//!
//! The domains behind the first label are a [`DomainIndex`]; under each stands a short list of
//! heads and tails. A look-up allocates nothing.

use std::mem::size_of;

use super::domain::{self, DomainError, DomainIndex, Suffix};

/// Patterns under one domain: as many are compared at most, for each domain above a host.
const SIBLINGS_MAX: usize = 32;

/// A map from such names to small numbers.
#[derive(Debug, Clone, Default)]
pub struct PatternIndex {
    /// Domains to positions in `families`.
    parents: DomainIndex,
    families: Vec<Vec<Pattern>>,
    len: usize,
}

#[derive(Debug, Clone)]
struct Pattern {
    /// The first label, with its `*`.
    label: Box<str>,
    value: u16,
    /// How many patterns are older.
    position: usize,
}

impl PatternIndex {
    /// Maps every name whose first labels fit, and all names under it, to `value`. A pattern that
    /// was there gets the new value.
    pub fn insert(
        &mut self,
        pattern: &str,
        value: u16,
    ) -> Result<Option<domain::Replaced>, DomainError> {
        let pattern = pattern.to_ascii_lowercase();
        let (label, parent) = pattern.split_once('.').ok_or(DomainError::Star)?;
        let (head, tail) = label.split_once('*').ok_or(DomainError::Star)?;
        if (head.is_empty() && tail.is_empty()) || tail.contains('*') || !parent.contains('.') {
            return Err(DomainError::Star);
        }
        // Any letter stands for the rest: the label must be one with it, and so must the parent.
        domain::check(&[head, "x", tail, ".", parent].concat())?;
        let mut family = None;
        self.parents.each_suffix(parent, |bytes, value| {
            family = family.or((bytes == parent.len()).then_some(value));
        });
        let family = match family {
            Some(family) => family,
            None => {
                let new = u16::try_from(self.families.len()).map_err(|_| DomainError::Full)?;
                self.parents.insert(parent, new)?;
                self.families.push(Vec::new());
                new
            }
        };
        let family = self.families.get_mut(usize::from(family)).ok_or(DomainError::Full)?;
        if let Some(known) = family.iter_mut().find(|known| *known.label == *label) {
            let replaced = domain::Replaced { value: known.value, position: known.position };
            known.value = value;
            return Ok(Some(replaced));
        }
        if family.len() >= SIBLINGS_MAX {
            return Err(DomainError::Crowded);
        }
        family.push(Pattern { label: label.into(), value, position: self.len });
        self.len = self.len.saturating_add(1);
        Ok(None)
    }

    /// The value of the pattern under the longest domain, and how many bytes of `host` it covers.
    /// `host` is as for [`DomainIndex::longest`]. Of two under one domain the longer one counts.
    pub fn longest(&self, host: &str) -> Option<(usize, u16)> {
        let mut best = None;
        domain::each_suffix(host, |suffix| best = self.before(host, &suffix).or(best));
        best
    }

    /// The same of the patterns right before that suffix of `host`.
    pub fn before(&self, host: &str, suffix: &Suffix<'_>) -> Option<(usize, u16)> {
        if suffix.whole {
            return None; // nothing stands before it
        }
        let family = self.parents.under(suffix)?;
        let (label, covered) = label_before(host, suffix.bytes.len())?;
        let family = self.families.get(usize::from(family)).map_or(&[][..], Vec::as_slice);
        let fitting = family.iter().filter(|pattern| pattern.fits(label));
        let pattern = fitting.max_by_key(|pattern| pattern.label.len())?;
        Some((covered, pattern.value))
    }

    /// Patterns in it.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Every pattern and its value.
    pub fn iter(&self) -> impl Iterator<Item = (String, u16)> {
        let of_family = |family: u16| self.families.get(usize::from(family)).into_iter().flatten();
        self.parents.iter().flat_map(move |(parent, _, family)| {
            let named =
                move |pattern: &Pattern| ([&pattern.label, ".", parent].concat(), pattern.value);
            of_family(family).map(named)
        })
    }

    /// Whether `pattern` is one that `host` fits.
    pub fn fits(pattern: &str, host: &str) -> bool {
        let Some((label, parent)) = pattern.split_once('.') else { return false };
        let under = host.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.'));
        let before = label_before(host, parent.len()).filter(|_| under);
        before.is_some_and(|(found, _)| fits(label, found))
    }

    /// Heap bytes it keeps.
    pub fn resident_bytes(&self) -> usize {
        let families = self.families.capacity().saturating_mul(size_of::<Vec<Pattern>>());
        let rows = self.families.iter().map(|family| {
            let texts: usize = family.iter().map(|pattern| pattern.label.len()).sum();
            family.capacity().saturating_mul(size_of::<Pattern>()).saturating_add(texts)
        });
        rows.fold(self.parents.resident_bytes().saturating_add(families), usize::saturating_add)
    }
}

impl Pattern {
    fn fits(&self, label: &str) -> bool {
        fits(&self.label, label)
    }
}

/// Whether `label` is what stands in the pattern, with one character at least for the `*`.
fn fits(pattern: &str, label: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return false };
    let rest = label.strip_prefix(head).and_then(|rest| rest.strip_suffix(tail));
    rest.is_some_and(|rest| !rest.is_empty())
}

/// The label of `host` that stands before its last `bytes`, and the bytes from that label on.
fn label_before(host: &str, bytes: usize) -> Option<(&str, usize)> {
    let before = host.get(..host.len().checked_sub(bytes)?.checked_sub(1)?)?;
    let label = before.rsplit('.').next()?;
    Some((label, label.len().checked_add(bytes)?.checked_add(1)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(rows: &[(&str, u16)]) -> PatternIndex {
        let mut index = PatternIndex::default();
        for (pattern, value) in rows {
            assert_eq!(index.insert(pattern, *value), Ok(None), "{pattern}");
        }
        index
    }

    #[test]
    fn the_star_stands_for_a_part_of_one_label() {
        let index = index(&[
            ("photos-*.cdn.example", 1),
            ("*-chat.cdn.example", 2),
            ("photos-*-chat.cdn.example", 3),
            ("a*.b.cdn.example", 4),
        ]);
        for (host, value) in [
            ("photos-7.cdn.example", Some(1)),
            ("x.y.photos-7.cdn.example", Some(1)),
            ("eu-chat.cdn.example", Some(2)),
            ("photos-eu-chat.cdn.example", Some(3)),
            ("ab.b.cdn.example", Some(4)),
            ("photos-.cdn.example", None),
            ("-chat.cdn.example", None),
            ("myphotos-7.cdn.example", None),
            ("photos-7.evil-cdn.example", None),
            ("photos-7.cdn.example.evil.test", None),
            ("photos-7.x.cdn.example", None),
            ("cdn.example", None),
            (".cdn.example", None),
            ("", None),
        ] {
            assert_eq!(index.longest(host).map(|(_, value)| value), value, "{host}");
        }
        assert_eq!(index.longest("x.photos-77.cdn.example"), Some((21, 1)));
        let fitting =
            index.iter().filter(|(text, _)| PatternIndex::fits(text, "photos-7.cdn.example"));
        assert_eq!(fitting.collect::<Vec<_>>(), [("photos-*.cdn.example".to_owned(), 1)]);
        assert_eq!((index.len(), index.iter().count()), (4, 4));
    }

    #[test]
    fn nonsense_is_refused_and_the_list_is_short() {
        let mut index = PatternIndex::default();
        for (pattern, error) in [
            ("*.example.org", DomainError::Star),
            ("a*b*.example.org", DomainError::Star),
            ("a*.org", DomainError::Star),
            ("a*", DomainError::Star),
            ("example.org", DomainError::Star),
            ("a.b*.example.org", DomainError::Star),
            ("a*.b*.example.org", DomainError::Label),
            ("-*.example.org", DomainError::Label),
            ("a*.example..org", DomainError::Label),
        ] {
            assert_eq!(index.insert(pattern, 1), Err(error), "{pattern}");
        }
        assert!(index.is_empty() && index.longest("a.example.org").is_none());
        for n in 0..SIBLINGS_MAX {
            assert_eq!(index.insert(&format!("N{n}-*.example.org"), 1), Ok(None));
        }
        assert_eq!(index.insert("more-*.example.org", 1), Err(DomainError::Crowded));
        let replaced = domain::Replaced { value: 1, position: 3 };
        assert_eq!(index.insert("n3-*.example.org", 2), Ok(Some(replaced)));
        assert_eq!(index.longest("n3-x.example.org"), Some((16, 2)));
        assert!(index.resident_bytes() > 0);
    }
}
