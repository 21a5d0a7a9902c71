//! QUIC in the middle of a connection: packets with a short header, RFC 9000 section 17.3. They
//! show a fixed bit, a connection identifier that stays while everything around it changes, and
//! nothing else; so the port must fit as well.

#![deny(clippy::arithmetic_side_effects)]

use crate::bytes::Stop;
use crate::net::Direction;
use crate::prefix::Prefix;

/// Where HTTP/3 is served; elsewhere other protocols look so.
const PORT: u16 = 443;
/// The shortest packet there is, RFC 9000 section 10.3.
const PACKET_MIN: usize = 21;
/// Identifiers may be shorter, down to nothing, but those of servers seldom are.
const ID: usize = 8;
/// Packets of one side that show the same identifier: 2^-128 for chance; what counts is which other
/// protocol looks so.
const PACKETS_MIN: usize = 3;
/// Values that differ among an identifier's bytes: a counter or a magic number has fewer.
const VALUES_MIN: usize = 5;

/// Whether the datagrams are such packets. Their first byte is protected, so it changes while the
/// identifier does not: what tells them from OpenVPN's data, whose first byte stays.
pub fn is_mid_stream(prefix: &Prefix<'_>) -> Result<(), Stop> {
    if !prefix.has_port(PORT) {
        return Err(Stop::NotMine);
    }
    let fits = |bytes: &[u8]| {
        bytes.len() >= PACKET_MIN && bytes.first().is_some_and(|first| first & 0xc0 == 0x40)
    };
    if !prefix.datagrams().all(|datagram| fits(datagram.bytes)) {
        return Err(Stop::NotMine);
    }
    let sides = [Direction::Original, Direction::Reply].map(|sender| side(prefix, sender));
    if sides.contains(&Ok(())) {
        Ok(())
    } else if sides.contains(&Err(Stop::NeedMore)) {
        Err(Stop::NeedMore)
    } else {
        Err(Stop::NotMine)
    }
}

fn side(prefix: &Prefix<'_>, sender: Direction) -> Result<(), Stop> {
    let id = |bytes: &'_ [u8]| bytes.get(1..).and_then(|rest| rest.first_chunk::<ID>()).copied();
    let packets = || prefix.datagrams().filter(|datagram| datagram.direction == sender);
    let Some(first) = packets().next() else { return Err(Stop::NeedMore) };
    let Some(wanted) = id(first.bytes) else { return Err(Stop::NotMine) };
    let mut values = wanted;
    values.sort_unstable();
    let distinct = values.chunk_by(|a, b| a == b).count();
    if distinct < VALUES_MIN || packets().any(|packet| id(packet.bytes) != Some(wanted)) {
        return Err(Stop::NotMine);
    }
    let changes = packets().any(|packet| packet.bytes.first() != first.bytes.first());
    // A packet that is sent twice, or the same one seen twice, shows nothing new.
    let mut seen = Vec::with_capacity(PACKETS_MIN);
    for packet in packets() {
        if !seen.contains(&packet.bytes) && seen.len() < PACKETS_MIN {
            seen.push(packet.bytes);
        }
    }
    if changes && seen.len() >= PACKETS_MIN { Ok(()) } else { Err(Stop::NeedMore) }
}
