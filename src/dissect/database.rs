//! Databases and caches: MySQL, PostgreSQL, Redis, MongoDB, Memcached.

use crate::bytes::{Reader, Stop};
use crate::dissect::inner::{Start, starttls};
use crate::dissect::sides::{each, is_any, line};
use crate::dissect::{Dissector, Question};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

const fn database(id: u16, name: &'static str, ports: &'static [(Transport, u16)]) -> Protocol {
    Protocol { id, name, category: "database", ports }
}

/// MySQL and MariaDB.
pub static MYSQL: Protocol = database(20, "MYSQL", &[(Transport::Tcp, 3306)]);
/// PostgreSQL.
pub static PGSQL: Protocol = database(19, "PGSQL", &[(Transport::Tcp, 5432)]);
/// Redis.
pub static REDIS: Protocol = database(182, "Redis", &[(Transport::Tcp, 6379)]);
/// MongoDB.
pub static MONGODB: Protocol = database(280, "MongoDB", &[(Transport::Tcp, 27017)]);
/// Memcached.
pub static MEMCACHED: Protocol = database(40, "Memcached", &[(Transport::Tcp, 11211)]);

/// The five.
pub static DATABASE: Dissector = Dissector {
    name: "database",
    over: &[Transport::Tcp],
    protocols: &[&MYSQL, &PGSQL, &REDIS, &MONGODB, &MEMCACHED],
    question: Question::Facts(dissect),
    teach: None,
};

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    let questions = [mysql, pgsql, redis, mongodb, memcached];
    let facts = each(prefix, |side| {
        let mut stop = Stop::NotMine;
        for question in questions {
            match question(side) {
                Ok(protocol) => return Ok(Facts::of(protocol)),
                Err(Stop::NeedMore) => stop = Stop::NeedMore,
                Err(_) => {}
            }
        }
        Err(stop)
    })?;
    let protocol = facts.protocol;
    let start = match protocol {
        mysql if *mysql == MYSQL => mysql_tls,
        pgsql if *pgsql == PGSQL => pgsql_tls,
        _ => return Ok(facts),
    };
    Ok(starttls(prefix, facts, protocol, prefix.both().map(start)))
}

/// Where TLS begins: the client's first packet is then only the head of its answer, 32 bytes long,
/// with the flag CLIENT_SSL ("Protocol::SSLRequest"); the server's greeting is behind it at once.
fn mysql_tls(side: &[u8]) -> Start {
    match side {
        [low, middle, high, 0, ..] => {
            let length = u32::from_le_bytes([*low, *middle, *high, 0]);
            let end = usize::try_from(length).ok().and_then(|length| length.checked_add(4));
            end.map_or(Start::Never, |end| Start::of_tls(side, end))
        }
        [32, 0, 0, 1, _, flags, ..] if flags & 8 != 0 => Start::of_tls(side, 36),
        [_, _, _, 1, ..] => Start::Never,
        _ => Start::Awaited,
    }
}

/// Where TLS begins: behind SSLRequest, and behind the one byte that answers it (section 54.2.10).
fn pgsql_tls(side: &[u8]) -> Start {
    match side {
        [0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f, ..] => Start::of_tls(side, 8),
        [b'S', ..] => Start::of_tls(side, 1),
        [] => Start::Awaited,
        _ => Start::Never,
    }
}

type Answer = Result<&'static Protocol, Stop>;

/// The server's greeting (client/server protocol, HandshakeV10): packet 0, version 10, a printable
/// version text, thread id, 8 bytes of salt, a zero; it fills the announced length.
fn mysql(side: &[u8]) -> Answer {
    let mut reader = Reader::stream(side);
    let (low, high, number, version) = (reader.u16_le()?, reader.u8()?, reader.u8()?, reader.u8()?);
    if high != 0 || number != 0 || version != 10 || !(30..=512).contains(&low) {
        return Err(Stop::NotMine);
    }
    let mut greeting = Reader::stream(reader.take(usize::from(low).saturating_sub(1))?);
    let text = greeting.until(&[0]).map_err(|_| Stop::NotMine)?;
    let printable = text.iter().all(u8::is_ascii_graphic) && text.contains(&b'.');
    greeting.skip(12).map_err(|_| Stop::NotMine)?;
    let filler = greeting.u8().map_err(|_| Stop::NotMine)?;
    if printable && text.len() >= 3 && filler == 0 { Ok(&MYSQL) } else { Err(Stop::NotMine) }
}

/// Frontend messages without a type (protocol 3.0, section 55.7): a start with the user's name, or
/// the fixed requests for TLS and GSS.
fn pgsql(side: &[u8]) -> Answer {
    let mut reader = Reader::stream(side);
    if reader.peek() != Some(0) {
        return Err(Stop::NotMine);
    }
    let length = reader.u32()?;
    if !(8..=10_000).contains(&length) {
        return Err(Stop::NotMine);
    }
    match (reader.u32()?, length) {
        (80_877_103 | 80_877_104, 8) => Ok(&PGSQL),
        (0x0003_0000..=0x0003_0002, 16..) => {
            let parameter = reader.take(5)?;
            let known: &[&[u8]] = &[b"user\0", b"datab", b"clien", b"appli", b"optio"];
            if known.contains(&parameter) { Ok(&PGSQL) } else { Err(Stop::NotMine) }
        }
        _ => Err(Stop::NotMine),
    }
}

/// RESP (redis.io protocol specification): an array of bulk strings, the first a word.
fn redis(side: &[u8]) -> Answer {
    if side.first() != Some(&b'*') {
        return Err(Stop::NotMine);
    }
    let mut reader = Reader::stream(side);
    count(&mut reader, b'*')?;
    let length = count(&mut reader, b'$')?;
    if !(3..=20).contains(&length) {
        return Err(Stop::NotMine);
    }
    let word = reader.take(length)?;
    reader.literal(b"\r\n")?;
    if word.iter().all(u8::is_ascii_alphabetic) { Ok(&REDIS) } else { Err(Stop::NotMine) }
}

/// A mark, up to four digits, CRLF.
fn count(reader: &mut Reader<'_>, mark: u8) -> Result<usize, Stop> {
    if reader.u8()? != mark {
        return Err(Stop::NotMine);
    }
    let (mut value, mut digits) = (0usize, 0u8);
    loop {
        match reader.u8()? {
            digit @ b'0'..=b'9' if digits < 4 => {
                value = value.saturating_mul(10).saturating_add(usize::from(digit & 0x0f));
                digits = digits.saturating_add(1);
            }
            b'\r' if digits > 0 => return reader.literal(b"\n").map(|()| value),
            _ => return Err(Stop::NotMine),
        }
    }
}

/// The wire protocol's header, little-endian, and what the first messages of a driver hold: a
/// query of a `$cmd` collection, or OP_MSG with a BSON document as its first section.
fn mongodb(side: &[u8]) -> Answer {
    let mut reader = Reader::stream(side);
    let length = reader.u32_le()?;
    if !(26..=0x300_0000).contains(&length) {
        return Err(Stop::NotMine);
    }
    reader.skip(8)?; // request id, response to
    match reader.u32_le()? {
        2004 => {
            reader.skip(4)?;
            let rest = reader.rest();
            let end = rest.iter().take(128).position(|&byte| byte == 0);
            let Some(end) = end else {
                return Err(if rest.len() < 128 { Stop::NeedMore } else { Stop::NotMine });
            };
            let name = rest.get(..end).unwrap_or_default();
            if name.ends_with(b".$cmd") { Ok(&MONGODB) } else { Err(Stop::NotMine) }
        }
        2013 => {
            let (flags, kind, document) = (reader.u32_le()?, reader.u8()?, reader.u32_le()?);
            let element = reader.u8()?;
            let sane =
                flags & 0xfffe_fffc == 0 && kind == 0 && document <= length.saturating_sub(21);
            if sane && document >= 5 && matches!(element, 1..=19) {
                Ok(&MONGODB)
            } else {
                Err(Stop::NotMine)
            }
        }
        _ => Err(Stop::NotMine),
    }
}

/// Storage commands of the text protocol (protocol.txt), and the answers that only it has.
fn memcached(side: &[u8]) -> Answer {
    if !side.first().is_some_and(u8::is_ascii_alphabetic) {
        return Err(Stop::NotMine);
    }
    let line = line(side, 512)?;
    let mut words = line.split(|&byte| byte == b' ');
    let command = words.next().unwrap_or_default();
    let _key = words.next();
    let numbers = |count: usize| {
        let mut words = words.clone();
        let digits = |word: Option<&[u8]>| {
            word.is_some_and(|word| !word.is_empty() && word.iter().all(u8::is_ascii_digit))
        };
        (0..count).all(|_| digits(words.next()))
            && words.next().is_none_or(|last| last == b"noreply")
    };
    let stores = is_any(command, &[b"set", b"add", b"replace", b"append", b"prepend"]);
    let known =
        stores && numbers(3) || command == b"VALUE" && numbers(2) || line.starts_with(b"STAT pid ");
    if known { Ok(&MEMCACHED) } else { Err(Stop::NotMine) }
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp};

    #[test]
    fn each_opens_in_its_own_way() {
        let text = b"8.0.36\0";
        let greeting = join(&[&hex("2c0000 00 0a"), text, &[7; 12], &[0], &[1; 23]]);
        tcp(40000, 3306).reply(&greeting).survives("MYSQL");
        let mut damaged = greeting;
        damaged[0] = 8;
        tcp(40000, 3306).reply(damaged).is_nobodys();
        let start = join(&[&hex("00000014 00030000"), b"user\0bob\0\0\0"]);
        tcp(40000, 5432).original(start).survives("PGSQL");
        tcp(40000, 5432).original(hex("00000008 04d2162f")).survives("PGSQL");
        tcp(40000, 6379).original("*2\r\n$3\r\nGET\r\n$1\r\nx\r\n").survives("Redis");
        tcp(40000, 6379).original("*2\r\n$9\r\nGET\r\n$1\r\nx\r\n").is_nobodys();
        let hello = join(&[
            &hex("3a000000 01000000 00000000 d4070000 00000000"),
            b"admin.$cmd\0",
            &[0; 27],
        ]);
        tcp(40000, 27017).original(hello).survives("MongoDB");
        let message =
            hex("1f000000 01000000 00000000 dd070000 00000000 00 0a000000 01 61 0000 0000");
        tcp(40000, 27017).original(message).survives("MongoDB");
        tcp(40000, 11211).original("set key 0 900 4\r\ndata\r\n").survives("Memcached");
        tcp(40000, 11211).original("set the table\r\n").is_nobodys();
    }
}
