//! Protocols whose first bytes are one fixed text or header: BGP, Git, rsync, Gnutella, SOCKS,
//! RTMP, Modbus, whois, Steam.

use crate::bytes::{Reader, Stop};
use crate::dissect::inner::{Start, tunnel};
use crate::dissect::sides::{each, first_yes, line, starts_with_any};
use crate::dissect::{Dissector, Question};
use crate::facts::{Facts, Protocol, host_name};
use crate::net::Transport;
use crate::prefix::Prefix;

/// BGP (RFC 4271).
pub static BGP: Protocol =
    Protocol { id: 13, name: "BGP", category: "networking", ports: &[(Transport::Tcp, 179)] };
/// Git's own transport.
pub static GIT: Protocol =
    Protocol { id: 226, name: "Git", category: "file-server", ports: &[(Transport::Tcp, 9418)] };
/// rsync's own transport.
pub static RSYNC: Protocol =
    Protocol { id: 166, name: "RSYNC", category: "file-server", ports: &[(Transport::Tcp, 873)] };
/// Gnutella 0.6.
pub static GNUTELLA: Protocol = Protocol {
    id: 35,
    name: "Gnutella",
    category: "file-sharing",
    ports: &[(Transport::Tcp, 6346), (Transport::Udp, 6346)],
};
/// SOCKS 4 and 5 (RFC 1928).
pub static SOCKS: Protocol =
    Protocol { id: 172, name: "SOCKS", category: "proxy", ports: &[(Transport::Tcp, 1080)] };
/// RTMP.
pub static RTMP: Protocol =
    Protocol { id: 174, name: "RTMP", category: "media", ports: &[(Transport::Tcp, 1935)] };
/// Modbus over TCP.
pub static MODBUS: Protocol = Protocol {
    id: 44,
    name: "Modbus",
    category: "infrastructure",
    ports: &[(Transport::Tcp, 502)],
};
/// Whois (RFC 3912).
pub static WHOIS: Protocol = Protocol {
    id: 170,
    name: "Whois/DAS",
    category: "infrastructure",
    ports: &[(Transport::Tcp, 43)],
};
/// Steam's client and its discovery in the LAN.
pub static STEAM: Protocol = Protocol {
    id: 74,
    name: "Steam",
    category: "games",
    ports: &[(Transport::Tcp, 27017), (Transport::Udp, 27036)],
};

/// Queries of game servers on the Source engine.
pub static SOURCE: Protocol = Protocol {
    id: 319,
    name: "SourceEngine",
    category: "games",
    ports: &[(Transport::Udp, 27015)],
};

/// All of them.
pub static OPENING: Dissector = Dissector {
    name: "opening",
    over: &[Transport::Tcp, Transport::Udp],
    protocols: &[&BGP, &GIT, &RSYNC, &GNUTELLA, &SOCKS, &RTMP, &MODBUS, &WHOIS, &STEAM, &SOURCE],
    question: Question::Facts(dissect),
    teach: None,
};

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    if prefix.transport != Transport::Tcp {
        return each(prefix, datagram);
    }
    let alone = each(prefix, |side| {
        // Steam's is a length; of the others the first byte tells which it can be.
        let other = match side.first() {
            Some(0xff) => Some(bgp(side)),
            Some(b'@') => Some(rsync(side)),
            Some(b'G') => Some(gnutella(side)),
            Some(digit) if digit.is_ascii_hexdigit() => Some(git(side)),
            _ => None,
        };
        first_yes(other.into_iter().chain([steam(side)])).map(Facts::of)
    });
    let [original, reply] = prefix.both();
    let mut stop = match alone {
        Ok(facts) => return Ok(facts),
        Err(stop) => stop,
    };
    // These need a question and its answer; who asked depends on who was seen first.
    for (client, server) in [(original, reply), (reply, original)] {
        if client.is_empty() {
            stop = Stop::NeedMore; // all would say so
            continue;
        }
        for question in [socks, rtmp, modbus] {
            match question(client, server) {
                Ok(protocol) if *protocol == SOCKS => {
                    let mut facts = Facts::of(protocol);
                    let starts = prefix.both().map(|side| behind_socks(side, client, server));
                    facts.host = starts.iter().find_map(|(_, host)| host.and_then(host_name));
                    return Ok(tunnel(prefix, facts, starts.map(|(start, _)| start)));
                }
                Ok(protocol) => return Ok(Facts::of(protocol)),
                Err(Stop::NeedMore) => stop = Stop::NeedMore,
                Err(_) => {}
            }
        }
        if prefix.has_port(43) {
            match whois(client, server) {
                Ok(protocol) => return Ok(Facts::of(protocol)),
                Err(Stop::NeedMore) => stop = Stop::NeedMore,
                Err(_) => {}
            }
        }
    }
    Err(stop)
}

type Answer = Result<&'static Protocol, Stop>;

/// RFC 4271 section 4.1: 16 bytes of ones, a length, a type.
fn bgp(side: &[u8]) -> Answer {
    let mut reader = Reader::stream(side);
    reader.literal(&[0xff; 16])?;
    match (reader.u16()?, reader.u8()?) {
        (19..=4096, 1..=5) => Ok(&BGP),
        _ => Err(Stop::NotMine),
    }
}

/// gitprotocol-pack: a packet line of four hexadecimal digits that asks a service for a path.
fn git(side: &[u8]) -> Answer {
    let mut reader = Reader::stream(side);
    let digits = reader.take(4)?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(Stop::NotMine);
    }
    let rest = reader.rest();
    let known: &[&[u8]] = &[b"git-upload-pack /", b"git-receive-pack /", b"git-upload-archive /"];
    if starts_with_any(rest, known) {
        return Ok(&GIT);
    }
    let open = known.iter().any(|service| service.starts_with(rest));
    Err(if open { Stop::NeedMore } else { Stop::NotMine })
}

/// The daemon's greeting, which both sides send.
fn rsync(side: &[u8]) -> Answer {
    let mut reader = Reader::stream(side);
    reader.literal(b"@RSYNCD: ")?;
    if reader.u8()?.is_ascii_digit() { Ok(&RSYNC) } else { Err(Stop::NotMine) }
}

/// Gnutella 0.6 handshake, its answer, and downloads by content hash.
fn gnutella(side: &[u8]) -> Answer {
    let mut stop = Stop::NotMine;
    let openings: &[&[u8]] = &[b"GNUTELLA CONNECT/", b"GNUTELLA/0.", b"GET /uri-res/N2R?urn:sha1:"];
    for opening in openings {
        match Reader::stream(side).literal(opening) {
            Ok(()) => return Ok(&GNUTELLA),
            Err(Stop::NeedMore) => stop = Stop::NeedMore,
            Err(_) => {}
        }
    }
    Err(stop)
}

/// Steam's connection manager: a length, then `VT01`.
fn steam(side: &[u8]) -> Answer {
    let mut reader = Reader::stream(side);
    let length = reader.u32_le()?;
    reader.literal(b"VT01")?;
    if (8..=0x10_0000).contains(&length) { Ok(&STEAM) } else { Err(Stop::NotMine) }
}

/// A Gnutella descriptor of the look-up by hash that some clients run; it is not forwarded.
const KADEMLIA: u8 = 0x44;

/// Gnutella 0.6 section 2.2.1: a 16-byte id, a descriptor, TTL and hops of at most 10 together, and
/// the little-endian length of the rest: 2^-5, 2^-10 and 2^-32. The id is never all zeros.
///
/// Or the transport that clients put under it: `GND`, flags, a number, part 1 of a few (2^-38).
fn descriptor(bytes: &[u8]) -> Result<Facts, Stop> {
    if let [b'G', b'N', b'D', _flags, _, _, 1, 1..=4, _, ..] = bytes {
        return Ok(Facts::of(&GNUTELLA));
    }
    let mut reader = Reader::datagram(bytes);
    let id = reader.array::<16>()?;
    let (kind, ttl, hops) = (reader.u8()?, reader.u8()?, reader.u8()?);
    let length = usize::try_from(reader.u32_le()?).map_err(|_| Stop::NotMine)?;
    let known =
        matches!(kind, 0x00 | 0x01 | 0x02 | 0x30 | 0x31 | 0x32 | 0x40 | KADEMLIA | 0x80 | 0x81);
    let zeros = id.iter().filter(|&&byte| byte == 0).count();
    if known
        && ttl.saturating_add(hops) <= 10
        && (ttl > 0 || kind == KADEMLIA)
        && length == reader.len()
        && zeros < 8
    {
        Ok(Facts::of(&GNUTELLA))
    } else {
        Err(Stop::NotMine)
    }
}

/// Steam's UDP connections (`VS01`, a sane length and packet type) and LAN discovery.
fn datagram(bytes: &[u8]) -> Result<Facts, Stop> {
    let mut reader = Reader::datagram(bytes);
    if bytes.starts_with(b"VS01") {
        reader.skip(4)?;
        let (length, kind) = (usize::from(reader.u16_le()?), reader.u8()?);
        let sane = bytes.len() == length.saturating_add(36) && (1..=7).contains(&kind);
        return if sane { Ok(Facts::of(&STEAM)) } else { Err(Stop::NotMine) };
    }
    if bytes.starts_with(b"\xff\xff\xff\xffTSource Engine Query\0") {
        return Ok(Facts::of(&SOURCE));
    }
    let discovery = [0xff, 0xff, 0xff, 0xff, 0x21, 0x4c, 0x5f, 0xa0];
    reader.literal(&discovery).map(|()| Facts::of(&STEAM)).or_else(|_| descriptor(bytes))
}

/// RFC 1928 section 3: methods offered, one of them chosen, and nothing else so far but a request
/// of section 4. SOCKS 4: a request with a user id, and an answer of 8 bytes.
fn socks(client: &[u8], server: &[u8]) -> Answer {
    let mut reader = Reader::stream(client);
    match reader.u8()? {
        5 => {
            let methods = reader.u8()?;
            if !(1..=8).contains(&methods) {
                return Err(Stop::NotMine);
            }
            let methods = reader.take(methods.into())?;
            let mut answer = Reader::stream(server);
            let (version, method) = (answer.u8()?, answer.u8()?);
            if version != 5 || !methods.contains(&method) || !matches!(method, 0..=3) {
                return Err(Stop::NotMine);
            }
            if method == 2 {
                // RFC 1929: version 1, a name, a password.
                if reader.u8()? != 1 {
                    return Err(Stop::NotMine);
                }
                return answer.u8().and_then(|version| {
                    if version == 1 { Ok(&SOCKS) } else { Err(Stop::NotMine) }
                });
            }
            match (reader.u8()?, reader.u8()?, reader.u8()?, reader.u8()?) {
                (5, 1..=3, 0, 1 | 3 | 4) => Ok(&SOCKS),
                _ => Err(Stop::NotMine),
            }
        }
        4 => {
            let command = reader.u8()?;
            reader.skip(6)?;
            if !matches!(command, 1 | 2) {
                return Err(Stop::NotMine);
            }
            let user = line_to_zero(&mut reader)?;
            let mut answer = Reader::stream(server);
            let (version, code) = (answer.u8()?, answer.u8()?);
            answer.skip(6)?;
            let text = user.iter().all(u8::is_ascii_graphic);
            if version == 0 && matches!(code, 90..=93) && text {
                Ok(&SOCKS)
            } else {
                Err(Stop::NotMine)
            }
        }
        _ => Err(Stop::NotMine),
    }
}

/// Where the tunnel begins on that side, which is the client's or the server's, and the host in the
/// request if it names one.
fn behind_socks<'a>(side: &'a [u8], client: &[u8], server: &[u8]) -> (Start, Option<&'a [u8]>) {
    let mut reader = Reader::stream(side);
    let read = if side == client { socks_request } else { socks_answer };
    match read(&mut reader, server.get(1) == Some(&2)) {
        Ok(host) => (Start::At(side.len().saturating_sub(reader.len())), host),
        Err(Stop::NeedMore) => (Start::Awaited, None),
        Err(_) => (Start::Never, None),
    }
}

type Host<'a> = Result<Option<&'a [u8]>, Stop>;

/// RFC 1928 sections 3 and 4, a password of RFC 1929 between; of SOCKS 4 the request, with the host
/// behind the user where the address is 0.0.0.x (4A).
fn socks_request<'a>(reader: &mut Reader<'a>, password: bool) -> Host<'a> {
    if reader.u8()? == 4 {
        reader.skip(3)?;
        let address = reader.array::<4>()?;
        line_to_zero(reader)?;
        let named = matches!(address, [0, 0, 0, last] if last != 0);
        return if named { line_to_zero(reader).map(Some) } else { Ok(None) };
    }
    reader.sub_u8()?;
    if password {
        reader.skip(1)?;
        reader.sub_u8()?;
        reader.sub_u8()?;
    }
    if reader.array::<2>()? != [5, 1] {
        return Err(Stop::NotMine); // no CONNECT
    }
    socks_address(reader)
}

/// RFC 1928 section 6, and the answers before it.
fn socks_answer<'a>(reader: &mut Reader<'a>, password: bool) -> Host<'a> {
    match reader.array::<2>()? {
        [0, 90] => reader.skip(6).map(|()| None),
        [5, _] => {
            reader.skip(if password { 2 } else { 0 })?;
            if reader.array::<2>()? != [5, 0] {
                return Err(Stop::NotMine); // refused
            }
            socks_address(reader).map(|_| None)
        }
        _ => Err(Stop::NotMine),
    }
}

/// A reserved byte, an address or name, a port.
fn socks_address<'a>(reader: &mut Reader<'a>) -> Host<'a> {
    reader.skip(1)?;
    let host = match reader.u8()? {
        1 => reader.skip(4).map(|()| None),
        3 => reader.sub_u8().map(|name| Some(name.rest())),
        4 => reader.skip(16).map(|()| None),
        _ => Err(Stop::NotMine),
    }?;
    reader.skip(2)?;
    Ok(host)
}

fn line_to_zero<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Stop> {
    let long = reader.len() > 256;
    reader.until(&[0]).map_err(|stop| if long { Stop::NotMine } else { stop })
}

/// Adobe's specification section 5.2: version 3, 1536 bytes with four zeros behind the time; the
/// other side answers with version 3 and repeats the client's chunk behind its own.
fn rtmp(client: &[u8], server: &[u8]) -> Answer {
    let mut reader = Reader::stream(client);
    reader.literal(&[3])?;
    reader.skip(4)?;
    let version = reader.u32()?;
    reader.skip(1528)?;
    let mut answer = Reader::stream(server);
    answer.literal(&[3])?;
    answer.skip(1536)?;
    // Old clients: zeros. Newer ones: their version, and a digest instead of the repetition.
    let repeated = answer.take(16)?;
    let echoed = client.get(9..17) == repeated.get(8..16);
    if version == 0 || echoed { Ok(&RTMP) } else { Err(Stop::NotMine) }
}

/// Modbus application protocol 1.1b3 section 4 and messaging 1.0b section 3.1: the answer repeats
/// transaction, unit and function; protocol 0, lengths that fit: 2^-60 together.
fn modbus(client: &[u8], server: &[u8]) -> Answer {
    let message = |side| -> Result<(u16, u8, u8), Stop> {
        let mut reader = Reader::stream(side);
        let transaction = reader.u16()?;
        let (protocol, length) = (reader.u16()?, reader.u16()?);
        if protocol != 0 || !(3..=254).contains(&length) {
            return Err(Stop::NotMine);
        }
        let (unit, function) = (reader.u8()?, reader.u8()?);
        reader.skip(usize::from(length).saturating_sub(2))?;
        let known = matches!(function & 0x7f, 1..=8 | 11 | 12 | 15..=17 | 20..=24 | 43 | 90);
        if known { Ok((transaction, unit, function & 0x7f)) } else { Err(Stop::NotMine) }
    };
    let asked = message(client)?;
    if message(server)? == asked { Ok(&MODBUS) } else { Err(Stop::NotMine) }
}

/// RFC 3912: one line, then text as registries begin it. Only on port 43.
fn whois(client: &[u8], server: &[u8]) -> Answer {
    let query = line(client, 256)?;
    if query.is_empty() || client.len() > query.len().saturating_add(2) {
        return Err(Stop::NotMine);
    }
    let text = server.trim_ascii_start();
    let known: &[&[u8]] =
        &[b"%", b"#", b"Domain", b"domain", b"refer", b"NetRange", b"No match", b"[", b"Whois"];
    match text.first() {
        None => Err(Stop::NeedMore),
        Some(_) if starts_with_any(text, known) => Ok(&WHOIS),
        Some(_) => Err(Stop::NotMine),
    }
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp, udp};

    #[test]
    fn fixed_openings_are_told_alone() {
        tcp(40000, 179).original(join(&[&[0xff; 16], &hex("001d 01 04")])).survives("BGP");
        tcp(40000, 179).original(join(&[&[0xff; 16], &hex("0012 01 04")])).is_nobodys();
        tcp(40000, 9418)
            .original("0033git-upload-pack /repo.git\0host=example.org\0")
            .survives("Git");
        tcp(40000, 873).reply("@RSYNCD: 31.0\n").survives("RSYNC");
        tcp(40000, 6346).original("GNUTELLA CONNECT/0.6\r\n").survives("Gnutella");
        udp(27005, 27015)
            .original(b"\xff\xff\xff\xffTSource Engine Query\0")
            .survives("SourceEngine");
        let ping = hex("0102030405060708ff0a0b0c0d0e0f00 00 01 00 03000000 534301");
        udp(6346, 6346).original(&ping).survives("Gnutella");
        udp(6346, 6346).original(&ping[..25]).is_nobodys();
        tcp(40000, 27017).original(join(&[&hex("10000000"), b"VT01", &[1; 16]])).survives("Steam");
        udp(27036, 27036).original(hex("ffffffff214c5fa0 0102")).survives("Steam");
    }

    #[test]
    fn others_need_an_answer() {
        let greeting = hex("05 01 00");
        tcp(40000, 1080).original(&greeting).is_nobodys();
        tcp(40000, 1080)
            .original(&greeting)
            .reply(hex("0500"))
            .original(hex("05010001 7f000001 0050"))
            .survives("SOCKS");
        tcp(40000, 1080)
            .original(hex("0401 0050 7f000001 626f6200"))
            .reply(hex("005a 0000 00000000"))
            .survives("SOCKS");
        let ask = hex("0001 0000 0006 01 03 0000 000a");
        tcp(40000, 502).original(&ask).is_nobodys();
        tcp(40000, 502)
            .original(&ask)
            .reply(hex("0001 0000 0005 01 03 02 0007"))
            .survives("Modbus");
        tcp(40000, 502).original(&ask).reply(hex("0002 0000 0005 01 03 02 0007")).is_nobodys();
        tcp(40000, 43)
            .original("example.org\r\n")
            .reply("% IANA WHOIS server\n")
            .survives("Whois/DAS");
        tcp(40000, 44).original("example.org\r\n").reply("% IANA WHOIS server\n").is_nobodys();
    }

    #[test]
    fn rtmp_needs_both_handshakes() {
        let open = join(&[&hex("03 00000001 00000000"), &[7; 1528]]);
        let answer = join(&[
            &hex("03 00000002 00000000"),
            &[8; 1528],
            &hex("00000001 00000000"),
            &[7; 1528],
        ]);
        let flow = tcp(40000, 1935).original(&open);
        assert_eq!(flow.name(), None);
        assert_eq!(flow.reply(&answer).name(), Some("RTMP"));
        assert_eq!(tcp(40000, 1935).original(&open[..1536]).reply(answer).name(), None);
    }
}
