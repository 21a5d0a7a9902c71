//! Connection tracking against the kernel at hand, with `conntrack` and `nft` as judges. Needs root.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(unsafe_code)] // in tests/netlink/mod.rs: unshare(2), capset(2)

mod netlink;

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use netlink::{drop_rights, namespace, run};
use nfa::net::{Direction, Endpoint, Transport};
use nfa::netlink::conntrack::{self, Change, Connection, Detail, Event, Labels, Tuple};
use nfa::netlink::{Batch, Client};

/// `nft` with one command, which may have any characters.
fn nft(command: &str) -> String {
    let output = Command::new("nft").arg(command).output().expect("nft");
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Makes the kernel track connections here, and keep labels for them.
fn track(rule: &str) {
    nft("add table inet t");
    nft("add chain inet t c { type filter hook output priority 0; }");
    nft(&format!("add rule inet t c {rule}"));
}

fn tcp(number: u32) -> Tuple {
    let end = |host: u32, port: u32| Endpoint {
        addr: IpAddr::V4(Ipv4Addr::from(0x0a00_0000 | host)),
        port: u16::try_from(port).unwrap(),
    };
    Tuple::ports(Transport::Tcp, end(1, 1000 + number), end(2, 80))
}

fn insert_tcp(number: u32, mark: &str) {
    let port = 1000 + number;
    run(&format!(
        "conntrack -I -p tcp -s 10.0.0.1 -d 10.0.0.2 --sport {port} --dport 80 --state ESTABLISHED -t 600 -m {mark}"
    ));
}

fn one(client: &mut Client, fill: impl FnOnce(&mut Batch)) -> Vec<String> {
    let mut batch = Batch::new();
    fill(&mut batch);
    client.commit(&mut batch).iter().map(|failure| failure.error.to_string()).collect()
}

fn marked(mark: u32, mask: u32) -> Change {
    Change { mark: Some((mark, mask)), labels: None }
}

fn labelled(bits: &[u8], mask: &[u8]) -> Change {
    Change { mark: None, labels: Some((Labels::of(bits), Labels::of(mask))) }
}

#[test]
fn connections_of_every_kind_are_found_marked_and_deleted() {
    let Some(()) = namespace() else { return };
    let mut client = Client::open().unwrap();
    assert_eq!(conntrack::count(&mut client).unwrap(), 0);
    let v4 = |text: &str| text.parse::<IpAddr>().unwrap();
    let icmp = Detail::Icmp { id: 77, kind: 8, code: 0 };
    let icmpv6 = Detail::Icmp { id: 77, kind: 128, code: 0 };
    let cases = [
        (
            "tcp -s 10.0.0.1 -d 10.0.0.2 --sport 1 --dport 80 --state ESTABLISHED",
            Transport::Tcp,
            "10.0.0.1",
            "10.0.0.2",
            Detail::Ports(1, 80),
        ),
        (
            "udp -s 10.0.0.1 -d 10.0.0.2 --sport 1 --dport 53",
            Transport::Udp,
            "10.0.0.1",
            "10.0.0.2",
            Detail::Ports(1, 53),
        ),
        (
            "udp -s 2001:db8::1 -d 2001:db8::2 --sport 1 --dport 53",
            Transport::Udp,
            "2001:db8::1",
            "2001:db8::2",
            Detail::Ports(1, 53),
        ),
        (
            "icmp -s 10.0.0.1 -d 10.0.0.2 --icmp-type 8 --icmp-code 0 --icmp-id 77",
            Transport::ICMP,
            "10.0.0.1",
            "10.0.0.2",
            icmp,
        ),
        (
            "icmpv6 -s 2001:db8::1 -d 2001:db8::2 --icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 77",
            Transport::ICMPV6,
            "2001:db8::1",
            "2001:db8::2",
            icmpv6,
        ),
        ("99 -s 10.0.0.1 -d 10.0.0.2", Transport::Other(99), "10.0.0.1", "10.0.0.2", Detail::None),
    ];
    for (options, transport, source, destination, detail) in cases {
        run(&format!("conntrack -I -p {options} -t 60 -m 0x80000005"));
        let tuple = Tuple { transport, source: v4(source), destination: v4(destination), detail };
        let found = conntrack::find(&mut client, &tuple).unwrap().expect("it was just made");
        assert_eq!((found.original, found.mark), (tuple, 0x8000_0005), "{options}");
        // In the reply's direction too.
        assert_eq!(conntrack::find(&mut client, &found.reply).unwrap().unwrap().id, found.id);
        let change = marked(0x1200_0000, 0x7f00_0000);
        let told = one(&mut client, |batch| conntrack::update(batch, &tuple, &change).unwrap());
        assert_eq!(told, [""; 0], "{options}");
        let found = conntrack::find(&mut client, &tuple).unwrap().unwrap();
        assert_eq!(found.mark, 0x9200_0005, "bits outside the mask stay");
        assert!(found.timeout.unwrap() > Duration::from_secs(30));
        let listed =
            run(&format!("conntrack -L -f {}", if v4(source).is_ipv4() { "ipv4" } else { "ipv6" }));
        assert!(listed.contains(&format!("mark={}", 0x9200_0005_u32)), "{listed}");
        let mut all = Vec::new();
        conntrack::dump(&mut client, |connection| all.push(connection)).unwrap();
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].id, all[0].original), (found.id, tuple));
        let told = one(&mut client, |batch| {
            conntrack::delete(batch, &tuple, Some(found.id.wrapping_add(1))).unwrap();
        });
        assert_eq!(told, [""; 0]);
        assert_eq!(conntrack::count(&mut client).unwrap(), 1, "another id is another connection");
        let told = one(&mut client, |batch| {
            conntrack::delete(batch, &tuple, Some(found.id)).unwrap();
            conntrack::delete(batch, &tuple, None).unwrap(); // gone by then: no error
        });
        assert_eq!(told, [""; 0]);
        assert_eq!(conntrack::count(&mut client).unwrap(), 0);
        assert_eq!(conntrack::find(&mut client, &tuple).unwrap(), None);
    }
}

#[test]
fn a_connection_that_is_gone_is_a_failure_of_its_own() {
    let Some(()) = namespace() else { return };
    let mut client = Client::open().unwrap();
    insert_tcp(1, "0");
    let mut batch = Batch::new();
    for number in 0..3 {
        batch.set_tag(number);
        conntrack::update(&mut batch, &tcp(number), &marked(1, 1)).unwrap();
    }
    let failures = client.commit(&mut batch);
    assert_eq!(failures.iter().map(|failure| failure.tag).collect::<Vec<_>>(), [0, 2]);
    assert!(failures.iter().all(|failure| failure.error.is_missing()));
    assert_eq!(
        failures[0].error.to_string(),
        "conntrack update tcp 10.0.0.1:1000 > 10.0.0.2:80: ENOENT: the connection is gone"
    );
    assert_eq!(conntrack::count(&mut client).unwrap(), 1, "none was made");
    // The parts that a transport needs.
    let bare = Tuple { detail: Detail::None, ..tcp(1) };
    let told = one(&mut client, |batch| conntrack::update(batch, &bare, &marked(1, 1)).unwrap());
    assert!(told[0].contains("EINVAL"), "{told:?}");
}

#[test]
fn labels_need_a_rule_and_change_under_their_mask() {
    let Some(()) = namespace() else { return };
    let mut client = Client::open().unwrap();
    insert_tcp(1, "0");
    let told = one(&mut client, |batch| {
        conntrack::update(batch, &tcp(1), &labelled(&[5], &[5])).unwrap();
    });
    assert_eq!(
        told,
        ["conntrack update tcp 10.0.0.1:1001 > 10.0.0.2:80: ENOSPC: no rule uses ct label or \
          -m connlabel, so the kernel keeps no labels for this connection"]
    );
    track("ct label 127 counter");
    // A connection from before the rule has no room for labels.
    let told = one(&mut client, |batch| {
        conntrack::update(batch, &tcp(1), &labelled(&[5], &[5])).unwrap();
    });
    assert!(told[0].contains("ENOSPC"), "{told:?}");
    insert_tcp(2, "0");
    let mut change = |value: &[u8], mask: &[u8]| {
        let told = one(&mut client, |batch| {
            conntrack::update(batch, &tcp(2), &labelled(value, mask)).unwrap();
        });
        assert_eq!(told, [""; 0]);
        let found = conntrack::find(&mut client, &tcp(2)).unwrap().unwrap();
        found.labels.bits().collect::<Vec<_>>()
    };
    assert_eq!(change(&[5, 127], &[5, 127]), [5, 127]);
    assert_eq!(change(&[40], &[40, 41]), [5, 40, 127]);
    assert_eq!(change(&[], &[5]), [40, 127]);
    assert_eq!(change(&[0, 64], &[0, 40, 64]), [0, 64, 127]);
}

/// A datagram over the loopback.
fn traffic(from: &UdpSocket, to: &UdpSocket) -> Tuple {
    let (source, destination) = (from.local_addr().unwrap(), to.local_addr().unwrap());
    from.send_to(b"hello", destination).unwrap();
    let end = |addr: std::net::SocketAddr| Endpoint { addr: addr.ip(), port: addr.port() };
    Tuple::ports(Transport::Udp, end(source), end(destination))
}

#[test]
fn rules_see_marks_and_labels_and_events_tell_of_real_traffic() {
    let Some(()) = namespace() else { return };
    run("sysctl -qw net.netfilter.nf_conntrack_acct=1");
    track("ct label 77 counter");
    nft("add rule inet t c ct mark and 0x7f000000 == 0x12000000 counter");
    let mut client = Client::open().unwrap();
    let mut watcher = Client::open().unwrap();
    conntrack::subscribe(&mut watcher, true, true).unwrap();
    let [from, to] = ["127.0.0.1:0", "127.0.0.1:0"].map(|addr| UdpSocket::bind(addr).unwrap());
    let tuple = traffic(&from, &to);
    let change = Change {
        mark: Some((0x1200_0000, 0x7f00_0000)),
        labels: Some((Labels::of(&[77]), Labels::of(&[77]))),
    };
    let told = one(&mut client, |batch| conntrack::update(batch, &tuple, &change).unwrap());
    assert_eq!(told, [""; 0]);
    traffic(&from, &to);
    traffic(&to, &from);
    let rules = nft("list chain inet t c");
    assert!(rules.contains("ct label 77 counter packets 2 bytes 66"), "{rules}");
    assert!(rules.contains("0x12000000 counter packets 2 bytes 66"), "{rules}");
    let found = conntrack::find(&mut client, &tuple).unwrap().unwrap();
    let original = found.counters(Direction::Original).unwrap();
    assert_eq!((original.packets, original.bytes), (2, 66));
    assert_eq!(found.counters(Direction::Reply).unwrap().packets, 1);
    assert!(found.has_reply());
    let told = one(&mut client, |batch| conntrack::delete(batch, &tuple, Some(found.id)).unwrap());
    assert_eq!(told, [""; 0]);
    let mut seen = Vec::new();
    conntrack::events(&mut watcher, |event| seen.push(event)).unwrap();
    let [Event::New(new), Event::Destroyed(gone)] = seen.as_slice() else { panic!("{seen:?}") };
    assert_eq!((new.original, new.id, new.mark), (tuple, found.id, 0));
    assert_eq!((gone.id, gone.mark), (found.id, 0x1200_0000));
    assert_eq!(gone.counters(Direction::Original), Some(original));
}

#[test]
fn a_thousand_updates_take_a_handful_of_calls() {
    let Some(()) = namespace() else { return };
    track("ct label 127 counter");
    let mut client = Client::open().unwrap();
    let from = UdpSocket::bind("127.0.0.1:0").unwrap();
    let own = from.local_addr().unwrap();
    let end = |port| Endpoint { addr: own.ip(), port };
    let tuple = |number: u16| Tuple::ports(Transport::Udp, end(own.port()), end(20_000 + number));
    for number in 0..1000 {
        // Nobody listens: the answer is an error on a later send.
        let _ = from.send_to(b"hello", ("127.0.0.1", 20_000 + number));
        let _ = from.send_to(b"hello", ("127.0.0.1", 20_000 + number));
    }
    let change = Change {
        mark: Some((0x1200_0000, 0x7f00_0000)),
        labels: Some((Labels::of(&[77]), Labels::of(&[77]))),
    };
    let mut batch = Batch::new();
    let start = Instant::now();
    for number in 0..1000 {
        conntrack::update(&mut batch, &tuple(number), &change).unwrap();
    }
    let calls = client.calls();
    assert_eq!(client.commit(&mut batch), []);
    println!("1000 updates: {} system calls, {:?}", client.calls() - calls, start.elapsed());
    assert!(client.calls() - calls <= 10);
    let mut all: Vec<Connection> = Vec::new();
    conntrack::dump(&mut client, |connection| all.push(connection)).unwrap();
    all.retain(|connection| connection.original.transport == Transport::Udp);
    assert_eq!(all.len(), 1000);
    assert!(all.iter().all(|connection| connection.mark == 0x1200_0000));
    assert!(all.iter().all(|connection| connection.labels.contains(77)));
}

#[test]
fn without_the_right_every_change_is_told() {
    let Some(()) = namespace() else { return };
    drop_rights();
    let mut client = Client::open().unwrap();
    assert!(conntrack::count(&mut client).unwrap_err().is_permission());
    let told = one(&mut client, |batch| {
        conntrack::update(batch, &tcp(1), &marked(1, 1)).unwrap();
        conntrack::delete(batch, &tcp(1), None).unwrap();
    });
    let why = "tcp 10.0.0.1:1001 > 10.0.0.2:80: EPERM: not permitted, CAP_NET_ADMIN is needed";
    assert_eq!(told, [format!("conntrack update {why}"), format!("conntrack delete {why}")]);
}
