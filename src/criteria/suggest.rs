//! "Did you mean": the known name that is closest to one written wrong.

/// Longer names are not compared: the work is the product of both lengths.
const NAME_CHARS_MAX: usize = 64;
/// From this length on, a known name that contains the wrong one is worth showing.
const PART_CHARS_MIN: usize = 3;

/// Collects the best of the candidates it is shown.
pub(super) struct Nearest<'a> {
    wrong: &'a str,
    best: Option<(usize, String)>,
}

impl<'a> Nearest<'a> {
    pub(super) fn new(wrong: &'a str) -> Self {
        Nearest { wrong, best: None }
    }

    /// Considers `name`; where it is compared in another form (`spelling`), `name` is still what
    /// gets suggested. The first of equals wins.
    pub(super) fn consider(&mut self, spelling: &str, name: &str) {
        let wrong_chars = self.wrong.chars().count();
        if wrong_chars > NAME_CHARS_MAX || spelling.len() > NAME_CHARS_MAX {
            return;
        }
        let limit = (wrong_chars / 3).max(1);
        let edits = distance(self.wrong, spelling);
        let score = if edits <= limit && edits < wrong_chars {
            edits
        } else if wrong_chars >= PART_CHARS_MIN && contains(spelling, self.wrong) {
            NAME_CHARS_MAX // any name within reach is better
        } else {
            return;
        };
        if self.best.as_ref().is_none_or(|(best, _)| score < *best) {
            self.best = Some((score, name.to_owned()));
        }
    }

    pub(super) fn found(self) -> Option<String> {
        self.best.map(|(_, name)| name)
    }
}

fn contains(whole: &str, part: &str) -> bool {
    whole.as_bytes().windows(part.len()).any(|window| window.eq_ignore_ascii_case(part.as_bytes()))
}

/// Insertions, deletions and replacements that turn one into the other; ASCII case is ignored.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (line, a) in from.chars().enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        let mut cells = row.iter_mut();
        if let Some(first) = cells.next() {
            *first = left;
        }
        for (above, b) in cells.zip(to.chars()) {
            let replaced = diagonal + usize::from(!a.eq_ignore_ascii_case(&b));
            diagonal = *above;
            left = replaced.min(diagonal + 1).min(left + 1);
            *above = left;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (from, to, edits) in [
            ("kitten", "sitting", 3),
            ("", "abc", 3),
            ("abc", "", 3),
            ("aplication", "application", 1),
            ("YouTube", "youtube", 0),
            ("é", "e", 1),
        ] {
            assert_eq!(distance(from, to), edits, "{from} {to}");
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
