//! BitTorrent: peers over TCP and uTP, the DHT, local discovery, trackers.
//!
//! A false positive costs a user's call or game, a miss costs only a mark: every answer below
//! rests on evidence whose odds by chance are stated beside it, the worst of them 2^-62. Ports
//! prove nothing. Encrypted handshakes (MSE) over TCP look like random bytes: `encrypted` says what
//! shape they have, and never more than that.

mod bencode;
mod dht;
mod encrypted;
mod local;
mod peer;
mod random;
mod teach;
mod tracker;
mod utp;

pub use self::encrypted::ENCRYPTED;
use crate::bytes::Stop;
use crate::dissect::sides::each;
use crate::dissect::{Dissector, Question};
use crate::facts::{Detail, Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// Ports from 1024 up that are assigned to services or in wide use for one, over TCP or UDP, beside
/// those that dissectors have registered: IPsec NAT-T, iperf 3, TeamViewer, Shadowsocks, HTTPS beside
/// 443, Zoom, Tor, Syncthing and its relays, Minecraft and others. Sorted.
const SERVICE_PORTS: [u16; 46] = [
    1080, 1194, 1433, 1521, 1701, 1723, 1883, 2049, 2222, 3128, 3306, 3389, 3478, 4443, 4500, 5060,
    5061, 5201, 5222, 5223, 5228, 5269, 5349, 5432, 5900, 5938, 6379, 6667, 6697, 8080, 8388, 8443,
    8801, 8883, 8888, 9001, 9030, 9050, 9100, 9993, 11211, 22000, 22067, 25565, 27017, 51820,
];

/// Whether nobody runs a peer at that port by default: what goes there is not taken for BitTorrent
/// without content.
pub fn is_service_port(port: u16) -> bool {
    SERVICE_PORTS.binary_search(&port).is_ok()
}

/// BitTorrent, whichever part of it.
pub static PROTOCOL: Protocol = Protocol {
    id: 37,
    name: "BitTorrent",
    category: "file-sharing",
    // No guesses: what is not seen to be BitTorrent is not called so.
    ports: &[],
};

/// Asked before HTTP, whose requests a tracker's are too.
pub static BITTORRENT: Dissector = Dissector {
    name: "bittorrent",
    over: &[Transport::Tcp, Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Facts(dissect),
    teach: Some(teach::teach),
};

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    match prefix.transport {
        Transport::Tcp => stream(prefix),
        Transport::Udp => datagrams(prefix),
        Transport::Other(_) => Err(Stop::NotMine),
    }
}

fn facts(info_hash: Option<[u8; 20]>) -> Facts {
    let mut facts = Facts::of(&PROTOCOL);
    facts.details.extend(info_hash.map(Detail::BtInfoHash));
    facts
}

fn stream(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        let answer = match side.first() {
            Some(b'G' | b'H') => {
                tracker::http(side).map(|hash| Facts { host: tracker::host(side), ..facts(hash) })
            }
            // A connection seen from its start starts with the handshake.
            Some(0) if !prefix.from_start => peer::message(side).map(|()| facts(None)),
            _ => peer::handshake(side).map(|info_hash| {
                // Named by its first 20 bytes; the torrent stands in the next 28.
                let pending = info_hash.is_none() && !prefix.last_call;
                Facts { pending, ..facts(info_hash) }
            }),
        };
        match answer {
            Err(Stop::NotMine) if !prefix.from_start && peer::has_block(side) => Ok(facts(None)),
            answer => answer,
        }
    })
}

/// One socket serves the DHT, uTP and UDP trackers, so a flow may show any of them first.
fn datagrams(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    let known = each(prefix, |datagram| match datagram.first() {
        Some(b'd') => dht::message(datagram),
        Some(b'B') => local::announce(datagram),
        _ => Err(Stop::NotMine),
    });
    if let Ok(info_hash) = known {
        return Ok(facts(info_hash));
    }
    let peers = match utp::conversation(prefix) {
        Ok(info_hash) => return Ok(facts(info_hash)),
        Err(stop) => stop,
    };
    match tracker::exchange(prefix) {
        Ok(exchange) => {
            // The torrent is named only after the tracker answered the connect request.
            let pending = exchange.info_hash.is_none() && !prefix.last_call;
            Ok(Facts { pending, ..facts(exchange.info_hash) })
        }
        Err(Stop::NeedMore) => Err(Stop::NeedMore),
        Err(_) => Err(peers),
    }
}

/// One byte out of two hexadecimal digits.
fn hex_byte(pair: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(pair).ok()?;
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u8::from_str_radix(text, 16).ok().filter(|_| pair.len() == 2)
}
