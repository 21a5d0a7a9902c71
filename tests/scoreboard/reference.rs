//! What others say about the flows of the corpus (its README tells the columns), and how their
//! words translate.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use nfa::net::{Endpoint, Transport};
use nfa::policy::protocols;

/// One row of flows.csv.
#[derive(Debug)]
pub struct Row {
    pub transport: Transport,
    /// Without direction: the lower end first.
    pub ends: [Endpoint; 2],
    pub first_seen_ms: u64,
    pub master: String,
    pub app: String,
    pub basis: String,
    /// The names that both tools read, lower case: the newest in the flow and the first one.
    pub hosts: Vec<String>,
    /// Transport and ports as written, for people.
    pub place: String,
}

impl Row {
    /// Whether its label was read from payload.
    pub fn is_scoreable(&self) -> bool {
        matches!(&*self.basis, "dpi" | "partial")
    }

    /// Whether its label means something at all.
    pub fn is_read(&self) -> bool {
        self.is_scoreable() || matches!(&*self.basis, "cache" | "disputed")
    }

    /// Both labels, or the one there is.
    pub fn label(&self) -> String {
        if self.app == self.master {
            self.master.clone()
        } else {
            format!("{}/{}", self.master, self.app)
        }
    }
}

/// The rows of one flows.csv by capture.
pub fn rows(path: &Path) -> BTreeMap<String, Vec<Row>> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines().map(fields);
    let head = lines.next().unwrap();
    let mut rows: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for line in lines {
        let get = |column: &str| {
            let at = head.iter().position(|name| name == column);
            line.get(at.unwrap_or_else(|| panic!("{}: no column {column}", path.display())))
        };
        let text = |column| get(column).cloned().unwrap_or_default();
        let end =
            |addr, port| Endpoint { addr: address(&text(addr)), port: text(port).parse().unwrap() };
        let mut ends = [end("a_ip", "a_port"), end("b_ip", "b_port")];
        let place = format!("{} {} {}", text("l4"), ends[0].port, ends[1].port);
        ends.sort();
        let hosts = [text("hostname"), text("ts_host")].into_iter().filter_map(|name| host(&name));
        rows.entry(text("pcap")).or_default().push(Row {
            transport: transport(&text("l4")),
            ends,
            first_seen_ms: milliseconds(&text("first_seen")),
            master: text("master"),
            app: text("app"),
            basis: text("basis"),
            hosts: hosts.collect(),
            place,
        });
    }
    rows
}

/// The host alone. Where no name was asked for, the reference gives those of the certificate, with
/// commas between them and asterisks in them: that is no host.
fn host(name: &str) -> Option<String> {
    let name = match name.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => name,
        _ => name,
    };
    let name = name.trim_end_matches('.').to_lowercase();
    (!name.is_empty() && !name.contains([',', '*'])).then_some(name)
}

/// One zero among the groups is written `::` too, though `::` follows.
fn address(text: &str) -> IpAddr {
    let first = || text.replacen("::", ":0:", 1).parse();
    text.parse().or_else(|_| first()).unwrap_or_else(|_| panic!("no address: {text:?}"))
}

/// The fields of a line; quotes hold commas together.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            _ => fields.last_mut().unwrap().push(c),
        }
    }
    fields
}

fn milliseconds(seconds: &str) -> u64 {
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let thousandths: String = fraction.chars().chain("000".chars()).take(3).collect();
    whole.parse::<u64>().unwrap() * 1000 + thousandths.parse::<u64>().unwrap()
}

fn transport(name: &str) -> Transport {
    let number = match name {
        "tcp" => 6,
        "udp" => 17,
        "icmp" => 1,
        "igmp" => 2,
        "gre" => 47,
        "esp" => 50,
        "ah" => 51,
        "icmpv6" => 58,
        "ospf" => 89,
        "pim" => 103,
        "vrrp" => 112,
        other => other.parse().unwrap_or_else(|_| panic!("unknown transport {other:?}")),
    };
    Transport::from(number)
}

/// The lines of a table of this folder, cut at `|`; comments and empty lines are left out.
fn table<const N: usize>(text: &'static str) -> Vec<[&'static str; N]> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            cells.try_into().unwrap_or_else(|_| panic!("not {N} columns: {line:?}"))
        })
        .collect()
}

/// Labels to our names.
pub struct Names(BTreeMap<&'static str, Want>);

/// What a row may be called.
#[derive(Debug, Default, Clone)]
pub struct Want {
    /// Any of these.
    pub right: Vec<&'static str>,
    /// Whether saying nothing is a miss.
    pub expected: bool,
}

impl Names {
    pub fn new(text: &'static str) -> Self {
        let mut names = BTreeMap::new();
        for [label, ours, _why] in table::<3>(text) {
            let expected = !ours.starts_with('(');
            let ours = ours.trim_matches(['(', ')']).split(' ').filter(|name| !name.is_empty());
            let want = Want { right: ours.collect(), expected };
            assert!(!want.right.is_empty(), "{label}: no name");
            assert!(names.insert(label, want).is_none(), "{label}: twice");
        }
        Names(names)
    }

    /// What a row may be called; nothing if it is a protocol that we do not know. A label without
    /// an entry is our protocol of the same letters and digits.
    pub fn of(&self, row: &Row) -> Want {
        let entry = self.0.get(&*row.label()).or_else(|| self.0.get(&*row.master));
        entry.cloned().unwrap_or_else(|| {
            let same = protocols().find(|protocol| plain(protocol.name) == plain(&row.master));
            let right: Vec<_> = same.map(|protocol| protocol.name).into_iter().collect();
            Want { expected: !right.is_empty(), right }
        })
    }

    pub fn get(&self, label: &str) -> Option<Want> {
        self.0.get(label).cloned()
    }

    /// Every entry.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Want)> {
        self.0.iter().map(|(label, want)| (*label, want))
    }
}

/// Letters and digits alone, lower case.
pub fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase()
}

/// What of which row is not scored, and why: capture, place, label, host or app, reason.
pub type Entry = [&'static str; 4];

/// All that is not scored.
pub struct LeftOut(Vec<Entry>);

impl LeftOut {
    pub fn new(text: &'static str) -> Self {
        LeftOut(table(text))
    }

    pub fn has(&self, capture: &str, row: &Row, what: &str) -> bool {
        self.find(capture, row).is_some_and(|[_, _, part, _]| part == what)
    }

    /// The entry about a row.
    pub fn find(&self, capture: &str, row: &Row) -> Option<Entry> {
        self.0.iter().copied().find(|[name, place, ..]| *name == capture && *place == row.place)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.0.iter()
    }
}
