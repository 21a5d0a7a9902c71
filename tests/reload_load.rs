//! Reload under load: the daemon itself, 2,000 live flows that go on sending, and a hundred reloads that
//! alternate two configurations. What both want must never be missing from the kernel's sets, what
//! the present one does not want must be gone, and memory must not grow. Needs root.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(unsafe_code)] // in tests/netlink/mod.rs: unshare(2), capset(2)
#![allow(dead_code)] // the shared module serves several tests

mod daemon;
mod netlink;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use daemon::{Daemon, PING, SETTLE, make_link, scratch};
use netlink::{namespace, run};
use nfa::netlink::{Client, ipset, nftables};

const FLOWS: u16 = 2000;
const RELOADS: usize = 100;
/// Memory is compared with that after so many reloads: until the fortieth it grows by some 300 KiB, and in the
/// next 260 not at all.
const WARM_UP: usize = 50;
/// More than that is growth, in KiB: 2 bytes a flow and reload.
const GROWTH_MAX_KIB: u64 = 200;
/// What is freed goes back to the kernel at once. By default glibc keeps up to 350 KiB more from one run to the
/// next, which hides what is looked for.
const THRIFTY: (&str, &str) = (
    "GLIBC_TUNABLES",
    "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0:glibc.malloc.arena_max=1:\
     glibc.malloc.mmap_threshold=8192:glibc.malloc.trim_threshold=0",
);
/// What the daemon's look, once a second, may be late by then.
const BUSY: Duration = Duration::from_secs(1);

const INVITE: &[u8] = b"INVITE sip:bob@example.net SIP/2.0\r\nVia: SIP/2.0/UDP x\r\n\r\n";

const LOCAL: [&str; 2] = ["192.168.1.2", "fd00::2"];

/// One of the flows.
#[derive(Debug, Clone, Copy)]
struct Tuple {
    other: SocketAddr,
    torrent: bool,
}

impl Tuple {
    /// Every fifth is IPv6, every second BitTorrent; 250 ports of 8 hosts.
    fn of(number: u16) -> Self {
        let host = number / 250 + 1;
        let addr: IpAddr = if number.is_multiple_of(5) {
            format!("2001:db8:1::{host}").parse().unwrap()
        } else {
            format!("203.0.113.{host}").parse().unwrap()
        };
        Tuple {
            other: SocketAddr::new(addr, 6000 + number % 250),
            torrent: number.is_multiple_of(2),
        }
    }

    fn local(self) -> &'static str {
        LOCAL[usize::from(self.other.is_ipv6())]
    }

    /// As a member of a set of that type; none of a set of the other family.
    fn member(self, kind: &str, v6: bool) -> Option<String> {
        let (addr, port, local) = (self.other.ip(), self.other.port(), self.local());
        (self.other.is_ipv6() == v6).then(|| match kind {
            "nft" => format!("{local} . udp . {port} . {addr}"),
            "nft port" => format!("{addr} . {port}"),
            "ip,port,ip" => format!("{addr},udp:{port},{local}"),
            "ip" => addr.to_string(),
            _ => panic!("{kind}"),
        })
    }
}

const CLASSIC: &str = r#""type": ["local_addr", "ip_proto", "other_port", "other_addr"]"#;

/// A set: where, its type, and which flows it holds under the one configuration and the other;
/// none: that one does not know it.
struct Watched {
    name: &'static str,
    kind: &'static str,
    wants: [Option<Wants>; 2],
}

type Wants = fn(Tuple) -> bool;

fn torrent(tuple: Tuple) -> bool {
    tuple.torrent
}

fn high(tuple: Tuple) -> bool {
    tuple.other.port() >= 6125
}

const SETS: &[Watched] = &[
    Watched { name: "inet nfa kept", kind: "nft", wants: [Some(|_| true), Some(|_| true)] },
    Watched { name: "kept", kind: "ip,port,ip", wants: [Some(|_| true), Some(|_| true)] },
    Watched {
        name: "inet nfa varied",
        kind: "nft",
        wants: [Some(|tuple| torrent(tuple) || high(tuple)), Some(|t| !torrent(t) || high(t))],
    },
    Watched {
        name: "varied",
        kind: "ip,port,ip",
        wants: [Some(|tuple| torrent(tuple) || high(tuple)), Some(|t| !torrent(t) || high(t))],
    },
    Watched { name: "inet nfa first", kind: "nft", wants: [Some(torrent), None] },
    Watched { name: "second", kind: "ip", wants: [None, Some(|tuple| !torrent(tuple))] },
    // Nobody names these: they are filled because of their names.
    Watched {
        name: "inet theirs nfa.bittorrent",
        kind: "nft port",
        wants: [Some(torrent), Some(torrent)],
    },
    Watched { name: "nfa.sip", kind: "ip", wants: [Some(|t| !torrent(t)), Some(|t| !torrent(t))] },
    Watched { name: "nfa.high", kind: "ip,port,ip", wants: [Some(high), Some(|_| false)] },
];

/// The two configurations. What they share has other names in them and another order.
fn configurations() -> [String; 2] {
    let shared = |of: &str| {
        format!(
            r#""{of}n": {{"target_type": "nftset", "set_name": "kept", "managed": true, "ttl": 600, {CLASSIC}}},
            "{of}i": {{"target_type": "ipset", "set_name": "kept", "managed": true, "ttl": 600,
                       "type": "hash:ip,port,ip"}},
            "{of}vn": {{"target_type": "nftset", "set_name": "varied", "managed": true, {CLASSIC}}},
            "{of}vi": {{"target_type": "ipset", "set_name": "varied", "managed": true,
                        "type": "hash:ip,port,ip"}}"#
        )
    };
    let common = r#""target_globals": {"adopt": true}, "interfaces": {"lan1": {}}"#;
    let first = format!(
        r#"{{{common}, "targets": {{ {},
            "first": {{"target_type": "nftset", "set_name": "first", "managed": true, {CLASSIC}}}}},
        "actions": {{
            "all": {{"criteria": "protocol == 'bittorrent' || protocol == 'sip';", "targets": ["an", "ai"]}},
            "torrent": {{"criteria": "protocol == 'bittorrent';", "targets": ["avn", "avi", "first"]}},
            "high": {{"criteria": "other_port >= 6125;", "targets": ["avn", "avi"]}}}}}}"#,
        shared("a")
    );
    let second = format!(
        r#"{{{common}, "targets": {{
            "second": {{"target_type": "ipset", "set_name": "second", "managed": true, "linger": 60}},
            {}}},
        "actions": {{
            "low": {{"criteria": "other_port >= 6125;", "targets": ["bvi", "bvn"]}},
            "voice": {{"criteria": "category == 'voip';", "targets": ["bvn", "second", "bi", "bvi", "bn"]}},
            "peers": {{"criteria": "protocol == 'bittorrent';", "targets": ["bi", "bn"]}}}}}}"#,
        shared("b")
    );
    [first, second]
}

type Sets = BTreeMap<String, BTreeSet<String>>;

/// What ought to be in the sets; `only_both`: at any time.
fn expected(tuples: &[Tuple], now: usize, only_both: bool) -> Sets {
    let mut sets = Sets::new();
    for Watched { name, kind, wants } in SETS {
        for (family, v6) in [("v4", false), ("v6", true)] {
            let of = |number: usize| -> Option<BTreeSet<String>> {
                let wants = wants[number]?;
                let found = tuples.iter().filter(|tuple| wants(**tuple));
                Some(found.filter_map(|tuple| tuple.member(kind, v6)).collect())
            };
            let members = match (of(now), of(1 - now)) {
                (Some(here), Some(there)) if only_both => {
                    here.intersection(&there).cloned().collect()
                }
                (Some(here), _) if !only_both => here,
                _ => continue,
            };
            sets.insert(format!("{name}.{family}"), members);
        }
    }
    sets
}

/// A set of nftables; none: one of ipset.
fn nft_name(name: &str) -> Option<nftables::SetName> {
    let words: Vec<&str> = name.split(' ').collect();
    let [family, table, set] = words[..] else { return None };
    let family = nftables::TableFamily::from_name(family).unwrap();
    let table = nftables::Table { family, name: table.to_owned() };
    Some(nftables::SetName { table, name: set.to_owned() })
}

/// The members of one set as they are now; none if it is not there.
fn members(client: &mut Client, name: &str) -> Option<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    if let Some(set) = nft_name(name) {
        let info = nftables::set(client, &set).ok()?;
        nftables::elements(client, &info, |element| {
            found.insert(element.key.to_string());
        })
        .ok()?;
    } else {
        ipset::dump(client, name, |member| {
            found.insert(member.entry.to_string());
        })
        .ok()?;
    }
    Some(found)
}

/// The keys of members of nft sets, as events name them.
type Keys = BTreeMap<String, BTreeSet<Vec<u8>>>;

/// Those of the members of `sets`, which must be there.
fn keys(client: &mut Client, sets: &Sets) -> Keys {
    let mut keys = Keys::new();
    for (name, wanted) in sets {
        let Some(set) = nft_name(name) else { continue };
        let of_set = keys.entry(name.clone()).or_default();
        let info = nftables::set(client, &set).unwrap();
        let take = |element: nftables::Element| {
            if wanted.contains(&element.key.to_string()) {
                of_set.insert(element.key.as_bytes().to_vec());
            }
        };
        nftables::elements(client, &info, take).unwrap();
        assert_eq!(of_set.len(), wanted.len(), "{name}");
    }
    keys
}

/// What has been taken out of nft sets although both want it, in words: by the kernel's events,
/// since a set that is listed while others in it go may seem to lack what stays.
/// `deletions` counts all that the kernel tells.
fn losses(events: &mut Client, keys: &Keys, deletions: &mut usize) -> Vec<String> {
    let mut lines = Vec::new();
    let result = nftables::events(events, 0, |event| match event {
        nftables::Event::ElementsDeleted(set, gone) => {
            *deletions += gone.len();
            let known = keys.get(&set.to_string());
            let lost = gone.iter().filter(|key| known.is_some_and(|k| k.contains(key.as_bytes())));
            lines.extend(lost.map(|key| format!("{set}: {key} was taken out")));
        }
        nftables::Event::SetDeleted(set) if keys.contains_key(&set.to_string()) => {
            lines.push(format!("{set} was destroyed"));
        }
        nftables::Event::TableDeleted(table) => lines.push(format!("{table} was deleted")),
        _ => {}
    });
    lines.extend(result.err().map(|error| error.to_string()));
    lines
}

/// Where sets differ from what is expected, in words; nothing: nowhere.
fn differences(client: &mut Client, expected: &Sets, exactly: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, wanted) in expected {
        let Some(found) = members(client, name) else {
            lines.push(format!("{name} is not there"));
            continue;
        };
        let missing: Vec<&String> = wanted.difference(&found).collect();
        if let Some(first) = missing.first() {
            lines.push(format!("{name} lacks {} such as {first}", missing.len()));
        }
        let more: Vec<&String> = found.difference(wanted).collect();
        if let Some(first) = more.first().filter(|_| exactly) {
            lines.push(format!("{name} has {} too many such as {first}", more.len()));
        }
    }
    lines
}

/// The same for IPv6.
fn make_link_v6() {
    for line in [
        "ip -6 addr add fd00::2/64 dev lan0 nodad",
        "ip neigh add fd00::1 lladdr 02:00:00:00:00:01 dev lan0",
        "ip route add 2001:db8:1::/64 via fd00::1",
    ] {
        run(line);
    }
}

/// Sets of others, one of each family.
fn make_their_sets() {
    run("nft add table inet theirs");
    for (family, addr) in [("v4", "ipv4_addr"), ("v6", "ipv6_addr")] {
        let set = format!("nfa.bittorrent.{family}");
        run(&format!("nft add set inet theirs {set} {{ type {addr} . inet_service ; }}"));
        let family_name = if family == "v4" { "inet" } else { "inet6" };
        run(&format!("ipset create nfa.sip.{family} hash:ip family {family_name}"));
        run(&format!("ipset create nfa.high.{family} hash:ip,port,ip family {family_name}"));
    }
}

/// All flows send in turn, one after the other, until this is dropped.
struct Traffic {
    stop: Arc<AtomicBool>,
    sender: Option<JoinHandle<()>>,
}

impl Traffic {
    /// About 10,000 packets a second, five of each flow.
    fn start(tuples: Vec<Tuple>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let sockets = LOCAL.map(|addr| UdpSocket::bind((addr, 40000)).unwrap());
        let sender = thread::spawn(move || {
            for few in tuples.chunks(10).cycle().take_while(|_| !stopped.load(Ordering::Relaxed)) {
                for tuple in few {
                    let payload = if tuple.torrent { PING } else { INVITE };
                    let socket = &sockets[usize::from(tuple.other.is_ipv6())];
                    socket.send_to(payload, tuple.other).unwrap();
                }
                thread::sleep(Duration::from_millis(1));
            }
        });
        Traffic { stop, sender: Some(sender) }
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        drop(self.sender.take().map(JoinHandle::join));
    }
}

/// The daemon, and what it listens to.
struct World {
    daemon: Daemon,
    traffic: Traffic,
    tuples: Vec<Tuple>,
    client: Client,
}

impl World {
    fn new(name: &str) -> Self {
        make_link();
        make_link_v6();
        make_their_sets();
        let folder = scratch(name);
        fs::write(folder.join("nfa.json"), &configurations()[0]).unwrap();
        let tuples: Vec<Tuple> = (0..FLOWS).map(Tuple::of).collect();
        World {
            daemon: Daemon::start_with(folder, &[], &[THRIFTY]),
            traffic: Traffic::start(tuples.clone()),
            tuples,
            client: Client::open().unwrap(),
        }
    }

    /// Waits until the sets are as expected, and says how long that took.
    fn settle(&mut self, wanted: &Sets) -> Duration {
        let start = Instant::now();
        loop {
            let wrong = differences(&mut self.client, wanted, true);
            if wrong.is_empty() {
                return start.elapsed();
            }
            assert!(start.elapsed() < SETTLE, "{wrong:#?}\n{}", self.daemon.log());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn reloads_lose_nothing_and_leave_nothing() {
    let Some(()) = namespace() else { return };
    let mut world = World::new("reload");
    let configurations = configurations();
    let wanted = [0, 1].map(|now| expected(&world.tuples, now, false));
    println!("{FLOWS} flows are in their sets after {:?}", world.settle(&wanted[0]));

    // What both want, looked at all the time by somebody else.
    let mut both = expected(&world.tuples, 0, true);
    println!("{} of {} members are wanted by both", total(&both), total(&wanted[0]));
    let keys = keys(&mut world.client, &both);
    both.retain(|name, _| nft_name(name).is_none());
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let sampler = thread::spawn(move || {
        let (mut client, mut events) = (Client::open().unwrap(), Client::open().unwrap());
        nftables::subscribe(&mut events).unwrap();
        let (mut samples, mut deletions, mut found) = (0_u32, 0, BTreeSet::new());
        while !stopped.load(Ordering::Relaxed) {
            found.extend(losses(&mut events, &keys, &mut deletions));
            found.extend(differences(&mut client, &both, false));
            samples += 1;
        }
        (samples, deletions, found)
    });
    let (mut resident, mut slowest, mut sum) = (Vec::new(), Duration::ZERO, Duration::ZERO);
    for reload in 1..=RELOADS {
        let now = reload % 2;
        fs::write(world.daemon.folder.join("nfa.json"), &configurations[now]).unwrap();
        world.daemon.signal("HUP");
        let settled = world.settle(&wanted[now]);
        (slowest, sum) = (slowest.max(settled), sum + settled);
        resident.push(world.daemon.resident());
    }
    stop.store(true, Ordering::Relaxed);
    let (samples, deletions, lost) = sampler.join().unwrap();
    // What goes on growing is there at all times, what the allocator keeps for a while is not.
    let before = resident[WARM_UP - 1];
    let after = *resident[RELOADS - 10..].iter().min().unwrap();
    println!("resident KiB: {resident:?}");
    println!(
        "{RELOADS} reloads settled after {:?}, the slowest after {slowest:?}; {samples} looks at \
         ipsets and {deletions} deletions of nft elements told, of what both want: {}; resident \
         {before} KiB after {WARM_UP} reloads, {after} KiB in the last ten",
        sum / u32::try_from(RELOADS).unwrap(),
        lost.len()
    );
    world.daemon.signal("USR1");
    thread::sleep(Duration::from_millis(300));
    println!("{}", world.daemon.log().lines().last().unwrap_or_default());
    assert!(lost.is_empty(), "{lost:#?}\n{}", world.daemon.log());
    assert!(samples >= 50 && deletions >= 1000, "{samples} {deletions}");
    assert!(after <= before + GROWTH_MAX_KIB, "{resident:?}");
    let ipsets = run("ipset list -n");
    assert!(!ipsets.lines().any(|name| name.starts_with("second.")), "{ipsets}");
    assert!(!run("nft list sets inet").contains("set second"));
}

/// What others do to sets that nobody names, and how soon they are full again.
#[test]
fn sets_are_full_within_a_second_of_being_made() {
    let Some(()) = namespace() else { return };
    let mut world = World::new("adopt");
    world.settle(&expected(&world.tuples, 0, false));
    let tuples = world.tuples.clone();
    let mut full = |commands: &[&str], name: &str, kind: &str, wants: Wants| {
        commands.iter().for_each(|command| drop(run(command)));
        let of = tuples.iter().filter(|tuple| wants(**tuple));
        let members = of.filter_map(|tuple| tuple.member(kind, false)).collect();
        let took = world.settle(&Sets::from([(name.to_owned(), members)]));
        println!("full {took:?} after {}", commands.join("; "));
        assert!(took < Duration::from_secs(1) + BUSY, "{commands:?}: {took:?}");
    };
    let make = "ipset create nfa.voip.v4 hash:ip,port,ip";
    for before in ["true", "ipset destroy nfa.voip.v4", "ipset flush nfa.voip.v4"] {
        let made = if before.contains("flush") { "true" } else { make };
        full(&[before, made], "nfa.voip.v4", "ip,port,ip", |tuple| !tuple.torrent);
    }
    let table = "nft add table ip late";
    let set = "nft add set ip late nfa.file-sharing.v4 { type ipv4_addr . inet_service ; }";
    for before in ["true", "nft flush ruleset", "nft delete table ip late"] {
        full(&[before, table, set], "ip late nfa.file-sharing.v4", "nft port", torrent);
    }
    let flush = "nft flush set ip late nfa.file-sharing.v4";
    full(&[flush], "ip late nfa.file-sharing.v4", "nft port", torrent);
    // A name that nobody knows is told once, however often the set comes and goes.
    for _ in 0..2 {
        run("ipset create nfa.nobody.v4 hash:ip");
        thread::sleep(Duration::from_secs(1) + BUSY / 2);
        run("ipset destroy nfa.nobody.v4");
        thread::sleep(Duration::from_secs(1) + BUSY / 2);
    }
    let log = world.daemon.log();
    assert_eq!(log.lines().filter(|line| line.contains("nfa.nobody.v4")).count(), 1, "{log}");
    assert!(!log.contains("error"), "{log}");
}

fn total(sets: &Sets) -> usize {
    sets.values().map(BTreeSet::len).sum()
}
