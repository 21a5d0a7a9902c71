//! WireGuard (its white paper, section 5.4): four messages of exact form; and the discovery by
//! which Tailscale's peers find a path for it on the same port (its source, `disco/disco.go`).

use crate::bytes::{Reader, Stop};
use crate::dissect::{Dissector, Question};
use crate::facts::{Facts, Protocol};
use crate::net::{Direction, Transport};
use crate::prefix::Prefix;

/// WireGuard.
pub static PROTOCOL: Protocol =
    Protocol { id: 206, name: "WireGuard", category: "vpn", ports: &[(Transport::Udp, 51820)] };

/// Tailscale, where its discovery is seen before its WireGuard.
pub static TAILSCALE: Protocol =
    Protocol { id: 315, name: "Tailscale", category: "vpn", ports: &[] };

/// Handshakes and transport data.
pub static WIREGUARD: Dissector = Dissector {
    name: "wireguard",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL, &TAILSCALE],
    question: Question::Facts(dissect),
    teach: None,
};

const INITIATION_BYTES: usize = 148;
const RESPONSE_BYTES: usize = 92;
const COOKIE_BYTES: usize = 64;
/// A keep-alive: header, counter, tag.
const DATA_BYTES_MIN: usize = 32;
/// How far a counter may run between two packets that are seen.
const COUNTER_STEP_MAX: u64 = 4096;

/// Six bytes that open a message of discovery, a key and a nonce.
const DISCOVERY: &[u8] = b"TS\xf0\x9f\x92\xac";
const DISCOVERY_BYTES_MIN: usize = 6 + 32 + 24;

/// Type and three reserved zeros: 2^-32. On top of it, any one of:
///
/// * an initiation of 148 bytes or a response of 92 whose second MAC is zero, as it is unless the
///   peer is under load (2^-128);
/// * a response or cookie that names the initiation's index (2^-32);
/// * two data packets of one side, whole blocks, to the same index with a counter that moves on:
///   2^-32 for the index, 2^-52 for the counter.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    let mut asked: [Option<u32>; 2] = [None; 2];
    let mut sent: [Option<(u32, u64)>; 2] = [None; 2];
    let mut any = false;
    for datagram in prefix.datagrams() {
        let bytes = datagram.bytes;
        let own = datagram.direction.index();
        let other = datagram.direction.flipped();
        if bytes.starts_with(DISCOVERY) && bytes.len() >= DISCOVERY_BYTES_MIN {
            return Ok(Facts::of(&TAILSCALE)); // 2^-48 by chance
        }
        let mut reader = Reader::datagram(bytes);
        let kind = reader.u32_le()?;
        let first = reader.u32_le()?;
        let certain = match (kind, bytes.len()) {
            (1, INITIATION_BYTES) => {
                place(&mut asked, datagram.direction, first);
                no_second_mac(bytes)
            }
            (2, RESPONSE_BYTES) => {
                let receiver = reader.u32_le()?;
                asked.get(other.index()) == Some(&Some(receiver)) || no_second_mac(bytes)
            }
            (3, COOKIE_BYTES) => asked.get(other.index()) == Some(&Some(first)),
            (4, length) if length >= DATA_BYTES_MIN && length.is_multiple_of(16) => {
                let (low, high) = (reader.u32_le()?, reader.u32_le()?);
                let counter = u64::from(high) << 32 | u64::from(low);
                let last = sent.get(own).copied().flatten();
                place(&mut sent, datagram.direction, (first, counter));
                last.is_some_and(|(receiver, before)| {
                    let step = counter.wrapping_sub(before);
                    receiver == first && (1..=COUNTER_STEP_MAX).contains(&step)
                })
            }
            _ => return Err(Stop::NotMine),
        };
        if certain {
            return Ok(Facts::of(&PROTOCOL));
        }
        any = true;
    }
    Err(if any { Stop::NeedMore } else { Stop::NotMine })
}

fn place<T>(slots: &mut [Option<T>; 2], direction: Direction, value: T) {
    if let Some(slot) = slots.get_mut(direction.index()) {
        *slot = Some(value);
    }
}

fn no_second_mac(bytes: &[u8]) -> bool {
    bytes.last_chunk::<16>() == Some(&[0; 16])
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, udp};

    #[test]
    fn handshakes_are_told_by_length_zeros_and_index() {
        let initiation = join(&[&hex("01000000 a1b2c3d4"), &[7; 124], &[0; 16]]);
        udp(51820, 51820).original(&initiation).survives("WireGuard");
        udp(51820, 51820).original(&initiation[..147]).is_nobodys();
        let under_load = join(&[&hex("01000000 a1b2c3d4"), &[7; 140]]);
        udp(51820, 51820).original(&under_load).is_nobodys();
        let response = join(&[&hex("02000000 01020304 a1b2c3d4"), &[7; 80]]);
        udp(51820, 51820).original(&under_load).reply(&response).survives("WireGuard");
        let cookie = join(&[&hex("03000000 a1b2c3d4"), &[7; 56]]);
        udp(51820, 51820).original(&under_load).reply(&cookie).survives("WireGuard");
    }

    #[test]
    fn data_is_told_by_its_counter() {
        let data = |counter: u8| {
            join(&[&hex("04000000 a1b2c3d4"), &[counter, 0, 0, 0, 0, 0, 0, 0], &[7; 16]])
        };
        udp(51820, 51820).original(data(5)).original(data(6)).survives("WireGuard");
        udp(51820, 51820).original(data(5)).original(data(5)).is_nobodys();
        udp(51820, 51820).original(data(5)).reply(data(6)).is_nobodys();
    }

    #[test]
    fn discovery_is_tailscale() {
        let ping = join(&[b"TS\xf0\x9f\x92\xac", &[9; 86]]);
        udp(41641, 41641).original(&ping).survives("Tailscale");
        udp(41641, 41641).original(&ping[..61]).is_nobodys();
    }
}
