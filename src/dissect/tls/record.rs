//! The TLS record layer, RFC 8446 section 5.1 and RFC 5246 section 6.2, and the two-byte record
//! of hellos in SSL 2.0 form, RFC 5246 appendix E.2.

#![deny(clippy::arithmetic_side_effects)]

use std::borrow::Cow;

use super::hello::{CLIENT_HELLO, SERVER_HELLO};
use crate::bytes::{Reader, Stop};

/// Content types, RFC 8446 section 5.1.
const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

/// The longest record: TLS 1.2's bound for ciphertext, RFC 5246 section 6.2.3.
const RECORD_MAX: u16 = (1 << 14) + 2048;

/// What one side's first bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// Nothing was sent.
    Nothing,
    /// Fits so far, but too short to tell.
    Short,
    /// A ClientHello in TLS records.
    Client,
    /// A ClientHello in SSL 2.0 form; the version it wants.
    OldClient(u16),
    /// A ServerHello.
    Server,
    /// Another record: an alert instead of a hello, or the middle of a connection.
    Record,
    /// No TLS.
    Other,
}

impl Opening {
    /// Looks at no more than the first eleven bytes, and at two record headers in mid-stream.
    pub fn of(bytes: &[u8]) -> Opening {
        match bytes {
            [] => Opening::Nothing,
            [HANDSHAKE, 3, 0..=4, _, _, CLIENT_HELLO, ..] => Opening::Client,
            [HANDSHAKE, 3, 0..=4, _, _, SERVER_HELLO, ..] => Opening::Server,
            [HANDSHAKE]
            | [HANDSHAKE, 3]
            | [HANDSHAKE, 3, 0..=4]
            | [HANDSHAKE, 3, 0..=4, _]
            | [HANDSHAKE, 3, 0..=4, _, _] => Opening::Short,
            [CHANGE_CIPHER_SPEC..=APPLICATION_DATA, 3, 0..=4, ..] => match header(bytes) {
                Ok(_) => Opening::Record,
                Err(Stop::NeedMore) => Opening::Short,
                Err(_) => Opening::Other,
            },
            [0x80..=0xff, ..] => old_client(bytes).unwrap_or_else(|stop| match stop {
                Stop::NeedMore => Opening::Short,
                _ => Opening::Other,
            }),
            _ => Opening::Other,
        }
    }
}

/// The version in a hello of SSL 2.0 form: its five lengths must agree with each other.
fn old_client(bytes: &[u8]) -> Result<Opening, Stop> {
    let mut reader = Reader::stream(bytes);
    let length = reader.u16()? & 0x7fff;
    if reader.u8()? != CLIENT_HELLO {
        return Err(Stop::NotMine);
    }
    let version = reader.u16()?;
    if version != 0x0002 && version >> 8 != 3 {
        return Err(Stop::NotMine);
    }
    let (ciphers, session, challenge) = (reader.u16()?, reader.u16()?, reader.u16()?);
    let parts = ciphers.checked_add(session).and_then(|sum| sum.checked_add(challenge));
    let fits = parts.and_then(|sum| sum.checked_add(9)) == Some(length);
    if fits && ciphers > 0 && ciphers % 3 == 0 && (16..=32).contains(&challenge) {
        Ok(Opening::OldClient(version))
    } else {
        Err(Stop::NotMine)
    }
}

/// Type and length of the record that begins here.
fn header(bytes: &[u8]) -> Result<(u8, u16), Stop> {
    let mut reader = Reader::stream(bytes);
    let kind = reader.u8()?;
    let version = reader.u16()?;
    let length = reader.u16()?;
    let known = (CHANGE_CIPHER_SPEC..=APPLICATION_DATA).contains(&kind);
    if known && (0x0300..=0x0304).contains(&version) && (1..=RECORD_MAX).contains(&length) {
        Ok((kind, length))
    } else {
        Err(Stop::NotMine)
    }
}

/// Whether records follow each other to the end: how TLS looks in the middle of a connection.
/// One record counts only if it ends where the bytes end; a chain of two always does.
pub fn is_chain(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    for records in 0..2 {
        let Ok((_, length)) = header(rest) else {
            return false;
        };
        rest = match rest.get(5..).and_then(|body| body.get(usize::from(length)..)) {
            Some([]) => return true,
            Some(next) => next,
            None => return records > 0,
        };
    }
    header(rest).is_ok() || rest.len() < 5
}

/// The handshake messages of one side, joined over records.
#[derive(Debug)]
pub struct Flight<'a> {
    /// As much as has come in the clear.
    pub bytes: Cow<'a, [u8]>,
    /// A record of another type follows: no more handshake comes in the clear.
    pub closed: bool,
}

impl<'a> Flight<'a> {
    /// Joins the leading handshake records. A single one, the common case, is only borrowed.
    pub fn gather(stream: &'a [u8]) -> Self {
        let mut flight = Flight { bytes: Cow::Borrowed(&[]), closed: false };
        let mut rest = stream;
        loop {
            let length = match header(rest) {
                Ok((HANDSHAKE, length)) => usize::from(length),
                Err(Stop::NeedMore) => return flight,
                _ => {
                    flight.closed = true;
                    return flight;
                }
            };
            let body = rest.get(5..).unwrap_or_default();
            let fragment = body.get(..length).unwrap_or(body);
            if flight.bytes.is_empty() {
                flight.bytes = Cow::Borrowed(fragment);
            } else {
                flight.bytes.to_mut().extend_from_slice(fragment);
            }
            rest = body.get(length..).unwrap_or_default();
        }
    }

    /// The messages, RFC 8446 section 4: type, what has come of the body, whether that is all.
    pub fn messages(&self) -> impl Iterator<Item = (u8, &[u8], bool)> {
        let mut rest = Reader::stream(&self.bytes);
        std::iter::from_fn(move || {
            let kind = rest.u8().ok()?;
            let length = usize::try_from(rest.u24().ok()?).ok()?;
            match rest.take(length) {
                Ok(body) => Some((kind, body, true)),
                Err(_) => {
                    let cut = rest.rest();
                    rest = Reader::stream(&[]);
                    Some((kind, cut, false))
                }
            }
        })
    }
}
