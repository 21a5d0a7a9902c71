//! The closest known name to a misspelt one.

/// Names longer than this are not compared: no known name is.
const LENGTH_MAX: usize = 64;

/// The candidate with the fewest edits from `word`, ignoring case, if it is close enough to be
/// what was meant: one edit for each three letters, at least one.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.to_lowercase().chars().take(LENGTH_MAX).collect();
    let limit = (word.len() / 3).max(1);
    candidates
        .filter(|candidate| candidate.len() <= LENGTH_MAX)
        .map(|candidate| (distance(&word, candidate), candidate))
        .filter(|(edits, _)| *edits <= limit)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
fn distance(word: &[char], candidate: &str) -> usize {
    let candidate: Vec<char> = candidate.chars().flat_map(char::to_lowercase).collect();
    let mut rows: [Vec<usize>; 3] =
        [Vec::new(), Vec::new(), (0..=candidate.len()).collect::<Vec<_>>()];
    let cell = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(LENGTH_MAX);
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
            assert_eq!(nearest(word, known.into_iter()), meant, "{word}");
        }
    }

    #[test]
    fn distances_are_those_of_the_definition() {
        for (a, b, edits) in
            [("", "", 0), ("ab", "ba", 1), ("abc", "", 3), ("kitten", "sitting", 3), ("a", "A", 0)]
        {
            assert_eq!(distance(&a.chars().collect::<Vec<_>>(), b), edits, "{a} {b}");
        }
    }
}
