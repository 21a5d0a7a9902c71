//! Domains to values, found by the longest suffix of a host name, by whole labels.
//!
//! One pool of text, one array of entries, one open-addressing table of entry numbers. A look-up
//! walks the host once from its right end, hashes as it goes and probes at every label border: no
//! allocation, at most [`LABELS_MAX`] probes of at most `PROBES_MAX` slots each.

use std::fmt;
use std::mem::size_of;

/// The longest name, in bytes: RFC 1035 section 2.3.4 in text form.
const NAME_MAX: usize = 253;
/// The longest label, in bytes: RFC 1035 section 2.3.4.
const LABEL_MAX: usize = 63;
/// Labels of a host that are looked at, from the right. Reverse names of IPv6 have more; nobody
/// names an application by them.
pub const LABELS_MAX: usize = 16;
/// Slots that one probe may visit. An entry that would need more is refused, so no list, however
/// it was made, slows look-ups down.
const PROBES_MAX: usize = 64;
/// Entries in one index: large category lists fit, and 32-bit offsets into the pool suffice.
pub const ENTRIES_MAX: usize = 1_000_000;
/// Bits of a slot that hold a number.
const NUMBER: u32 = (1 << 20) - 1;
const _: () = assert!(ENTRIES_MAX < NUMBER as usize);
/// Slots of the smallest table; the number of slots is a power of two.
const SLOTS_MIN: usize = 16;

/// A map from domains to small numbers.
#[derive(Debug, Clone, Default)]
pub struct DomainIndex {
    pool: String,
    entries: Vec<Entry>,
    /// Number of an entry plus one in the bits of [`NUMBER`], and above them bits of its hash, so that
    /// most others are told apart without a look at them; zero is a free slot.
    slots: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    offset: u32,
    len: u8,
    exact: bool,
    value: u16,
}

/// What an insertion pushed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replaced {
    /// The value that the domain had.
    pub value: u16,
    /// How many entries were older: tells whether it came from an earlier list.
    pub position: usize,
}

impl DomainIndex {
    /// Maps `domain` and all names under it to `value`; with `=` in front, that name alone.
    /// Capitals and a final dot are forgiven. A domain that was there gets the new value.
    pub fn insert(&mut self, domain: &str, value: u16) -> Result<Option<Replaced>, DomainError> {
        let (exact, name) = match domain.strip_prefix('=') {
            Some(name) => (true, name),
            None => (false, domain),
        };
        let name = name.strip_suffix('.').unwrap_or(name);
        let lowered; // rarely needed
        let name = if name.bytes().any(|b| b.is_ascii_uppercase()) {
            lowered = name.to_ascii_lowercase();
            lowered.as_str()
        } else {
            name
        };
        check(name)?;
        let hash = hash(name.as_bytes());
        if let Some(position) = self.position(name.as_bytes(), hash, exact) {
            let entry = self.entries.get_mut(position).ok_or(DomainError::Full)?;
            let replaced = Replaced { value: entry.value, position };
            entry.value = value;
            return Ok(Some(replaced));
        }
        if self.entries.len() >= ENTRIES_MAX {
            return Err(DomainError::Full);
        }
        let offset = u32::try_from(self.pool.len()).map_err(|_| DomainError::Full)?;
        let len = u8::try_from(name.len()).map_err(|_| DomainError::Length)?;
        // Five eighths full at most: chains stay short.
        if self.entries.len().saturating_add(1) > self.slots.len() / 8 * 5 {
            self.grow()?;
        }
        self.entries.push(Entry { offset, len, exact, value });
        self.pool.push_str(name);
        if place(&mut self.slots, hash, self.entries.len()).is_some() {
            return Ok(None);
        }
        // The chain is too long: a larger table, which the new entry is then part of, or none.
        self.grow().map(|()| None).inspect_err(|_| {
            self.entries.pop();
            self.pool.truncate(offset as usize);
        })
    }

    /// The value of the longest domain that `host` is or lies under. `host` is lower case and has
    /// no final dot.
    pub fn longest(&self, host: &str) -> Option<u16> {
        let mut best = None;
        self.each(host, |value| best = Some(value));
        best
    }

    /// Calls `visit` with the value of every domain that `host` is or lies under, the shortest
    /// first and "this name alone" last. `host` is as for [`DomainIndex::longest`].
    pub fn each(&self, host: &str, mut visit: impl FnMut(u16)) {
        self.each_suffix(host, |_, value| visit(value));
    }

    /// The same, with the bytes of `host` that each domain covers.
    pub fn each_suffix(&self, host: &str, mut visit: impl FnMut(usize, u16)) {
        each_suffix(host, |suffix| {
            let values = [self.under(&suffix), self.alone(&suffix)];
            values.into_iter().flatten().for_each(|value| visit(suffix.bytes.len(), value));
        });
    }

    /// The value of the domain that a host lies under by that suffix, or is.
    pub fn under(&self, suffix: &Suffix<'_>) -> Option<u16> {
        self.value(suffix.bytes, suffix.hash, false)
    }

    /// The value of that name alone, if the suffix is the whole host.
    pub fn alone(&self, suffix: &Suffix<'_>) -> Option<u16> {
        if suffix.whole { self.value(suffix.bytes, suffix.hash, true) } else { None }
    }

    /// Domains in it.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Every domain and its value, oldest first; the flag says "this name alone".
    pub fn iter(&self) -> impl Iterator<Item = (&str, bool, u16)> {
        self.entries.iter().filter_map(|entry| {
            let name = std::str::from_utf8(self.text(entry)?).ok()?;
            Some((name, entry.exact, entry.value))
        })
    }

    /// Makes room for about that many more domains of about that much text, at once: growing step by
    /// step leaves holes in the heap that nobody fills.
    pub fn reserve(&mut self, domains: usize, bytes: usize) {
        self.entries.reserve(domains.min(ENTRIES_MAX));
        self.pool.reserve(bytes);
    }

    /// Gives back what growth left over.
    pub fn shrink(&mut self) {
        self.pool.shrink_to_fit();
        self.entries.shrink_to_fit();
    }

    /// Heap bytes it keeps.
    pub fn resident_bytes(&self) -> usize {
        let entries = self.entries.capacity().saturating_mul(size_of::<Entry>());
        let slots = self.slots.capacity().saturating_mul(size_of::<u32>());
        self.pool.capacity().saturating_add(entries).saturating_add(slots)
    }

    fn text(&self, entry: &Entry) -> Option<&[u8]> {
        let start = entry.offset as usize;
        self.pool.as_bytes().get(start..start.checked_add(usize::from(entry.len))?)
    }

    #[inline]
    fn value(&self, name: &[u8], hash: u32, exact: bool) -> Option<u16> {
        let position = self.position(name, hash, exact)?;
        self.entries.get(position).map(|entry| entry.value)
    }

    #[inline]
    fn position(&self, name: &[u8], hash: u32, exact: bool) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        for probe in 0..PROBES_MAX {
            let slot = (hash as usize).wrapping_add(probe) & mask;
            let slot = *self.slots.get(slot)?;
            if slot == 0 {
                return None;
            }
            if (slot ^ hash) & !NUMBER != 0 {
                continue;
            }
            let position = ((slot & NUMBER) as usize).checked_sub(1)?;
            let entry = self.entries.get(position)?;
            if usize::from(entry.len) == name.len()
                && entry.exact == exact
                && self.text(entry) == Some(name)
            {
                return Some(position);
            }
        }
        None
    }

    /// Doubles the table, again if a chain is still too long. A list made of colliding names is
    /// given up on when it would take eight slots an entry.
    fn grow(&mut self) -> Result<(), DomainError> {
        let roomy = self.entries.len().saturating_mul(8).max(SLOTS_MIN);
        let mut size = self.slots.len().saturating_mul(2).max(SLOTS_MIN);
        while size <= roomy.saturating_mul(2) {
            let mut slots = vec![0; size];
            let placed = self.entries.iter().enumerate().all(|(position, entry)| {
                let name = self.text(entry).unwrap_or_default();
                place(&mut slots, hash(name), position.saturating_add(1)).is_some()
            });
            if placed {
                self.slots = slots;
                return Ok(());
            }
            size = size.saturating_mul(2);
        }
        Err(DomainError::Crowded)
    }
}

/// Some labels of a host, from the right, with what every index looks them up by: one walk along
/// the name serves several.
#[derive(Debug, Clone, Copy)]
pub struct Suffix<'h> {
    /// The labels.
    pub bytes: &'h [u8],
    hash: u32,
    /// Whether these are all.
    pub whole: bool,
}

/// Calls `visit` with every suffix of `host` that is looked at, the shortest first.
#[inline]
pub fn each_suffix<'h>(host: &'h str, mut visit: impl FnMut(Suffix<'h>)) {
    let bytes = host.as_bytes();
    let mut state = SEED;
    let mut labels = 0;
    for (position, &byte) in bytes.iter().enumerate().rev().take(NAME_MAX) {
        if byte == b'.' {
            let bytes = bytes.get(position.saturating_add(1)..).unwrap_or_default();
            visit(Suffix { bytes, hash: finish(state), whole: false });
            labels += 1;
            if labels == LABELS_MAX {
                return;
            }
        }
        state = step(state, byte);
    }
    visit(Suffix { bytes, hash: finish(state), whole: true });
}

/// Puts a number into the first free slot of its chain.
fn place(slots: &mut [u32], hash: u32, number: usize) -> Option<()> {
    let number = u32::try_from(number).ok()?;
    let mask = slots.len().checked_sub(1)?;
    for probe in 0..PROBES_MAX {
        let slot = slots.get_mut((hash as usize).wrapping_add(probe) & mask)?;
        if *slot == 0 {
            *slot = number | hash & !NUMBER;
            return Some(());
        }
    }
    None
}

/// FNV-1a's offset basis.
const SEED: u32 = 0x811c_9dc5;

/// FNV-1a, one byte; names are fed from their right end so that suffixes share the work.
fn step(state: u32, byte: u8) -> u32 {
    (state ^ u32::from(byte)).wrapping_mul(0x0100_0193)
}

/// Spreads the high bits over the low ones, which choose the slot.
fn finish(state: u32) -> u32 {
    let mixed = (state ^ (state >> 15)).wrapping_mul(0x2c1b_3c6d);
    mixed ^ (mixed >> 13)
}

fn hash(name: &[u8]) -> u32 {
    finish(name.iter().rev().fold(SEED, |state, &byte| step(state, byte)))
}

/// Whether `name` is a domain in the spelling of the wire: lower-case A-labels.
pub fn check(name: &str) -> Result<(), DomainError> {
    if name.is_empty() || name.len() > NAME_MAX {
        return Err(DomainError::Length);
    }
    let mut labels = 0;
    for label in name.as_bytes().split(|byte| *byte == b'.') {
        labels += 1;
        let legal = |b: &u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        if label.is_empty() || label.len() > LABEL_MAX || !label.iter().all(legal) {
            return Err(DomainError::Label);
        }
        if label.first() == Some(&b'-') || label.last() == Some(&b'-') {
            return Err(DomainError::Label);
        }
    }
    if labels > LABELS_MAX { Err(DomainError::Labels) } else { Ok(()) }
}

/// Why a domain was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DomainError {
    /// Empty, or longer than a name can be.
    Length,
    /// A label that is none.
    Label,
    /// More labels than look-ups see.
    Labels,
    /// No room for more.
    Full,
    /// Too many names with one hash.
    Crowded,
    /// A `*` where none may stand.
    Star,
}

impl fmt::Display for DomainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length => write!(f, "expected a domain of 1 to {NAME_MAX} bytes"),
            Self::Label => write!(
                f,
                "expected labels of a-z, 0-9, - and _ with a dot between (A-labels for IDN), each \
                 1 to {LABEL_MAX} bytes, no - at its ends"
            ),
            Self::Labels => write!(f, "expected at most {LABELS_MAX} labels"),
            Self::Full => write!(f, "no room: at most {ENTRIES_MAX} domains"),
            Self::Crowded => write!(f, "no room: too many domains share one hash"),
            Self::Star => write!(
                f,
                "expected one * in the first label, with more than it in that label and two labels \
                 behind: photos-*.example.org"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(rows: &[(&str, u16)]) -> DomainIndex {
        let mut index = DomainIndex::default();
        for (domain, value) in rows {
            index.insert(domain, *value).unwrap();
        }
        index
    }

    #[test]
    fn the_longest_suffix_of_whole_labels_wins() {
        let index = index(&[("example.org", 1), ("video.example.org", 2), ("=www.example.org", 3)]);
        for (host, value) in [
            ("example.org", Some(1)),
            ("a.b.example.org", Some(1)),
            ("video.example.org", Some(2)),
            ("x.video.example.org", Some(2)),
            ("www.example.org", Some(3)),
            ("a.www.example.org", Some(1)),
            ("notexample.org", None),
            ("example.org.evil.test", None),
            ("org", None),
            ("", None),
            (".", None),
            ("example.org.", None),
            ("..example.org", Some(1)),
        ] {
            assert_eq!(index.longest(host), value, "{host}");
        }
        assert_eq!(DomainIndex::default().longest("example.org"), None);
    }

    #[test]
    fn every_suffix_is_visited_shortest_first() {
        let index = index(&[("org", 1), ("example.org", 2), ("=a.example.org", 3), ("b.org", 4)]);
        let visited = |host| {
            let mut visited = Vec::new();
            index.each(host, |value| visited.push(value));
            visited
        };
        assert_eq!(visited("a.example.org"), [1, 2, 3]);
        assert_eq!(visited("x.a.example.org"), [1, 2]);
        assert_eq!(visited("org"), [1]);
        assert_eq!(visited("example.com"), [0; 0]);
    }

    #[test]
    fn a_name_may_be_listed_alone_and_with_all_under_it() {
        let index = index(&[("=example.org", 1), ("example.org", 2)]);
        assert_eq!(index.longest("example.org"), Some(1));
        assert_eq!(index.longest("a.example.org"), Some(2));
        assert_eq!(index.len(), 2);
    }

    #[test]
    fn only_the_rightmost_labels_are_looked_at() {
        let index = index(&[("example.org", 1)]);
        let deep = format!("{}example.org", "a.".repeat(100));
        assert_eq!(index.longest(&deep), Some(1));
        let long = format!("{}.example.org", "a".repeat(100_000));
        assert_eq!(index.longest(&long), Some(1));
        assert_eq!(index.longest(&"a".repeat(100_000)), None);
    }

    #[test]
    fn spelling_is_forgiven_and_nonsense_is_not() {
        let mut index = index(&[("Example.ORG.", 1)]);
        assert_eq!(index.longest("example.org"), Some(1));
        for (domain, error) in [
            ("", DomainError::Length),
            ("=", DomainError::Length),
            ("a..b", DomainError::Label),
            (".a", DomainError::Label),
            ("*.example.org", DomainError::Label),
            ("-a.example", DomainError::Label),
            ("b\u{fc}cher.example", DomainError::Label),
            ("http://example.org/", DomainError::Label),
            ("1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17", DomainError::Labels),
        ] {
            assert_eq!(index.insert(domain, 1), Err(error), "{domain}");
        }
        assert_eq!(index.insert(&"a".repeat(64), 1), Err(DomainError::Label));
        assert_eq!(index.insert(&"a.".repeat(200), 1), Err(DomainError::Length));
    }

    #[test]
    fn a_second_value_replaces_the_first() {
        let mut index = index(&[("a.example", 1), ("b.example", 2)]);
        let replaced = Replaced { value: 2, position: 1 };
        assert_eq!(index.insert("b.example", 7), Ok(Some(replaced)));
        assert_eq!(index.longest("b.example"), Some(7));
        assert_eq!(index.len(), 2);
    }

    #[test]
    fn ten_thousand_names_are_all_found() {
        let mut index = DomainIndex::default();
        for number in 0..10_000_u16 {
            index.insert(&format!("n{number}.example"), number).unwrap();
        }
        index.shrink();
        for number in 0..10_000_u16 {
            assert_eq!(index.longest(&format!("x.n{number}.example")), Some(number));
        }
        assert_eq!(index.longest("n10000.example"), None);
        assert!(index.resident_bytes() < 420_000, "{}", index.resident_bytes());
        assert_eq!(index.iter().count(), 10_000);
    }

    /// Names that share a slot in every table that is tried, as a hostile list would have them:
    /// refused at the bound, never slow, and what was there is still found.
    #[test]
    fn colliding_names_are_refused() {
        let names = (0..u32::MAX).map(|number| format!("n{number}.example"));
        let colliding = names.filter(|name| hash(name.as_bytes()) & 0x7ff == 0x123);
        let mut index = DomainIndex::default();
        let mut kept = Vec::new();
        for name in colliding.take(PROBES_MAX + 4) {
            match index.insert(&name, 1) {
                Ok(None) => kept.push(name),
                other => assert_eq!(other, Err(DomainError::Crowded)),
            }
        }
        assert_eq!(kept.len(), PROBES_MAX);
        assert_eq!(index.len(), PROBES_MAX);
        assert!(kept.iter().all(|name| index.longest(name) == Some(1)));
        assert_eq!(index.insert("calm.example", 2), Ok(None));
        assert_eq!(index.longest("calm.example"), Some(2));
    }
}
