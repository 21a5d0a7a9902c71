//! DNS (RFC 1035) over UDP and TCP: the first question's name, and lessons from answers.

pub mod message;
mod teach;

use self::message::{Header, is_known_class, is_known_type};
use crate::bytes::{Reader, Stop};
use crate::dissect::sides::each;
use crate::dissect::{Dissector, Question};
use crate::facts::{Facts, Lesson, Protocol, host_name};
use crate::net::Transport;
use crate::prefix::Prefix;

/// DNS.
pub static PROTOCOL: Protocol = Protocol {
    id: 5,
    name: "DNS",
    category: "infrastructure",
    ports: &[(Transport::Udp, 53), (Transport::Tcp, 53)],
};

/// Queries and responses.
pub static DNS: Dissector = Dissector {
    name: "dns",
    over: &[Transport::Udp, Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Facts(dissect),
    teach: Some(teach),
};

/// The other users of the format have their own dissectors.
const NEIGHBOUR_PORTS: [u16; 4] = [5353, 5355, 137, 138];
/// The smallest record: root owner, type, class, TTL, no data.
const RECORD_BYTES: u32 = 11;
/// A response of this many records would not fit in 64 KiB.
const RECORDS_MAX: u32 = 5957;
/// Records that are read off port 53, where all of them are.
const RECORDS_READ_MAX: u32 = 128;

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    let home = prefix.has_port(53);
    let facts = match prefix.transport {
        Transport::Udp if NEIGHBOUR_PORTS.iter().any(|&port| prefix.has_port(port)) => {
            Err(Stop::NotMine)
        }
        Transport::Udp if home => {
            // A name that a later message tells is better than none.
            let named = |datagram| at_home(datagram).ok().filter(|facts| !facts.pending);
            let best = prefix.datagrams().find_map(|datagram| named(datagram.bytes));
            best.map_or_else(|| each(prefix, at_home), Ok)
        }
        Transport::Udp => each(prefix, elsewhere),
        _ => each(prefix, |side| {
            let mut reader = Reader::stream(side);
            let length = reader.u16()?; // RFC 1035 section 4.2.2
            if usize::from(length) <= message::HEADER_BYTES {
                return Err(Stop::NotMine);
            }
            let Some(header) = Header::parse(reader.rest()) else { return Err(Stop::NeedMore) };
            sane(&header, home, length.into())?;
            match reader.take(length.into()) {
                Ok(message) if home => at_home(message),
                Ok(message) => elsewhere(message),
                // The rest of an answer may never come; on its own port the question is enough.
                Err(stop) if home => at_home(reader.rest()).map_err(|_| stop),
                Err(stop) => Err(stop),
            }
        }),
    }?;
    let pending = facts.pending && !prefix.last_call;
    Ok(Facts { pending, ..facts })
}

fn teach(prefix: &Prefix<'_>, lessons: &mut Vec<Lesson>) {
    for packet in prefix.datagrams() {
        let message = match prefix.transport {
            Transport::Tcp => packet.bytes.get(2..).unwrap_or_default(),
            _ => packet.bytes,
        };
        teach::answers(message, lessons);
    }
}

/// What a message tells that asks for `name`. One that is no host's may come again undamaged.
fn facts(name: &message::Name) -> Facts {
    let host = host_name(name.bytes());
    let pending = host.is_none() && !name.bytes().is_empty();
    Facts { host, pending, ..Facts::of(&PROTOCOL) }
}

/// Whether header and length can be a message's. Off port 53 only ordinary queries and answers
/// with one question are believed.
fn sane(header: &Header, home: bool, length: u32) -> Result<(), Stop> {
    let [questions, answers, authorities, additionals] = header.counts;
    let records = header.records();
    let room = length.saturating_sub(12);
    let opcode = if home { matches!(header.opcode, 0..=6) } else { header.opcode == 0 };
    let counts = match (header.response, header.opcode) {
        (false, 0) => answers == 0 && authorities <= u16::from(home) && additionals <= 4,
        (false, _) => home && records <= 64,
        (true, _) => records <= if home { RECORDS_MAX } else { RECORDS_READ_MAX },
    };
    let fits = records.saturating_mul(RECORD_BYTES) <= room || (home && header.response);
    let question = if home { questions <= 4 } else { questions == 1 };
    let clean = home || (!header.reserved && (header.response || header.rcode == 0));
    if opcode && counts && fits && question && clean { Ok(()) } else { Err(Stop::NotMine) }
}

/// Port 53: what follows the header and the first question may be cut or damaged, and so may one of
/// these two if the other is beyond doubt.
fn at_home(message: &[u8]) -> Result<Facts, Stop> {
    let header = Header::parse(message).ok_or(Stop::NotMine)?;
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let counted = sane(&header, true, length);
    let [questions, ..] = header.counts;
    if questions == 0 && counted.is_ok() {
        // An error or a keep-alive (RFC 8490) repeats no question.
        let bare = message.len() == message::HEADER_BYTES || header.records() > 0;
        return if header.response && bare { Ok(Facts::of(&PROTOCOL)) } else { Err(Stop::NotMine) };
    }
    let question = message::question(message, &mut message::body(message));
    let question = question.as_ref().ok(); // not copied: it is large
    let known = question.filter(|asked| is_known_class(asked.class) && asked.kind != 0);
    if counted.is_ok()
        && let Some(question) = known
    {
        return Ok(facts(&question.name));
    }
    // Damage to one word of the header leaves the labels of a name, then 2^-9 for its type and
    // 2^-13 for its class; opcode and reserved bit add 2^-3.
    let whole = question.filter(|asked| asked.name.printable && asked.name.bytes().contains(&b'.'));
    if header.opcode <= 6
        && !header.reserved
        && let Some(question) = whole.filter(|asked| is_known_type(asked.kind))
        && known.is_some()
    {
        return Ok(facts(&question.name));
    }
    if !is_plain(&header) || message.len() <= message::HEADER_BYTES {
        return Err(Stop::NotMine);
    }
    let nameless = || Facts { pending: true, ..Facts::of(&PROTOCOL) };
    Ok(whole.map_or_else(nameless, |question| facts(&question.name)))
}

/// The header that nearly every message has: an ordinary query for one name, with no records but
/// perhaps one of EDNS (2^-8 for its flags, 2^-63 for its counts), or its answer (2^-5 and 2^-40).
pub const fn is_plain(header: &Header) -> bool {
    let [questions, answers, authorities, additionals] = header.counts;
    let ordinary = header.opcode == 0 && !header.reserved && questions == 1;
    let records = if header.response {
        header.rcode <= 5 && answers < 64 && authorities < 32 && additionals < 32
    } else {
        header.rcode == 0 && answers == 0 && authorities == 0 && additionals <= 1
    };
    ordinary && records
}

/// Any other port: one question of a printable name and known type, every record readable, and
/// nothing behind the last. By chance: 16 bits of flags, 48 of counts, 32 of type and class, and
/// a chain of labels that ends at the right byte.
fn elsewhere(message: &[u8]) -> Result<Facts, Stop> {
    let header = Header::parse(message).ok_or(Stop::NotMine)?;
    sane(&header, false, u32::try_from(message.len()).unwrap_or(u32::MAX))?;
    let mut reader = message::body(message);
    let question = message::question(message, &mut reader)?;
    let known = is_known_type(question.kind) && is_known_class(question.class);
    if !known || !question.name.printable || question.name.bytes().is_empty() {
        return Err(Stop::NotMine);
    }
    for _ in 0..header.records() {
        message::record(message, &mut reader)?;
    }
    if reader.is_empty() { Ok(facts(&question.name)) } else { Err(Stop::NotMine) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissect::sample::{hex, join, tcp, udp};

    /// Asks for `www.example.org` (type A, class IN).
    fn query() -> Vec<u8> {
        join(&[
            &hex("1a2b 0100 0001 0000 0000 0000"),
            b"\x03www\x07Example\x03org\0",
            &[0, 1, 0, 1],
        ])
    }

    /// `www.example.org` is `cdn.example.net`, which has two addresses; a stranger has one too.
    fn answer() -> Vec<u8> {
        join(&[
            &hex("1a2b 8180 0001 0004 0000 0000"),
            b"\x03www\x07example\x03org\0",
            &hex("0001 0001"),
            &hex("c00c 0005 0001 0000012c 0011"),
            b"\x03cdn\x07example\x03net\0",
            &hex("c02d 0001 0001 0000003c 0004 c6336401"),
            &hex("c02d 0001 0001 0000003c 0004 c6336402"),
            b"\x05other\0",
            &hex("0001 0001 0000003c 0004 c6336403"),
        ])
    }

    fn taught(flow: &crate::dissect::sample::Sample) -> Vec<String> {
        let text = |lesson| match lesson {
            Lesson::Answer { name, addr, ttl } => format!("{name} {addr} {}", ttl.as_secs()),
            other => format!("{other:?}"),
        };
        flow.lessons(&DNS).into_iter().map(text).collect()
    }

    #[test]
    fn questions_and_answers_are_told_on_any_port() {
        for port in [53, 5300] {
            let flow = udp(40000, port).original(query());
            flow.survives("DNS");
            assert_eq!(flow.ask(&DNS).unwrap().host.as_deref(), Some("www.example.org"));
            udp(40000, port).reply(answer()).survives("DNS");
        }
    }

    #[test]
    fn off_its_port_a_damaged_message_is_refused() {
        let mut lying = answer();
        lying[44] = 0x21; // rdlength of the alias
        udp(40000, 5300).reply(&lying).is_nobodys();
        assert_eq!(udp(40000, 53).reply(&lying).name(), Some("DNS"));
        udp(40000, 5300).original(join(&[&query(), b"x"])).is_nobodys();
        udp(40000, 5300).original(hex("1a2b 0100 0001 0000 0000 0000 00 0001 0001")).is_nobodys();
    }

    #[test]
    fn on_its_port_header_or_question_may_be_damaged() {
        let mut counts = query();
        counts[6] = 0x52; // answers in a query
        let asked = udp(40000, 53).original(&counts).ask(&DNS).unwrap();
        assert_eq!(asked.host.as_deref(), Some("www.example.org"));
        udp(40000, 5300).original(&counts).is_nobodys();
        let mut label = query();
        label[12] = 0xdd;
        assert_eq!(udp(40000, 53).original(&label).ask(&DNS).unwrap().host, None);
        label[6] = 0x52;
        udp(40000, 53).original(&label).is_nobodys();
    }

    #[test]
    fn streams_carry_a_length_in_front() {
        let framed = join(&[&[0, 33], &query()]);
        tcp(40000, 53).original(&framed).survives("DNS");
        tcp(40000, 5300).original(&framed[..1]).original(&framed[1..]).survives("DNS");
        assert_eq!(tcp(40000, 5300).original(&framed[..20]).ask(&DNS), Err(Stop::NeedMore));
    }

    #[test]
    fn an_answer_teaches_the_asked_name_through_aliases() {
        let lessons = taught(&udp(40000, 53).original(query()).reply(answer()));
        assert_eq!(lessons, ["www.example.org 198.51.100.1 60", "www.example.org 198.51.100.2 60"]);
        let framed = join(&[&[0, 122], &answer()]);
        assert_eq!(taught(&tcp(40000, 53).reply(framed)).len(), 2);
        let mut no_such_name = answer();
        no_such_name[3] = 0x83;
        assert_eq!(taught(&udp(40000, 53).reply(no_such_name)).len(), 0);
        for kept in 0..answer().len() {
            assert!(taught(&udp(40000, 53).reply(&answer()[..kept])).len() <= 2);
        }
    }

    #[test]
    fn service_records_teach_their_hints() {
        let answer = join(&[
            &hex("1a2b 8180 0001 0001 0000 0000"),
            b"\x05_8443\x06_https\x07example\x03org\0",
            &hex("0041 0001"),
            &hex("c00c 0041 0001 00000e10 0033"),
            &hex("0001 00"),
            &hex("0001 0003 026832"),
            &hex("0004 0008 c6336401 00000000"), // the second is a blocker's
            &hex("0006 0010 20010db8000000000000000000000001"),
            &hex("0007 0000 0008 0001 00"),
        ]);
        let mut answer = answer;
        let rdata = answer.len() - (12 + 27 + 4 + 12);
        answer[12 + 27 + 4 + 11] = u8::try_from(rdata).unwrap();
        udp(40000, 53).reply(&answer).survives("DNS");
        let lessons = taught(&udp(40000, 53).reply(answer));
        assert_eq!(lessons, ["example.org 198.51.100.1 3600", "example.org 2001:db8::1 3600"]);
    }

    /// A hint that is no multiple of an address once kept the reader in place for ever.
    #[test]
    fn a_hint_of_odd_length_ends() {
        let answer = |hint: &str| {
            join(&[
                &hex("1a2b 8180 0001 0001 0000 0000"),
                b"\x03www\x07example\x03org\0",
                &hex("0041 0001 c00c 0041 0001 00000e10"),
                &hex(hint),
            ])
        };
        for hint in [
            "000e 0001 00 0006 0007 20010db8000000",
            "000c 0001 00 0004 0005 c633640105",
            "0007 0001 00 0006 0000",
        ] {
            let lessons = taught(&udp(40000, 53).reply(answer(hint)));
            assert!(lessons.len() <= 1, "{hint}");
        }
    }

    #[test]
    fn lessons_are_bounded_and_ttl_is_no_negative_number() {
        let mut many = join(&[
            &hex("1a2b 8180 0001 00ff 0000 0000"),
            b"\x03www\x07example\x03org\0",
            &hex("0001 0001"),
        ]);
        for _ in 0..255 {
            many.extend(hex("c00c 0001 0001 80000001 0004 c6336401"));
        }
        let lessons = taught(&udp(40000, 53).reply(many));
        assert_eq!((lessons.len(), &*lessons[0]), (16, "www.example.org 198.51.100.1 0"));
    }
}
