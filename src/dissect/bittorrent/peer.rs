//! The peer wire protocol (BEP 3 "peer protocol"; BEP 10 extension handshake) over a byte stream.

use std::net::IpAddr;

use super::bencode::{self, Token};
use super::teach::Notes;
use crate::bytes::{Reader, Stop, be_u32_at};

/// The opening of either side: 20 fixed bytes, 2^-160 by chance.
pub const HANDSHAKE: &[u8] = b"\x13BitTorrent protocol";

/// Message id of BEP 10; its number 0 is the extension handshake.
const EXTENDED: u8 = 20;
const REQUEST: u8 = 6;
const PIECE: u8 = 7;
/// Every client asks for blocks of 16 KiB (BEP 3 "request").
const BLOCK_BYTES: u32 = 0x4000;
/// The most pieces a torrent has in practice (16 TiB of 1 MiB pieces).
const PIECE_INDEX_MAX: u32 = 1 << 24;
/// The longest piece in practice is 256 MiB.
const PIECE_BYTES_MAX: u32 = 1 << 28;
/// The longest extension handshake believed.
const EXTENSIONS_MAX: u32 = 4096;
/// The longest message believed: a block of 128 KiB, or the bits of a million pieces.
const MESSAGE_MAX: u32 = (1 << 17) + 9;
/// Places of a segment at which a message is looked for.
const SCAN_MAX: usize = 2048;
/// The handshake with everything in it.
pub const HANDSHAKE_BYTES: usize = 68;
/// Most messages read at the start of one segment: a connection opens with about eight.
const MESSAGES_MAX: usize = 16;
/// BEP 5 "New Torrent Extension": the sender's port of the DHT.
const PORT: u8 = 9;

/// 19, the protocol's name, 8 reserved bytes, the info hash, the peer id: the torrent, once it is
/// there.
pub fn handshake(bytes: &[u8]) -> Result<Option<[u8; 20]>, Stop> {
    let mut reader = Reader::stream(bytes);
    reader.literal(HANDSHAKE)?;
    let info_hash = reader.skip(8).and_then(|()| reader.array());
    Ok(info_hash.ok())
}

/// Joining in the middle, a segment often starts with a message. Certain alone are:
///
/// * an extension handshake: id 20, 0, then exactly one dictionary with a dictionary `m` in it,
///   filling the announced length: 2^-16 for the ids and far less for the bencoding;
/// * a message about metadata (BEP 9): id 20, 20 bits of length, 12 fixed bytes: 2^-124 by chance;
/// * `request` (length 13) or `piece` (length 9 + 16 KiB): 40 bits of length and id, 14 bits of
///   `begin` on a block border and 4 of its top, 8 of `index`, and for `request` 32 bits of block
///   length: 2^-98 and 2^-66 by chance.
///
/// Of the others three in a row are asked for: see [`chain`].
pub fn message(bytes: &[u8]) -> Result<(), Stop> {
    match alone(bytes) {
        Err(Stop::NotMine | Stop::Malformed) => chain(bytes),
        certain_or_short => certain_or_short,
    }
}

fn alone(bytes: &[u8]) -> Result<(), Stop> {
    let mut reader = Reader::stream(bytes);
    let length = reader.u32()?;
    if length > MESSAGE_MAX {
        return Err(Stop::NotMine);
    }
    match (reader.u8()?, length) {
        (EXTENDED, 4..=MESSAGE_MAX) => match reader.peek() {
            Some(0) if length > EXTENSIONS_MAX => Err(Stop::NotMine),
            Some(0) => {
                let mut body = Reader::stream(reader.rest());
                body.literal(b"\0d")?;
                extensions(reader, length)
            }
            _ => {
                reader.skip(1)?;
                reader.literal(b"d8:msg_typei")
            }
        },
        (REQUEST, 13) => {
            block(&mut reader)?;
            if reader.u32()? == BLOCK_BYTES { Ok(()) } else { Err(Stop::NotMine) }
        }
        (PIECE, length) if length == BLOCK_BYTES.saturating_add(9) => block(&mut reader),
        _ => Err(Stop::NotMine),
    }
}

/// Three whole messages with a body one behind the other, such as `have`: 36 bits of length and id
/// and 8 of the piece's number each, 2^-132 by chance. Messages of one byte may stand between, and
/// count for nothing: others frame such messages too.
fn chain(bytes: &[u8]) -> Result<(), Stop> {
    let mut reader = Reader::stream(bytes);
    let mut bodies = 0usize;
    for _ in 0..MESSAGES_MAX {
        let (id, body) = match next(&mut reader) {
            Ok(message) => message,
            // The rest may come, and is worth waiting for behind a first body.
            Err(stop) => return Err(if bodies > 0 { stop } else { Stop::NotMine }),
        };
        bodies = bodies.saturating_add(match (id, body.len()) {
            (4 | 13 | 17, 4) if be_u32_at(body, 0) < PIECE_INDEX_MAX => 1,
            (REQUEST | 8 | 16, 12) if block(&mut Reader::stream(body)).is_ok() => 1,
            (_, 0) => 0,
            _ => return Err(Stop::NotMine),
        });
        if bodies >= 3 {
            return Ok(());
        }
    }
    Err(Stop::NotMine)
}

/// Whether a `piece` begins anywhere in a segment that was picked up in the middle: 40 bits of
/// length and id, 12 of `index`, 14 of `begin` on a block border and 7 of its top, at one of 2^11
/// places: 2^-62 by chance.
pub fn has_block(segment: &[u8]) -> bool {
    const HEAD_BYTES: usize = 13;
    let within = |reader: &mut Reader<'_>| {
        let (index, begin) = (reader.u32()?, reader.u32()?);
        Ok::<_, Stop>(index < 1 << 20 && begin < 1 << 25 && begin.is_multiple_of(BLOCK_BYTES))
    };
    segment.windows(HEAD_BYTES).take(SCAN_MAX).any(|head| match head {
        [0, 0, 0x40, 0x09, 0x07, block @ ..] => within(&mut Reader::stream(block)) == Ok(true),
        _ => false,
    })
}

fn extensions(mut reader: Reader<'_>, length: u32) -> Result<(), Stop> {
    reader.skip(1)?;
    let length = usize::try_from(length.saturating_sub(2)).map_err(|_| Stop::NotMine)?;
    let mut body = match reader.sub(length) {
        Ok(body) => body,
        // Is what is there still bencoding?
        Err(stop) => return bencode::skip(&mut reader).and(Err(stop)),
    };
    let mut named = false;
    bencode::dict(&mut body, |key, mut value| {
        named |= key == b"m" && bencode::token(&mut value)? == Token::Dict;
        Ok(())
    })?;
    if named && body.is_empty() { Ok(()) } else { Err(Stop::NotMine) }
}

fn block(reader: &mut Reader<'_>) -> Result<(), Stop> {
    let (index, begin) = (reader.u32()?, reader.u32()?);
    let aligned = begin.trailing_zeros() >= BLOCK_BYTES.trailing_zeros();
    if aligned && begin < PIECE_BYTES_MAX && index < PIECE_INDEX_MAX {
        Ok(())
    } else {
        Err(Stop::NotMine)
    }
}

/// Whether messages of that id have that length, both counted from the id on (BEP 3, BEP 5, BEP 6,
/// BEP 10, BEP 52).
const fn is_form(id: u8, length: u32) -> bool {
    match id {
        0..=3 | 14 | 15 => length == 1,
        PORT => length == 3,
        4 | 13 | 17 => length == 5,
        REQUEST | 8 | 16 => length == 13,
        5 | EXTENDED => length >= 2 && length <= MESSAGE_MAX,
        PIECE => length > 9 && length <= MESSAGE_MAX,
        21 | 23 => length == 49,
        22 => length > 49 && length <= MESSAGE_MAX,
        _ => false,
    }
}

/// The next message: its id and as much as is there of what follows. Keep-alives are stepped over.
fn next<'a>(reader: &mut Reader<'a>) -> Result<(u8, &'a [u8]), Stop> {
    let mut length = reader.u32()?;
    while length == 0 {
        length = reader.u32()?;
    }
    let id = reader.u8()?;
    if !is_form(id, length) {
        return Err(Stop::NotMine);
    }
    let rest = usize::try_from(length.saturating_sub(1)).map_err(|_| Stop::NotMine)?;
    Ok((id, reader.take(rest.min(reader.len()))?))
}

/// Ports and peers in the messages at the start of a segment, behind the handshake if that stands
/// there: the extension handshake (BEP 10), peer exchange (BEP 11), `port` (BEP 5) and holes to
/// punch (BEP 55). `yourip` is not learned: it comes without a port.
pub fn teach(bytes: &[u8], notes: &mut Notes<'_>) {
    let mut reader = Reader::stream(bytes);
    if handshake(bytes).is_ok() && reader.skip(HANDSHAKE_BYTES).is_err() {
        return;
    }
    for _ in 0..MESSAGES_MAX {
        let Ok((id, body)) = next(&mut reader) else { return };
        match (id, body) {
            (PORT, &[high, low]) => notes.listens(u16::from_be_bytes([high, low])),
            (EXTENDED, [0, hello @ ..]) => teach_extensions(hello, notes),
            (EXTENDED, [_, message @ ..]) => teach_extended(message, notes),
            _ => {}
        }
    }
}

/// What stands behind the header of an extended message that ended the segment before: libtorrent
/// sends the two apart.
pub fn teach_dictionary(body: &[u8], notes: &mut Notes<'_>) {
    teach_extensions(body, notes);
    teach_extended(body, notes);
}

/// `p`, and with it `ipv4` and `ipv6`: other addresses of the sender.
fn teach_extensions(hello: &[u8], notes: &mut Notes<'_>) {
    let (mut port, mut v4, mut v6) = (None, None, None);
    bencode::dict_head(&mut Reader::stream(hello), |key, mut value| match key {
        b"p" => port = bencode::port(&mut value),
        b"ipv4" => v4 = value.literal(b"4:").and_then(|()| value.array::<4>()).ok(),
        b"ipv6" => v6 = value.literal(b"16:").and_then(|()| value.array::<16>()).ok(),
        _ => {}
    });
    let Some(port) = port else { return };
    notes.listens(port);
    let addrs = [v4.map(IpAddr::from), v6.map(IpAddr::from)];
    addrs.into_iter().flatten().for_each(|addr| notes.peer(addr, port));
}

/// The number of an extended message is agreed on in other packets, so its form tells what it is:
/// a dictionary with `added` or `added6`, or a hole to punch to an endpoint.
fn teach_extended(message: &[u8], notes: &mut Notes<'_>) {
    match message {
        [b'd', ..] => {
            bencode::dict_head(&mut Reader::stream(message), |key, mut value| match key {
                b"added" => notes.compact_v4(bencode::bytes_head(&mut value).unwrap_or_default()),
                b"added6" => notes.compact_v6(bencode::bytes_head(&mut value).unwrap_or_default()),
                _ => {}
            })
        }
        // Ask for it (0) or do it (1), family (0, 1), endpoint, no error.
        [0 | 1, 0, end @ .., 0, 0, 0, 0] if end.len() == 6 => notes.compact_v4(end),
        [0 | 1, 1, end @ .., 0, 0, 0, 0] if end.len() == 18 => notes.compact_v6(end),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissect::sample::{hex, join, tcp};

    #[test]
    fn a_handshake_is_told_from_either_side_and_in_pieces() {
        let hash = *b"mnopqrstuvwxyz123456";
        let whole = join(&[HANDSHAKE, &[0; 8], &hash, b"-XX0001-abcdefghijkl"]);
        assert_eq!(handshake(&whole), Ok(Some(hash)));
        assert_eq!(handshake(&whole[..20]), Ok(None));
        assert_eq!(handshake(&whole[..19]), Err(Stop::NeedMore));
        assert_eq!(handshake(b"\x13BitTorrent protocoX"), Err(Stop::NotMine));
        tcp(40000, 6881).original(&whole[..1]).original(&whole[1..]).survives("BitTorrent");
        tcp(40000, 6881).reply(&whole).survives("BitTorrent");
    }

    #[test]
    fn messages_of_a_running_connection_are_told_if_certain() {
        let body = b"d1:ei0e1:md11:ut_metadatai2e6:ut_pexi1ee1:pi6881ee";
        let length = u8::try_from(body.len() + 2).unwrap();
        let extended = join(&[&[0, 0, 0, length, 20, 0], body]);
        tcp(40000, 51413).midway().original(&extended).survives("BitTorrent");
        let lying = join(&[&[0, 0, 0, length - 1, 20, 0], body]);
        assert!(message(&lying).is_err());
        let request = hex("0000000d 06 00000123 0003c000 00004000");
        tcp(40000, 51413).midway().original(&request).survives("BitTorrent");
        tcp(40000, 51413).original(&request).is_nobodys();
        let piece = join(&[&hex("00004009 07 00000123 0003c000"), &[7; 100]]);
        tcp(51413, 40000).midway().original(&piece).survives("BitTorrent");
        let within = |before: usize| join(&[&vec![0xa5; before], &piece]);
        assert_eq!(tcp(51413, 40000).midway().original(within(700)).name(), Some("BitTorrent"));
        tcp(51413, 40000).original(within(700)).is_nobodys();
        assert!(!has_block(&within(SCAN_MAX)) && !has_block(&hex("00004009 07 00100000 0003c000")));
        let metadata = b"\0\0\0\x1b\x14\x02d8:msg_typei0e5:piecei0ee";
        tcp(40000, 51413).midway().original(metadata).survives("BitTorrent");
        let have = "00000005 04 00000007";
        let haves = hex(&[have, "00000001 00", have, "00000000", have].concat());
        tcp(40000, 51413).midway().original(&haves).survives("BitTorrent");
        for other in [
            "00000005 04 00000007 00000005 04 00000008",
            "00000001 00 00000001 01 00000001 02 00000001 03 00000001 00",
            "00000005 04 01000007 00000005 04 01000007 00000005 04 01000007",
        ] {
            tcp(40000, 51413).midway().original(hex(other)).is_nobodys();
        }
        for (other, stop) in [
            ("0000000d 06 00000123 0003c001 00004000", Stop::NotMine), // begin off a block
            ("0000000d 06 00000123 0003c000 00003fff", Stop::NeedMore), // an odd block
            ("00000005 04 00000007", Stop::NeedMore), // `have`: too little to be sure
            ("00000001 02", Stop::NotMine),           // `interested`
            ("00000000 00000000 00000000", Stop::NotMine), // keep-alives or just zeros
        ] {
            assert_eq!(message(&hex(other)), Err(stop), "{other}");
        }
    }
}
