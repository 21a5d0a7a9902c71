//! Counts of right, wrong and missed, and how they are printed.

use std::collections::BTreeMap;

/// How often.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    pub right: u32,
    pub wrong: u32,
    pub missed: u32,
}

impl Tally {
    pub fn all(self) -> u32 {
        self.right + self.wrong + self.missed
    }

    /// Of what was named, what was right; in hundredths of a percent.
    pub fn precision(self) -> u32 {
        share(self.right, self.right + self.wrong)
    }

    /// Of what there is, what was named rightly; in hundredths of a percent.
    pub fn recall(self) -> u32 {
        share(self.right, self.all())
    }

    pub fn count(&mut self, want: &[&str], got: Option<&str>) -> Verdict {
        let (verdict, counter) = match got {
            None => (Verdict::Missed, &mut self.missed),
            Some(name) if want.contains(&name) => (Verdict::Right, &mut self.right),
            Some(_) => (Verdict::Wrong, &mut self.wrong),
        };
        *counter += 1;
        verdict
    }
}

/// How one answer compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Right,
    Wrong,
    Missed,
}

pub fn share(part: u32, whole: u32) -> u32 {
    (part * 10_000).checked_div(whole).unwrap_or(0)
}

pub fn percent(share: u32) -> String {
    format!("{}.{:02} %", share / 100, share % 100)
}

/// What happened where: a cause to the places, the frequent first when printed.
#[derive(Debug, Default)]
pub struct Places(BTreeMap<String, Vec<String>>);

impl Places {
    pub fn note(&mut self, what: String, place: String) {
        self.0.entry(what).or_default().push(place);
    }

    pub fn count(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    pub fn lines(&self) -> Vec<String> {
        let shown = if std::env::var_os("NFA_VERBOSE").is_some() { usize::MAX } else { 2 };
        let mut causes: Vec<_> = self.0.iter().collect();
        causes.sort_by_key(|(what, places)| (std::cmp::Reverse(places.len()), *what));
        causes
            .into_iter()
            .map(|(what, places)| {
                let named: Vec<_> = places.iter().take(shown).map(String::as_str).collect();
                let more = if places.len() > named.len() { "; ..." } else { "" };
                format!("{:6} {what} ({}{more})", places.len(), named.join("; "))
            })
            .collect()
    }

    pub fn print(&self, title: &str) {
        println!("\n{title}: {}", self.count());
        self.lines().iter().for_each(|line| println!("{line}"));
    }
}
