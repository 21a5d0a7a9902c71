//! The closest known name to a misspelt one: "did you mean".

/// Longer names are not compared: the work is the product of both lengths.
const NAME_CHARS_MAX: usize = 64;
/// From this length on, a known name that contains the wrong one is worth showing.
const PART_CHARS_MIN: usize = 3;

/// Collects the best of the candidates it is shown: the one with the fewest edits, at most one
/// for each three letters; failing that, one that contains the wrong name.
#[derive(Debug)]
pub struct Nearest<'a> {
    wrong: &'a str,
    best: Option<(usize, String)>,
}

impl<'a> Nearest<'a> {
    /// For a name that is in no list.
    pub const fn new(wrong: &'a str) -> Self {
        Nearest { wrong, best: None }
    }

    /// Considers `name`; where it is compared in another form (`spelling`), `name` is still what
    /// gets suggested. The first of equals wins.
    pub fn consider(&mut self, spelling: &str, name: &str) {
        let wrong_chars = self.wrong.chars().count();
        if wrong_chars > NAME_CHARS_MAX || spelling.len() > NAME_CHARS_MAX {
            return;
        }
        let limit = (wrong_chars / 3).max(1);
        // Each letter that one of them has more is an edit: most names need no closer look.
        let more = wrong_chars.abs_diff(spelling.chars().count());
        let edits = if more > limit { more } else { distance(self.wrong, spelling) };
        // Of two that are as close, the one that begins as the wrong name does.
        let first = |name: &str| name.chars().next().map(|c| c.to_ascii_lowercase());
        let score = if edits <= limit && edits < wrong_chars {
            edits.saturating_mul(2).saturating_add((first(self.wrong) != first(spelling)).into())
        } else if wrong_chars >= PART_CHARS_MIN && contains(spelling, self.wrong) {
            NAME_CHARS_MAX.saturating_mul(4) // any name within reach is better
        } else {
            return;
        };
        if self.best.as_ref().is_none_or(|(best, _)| score < *best) {
            self.best = Some((score, name.to_owned()));
        }
    }

    /// The best one shown, if any is close enough.
    pub fn found(self) -> Option<String> {
        self.best.map(|(_, name)| name)
    }
}

fn contains(whole: &str, part: &str) -> bool {
    whole.as_bytes().windows(part.len()).any(|window| window.eq_ignore_ascii_case(part.as_bytes()))
}

/// The closest of some candidates.
pub fn nearest<'a>(wrong: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut nearest = Nearest::new(wrong);
    candidates.for_each(|candidate| nearest.consider(candidate, candidate));
    nearest.found()
}

/// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
fn distance(word: &str, candidate: &str) -> usize {
    let word: Vec<char> = word.chars().flat_map(char::to_lowercase).collect();
    let candidate: Vec<char> = candidate.chars().flat_map(char::to_lowercase).collect();
    let mut rows: [Vec<usize>; 3] =
        [Vec::new(), Vec::new(), (0..=candidate.len()).collect::<Vec<_>>()];
    let cell = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(NAME_CHARS_MAX);
    for (i, letter) in word.iter().enumerate() {
        rows.rotate_left(1);
        let [before_last, last, current] = &mut rows;
        current.clear();
        current.push(i.saturating_add(1));
        for (j, other) in candidate.iter().enumerate() {
            let replaced = cell(last, j).saturating_add(usize::from(letter != other));
            let edited = cell(last, j.saturating_add(1)).min(cell(current, j)).saturating_add(1);
            let swapped = match (i.checked_sub(1), j.checked_sub(1)) {
                (Some(a), Some(b))
                    if word.get(a) == Some(other) && candidate.get(b) == Some(letter) =>
                {
                    cell(before_last, b).saturating_add(1)
                }
                _ => usize::MAX,
            };
            current.push(replaced.min(edited).min(swapped));
        }
    }
    rows.last().and_then(|row| row.last()).copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_names_are_found_and_far_ones_are_not() {
        let known = ["criteria", "targets", "exemptions", "enabled", "netify.youtube"];
        for (word, meant) in [
            ("criterai", Some("criteria")),
            ("Target", Some("targets")),
            ("exemption", Some("exemptions")),
            ("netify.yuotube", Some("netify.youtube")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known.into_iter()).as_deref(), meant, "{word}");
        }
    }

    #[test]
    fn distances_are_those_of_the_definition() {
        for (a, b, edits) in
            [("", "", 0), ("ab", "ba", 1), ("abc", "", 3), ("kitten", "sitting", 3), ("a", "A", 0)]
        {
            assert_eq!(distance(a, b), edits, "{a} {b}");
        }
    }

    #[test]
    fn the_closest_is_suggested_or_one_that_contains_it_or_none() {
        let names = ["application", "app", "detected_hostname", "dns_hostname", "ip", "iface"];
        for (wrong, right) in [
            ("aplication", Some("application")),
            ("App", Some("app")),
            ("hostname", Some("detected_hostname")),
            ("ipv", Some("ip")),
            ("x", None),
            ("zebra", None),
            ("", None),
        ] {
            let mut nearest = Nearest::new(wrong);
            for name in names {
                nearest.consider(name, name);
            }
            assert_eq!(nearest.found().as_deref(), right, "{wrong}");
        }
        let mut nearest = Nearest::new("youtub");
        nearest.consider("youtube", "netify.youtube");
        assert_eq!(nearest.found().as_deref(), Some("netify.youtube"));
        let long = "x".repeat(NAME_CHARS_MAX + 1);
        let mut nearest = Nearest::new(&long);
        nearest.consider(&long, &long);
        assert_eq!(nearest.found(), None);
    }
}
