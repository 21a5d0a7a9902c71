//! The scoreboard: nfa against the labels of the corpus.
//!
//!     cargo test --test scoreboard -- --nocapture
//!
//! replays every capture with no idle expiry and prints how often nfa names the same protocol,
//! host and application as the reference. `NFA_CORPUS=FOLDER` says where the corpus is,
//! `NFA_VERBOSE=1` lists every disagreement instead of two of a kind. The tables beside it
//! (`tests/scoreboard/*.txt`) tell what the reference's labels are called here and which of its
//! rows are wrong. Raise a bar when the measured value has risen; never lower one without a word.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::indexing_slicing)]

mod corpus;
#[path = "scoreboard/reference.rs"]
mod reference;
#[path = "scoreboard/tally.rs"]
mod tally;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use nfa::app::Catalogue;
use nfa::flow::Flow;
use nfa::net::{Endpoint, Transport};
use nfa::policy::protocols;
use reference::{LeftOut, Names, Row};
use tally::{Places, Tally, Verdict, percent, share};

/// Captures that cannot be read to their end, and why.
const UNREADABLE: &[(&str, &str)] = &[];

/// Named flows that the reference names too, and the same; hundredths of a percent.
const PROTOCOL_PRECISION_MIN: u32 = 0;
/// Flows with a label that nfa has a name for, and gave it.
const PROTOCOL_RECALL_MIN: u32 = 0;
/// Flows with any label that nfa named.
const COVERAGE_MIN: u32 = 0;
/// Host names that the reference read, and nfa read the same.
const HOST_AGREEMENT_MIN: u32 = 0;
/// Host names of ours that are another than the reference's.
const HOSTS_WRONG_MAX: u32 = 10_000;

/// Whose rows must have the same host name.
const HOST_MASTERS: [&str; 5] = ["TLS", "QUIC", "HTTP", "DNS", "MDNS"];

#[derive(Default)]
struct Board {
    captures: u32,
    flows: usize,
    rows: usize,
    /// All scoreable rows; then those with a label that we have a name for.
    total: Tally,
    known: Tally,
    by_label: BTreeMap<String, Tally>,
    by_ours: BTreeMap<&'static str, Tally>,
    cached: Tally,
    hosts: Tally,
    hosts_by_master: BTreeMap<String, Tally>,
    apps: Tally,
    confusions: Places,
    misses: Places,
    not_ours: Places,
    host_confusions: Places,
    host_misses: Places,
    app_confusions: Places,
    unlabelled: Places,
    not_found: Places,
    bittorrent: Places,
    problems: Vec<String>,
}

struct Scorer {
    names: Names,
    left_out: LeftOut,
    applications: Names,
    catalogue: Arc<Catalogue>,
}

#[test]
fn the_corpus_agrees() {
    let Some(corpus) = corpus::folder() else {
        println!("skipped: no corpus");
        return;
    };
    let scorer = Scorer {
        names: Names::new(include_str!("scoreboard/protocols.txt")),
        left_out: LeftOut::new(include_str!("scoreboard/left_out.txt")),
        applications: Names::new(include_str!("scoreboard/applications.txt")),
        catalogue: Arc::new(catalogue()),
    };
    let mut board = Board::default();
    for folder in ["ndpi", "extra"] {
        let folder = corpus.join(folder);
        let rows = reference::rows(&folder.join("flows.csv"));
        let none = Vec::new();
        for path in corpus::captures(&folder) {
            let rows = rows.get(&corpus::name(&path)).unwrap_or(&none);
            scorer.capture(&path, rows, &mut board);
        }
    }
    board.print(&scorer);
    board.judge();
}

/// The catalogue that the package installs, once there is one.
fn catalogue() -> Catalogue {
    let dir = std::env::var_os("NFA_APPS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("files/usr/share/nfa/apps.d"),
        Into::into,
    );
    if !dir.is_dir() {
        return Catalogue::empty();
    }
    let (catalogue, findings) = Catalogue::load(&dir);
    assert!(findings.is_empty(), "{findings:?}");
    catalogue
}

impl Scorer {
    fn capture(&self, path: &Path, rows: &[Row], board: &mut Board) {
        let name = corpus::name(path);
        let (frames, error) = corpus::read(path);
        let listed = UNREADABLE.iter().any(|(unreadable, _)| *unreadable == name);
        match error {
            Some(error) if !listed => board.problems.push(error.to_string()),
            None if listed => board.problems.push(format!("{name}: listed, but can be read")),
            _ => {}
        }
        let replayed = catch_unwind(AssertUnwindSafe(|| corpus::replay(&frames, &self.catalogue)));
        let Ok(flows) = replayed else {
            return board.problems.push(format!("{name}: panicked"));
        };
        board.captures += 1;
        board.flows += flows.len();
        board.rows += rows.len();
        let mut by_ends: HashMap<(Transport, [Endpoint; 2]), Vec<&Flow>> = HashMap::new();
        for flow in &flows {
            let mut ends = flow.ends();
            ends.sort();
            by_ends.entry((flow.key.transport(), ends)).or_default().push(flow);
        }
        for row in rows {
            let place = format!("{name} {}", row.place);
            let same = by_ends.get(&(row.transport, row.ends)).into_iter().flatten();
            let distance = |flow: &&&Flow| flow.first_seen.as_millis().abs_diff(row.first_seen_ms);
            match same.min_by_key(distance) {
                Some(flow) => self.flow(&name, row, flow, &place, board),
                None => board.not_found.note(format!("{} {}", row.basis, row.label()), place),
            }
        }
    }

    fn flow(&self, capture: &str, row: &Row, flow: &Flow, place: &str, board: &mut Board) {
        let ours = corpus::protocol(flow);
        let want = self.names.of(row);
        let judged = row.is_scoreable() || row.basis == "disputed";
        let sharing = row.basis != "disputed"
            && (row.master == "BitTorrent" || row.app == "BitTorrent" || want.is_empty());
        if ours == Some("BitTorrent") && judged && !(sharing && row.label().contains("BitTorrent"))
        {
            board.bittorrent.note(row.label(), place.to_owned());
        }
        if self.left_out.has(capture, row, "label") {
            return;
        }
        match &*row.basis {
            "dpi" | "partial" => self.protocol(row, ours, place, board),
            "cache" => {
                board.cached.count(want, ours);
            }
            _ => {
                if let Some(ours) = ours {
                    board.unlabelled.note(format!("{ours}, {}", row.basis), place.to_owned());
                }
            }
        }
        if row.is_scoreable() && !self.left_out.has(capture, row, "host") {
            self.host(row, flow, place, board);
            self.application(row, flow, place, board);
        }
    }

    fn protocol(&self, row: &Row, ours: Option<&'static str>, place: &str, board: &mut Board) {
        let want = self.names.of(row);
        let verdict = board.total.count(want, ours);
        if let Some(ours) = ours {
            board.by_ours.entry(ours).or_default().count(want, Some(ours));
        }
        if !want.is_empty() {
            board.known.count(want, ours);
            board.by_label.entry(row.master.clone()).or_default().count(want, ours);
        }
        match (verdict, ours) {
            (Verdict::Wrong, Some(ours)) => {
                board.confusions.note(format!("{ours}, not {}", row.label()), place.to_owned());
            }
            (Verdict::Missed, _) if want.is_empty() => {
                board.not_ours.note(row.master.clone(), place.to_owned());
            }
            (Verdict::Missed, _) => board.misses.note(row.label(), place.to_owned()),
            _ => {}
        }
    }

    fn host(&self, row: &Row, flow: &Flow, place: &str, board: &mut Board) {
        let Some(want) = &row.host else { return };
        if !HOST_MASTERS.contains(&&*row.master) {
            return;
        }
        let ours = flow.detection.facts.as_ref().and_then(|facts| facts.host.as_deref());
        board.hosts.count(&[want], ours);
        let by_master = board.hosts_by_master.entry(row.master.clone()).or_default();
        match (by_master.count(&[want], ours), ours) {
            (Verdict::Wrong, Some(ours)) => {
                board.host_confusions.note(format!("{ours}, not {want}"), place.to_owned());
            }
            (Verdict::Missed, _) => board.host_misses.note(row.label(), place.to_owned()),
            _ => {}
        }
    }

    /// Scored where the label is an application that the catalogue has.
    fn application(&self, row: &Row, flow: &Flow, place: &str, board: &mut Board) {
        if row.app == row.master {
            return;
        }
        let plain = |name: &str| name.to_lowercase().replace(['-', '_', ' '], "");
        let spelled: Vec<&str> = match self.applications.get(&row.app) {
            Some(names) => names.to_vec(),
            None => {
                let all = self.catalogue.iter().map(|app| app.short_name());
                all.filter(|name| plain(name) == plain(&row.app)).collect()
            }
        };
        let known = |name: &&str| self.catalogue.iter().any(|app| app.short_name() == *name);
        if !spelled.iter().any(|name| known(&name)) {
            return;
        }
        let app = flow.detection.app.and_then(|id| self.catalogue.app(id));
        let ours = app.as_ref().map(nfa::app::App::short_name);
        if board.apps.count(&spelled, ours) != Verdict::Right {
            let ours = ours.unwrap_or("nothing");
            let host = flow.detection.facts.as_ref().and_then(|facts| facts.host.as_deref());
            let what = format!("{ours}, not {}: {}", row.app, host.unwrap_or_default());
            board.app_confusions.note(what, place.to_owned());
        }
    }
}

impl Board {
    fn print(&self, scorer: &Scorer) {
        println!("{} captures, {} flows, {} rows", self.captures, self.flows, self.rows);
        println!(
            "\n{:24} {:>6} {:>6} {:>6} {:>6} {:>9}",
            "label", "rows", "right", "wrong", "missed", "recall"
        );
        let mut labels: Vec<_> = self.by_label.iter().collect();
        labels.sort_by_key(|(label, tally)| (std::cmp::Reverse(tally.all()), *label));
        for (label, tally) in labels {
            let Tally { right, wrong, missed } = tally;
            let (all, recall) = (tally.all(), percent(tally.recall()));
            println!("{label:24} {all:6} {right:6} {wrong:6} {missed:6} {recall:>9}");
        }
        println!(
            "\n{:24} {:>6} {:>6} {:>6} {:>16}",
            "our name", "named", "right", "wrong", "precision"
        );
        let mut ours: Vec<_> = self.by_ours.iter().collect();
        ours.sort_by_key(|(name, tally)| (std::cmp::Reverse(tally.all()), **name));
        for (name, tally) in ours {
            let Tally { right, wrong, .. } = tally;
            let (all, precision) = (tally.all(), percent(tally.precision()));
            println!("{name:24} {all:6} {right:6} {wrong:6} {precision:>16}");
        }
        self.confusions.print("other protocol than the reference");
        self.misses.print("missed, though we have the protocol");
        self.not_ours.print("unknown, and no protocol of ours");
        self.unlabelled.print("named where the reference read nothing (not scored)");
        self.host_confusions.print("other host than the reference");
        self.host_misses.print("host missed");
        if !scorer.catalogue.is_empty() {
            self.app_confusions.print("other application than the reference");
        }
        self.not_found.print("rows without a flow of ours");
        self.bittorrent.print("BitTorrent where there is none");

        println!("\nprotocol: {}", line(self.total, self.total.precision(), "of what was named"));
        println!("known:    {}", line(self.known, self.known.recall(), "of the labels we have"));
        println!("coverage: {}", percent(self.coverage()));
        println!("cache:    {}", line(self.cached, self.cached.recall(), "(a bonus)"));
        println!("host:     {}", line(self.hosts, self.hosts.recall(), "of the names read"));
        for (master, tally) in &self.hosts_by_master {
            println!("  {master:7} {}", line(*tally, tally.recall(), ""));
        }
        if !scorer.catalogue.is_empty() {
            println!("app:      {}", line(self.apps, self.apps.recall(), "of those we have"));
        }
    }

    fn coverage(&self) -> u32 {
        share(self.total.right + self.total.wrong, self.total.all())
    }

    fn judge(self) {
        let mut wrong = self.problems;
        let mut least = |what: &str, reached: u32, bar: u32| {
            if reached < bar {
                wrong.push(format!("{what}: {} < {}", percent(reached), percent(bar)));
            }
        };
        least("protocol precision", self.total.precision(), PROTOCOL_PRECISION_MIN);
        least("protocol recall", self.known.recall(), PROTOCOL_RECALL_MIN);
        least(
            "coverage",
            share(self.total.right + self.total.wrong, self.total.all()),
            COVERAGE_MIN,
        );
        least("host agreement", self.hosts.recall(), HOST_AGREEMENT_MIN);
        if self.hosts.wrong > HOSTS_WRONG_MAX {
            wrong.push(format!("{} wrong hosts, not {HOSTS_WRONG_MAX}", self.hosts.wrong));
        }
        wrong.extend(self.bittorrent.lines().iter().map(|line| format!("BitTorrent: {line}")));
        wrong.extend(self.not_found.lines().iter().map(|line| format!("no flow: {line}")));
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

fn line(tally: Tally, share: u32, of: &str) -> String {
    let Tally { right, wrong, missed } = tally;
    let all = tally.all();
    format!("{all} rows, {right} right, {wrong} wrong, {missed} missed: {} {of}", percent(share))
}

/// A name that nobody says would never be compared.
#[test]
fn tables_use_names_that_dissectors_say() {
    let known: BTreeSet<&str> = protocols().map(|protocol| protocol.name).collect();
    let names = Names::new(include_str!("scoreboard/protocols.txt"));
    let strange: Vec<_> = names.ours().filter(|name| !known.contains(name)).collect();
    assert!(strange.is_empty(), "{strange:?}");
}
