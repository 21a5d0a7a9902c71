//! DTLS 1.0 to 1.3 over UDP: RFC 6347, RFC 9147. The client's hello may come in fragments, and
//! twice, the second time with the server's cookie.

use super::tls::{CLIENT_HELLO, Carrier, ClientHello, DTLS_0, ja4};
use super::{Dissector, Question};
use crate::bytes::{Reader, Stop};
use crate::facts::{Detail, Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// TLS over datagrams, whatever it carries.
pub static PROTOCOL: Protocol = Protocol {
    id: 244,
    name: "DTLS",
    category: "networking",
    ports: &[(Transport::Udp, 853), (Transport::Udp, 4433)],
};

/// DTLS over UDP.
pub static DTLS: Dissector = Dissector {
    name: "dtls",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Facts(dissect),
    teach: None,
};

// Content types, RFC 6347 section 4.1 and RFC 5246 section 6.2.1.
const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

/// The longest record, RFC 6347 section 4.1.1.
const RECORD_MAX: u16 = (1 << 14) + 2048;
/// Records looked at in one datagram.
const RECORDS_MAX: usize = 16;

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    let mut hello = Vec::new(); // its fragments in order, header of the message taken off
    let (mut length, mut version, mut complete) = (None, None, false);
    'flow: for datagram in prefix.datagrams() {
        let mut rest = Reader::datagram(datagram.bytes);
        for _ in 0..RECORDS_MAX {
            if rest.is_empty() {
                break;
            }
            let record = match Record::parse(&mut rest) {
                Ok(record) => record,
                // DTLS 1.3 shortens the header of what is encrypted, RFC 9147 section 4.
                Err(_) if version.is_some() => break,
                Err(stop) => return Err(stop),
            };
            version = version.or(Some(record.version));
            let Some(fragment) = record.client_hello()? else { continue };
            // A second hello begins anew.
            if fragment.offset == 0 {
                hello.clear();
                length = Some(fragment.length);
            }
            if length == Some(fragment.length) && fragment.offset == hello.len() {
                hello.extend_from_slice(fragment.bytes);
            }
            if length == Some(hello.len()) {
                complete = true;
                break 'flow;
            }
        }
    }
    let Some(version) = version else { return Err(Stop::NotMine) };
    let mut facts = Facts::of(&PROTOCOL);
    if length.is_none() {
        facts.details.push(Detail::TlsVersion(version));
        return Ok(facts); // the server's side, or the middle of a connection
    }
    if !complete && !prefix.last_call {
        return Err(Stop::NeedMore);
    }
    let hello = ClientHello::parse(&hello, complete, Carrier::Datagram)?;
    facts.details.push(Detail::TlsVersion(hello.version()));
    hello.tell(&mut facts);
    if prefix.wants.fingerprints {
        facts.details.extend(ja4(&hello, Carrier::Datagram).map(Detail::TlsJa4));
    }
    Ok(facts)
}

/// One record, RFC 6347 section 4.1.
struct Record<'a> {
    kind: u8,
    version: u16,
    epoch: u16,
    body: Reader<'a>,
}

/// A piece of a handshake message, RFC 6347 section 4.2.2.
struct Fragment<'a> {
    length: usize,
    offset: usize,
    bytes: &'a [u8],
}

impl<'a> Record<'a> {
    /// A record must lie in its datagram, so a length that fits is part of the evidence.
    fn parse(reader: &mut Reader<'a>) -> Result<Self, Stop> {
        let kind = reader.u8()?;
        if !(CHANGE_CIPHER_SPEC..=APPLICATION_DATA).contains(&kind) {
            return Err(Stop::NotMine);
        }
        let version = reader.u16()?;
        // 1.0 and 1.2; 1.3 keeps the number of 1.2.
        if !matches!(version, 0xfeff | 0xfefd | DTLS_0) {
            return Err(Stop::NotMine);
        }
        let epoch = reader.u16()?;
        reader.skip(6)?; // sequence number
        let length = reader.u16()?;
        if !(1..=RECORD_MAX).contains(&length) {
            return Err(Stop::NotMine);
        }
        let body = Reader::inner(reader.take(usize::from(length))?);
        Ok(Record { kind, version, epoch, body })
    }

    /// The piece of a ClientHello in it, if that is what it holds.
    fn client_hello(&self) -> Result<Option<Fragment<'a>>, Stop> {
        let mut message = self.body;
        // Epoch 0 is what is not encrypted.
        if self.kind != HANDSHAKE || self.epoch != 0 || message.u8()? != CLIENT_HELLO {
            return Ok(None);
        }
        let length = size(message.u24()?)?;
        message.skip(2)?; // message sequence number
        let offset = size(message.u24()?)?;
        let bytes = message.sub_u24()?.rest();
        let fits = offset.checked_add(bytes.len()).is_some_and(|end| end <= length);
        if fits { Ok(Some(Fragment { length, offset, bytes })) } else { Err(Stop::Malformed) }
    }
}

fn size(value: u32) -> Result<usize, Stop> {
    usize::try_from(value).map_err(|_| Stop::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissect::testing::{Talk, mistreat, sample, truncate};

    fn udp() -> Talk {
        Talk::new(Transport::Udp, 4433)
    }

    #[test]
    fn a_hello_names_the_host() {
        let facts = udp().original(&sample("dtls12")).ask(&DTLS).unwrap();
        assert_eq!((facts.protocol, facts.pending), (&PROTOCOL, false));
        assert_eq!(facts.host.as_deref(), Some("dtls.example.org"));
        assert_eq!(facts.details[0], Detail::TlsVersion(0xfefd));
        let Some(Detail::TlsJa4(fingerprint)) = facts.details.last() else { panic!("{facts:?}") };
        assert!(fingerprint.starts_with("dd2d"), "{fingerprint}");
    }

    #[test]
    fn fragments_are_joined_and_a_second_hello_begins_anew() {
        let (one, two) = (sample("dtls12-cut-1"), sample("dtls12-cut-2"));
        assert_eq!(udp().original(&one).ask(&DTLS), Err(Stop::NeedMore));
        let cut = udp().original(&one).at_last().ask(&DTLS).unwrap();
        assert_eq!(cut.host.as_deref(), Some("dtls.example.org"));
        let whole = udp().original(&one).original(&two).ask(&DTLS).unwrap();
        assert_eq!(whole.host.as_deref(), Some("dtls.example.org"));
        let again = udp().original(&one).original(&one).original(&two).ask(&DTLS).unwrap();
        assert_eq!(again, whole);
    }

    #[test]
    fn encrypted_records_are_enough() {
        let record = b"\x17\xfe\xfd\0\x01\0\0\0\0\0\x05\0\x03abc";
        let facts = udp().original(record).ask(&DTLS).unwrap();
        assert_eq!(facts.details, [Detail::TlsVersion(0xfefd)]);
        let mut damaged = *record;
        damaged[12] = 4; // length beyond the datagram
        assert_eq!(udp().original(&damaged).ask(&DTLS), Err(Stop::NotMine));
    }

    #[test]
    fn every_truncation_refuses_and_no_damage_panics() {
        let hello = sample("dtls12");
        assert_eq!(truncate(&DTLS, &udp(), &hello), 0);
        mistreat(&DTLS, &udp(), &hello, &["DTLS"]);
        let mut damaged = hello;
        damaged[59] = 33; // session identifier, at most 32 bytes
        assert_eq!(udp().original(&damaged).ask(&DTLS), Err(Stop::Malformed));
    }

    #[test]
    fn others_are_refused_at_once() {
        for bytes in [&b"\x16\x03\x01\0\x01\x01"[..], b"\0\x01\0\0\x21\x12\xa4\x42", b"\x14"] {
            assert_eq!(udp().original(bytes).ask(&DTLS), Err(Stop::NotMine), "{bytes:?}");
        }
    }
}
