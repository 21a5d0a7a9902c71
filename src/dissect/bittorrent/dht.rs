//! The Mainline DHT (BEP 5; BEP 32 for IPv6, BEP 42 for `ip`, BEP 44 for `get` and `put`).
//!
//! One datagram is one bencoded dictionary. Evidence asked for: the whole dictionary with `y`, `t`
//! and the part that `y` announces; or, where the datagram is cut, one of the openings that have a
//! 20-byte node id. The shortest of those is 12 fixed bytes: 2^-96 by chance.

use super::bencode::{self, Token};
use super::teach::Notes;
use crate::bytes::{Reader, Stop};
use crate::dissect::sides::starts_with_any;

/// Openings with a node id that stand at the very start because keys are sorted.
const OPENINGS: &[&[u8]] = &[b"d1:ad2:id20:", b"d1:rd2:id20:"];

/// The info hash if the sender announces itself as a peer of that torrent. `get_peers` names one
/// too, but clients also look up random ones to find more nodes.
pub fn message(bytes: &[u8]) -> Result<Option<[u8; 20]>, Stop> {
    if bytes.first() != Some(&b'd') {
        return Err(Stop::NotMine);
    }
    match whole(bytes) {
        Err(_) if starts_with_any(bytes, OPENINGS) => Ok(None),
        other => other,
    }
}

fn whole(bytes: &[u8]) -> Result<Option<[u8; 20]>, Stop> {
    let mut reader = Reader::datagram(bytes);
    let (mut kind, mut transaction, mut query, mut error) = (None, false, None, false);
    let (mut asked, mut answered, mut info_hash) = (false, false, None);
    bencode::dict(&mut reader, |key, mut value| {
        match key {
            b"y" => kind = bencode::bytes(&mut value)?.first().copied(),
            b"t" => transaction = !bencode::bytes(&mut value)?.is_empty(),
            b"q" => query = Some(bencode::bytes(&mut value)?),
            b"a" => (asked, info_hash) = part(&mut value)?,
            b"r" => (answered, _) = part(&mut value)?,
            b"e" => error = is_error(&mut value)?,
            _ => {} // `v`, `ip`, `ro` and what else clients add
        }
        Ok(())
    })?;
    let certain = match kind {
        Some(b'q') => query.is_some_and(|query| !query.is_empty()) && asked,
        Some(b'r') => answered,
        Some(b'e') => error,
        _ => false,
    };
    if certain && transaction && reader.is_empty() {
        Ok(info_hash.filter(|_| query == Some(b"announce_peer")))
    } else {
        Err(Stop::NotMine)
    }
}

/// `a` or `r`: whether it has a node id, and an info hash if there is one.
fn part(reader: &mut Reader<'_>) -> Result<(bool, Option<[u8; 20]>), Stop> {
    let (mut id, mut info_hash) = (false, None);
    bencode::dict(reader, |key, mut value| {
        match key {
            b"id" => id = bencode::bytes(&mut value)?.len() == 20,
            b"info_hash" => info_hash = bencode::bytes(&mut value)?.try_into().ok(),
            _ => {}
        }
        Ok(())
    })?;
    Ok((id, info_hash))
}

/// `e`: a list of a code from 201 to 399 (BEP 5 "Errors", BEP 44) and a text.
fn is_error(reader: &mut Reader<'_>) -> Result<bool, Stop> {
    if bencode::token(reader)? != Token::List {
        return Ok(false);
    }
    let code = bencode::token(reader)?;
    let text = bencode::token(reader)?;
    Ok(matches!(code, Token::Integer(200..=399)) && matches!(text, Token::Bytes(_)))
}

/// Endpoints in an answer: `nodes` and `values` (BEP 5), `nodes6` and long values (BEP 32), and
/// `ip`, the receiver's own endpoint as the sender sees it (BEP 42). In an announcement, where its
/// sender listens (BEP 5 "announce_peer").
pub fn teach(bytes: &[u8], notes: &mut Notes<'_>) {
    if message(bytes).is_err() {
        return;
    }
    let (mut announces, mut port) = (false, None);
    bencode::dict_head(&mut Reader::datagram(bytes), |key, mut value| match key {
        b"ip" => endpoint(&mut value, notes),
        b"a" => port = announced(&mut value, notes),
        b"r" => bencode::dict_head(&mut value, |key, mut value| match key {
            b"nodes" => nodes(&mut value, 26, notes),
            b"nodes6" => nodes(&mut value, 38, notes),
            b"values" => values(&mut value, notes),
            _ => {}
        }),
        b"q" => announces = bencode::bytes(&mut value) == Ok(b"announce_peer"),
        _ => {}
    });
    if let Some(port) = port.filter(|_| announces) {
        notes.listens(port);
    }
}

/// A compact endpoint of either family in a string of its own.
fn endpoint(reader: &mut Reader<'_>, notes: &mut Notes<'_>) {
    match bencode::bytes(reader) {
        Ok(one) if one.len() == 6 => notes.compact_v4(one),
        Ok(one) if one.len() == 18 => notes.compact_v6(one),
        _ => {}
    }
}

/// A node is 20 bytes of id and a compact endpoint.
fn nodes(reader: &mut Reader<'_>, node_bytes: usize, notes: &mut Notes<'_>) {
    let list = bencode::bytes_head(reader).unwrap_or_default();
    for node in list.chunks_exact(node_bytes) {
        match node.get(20..).unwrap_or_default() {
            one if one.len() == 6 => notes.compact_v4(one),
            one => notes.compact_v6(one),
        }
    }
}

fn values(reader: &mut Reader<'_>, notes: &mut Notes<'_>) {
    if bencode::token(reader) != Ok(Token::List) {
        return;
    }
    while reader.peek().is_some_and(|first| first.is_ascii_digit()) {
        endpoint(&mut reader.clone(), notes);
        if bencode::skip(reader).is_err() {
            return;
        }
    }
}

/// The port in the arguments of an announcement.
fn announced(reader: &mut Reader<'_>, notes: &Notes<'_>) -> Option<u16> {
    let (mut implied, mut port) = (false, None);
    bencode::dict_head(reader, |key, mut value| match key {
        b"implied_port" => {
            implied = matches!(bencode::token(&mut value), Ok(Token::Integer(1..)));
        }
        b"port" => port = bencode::port(&mut value),
        _ => {}
    });
    if implied { Some(notes.source_port()) } else { port }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissect::sample::{join, udp};

    const ID: &[u8] = b"abcdefghij0123456789";

    #[test]
    fn queries_answers_and_errors_are_told_and_nothing_else() {
        let ping = join(&[b"d1:ad2:id20:", ID, b"e1:q4:ping1:t2:aa1:y1:qe"]);
        udp(6881, 51413).original(&ping).survives("BitTorrent");
        let lookup = join(&[
            b"d1:ad2:id20:",
            ID,
            b"9:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers1:t2:aa1:y1:qe",
        ]);
        assert_eq!(message(&lookup), Ok(None));
        let announce = join(&[
            b"d1:ad2:id20:",
            ID,
            b"9:info_hash20:mnopqrstuvwxyz1234564:porti6881e5:token2:xye1:q13:announce_peer",
            b"1:t2:aa1:y1:qe",
        ]);
        assert_eq!(message(&announce), Ok(Some(*b"mnopqrstuvwxyz123456")));
        let answer = join(&[b"d2:ip6:\x01\x02\x03\x04\x05\x061:rd2:id20:", ID, b"e1:t2:aa1:y1:re"]);
        assert_eq!(message(&answer), Ok(None));
        assert_eq!(message(b"d1:eli203e14:Protocol Errore1:t2:aa1:y1:ee"), Ok(None));
        // BEP 42's `ip` in an error, BEP 44's codes and `put`, BEP 51's samples, BEP 32's `want`.
        for (other, name) in [
            (&b"d1:eli205e8:too longe2:ip6:\x01\x02\x03\x04\x05\x061:t2:aa1:y1:ee"[..], "ip"),
            (
                b"d1:ad2:id20:abcdefghij01234567893:seqi1e5:token1:x1:v4:spame\
                1:q3:put1:t2:aa1:y1:qe",
                "put",
            ),
            (
                b"d1:ad2:id20:abcdefghij01234567896:target20:abcdefghij01234567894:wantl2:n42:n6ee\
                1:q17:sample_infohashes2:roi1e1:t2:aa1:y1:qe",
                "samples asked",
            ),
            (
                b"d1:rd2:id20:abcdefghij01234567898:intervali60e3:numi1e7:samples20:\
                abcdefghij0123456789e1:t2:aa1:y1:re",
                "samples",
            ),
        ] {
            assert_eq!(message(other), Ok(None), "{name}");
            udp(6881, 51413).reply(other).survives("BitTorrent");
        }
        for wrong in [
            &b"d1:eli7e14:Protocol Errore1:t2:aa1:y1:ee"[..], // no such code
            b"d1:t2:aa1:y1:qe",                               // a query without a question
            b"d1:eli203e14:Protocol Errore1:t2:aa1:y1:eeX",   // more behind the dictionary
            b"de",
            b"d",
            b"d9999999999:",
        ] {
            assert_eq!(message(wrong), Err(Stop::NotMine), "{wrong:?}");
            udp(6881, 6881).original(wrong).is_nobodys();
        }
    }

    #[test]
    fn a_cut_datagram_is_known_by_its_opening() {
        let query = join(&[b"d1:ad2:id20:", ID, b"e1:q4:pi"]);
        assert_eq!(message(&query), Ok(None));
    }
}
