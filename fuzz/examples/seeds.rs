//! Makes seeds out of captures and the project's own samples: `seeds FOLDER [CAPTURES...]`.
//!
//! Each target gets a folder in `FOLDER`. A capture becomes an input of `engine` and `capture`, its
//! frames inputs of `wire`, its flows inputs of the dissectors that know them.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

use nfa::capture::CaptureFile;
use nfa::dissect::ALL;
use nfa::flow::{FlowKey, ends_of};
use nfa::net::{Direction, Endpoint, Transport};
use nfa::prefix::{Chunk, Gathered, Prefix};
use nfa::time::Timestamp;
use nfa::wire::{self, LinkType};

/// Largest capture that becomes one input, in bytes, and most packets of it.
const CAPTURE_MAX: usize = 32_000;
const PACKETS_MAX: usize = 200;
/// Most packets of a flow, and most inputs of one target.
const CHUNKS_MAX: usize = 6;
const SEEDS_MAX: usize = 2000;

struct Seeds {
    folder: PathBuf,
    counts: BTreeMap<String, usize>,
}

impl Seeds {
    fn add(&mut self, target: &str, bytes: &[u8]) {
        let count = self.counts.entry(target.to_owned()).or_default();
        if *count >= SEEDS_MAX {
            return;
        }
        *count += 1;
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let folder = self.folder.join(target);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{:016x}", hasher.finish())), bytes).unwrap();
    }

    /// A flow, for every dissector that knows it.
    fn flow(&mut self, transport: Transport, ends: [Endpoint; 2], chunks: &[(Direction, Vec<u8>)]) {
        let mut bytes = Vec::new();
        for port in ends.map(|end| end.port) {
            bytes.extend_from_slice(&port.to_be_bytes());
        }
        for (direction, chunk) in chunks {
            let chunk = &chunk[..chunk.len().min(0x3fff)];
            let head = u16::try_from(chunk.len()).unwrap();
            let reply = if *direction == Direction::Reply { 0x8000 } else { 0 };
            bytes.extend_from_slice(&(head | reply).to_be_bytes());
            bytes.extend_from_slice(chunk);
        }
        for (number, dissector) in ALL.iter().enumerate() {
            let Some(over) = dissector.over.iter().position(|t| *t == transport) else { continue };
            let ask = |prefix: &Prefix<'_>| dissector.dissect(prefix).is_ok();
            let known = chunks.first().is_some_and(|(direction, first)| {
                let at = Timestamp::ZERO;
                let chunk = [Chunk { direction: *direction, at, start: 0, len: first.len() }];
                let sent: [&[u8]; 2] = match direction {
                    Direction::Original => [first, &[]],
                    Direction::Reply => [&[], first],
                };
                ask(&Prefix::new(transport, ends, sent, &chunk))
            });
            let mut gathered = Gathered::default();
            let mut sequence = [0_u32; 2];
            if transport == Transport::Tcp {
                gathered.open(Direction::Original, u32::MAX);
                gathered.open(Direction::Reply, u32::MAX);
            }
            for (direction, chunk) in chunks {
                let sequence = &mut sequence[direction.index()];
                if transport == Transport::Tcp {
                    gathered.segment(*direction, Timestamp::ZERO, *sequence, chunk);
                } else {
                    gathered.datagram(*direction, Timestamp::ZERO, chunk);
                }
                *sequence += u32::try_from(chunk.len()).unwrap();
            }
            if !known && !ask(&gathered.view(transport, ends)) {
                continue;
            }
            let group = if ends[1].addr.is_multicast() { 0x40 } else { 0 };
            let version = if ends[1].addr.is_ipv6() { 0x20 } else { 0 };
            let flags = u8::try_from(over).unwrap() | 0x10 | version | group;
            let body = [&[flags], &bytes[..]].concat();
            self.add("dissector", &[&[u8::try_from(number).unwrap()], &body[..]].concat());
            if ["tls", "quic", "dns", "http", "bittorrent"].contains(&dissector.name) {
                self.add(dissector.name, &body);
            }
            if dissector.name == "bittorrent-encrypted" {
                self.add("bittorrent", &body); // one target asks both
            }
        }
    }

    fn capture(&mut self, path: &Path) {
        let Ok(mut file) = CaptureFile::open(path) else { return };
        let links = [1, 113, 276, 101, 0, 9, 51, 105, 127, 192, 239];
        let link = links.into_iter().position(|number| LinkType::from(number) == file.link());
        let Some(link) = link else { return };
        let mut pcap = 0xa1b2_c3d4_u32.to_le_bytes().to_vec();
        pcap.extend_from_slice(&[2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0]);
        pcap.extend_from_slice(&i32::to_le_bytes(links[link]));
        let mut flows: HashMap<FlowKey, (Transport, [Endpoint; 2], Vec<_>)> = HashMap::new();
        let mut order = Vec::new();
        for number in 0..PACKETS_MAX {
            let Ok(Some(frame)) = file.next_frame() else { break };
            let micros = frame.at.as_micros();
            if pcap.len() + 16 + frame.bytes.len() <= CAPTURE_MAX {
                let len = u32::try_from(frame.bytes.len()).unwrap();
                for word in [(micros / 1_000_000) as u32, (micros % 1_000_000) as u32, len, len] {
                    pcap.extend_from_slice(&word.to_le_bytes());
                }
                pcap.extend_from_slice(frame.bytes);
            }
            if number < 3 {
                self.add("wire", &[&[u8::try_from(link).unwrap()], frame.bytes].concat());
            }
            let Ok(packet) = wire::decode(frame.link, frame.bytes) else { continue };
            let (source, destination) = ends_of(&packet);
            let (key, _) = FlowKey::new(packet.transport, source, destination);
            if packet.payload.is_empty() {
                continue;
            }
            let (_, ends, chunks) = flows.entry(key).or_insert_with(|| {
                order.push(key);
                (packet.transport, [source, destination], Vec::new())
            });
            let direction = if ends[0] == source { Direction::Original } else { Direction::Reply };
            if chunks.len() < CHUNKS_MAX {
                chunks.push((direction, packet.payload.to_vec()));
            }
        }
        self.add("engine", &pcap);
        self.add("twins", &pcap);
        if let Some(bytes) = fs::read(path).ok().filter(|bytes| bytes.len() <= CAPTURE_MAX) {
            self.add("capture", &bytes);
        }
        for (transport, ends, chunks) in order.iter().filter_map(|key| flows.get(key)) {
            self.flow(*transport, *ends, chunks);
        }
    }

    /// One payload, as a flow of every kind to every port that somebody may ask for.
    fn sample(&mut self, bytes: &[u8]) {
        let addr = std::net::IpAddr::from([192, 0, 2, 1]);
        let ends = [50_000, 443].map(|port| Endpoint { addr, port });
        for transport in [Transport::Tcp, Transport::Udp] {
            for direction in [Direction::Original, Direction::Reply] {
                self.flow(transport, ends, &[(direction, bytes.to_vec())]);
            }
        }
    }
}

/// Bytes from the text of `tests/netlink`: see its files.
fn netlink(line: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for token in line.split_whitespace() {
        if let Some(number) = token.strip_suffix('h') {
            bytes.extend(u16::from_str_radix(number, 16).unwrap().to_ne_bytes());
        } else if let Some(number) = token.strip_suffix('w') {
            bytes.extend(u32::from_str_radix(number, 16).unwrap().to_ne_bytes());
        } else {
            let pairs = token.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
            bytes.extend(pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()));
        }
    }
    bytes
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
    found.sort();
}

fn under(root: &Path, folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(&root.join(folder), &mut found);
    found.retain(|path| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(ending)));
    found
}

fn main() {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let folder = arguments.next().expect("usage: seeds FOLDER [CAPTURES...]");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut seeds = Seeds { folder, counts: BTreeMap::new() };
    for path in under(&root, "tests/pcap", "pcap") {
        seeds.capture(&path);
    }
    for path in under(&root, "tests/samples", "bin") {
        seeds.sample(&fs::read(path).unwrap());
    }
    for name in ["ipset", "nftables", "conntrack"] {
        let text = fs::read_to_string(root.join(format!("tests/netlink/{name}.txt"))).unwrap();
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            seeds.add("netlink_reply", &netlink(line));
        }
    }
    for path in ["tests/check", "tests/config", "docs/examples"]
        .iter()
        .flat_map(|folder| under(&root, folder, "json"))
    {
        seeds.add("config", &fs::read(path).unwrap());
    }
    let table = fs::read_to_string(root.join("tests/criteria/acceptance.json")).unwrap();
    let table: serde_json::Value = serde_json::from_str(&table).unwrap();
    for case in table["cases"].as_array().into_iter().flatten() {
        for (head, text) in [(2_u8, &case["criteria"]), (1, &case["exemption"])] {
            if let Some(text) = text.as_str() {
                seeds.add("criteria", &[&[head], text.as_bytes()].concat());
            }
        }
    }
    let wrong = fs::read_to_string(root.join("tests/criteria/diagnostics.txt")).unwrap();
    for text in wrong.lines().filter_map(|line| line.strip_prefix("> ")) {
        seeds.add("criteria", &[b"\x02", text.as_bytes()].concat());
    }
    for request in [
        r#"{"method":"status"}"#,
        r#"{"method":"flows","limit":1,"sort":"bytes","client":"10.0.0.1","text":"a"}"#,
        r#"{"method":"flows","cursor":"9:0.0","criteria":"protocol == 'sip';"}"#,
        r#"{"method":"sets","set":"nfa.sip","limit":2}"#,
        r#"{"method":"search","what":"203.0.113.9"}"#,
        r#"{"method":"why","flow":"udp 10.0.0.1:5060 203.0.113.1:5060"}"#,
        r#"{"method":"top","by":"client"}"#,
        r#"{"method":"history"}"#,
        r#"{"method":"matches","limit":1,"rule":"calls","client":"10.0.0.1"}"#,
        r#"{"method":"catalogue","kind":"protocol","text":"s","limit":9,"cursor":3}"#,
        r#"{"method":"criteria","text":"app == 'netify.youtube';"}"#,
    ] {
        seeds.add("control", request.as_bytes());
    }
    for path in under(&root, "tests/apps", "json") {
        seeds.add("catalogue", &[b"\x01", &fs::read(path).unwrap()[..]].concat());
    }
    seeds.add(
        "catalogue",
        b"\x01{\"a-b\": {\"id\": 7, \"name\": \"A\", \"domains\": [\"a.example\", \"b.example\"], \
          \"networks\": [\"192.0.2.0/24\", \"2001:db8::/32\"], \"protocols\": [\"QUIC\"]}}",
    );
    seeds.add(
        "catalogue",
        b"\x00app:1:netify.video\ndom:1:video.example\nnet:1:192.0.2.0/24\nnet:1:2001:db8::/32\n",
    );
    for path in under(&root, "tests/uci", "uci") {
        seeds.add("uci", &fs::read(path).unwrap());
    }
    seeds.add("uci", &fs::read(root.join("files/etc/config/nfa")).unwrap());
    for path in under(&root, "tests/lists", "conf") {
        let text = fs::read(path).unwrap();
        for kind in [0_u8, 1] {
            seeds.add("lists", &[&[kind], &text[..]].concat());
        }
    }
    for text in ["CET-1CEST,M3.5.0,M10.5.0/3", "<+0330>-3:30", "EST5EDT,J60/-1:30,300/25", "UTC0"] {
        seeds.add("zone", &[b"\0", text.as_bytes()].concat());
    }
    for path in ["Europe/Rome", "America/New_York", "Asia/Kolkata", "UTC"] {
        if let Ok(bytes) = fs::read(Path::new("/usr/share/zoneinfo").join(path)) {
            seeds.add("zone", &[b"\x01", &bytes[..]].concat());
        }
    }
    for folder in arguments {
        let mut found = Vec::new();
        files(&folder, &mut found);
        found.iter().for_each(|path| seeds.capture(path));
    }
    for (target, count) in &seeds.counts {
        println!("{target}: {count}");
    }
}
