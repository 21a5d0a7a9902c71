//! What others say about the flows of the corpus (its README tells the columns), and how their
//! words translate.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use nfa::net::{Endpoint, Transport};

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
    /// The name that one of both tools read, lower case.
    pub host: Option<String>,
    /// Transport and ports as written, for people.
    pub place: String,
}

impl Row {
    /// Whether its label was read from payload.
    pub fn is_scoreable(&self) -> bool {
        matches!(&*self.basis, "dpi" | "partial")
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
        let end = |addr, port| Endpoint {
            addr: address(&text(addr)),
            port: text(port).parse().unwrap(),
        };
        let mut ends = [end("a_ip", "a_port"), end("b_ip", "b_port")];
        let place = format!("{} {} {}", text("l4"), ends[0].port, ends[1].port);
        ends.sort();
        let host = [text("hostname"), text("ts_host")].into_iter().find(|name| !name.is_empty());
        rows.entry(text("pcap")).or_default().push(Row {
            transport: transport(&text("l4")),
            ends,
            first_seen_ms: milliseconds(&text("first_seen")),
            master: text("master"),
            app: text("app"),
            basis: text("basis"),
            host: host.map(|name| name.trim_end_matches('.').to_lowercase()),
            place,
        });
    }
    rows
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
pub fn table<const N: usize>(text: &str) -> Vec<[&str; N]> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            cells.try_into().unwrap_or_else(|_| panic!("not {N} columns: {line:?}"))
        })
        .collect()
}

/// Labels to our names.
pub struct Names(BTreeMap<&'static str, Vec<&'static str>>);

impl Names {
    pub fn new(text: &'static str) -> Self {
        let mut names = BTreeMap::new();
        for [label, ours, _why] in table::<3>(text) {
            let ours: Vec<_> = ours.split(' ').filter(|name| !name.is_empty()).collect();
            assert!(!ours.is_empty(), "{label}: no name");
            assert!(names.insert(label, ours).is_none(), "{label}: twice");
        }
        Names(names)
    }

    /// What a row may be called; empty if it is a protocol that we do not know.
    pub fn of(&self, row: &Row) -> &[&'static str] {
        let found = self.0.get(&*row.label()).or_else(|| self.0.get(&*row.master));
        found.map(Vec::as_slice).unwrap_or_default()
    }

    pub fn get(&self, label: &str) -> Option<&[&'static str]> {
        self.0.get(label).map(Vec::as_slice)
    }

    /// Every name of ours that the table uses.
    pub fn ours(&self) -> impl Iterator<Item = &'static str> {
        self.0.values().flatten().copied()
    }
}

/// What of which rows is not scored, and why.
pub struct LeftOut(Vec<[&'static str; 4]>);

impl LeftOut {
    pub fn new(text: &'static str) -> Self {
        LeftOut(table(text))
    }

    pub fn has(&self, capture: &str, row: &Row, what: &str) -> bool {
        self.0.iter().any(|[name, place, part, _why]| {
            *name == capture && *place == row.place && *part == what
        })
    }
}
