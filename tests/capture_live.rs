//! Live capture on links of a network namespace of its own. Needs root and the `ip` command.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use nfa::capture::{
    CaptureError, FlowFilter, LiveCapture, SNAPLEN, Unread, drop_bare_acknowledgements,
};
use nfa::effect::FiveTuple;
use nfa::net::{Endpoint, Transport};
use nfa::sys::{self, Interest, PollFd};
use nfa::wire::{LinkType, decode};
use std::net::UdpSocket;
use std::process::Command;
use std::time::{Duration, Instant};

/// Set in the child processes, which run inside.
const INSIDE: &str = "NFA_CAPTURE_LIVE_INSIDE";

fn run(line: &str) -> bool {
    let mut words = line.split(' ');
    let output = Command::new(words.next().unwrap()).args(words).output();
    output.is_ok_and(|output| output.status.success())
}

/// A namespace that goes with the test.
struct Namespace(String);

impl Namespace {
    fn new(kind: &str) -> Option<Self> {
        if sys::effective_uid() != 0 {
            println!("skipped: needs root");
            return None;
        }
        let name = format!("nfa-{kind}-{}", std::process::id());
        if !run(&format!("ip netns add {name}")) {
            println!("skipped: no network namespaces here");
            return None;
        }
        let namespace = Namespace(name);
        assert!(namespace.run("ip link set lo up"));
        Some(namespace)
    }

    fn run(&self, line: &str) -> bool {
        run(&format!("ip netns exec {} {line}", self.0))
    }

    /// Runs the test `name` of this file inside, by way of the words of `wrapper`.
    fn run_test(&self, wrapper: &[&str], name: &str) {
        let output = Command::new("ip")
            .args(["netns", "exec", &self.0])
            .args(wrapper)
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(INSIDE, "1")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        print!("{text}");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}{errors}");
        assert!(text.contains("1 passed"), "{text}");
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        run(&format!("ip netns del {}", self.0));
    }
}

fn inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// The first datagram to port 9, or the error that came instead.
fn next_datagram(capture: &mut LiveCapture) -> Result<(LinkType, Vec<u8>), CaptureError> {
    let deadline = Instant::now() + Duration::from_secs(5);
    while Instant::now() < deadline {
        let mut fds = [PollFd::new(capture.fd(), Interest::Read)];
        sys::poll(&mut fds, Some(Duration::from_millis(100))).unwrap();
        let now = sys::monotonic();
        while let Some(frame) = capture.next_frame(now)? {
            assert_eq!(frame.at, now);
            if let Ok(packet) = decode(frame.link, frame.bytes)
                && packet.destination_port == 9
            {
                return Ok((frame.link, packet.payload.to_vec()));
            }
        }
    }
    panic!("nothing came in 5 seconds");
}

/// How a capture ends whose interface had something done to it; it must not keep poll awake.
fn end(capture: &mut LiveCapture) -> Option<CaptureError> {
    let deadline = Instant::now() + Duration::from_secs(1);
    let mut rounds = 0;
    while Instant::now() < deadline {
        rounds += 1;
        assert!(rounds < 100, "poll never sleeps");
        let mut fds = [PollFd::new(capture.fd(), Interest::Read)];
        sys::poll(&mut fds, Some(Duration::from_millis(100))).unwrap();
        loop {
            match capture.next_frame(sys::monotonic()) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => return Some(error),
            }
        }
    }
    None
}

#[test]
fn frames_of_a_link_that_goes_up_and_down_and_away() {
    let Some(namespace) = Namespace::new("link") else { return };
    for line in [
        "ip link add nfa0 type veth peer name nfa1",
        "ip addr add 192.0.2.1/24 dev nfa0",
        "ip link set nfa0 up",
        "ip link set nfa1 up",
        "ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev nfa0",
    ] {
        if !namespace.run(line) {
            println!("skipped: {line}");
            return;
        }
    }
    namespace.run_test(&[], "inside_link");
}

#[test]
fn inside_link() {
    if !inside() {
        return;
    }
    let send = || {
        let socket = UdpSocket::bind("192.0.2.1:0").unwrap();
        socket.send_to(b"hello", "192.0.2.2:9").unwrap();
    };
    let mut capture = LiveCapture::open("nfa1", SNAPLEN).unwrap();
    let mut any = LiveCapture::open("any", SNAPLEN).unwrap();
    assert!(capture.next_frame(sys::monotonic()).unwrap().is_none() || !capture.is_orphaned());
    send();
    assert_eq!(next_datagram(&mut capture).unwrap(), (LinkType::Ethernet, b"hello".to_vec()));
    assert_eq!(next_datagram(&mut any).unwrap().1, b"hello");
    let stats = capture.stats().unwrap();
    assert!(stats.received > 0 && stats.dropped == 0, "{stats:?}");

    assert!(run("ip link set nfa1 down"));
    let down = end(&mut capture);
    println!("down: {down:?}");
    assert!(matches!(down, None | Some(CaptureError::Down { .. })));
    assert!(!capture.is_orphaned());
    println!("opened while down: {:?}", LiveCapture::open("nfa1", SNAPLEN).err());
    assert!(run("ip link set nfa1 up"));
    let mut capture = match down {
        None => capture,
        Some(_) => LiveCapture::open("nfa1", SNAPLEN).unwrap(),
    };
    // The peer's carrier, and with it the neighbour, was lost; both come back a little later.
    let deadline = Instant::now() + Duration::from_secs(10);
    while std::fs::read_to_string("/sys/class/net/nfa0/operstate").unwrap().trim() != "up" {
        assert!(Instant::now() < deadline, "no carrier in 10 seconds");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(run("ip neigh replace 192.0.2.2 lladdr 02:00:00:00:00:02 dev nfa0"));
    send();
    assert_eq!(next_datagram(&mut capture).unwrap().1, b"hello");

    assert!(run("ip link del nfa0"));
    let removed = end(&mut capture);
    println!("removed: {removed:?}");
    assert!(capture.is_orphaned());
    assert!(matches!(removed, Some(CaptureError::Removed { .. })));
    assert!(end(&mut any).is_none(), "the others do not care");
    let missing = LiveCapture::open("nfa1", SNAPLEN).err().unwrap();
    assert!(matches!(missing, CaptureError::NoInterface { .. }));
}

#[test]
fn packets_of_an_nflog_group() {
    let Some(namespace) = Namespace::new("log") else { return };
    let rule = "iptables -A INPUT -p udp --dport 9 -j NFLOG --nflog-group 5 --nflog-size 2048";
    if !namespace.run(rule) {
        println!("skipped: {rule}");
        return;
    }
    namespace.run_test(&[], "inside_nflog");
}

#[test]
fn inside_nflog() {
    if !inside() {
        return;
    }
    let mut capture = LiveCapture::open("nflog:5", SNAPLEN).unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let _receiver = UdpSocket::bind("127.0.0.1:9").unwrap();
    socket.send_to(b"logged", "127.0.0.1:9").unwrap();
    assert_eq!(next_datagram(&mut capture).unwrap(), (LinkType::Nflog, b"logged".to_vec()));
    // The rule cuts it; libpcap's own buffer must have room for what stands around it.
    socket.send_to(&[7; 4000], "127.0.0.1:9").unwrap();
    let (_, payload) = next_datagram(&mut capture).unwrap();
    assert_eq!(payload, [7; 2048 - 28]);
}

#[test]
fn without_rights_the_error_says_which_are_missing() {
    let Some(namespace) = Namespace::new("user") else { return };
    if !run("setpriv --reuid 65534 --clear-groups true") {
        println!("skipped: no setpriv");
        return;
    }
    let wrapper = ["setpriv", "--reuid", "65534", "--clear-groups"];
    namespace.run_test(&wrapper, "inside_without_rights");
}

#[test]
fn inside_without_rights() {
    if !inside() {
        return;
    }
    for interface in ["lo", "any", "nflog:5"] {
        let error = LiveCapture::open(interface, SNAPLEN).err().unwrap();
        println!("{error}");
        assert!(matches!(error, CaptureError::Permission { .. }), "{error}");
        assert!(error.to_string().contains("CAP_NET_RAW"));
    }
    let missing = LiveCapture::open("nfa-none", SNAPLEN).err().unwrap();
    assert!(matches!(missing, CaptureError::NoInterface { .. }));
}

/// An Ethernet frame: `flags` of a TCP segment, or none for a UDP datagram.
fn frame(from: Endpoint, to: Endpoint, flags: Option<u8>, payload: &[u8]) -> Vec<u8> {
    let mut transport = [from.port.to_be_bytes(), to.port.to_be_bytes()].concat();
    match flags {
        Some(flags) => {
            transport.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 1, 0, 0, 0, 0, 0]);
        }
        None => {
            transport.extend(u16::try_from(8 + payload.len()).unwrap().to_be_bytes());
            transport.extend([0, 0]);
        }
    }
    transport.extend(payload);
    let protocol = if flags.is_some() { 6 } else { 17 };
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    let len = u16::try_from(transport.len()).unwrap();
    match (from.addr, to.addr) {
        (std::net::IpAddr::V4(from), std::net::IpAddr::V4(to)) => {
            frame.extend([8, 0, 0x45, 0]);
            frame.extend((20 + len).to_be_bytes());
            frame.extend([0, 0, 0, 0, 64, protocol, 0, 0]);
            frame.extend([from.octets(), to.octets()].concat());
        }
        (std::net::IpAddr::V6(from), std::net::IpAddr::V6(to)) => {
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
            frame.extend(len.to_be_bytes());
            frame.extend([protocol, 64]);
            frame.extend([from.octets(), to.octets()].concat());
        }
        _ => panic!("two families"),
    }
    frame.extend(transport);
    frame
}

const ACK: Option<u8> = Some(0x10);

/// Whether the capture hands on a frame that the sender sends.
fn passes(
    sender: &mut pcap::Capture<pcap::Active>,
    capture: &mut LiveCapture,
    (from, to): (Endpoint, Endpoint),
    flags: Option<u8>,
    payload: &[u8],
) -> bool {
    sender.sendpacket(frame(from, to, flags, payload)).unwrap();
    let deadline = Instant::now() + Duration::from_millis(150);
    while Instant::now() < deadline {
        while let Some(frame) = capture.next_frame(sys::monotonic()).unwrap() {
            let packet = decode(frame.link, frame.bytes).ok();
            if packet.is_some_and(|p| (p.source_port, p.destination_port) == (from.port, to.port)) {
                return true;
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

#[test]
fn frames_of_silenced_flows_are_dropped_by_the_kernel() {
    let Some(namespace) = Namespace::new("filter") else { return };
    for line in
        ["ip link add nfa0 type veth peer name nfa1", "ip link set nfa0 up", "ip link set nfa1 up"]
    {
        assert!(namespace.run(line), "{line}");
    }
    namespace.run_test(&[], "inside_filter");
}

/// The classic filter, before the other takes its place.
fn bare_acknowledgements_are_dropped(
    sender: &mut pcap::Capture<pcap::Active>,
    capture: &mut LiveCapture,
) {
    drop_bare_acknowledgements(capture, SNAPLEN).unwrap();
    for (lan, far) in [("192.0.2.1", "198.51.100.7"), ("2001:db8::1", "2001:db8:1::7")] {
        let end = |addr: &str, port| Endpoint { addr: addr.parse().unwrap(), port };
        let ends = (end(lan, 50001), end(far, 443));
        for (flags, payload, expected) in [
            (ACK, &b""[..], false),
            (Some(0x18), b"", false),
            (ACK, b"x", true),
            (Some(0x02), b"", true),
            (Some(0x11), b"", true),
            (Some(0x04), b"", true),
            (None, b"", true),
            (None, b"x", true),
        ] {
            let passed = passes(sender, capture, ends, flags, payload);
            assert_eq!(passed, expected, "{far}: {flags:x?} {payload:?}");
        }
    }
}

#[test]
fn inside_filter() {
    if !inside() {
        return;
    }
    let mut capture = LiveCapture::open("nfa1", SNAPLEN).unwrap();
    let mut sender = pcap::Capture::from_device("nfa0").unwrap().open().unwrap();
    bare_acknowledgements_are_dropped(&mut sender, &mut capture);
    let mut filter = match FlowFilter::load(64, SNAPLEN) {
        Ok(filter) => filter,
        Err(error) => {
            println!("skipped: {error}");
            return;
        }
    };
    filter.attach(&capture).unwrap();
    let mut carries = |from: Endpoint, to: Endpoint, flags: Option<u8>, payload: &[u8]| {
        passes(&mut sender, &mut capture, (from, to), flags, payload)
    };
    let mut passes =
        |from: Endpoint, to: Endpoint, flags: Option<u8>| carries(from, to, flags, b"x");
    let mut dropped = 0;
    for (lan, far) in [("192.0.2.1", "198.51.100.7"), ("2001:db8::1", "2001:db8:1::7")] {
        let end = |addr: &str, port| Endpoint { addr: addr.parse().unwrap(), port };
        for (transport, ordinary) in [(Transport::Tcp, ACK), (Transport::Udp, None)] {
            let (source, destination) = (end(lan, 50000), end(far, 443));
            let neighbour = end(far, 444);
            let flow = FiveTuple { transport, source, destination };
            assert!(passes(source, destination, ordinary), "{flow}: not known");
            filter.silence(&flow, 0);
            for (from, to) in [(source, destination), (destination, source)] {
                assert!(passes(from, to, ordinary), "{from} > {to}: the first sign of life");
                assert!(!passes(from, to, ordinary), "{from} > {to}: silenced");
                dropped += 1;
            }
            assert!(passes(source, neighbour, ordinary), "another flow");
            if transport == Transport::Tcp {
                for flags in [0x02, 0x11, 0x14] {
                    assert!(passes(source, destination, Some(flags)), "{flow}: {flags:#x}");
                }
            } else {
                assert!(passes(source, destination, ACK), "the transport is part of the flow");
            }
            let unread = filter.unread(&flow).map(|way| (way.packets, way.bytes > 20));
            assert_eq!(unread, [(1, true); 2], "{flow}");
            filter.resume(&flow);
            assert_eq!(filter.unread(&flow), [Unread::default(); 2], "{flow}");
            assert!(passes(source, destination, ordinary), "{flow}: wanted again");
        }
    }
    assert_eq!((filter.dropped(), filter.refused()), (dropped, 0));
    for (lan, far, ordinary) in
        [("192.0.2.1", "198.51.100.7", ACK), ("2001:db8::1", "2001:db8:1::7", None)]
    {
        let end = |addr: &str| Endpoint { addr: addr.parse().unwrap(), port: 7 };
        let (source, destination) = (end(lan), end(far));
        let transport = if ordinary == ACK { Transport::Tcp } else { Transport::Udp };
        let flow = FiveTuple { transport, source, destination };
        filter.silence(&flow, 400);
        assert!(carries(source, destination, ordinary, b"x"), "the sign of life");
        for (len, wanted) in [(1, false), (100, true), (300, true), (400, false), (1000, false)] {
            let payload = vec![0; len];
            assert_eq!(carries(source, destination, ordinary, &payload), wanted, "{len} bytes");
        }
        filter.resume(&flow);
    }
    // Both ways of 64 flows of a family have room, and no more.
    for port in 1..=65 {
        let end = |addr: &str| Endpoint { addr: addr.parse().unwrap(), port };
        let (source, destination) = (end("192.0.2.1"), end("198.51.100.7"));
        filter.silence(&FiveTuple { transport: Transport::Udp, source, destination }, 0);
    }
    assert_eq!(filter.refused(), 2);
}
