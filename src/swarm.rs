//! What is known of BitTorrent's swarms: endpoints that take part, and the local hosts that do.
//!
//! Anybody on the Internet can make a DHT node or a peer say anything, so knowledge has classes
//! with rooms of their own, and a flood of one takes nothing from another:
//!
//! * *proven* endpoints, with whom a flow spoke BitTorrent by content;
//! * *told* endpoints, of whom an answer to a local client or that client itself speaks;
//! * local *ports*: where a local client accepts peers or sends its datagrams from;
//! * *active* hosts, those that speak BitTorrent now. All the rest counts only for these: what a
//!   client of one host is told names no flow of another that has no client.
//!
//! Told endpoints are taken only at ports and addresses that a peer may have; whether a port is
//! registered for another protocol, the engine knows. What a flow's content says beats all of it.
//!
//! Memory: an endpoint has 40 bytes and its bucket up to 8; half of the room is for each of the
//! first two classes. 4096 endpoints cost 200 kB, the tables of hosts and ports at most 90 kB, and
//! nothing before they come.

use std::net::IpAddr;
use std::time::Duration;

use crate::aged::{self, Aged};
use crate::flow::Known;
use crate::net::{Endpoint, Mac};
use crate::time::Timestamp;

/// Endpoints kept unless told otherwise: a client with many torrents knows a few hundred peers, and
/// its DHT node meets a few thousand others in half an hour.
pub const ENDPOINTS_MAX_DEFAULT: u32 = 4096;
/// Hosts of a LAN that speak BitTorrent at a time, by address and by hardware address.
const HOSTS_MAX: u32 = 256;
/// Their ports; a client has one or two for each address.
const PORTS_MAX: u32 = 512;
/// Hosts about which evidence is being gathered.
const SUSPECTS_MAX: u32 = 128;
/// Servers of the LAN's proxies and tunnels, and whatever else is random.
const REFUTED_MAX: u32 = 512;

/// An endpoint that was only told. Peers of a tracker or the DHT are told anew at every announce,
/// and those are at most half an hour apart (BEP 3's usual interval; the life of BEP 5's values).
const TOLD_LIFE: Duration = Duration::from_secs(30 * 60);
/// One that has proven itself: a peer stays in a swarm for hours and keeps its port.
const PROVEN_LIFE: Duration = Duration::from_secs(2 * 3600);
/// A host or a local port after the last sign of its client. One that only seeds to encrypted
/// peers shows itself when it announces, every half hour.
const ACTIVE_LIFE: Duration = Duration::from_secs(35 * 60);
/// An endpoint that is no peer. One that is, but was misread once, gets another chance.
const REFUTED_LIFE: Duration = Duration::from_secs(15 * 60);
/// In this time two witnesses must come together.
const WITNESS_LIFE: Duration = Duration::from_secs(10 * 60);

/// Ports below it need privileges; of told endpoints they are those of an attack on somebody
/// else's name, or of a peer that hides there: then its flows must prove themselves.
pub const PRIVILEGED_PORTS: u16 = 1024;

/// Stands for all ports of an address; no endpoint has it.
const ANY_PORT: u16 = 0;

/// A local host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Host {
    /// By an address.
    Addr(IpAddr),
    /// By its hardware address: it has many of IPv6 and takes new ones every day (RFC 8981).
    Mac(Mac),
}

/// What the engine makes of flows that look like encrypted BitTorrent and show nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Infer {
    /// They stay unknown.
    Never,
    /// They are BitTorrent if their local host speaks it, or has several of them.
    #[default]
    Context,
    /// They are BitTorrent.
    Always,
}

impl Infer {
    /// The words of the configuration.
    pub const WORDS: &[(&str, Infer)] =
        &[("never", Infer::Never), ("context", Infer::Context), ("always", Infer::Always)];
}

/// What has happened since the start, all tables together. 32 bits each: they wrap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Endpoints that somebody told.
    pub told: u32,
    /// Endpoints that content proved.
    pub proven: u32,
    /// Local ports that were found.
    pub ports: u32,
    /// What went for room before its time.
    pub evicted: u32,
    /// What went by age.
    pub expired: u32,
}

/// The newest far address that has borne witness, and when; another one is enough.
type Witness = (IpAddr, Timestamp);

/// All of it.
#[derive(Debug)]
pub struct Swarm {
    told: Aged<Endpoint, ()>,
    proven: Aged<Endpoint, ()>,
    ports: Aged<Endpoint, ()>,
    active: Aged<Host, ()>,
    /// Hosts with flows that look like encrypted BitTorrent.
    suspects: Aged<Host, Witness>,
    /// Endpoints with other flows that do not.
    refuted: Aged<Endpoint, ()>,
    news: bool,
}

impl Default for Swarm {
    fn default() -> Self {
        Swarm::new(ENDPOINTS_MAX_DEFAULT)
    }
}

impl Swarm {
    /// An empty table of at most `endpoints_max` endpoints of others (at least two).
    pub fn new(endpoints_max: u32) -> Self {
        let half = endpoints_max / 2;
        Swarm {
            told: Aged::new(endpoints_max.saturating_sub(half)),
            proven: Aged::new(half),
            ports: Aged::new(PORTS_MAX),
            active: Aged::new(HOSTS_MAX),
            suspects: Aged::new(SUSPECTS_MAX),
            refuted: Aged::new(REFUTED_MAX),
            news: false,
        }
    }

    /// Somebody says that `endpoint` takes part. It is kept if a peer may have that address and
    /// port.
    pub fn tell(&mut self, endpoint: Endpoint, now: Timestamp) {
        let endpoint = canonical(endpoint);
        if may_be_peer(endpoint) && endpoint.port >= PRIVILEGED_PORTS {
            self.news |= keep(&mut self.told, endpoint, TOLD_LIFE, now);
        }
    }

    /// A peer at that address has connected to a local client: it may be called back, at a port
    /// that only the two know.
    pub fn meet(&mut self, addr: IpAddr, now: Timestamp) {
        let anywhere = canonical(Endpoint { addr, port: ANY_PORT });
        if may_be_peer(Endpoint { port: PRIVILEGED_PORTS, ..anywhere }) {
            self.news |= keep(&mut self.told, anywhere, TOLD_LIFE, now);
        }
    }

    /// A flow with `endpoint` spoke BitTorrent by content. Any port: it was seen.
    pub fn prove(&mut self, endpoint: Endpoint, now: Timestamp) {
        if may_be_peer(endpoint) {
            self.news |= keep(&mut self.proven, endpoint, PROVEN_LIFE, now);
        }
    }

    /// The BitTorrent client of a local host has this port.
    pub fn open_port(&mut self, local: Endpoint, now: Timestamp) {
        if may_be_peer(local) {
            self.news |= keep(&mut self.ports, local, ACTIVE_LIFE, now);
        }
    }

    /// A local host speaks BitTorrent, by content.
    pub fn activate(&mut self, host: Host, now: Timestamp) {
        self.news |= keep(&mut self.active, host, ACTIVE_LIFE, now);
    }

    /// A flow of `host` with `other` looks like encrypted BitTorrent in both directions.
    ///
    /// Two such flows with different addresses within ten minutes make the host active. Any
    /// protocol that is random from its first byte can have the shape by its lengths, at worst one
    /// that imitates those of MSE exactly: 1 of its flows in 150 (330 of 50,000 in the dissector's
    /// tests; random lengths 14 of 50,000). A lone flow is therefore no evidence, and of those that
    /// imitate it, two servers have it by chance once in 23,000 pairs. A proxy or tunnel has many
    /// flows to its server or two, and the first of them that lacks the shape refutes the server
    /// (see [`Swarm::refute`]).
    pub fn suspect(&mut self, host: Host, other: IpAddr, now: Timestamp) {
        let until = now.after(WITNESS_LIFE);
        if let Some(witness) = self.suspects.renew(&host, until) {
            let (known, at) = std::mem::replace(witness, (other, now));
            if known != other && now.since(at) < WITNESS_LIFE {
                self.activate(host, now);
            }
        } else {
            self.suspects.insert(host, (other, now), until, now);
        }
    }

    /// A connection to `endpoint` was neither BitTorrent in plain nor of the shape of the encrypted
    /// one: it is no peer.
    pub fn refute(&mut self, endpoint: Endpoint, now: Timestamp) {
        self.told.remove(&endpoint);
        self.news |= keep(&mut self.refuted, endpoint, REFUTED_LIFE, now);
    }

    /// Whether `endpoint` was found to be no peer.
    pub fn is_refuted(&self, endpoint: Endpoint, now: Timestamp) -> bool {
        self.refuted.get(&endpoint, now).is_some()
    }

    /// What is told of `endpoint` turned out to be wrong.
    pub fn forget(&mut self, endpoint: Endpoint) {
        self.told.remove(&endpoint);
        self.told.remove(&Endpoint { port: ANY_PORT, ..endpoint });
    }

    /// Whether no host is active or suspected, so that no evidence matters.
    pub const fn is_silent(&self) -> bool {
        self.active.is_empty() && self.suspects.is_empty()
    }

    /// Whether no host is active, so that there is nothing to ask for.
    pub const fn is_idle(&self) -> bool {
        self.active.is_empty()
    }

    /// Whether a host speaks BitTorrent these days.
    pub fn is_active(&self, host: Host, now: Timestamp) -> bool {
        self.active.get(&host, now).is_some()
    }

    /// How the endpoint of another is known.
    pub fn knows(&self, endpoint: Endpoint, now: Timestamp) -> Option<Known> {
        if self.proven.get(&endpoint, now).is_some() {
            return Some(Known::Proven);
        }
        self.told.get(&endpoint, now).map(|()| Known::Told)
    }

    /// Whether a peer at that address has connected to a local client.
    pub fn has_met(&self, addr: IpAddr, now: Timestamp) -> bool {
        self.told.get(&Endpoint { addr, port: ANY_PORT }, now).is_some()
    }

    /// Whether a local client has this port.
    pub fn has_port(&self, local: Endpoint, now: Timestamp) -> bool {
        self.ports.get(&local, now).is_some()
    }

    /// Whether something was learned since the last call that may name flows which are there.
    pub const fn take_news(&mut self) -> bool {
        std::mem::replace(&mut self.news, false)
    }

    /// Gives back the room of what has expired.
    pub fn expire(&mut self, now: Timestamp) {
        self.told.expire(now);
        self.proven.expire(now);
        self.ports.expire(now);
        self.active.expire(now);
        self.suspects.expire(now);
        self.refuted.expire(now);
    }

    /// How many endpoints of others are kept, expired ones among them.
    pub const fn len(&self) -> usize {
        self.told.len().saturating_add(self.proven.len())
    }

    /// Whether no endpoint of others is kept.
    pub const fn is_empty(&self) -> bool {
        self.told.is_empty() && self.proven.is_empty()
    }

    /// What has happened since the start.
    pub fn counters(&self) -> Counters {
        let (told, proven, ports) =
            (self.told.counters(), self.proven.counters(), self.ports.counters());
        let sum = |of: fn(aged::Counters) -> u32| {
            of(told).wrapping_add(of(proven)).wrapping_add(of(ports))
        };
        Counters {
            told: told.inserted,
            proven: proven.inserted,
            ports: ports.inserted,
            evicted: sum(|counters| counters.evicted),
            expired: sum(|counters| counters.expired),
        }
    }
}

/// Keeps what is new and renews what is not; gives whether it is news.
fn keep<K: std::hash::Hash + Eq>(
    table: &mut Aged<K, ()>,
    key: K,
    life: Duration,
    now: Timestamp,
) -> bool {
    let until = now.after(life);
    let held = table.get(&key, now).is_some();
    if table.renew(&key, until).is_none() {
        table.insert(key, (), until, now);
    }
    !held
}

/// IPv4 in IPv6's clothes, as some DHT nodes tell it, is IPv4 on the wire.
const fn canonical(endpoint: Endpoint) -> Endpoint {
    Endpoint { addr: endpoint.addr.to_canonical(), port: endpoint.port }
}

/// Whether a host can have that address and a socket that port.
fn may_be_peer(Endpoint { addr, port }: Endpoint) -> bool {
    let is_host = match addr {
        IpAddr::V4(v4) => !v4.is_broadcast() && v4.octets()[0] != 0,
        IpAddr::V6(_) => !addr.is_unspecified(),
    };
    is_host && !addr.is_multicast() && !addr.is_loopback() && port != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(text: &str) -> Endpoint {
        let end: std::net::SocketAddr = text.parse().unwrap();
        Endpoint { addr: end.ip(), port: end.port() }
    }

    fn peer(number: u32) -> Endpoint {
        Endpoint { addr: IpAddr::V4((0xcb00_7100 + number).into()), port: 6881 }
    }

    fn at(minutes: u64) -> Timestamp {
        Timestamp::from_micros(minutes * 60_000_000)
    }

    const CLIENT: Host = Host::Addr(IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 1, 10)));

    #[test]
    fn each_class_lives_its_time() {
        let mut swarm = Swarm::new(8);
        assert!(swarm.is_idle() && swarm.is_empty());
        swarm.tell(peer(1), at(0));
        swarm.prove(peer(2), at(0));
        swarm.open_port(end("192.168.1.10:51413"), at(0));
        swarm.activate(CLIENT, at(0));
        assert!(swarm.take_news() && !swarm.take_news());
        let seen = |swarm: &Swarm, minute| {
            let now = at(minute);
            (
                swarm.knows(peer(1), now),
                swarm.knows(peer(2), now),
                swarm.has_port(end("192.168.1.10:51413"), now),
                swarm.is_active(CLIENT, now),
            )
        };
        let (told, proven) = (Some(Known::Told), Some(Known::Proven));
        assert_eq!(seen(&swarm, 29), (told, proven, true, true));
        assert_eq!(seen(&swarm, 30), (None, proven, true, true));
        assert_eq!(seen(&swarm, 35), (None, proven, false, false));
        assert_eq!(seen(&swarm, 120), (None, None, false, false));
        swarm.tell(peer(2), at(1));
        assert_eq!(swarm.knows(peer(2), at(2)), proven, "what is proven is not less for hearsay");
        swarm.tell(peer(1), at(20));
        assert_eq!(swarm.knows(peer(1), at(49)), told, "told anew");
        assert!(swarm.take_news());
        swarm.prove(peer(2), at(21));
        assert!(!swarm.take_news(), "known before");
        swarm.expire(at(200));
        assert!(swarm.is_idle() && swarm.is_empty());
        let expected = Counters { told: 2, proven: 1, ports: 1, evicted: 0, expired: 4 };
        assert_eq!(swarm.counters(), expected);
    }

    #[test]
    fn a_flood_of_hearsay_takes_nothing_from_what_is_proven() {
        let mut swarm = Swarm::new(ENDPOINTS_MAX_DEFAULT);
        for number in 0..100 {
            swarm.prove(peer(number), at(0));
        }
        for number in 0..100_000 {
            swarm.tell(peer(number), at(1));
        }
        assert_eq!(swarm.len(), 2048 + 100);
        assert!((0..100).all(|number| swarm.knows(peer(number), at(2)) == Some(Known::Proven)));
        assert_eq!(swarm.knows(peer(97_951), at(2)), None, "told longest ago goes first");
        assert_eq!(swarm.knows(peer(97_952), at(2)), Some(Known::Told));
        for number in 0..100_000 {
            swarm.prove(peer(number), at(3));
        }
        assert_eq!(swarm.len(), 4096);
        assert_eq!(swarm.counters().evicted, 100_000 - 2048 + 100_000 - 2048);
    }

    #[test]
    fn only_what_can_be_a_peer_is_taken_on_hearsay() {
        let mut swarm = Swarm::new(64);
        for (text, taken) in [
            ("203.0.113.9:6881", true),
            ("203.0.113.9:1024", true),
            ("203.0.113.9:443", false),
            ("8.8.8.8:53", false),
            ("203.0.113.9:0", false),
            ("0.0.0.0:6881", false),
            ("255.255.255.255:6881", false),
            ("239.192.152.143:6771", false),
            ("127.0.0.1:6881", false),
            ("[::]:6881", false),
            ("[::1]:6881", false),
            ("[ff15::efc0:988f]:6771", false),
            ("[2001:db8::9]:51413", true),
        ] {
            swarm.tell(end(text), at(0));
            assert_eq!(swarm.knows(end(text), at(1)).is_some(), taken, "{text}");
        }
        swarm.tell(end("[::ffff:203.0.113.77]:6881"), at(0));
        assert_eq!(swarm.knows(end("203.0.113.77:6881"), at(1)), Some(Known::Told));
        swarm.prove(end("203.0.113.9:443"), at(0));
        assert_eq!(swarm.knows(end("203.0.113.9:443"), at(1)), Some(Known::Proven));
        swarm.forget(end("203.0.113.9:6881"));
        assert_eq!(swarm.knows(end("203.0.113.9:6881"), at(1)), None);
    }

    #[test]
    fn who_has_called_may_be_called_back_anywhere() {
        let mut swarm = Swarm::default();
        swarm.meet(end("203.0.113.9:1").addr, at(0));
        swarm.meet(end("127.0.0.1:1").addr, at(0));
        let met = |swarm: &Swarm, addr: &str, minute| {
            swarm.has_met(end(&format!("{addr}:1")).addr, at(minute))
        };
        assert!(met(&swarm, "203.0.113.9", 29) && !met(&swarm, "203.0.113.9", 31));
        assert!(!met(&swarm, "127.0.0.1", 1));
        assert_eq!(swarm.knows(end("203.0.113.9:7000"), at(1)), None);
        swarm.meet(end("203.0.113.9:1").addr, at(40));
        swarm.forget(end("203.0.113.9:8000"));
        assert!(!met(&swarm, "203.0.113.9", 41), "it lied once");
    }

    #[test]
    fn two_addresses_in_ten_minutes_are_enough_and_one_never_is() {
        let addr = |number| peer(number).addr;
        let active_after = |witnesses: &[(u32, u64)]| {
            let mut swarm = Swarm::default();
            for (number, minute) in witnesses {
                swarm.suspect(CLIENT, addr(*number), at(*minute));
            }
            !swarm.is_idle()
        };
        assert!(active_after(&[(1, 0), (2, 1)]));
        assert!(active_after(&[(1, 0), (1, 9), (2, 18)]), "the newest of the first counts");
        assert!(active_after(&[(1, 0), (2, 11), (3, 12)]));
        assert!(!active_after(&[(1, 0), (2, 10)]), "too slow");
        let one: Vec<(u32, u64)> = (0..100).map(|minute| (1, minute)).collect();
        assert!(!active_after(&one), "a proxy's only server");
    }

    #[test]
    fn what_is_refuted_is_no_peer_for_a_while() {
        let mut swarm = Swarm::default();
        swarm.tell(peer(1), at(0));
        swarm.refute(peer(1), at(1));
        assert_eq!(swarm.knows(peer(1), at(2)), None);
        assert!(swarm.is_refuted(peer(1), at(15)) && !swarm.is_refuted(peer(1), at(16)));
    }

    #[test]
    fn the_sizes_in_the_first_comment_are_true() {
        const { assert!(Aged::<Endpoint, ()>::ENTRY_BYTES <= 40) };
        let small = [
            (HOSTS_MAX, Aged::<Host, ()>::ENTRY_BYTES),
            (PORTS_MAX, Aged::<Endpoint, ()>::ENTRY_BYTES),
            (SUSPECTS_MAX, Aged::<Host, Witness>::ENTRY_BYTES),
            (REFUTED_MAX, Aged::<Endpoint, ()>::ENTRY_BYTES),
        ];
        let bytes: usize = small.iter().map(|(most, each)| *most as usize * (each + 8)).sum();
        assert!(bytes <= 90_000, "{bytes}");
    }
}
