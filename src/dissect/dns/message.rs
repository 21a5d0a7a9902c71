//! A DNS message (RFC 1035 section 4), read without allocation: header, names, records.

use crate::bytes::{Reader, Stop, be_u16_at};

/// RFC 1035 section 4.1.1.
pub const HEADER_BYTES: usize = 12;
/// A name on the wire (RFC 1035 section 2.3.4).
const NAME_MAX: usize = 255;
/// Compression pointers followed in one name: each leads back, and real names have a few.
const JUMPS_MAX: usize = 16;

/// The fixed header.
#[derive(Debug, Clone, Copy)]
pub struct Header {
    /// QR: a response.
    pub response: bool,
    /// 0 query, 4 notify, 5 update ...
    pub opcode: u8,
    /// The reserved bit (RFC 1035 section 4.1.1).
    pub reserved: bool,
    /// 0: no error.
    pub rcode: u8,
    /// Questions, answers, authorities, additionals.
    pub counts: [u16; 4],
}

impl Header {
    /// `None` if fewer than 12 bytes are there.
    pub fn parse(message: &[u8]) -> Option<Header> {
        if message.len() < HEADER_BYTES {
            return None;
        }
        let flags = be_u16_at(message, 2);
        let [low, high] = [flags & 0x00ff, flags >> 8];
        Some(Header {
            response: high & 0x80 != 0,
            opcode: u8::try_from(high >> 3 & 0x0f).unwrap_or(0),
            reserved: low & 0x40 != 0,
            rcode: u8::try_from(low & 0x0f).unwrap_or(0),
            counts: [4, 6, 8, 10].map(|at| be_u16_at(message, at)),
        })
    }

    /// Records of all three sections.
    pub fn records(&self) -> u32 {
        let [_, answers, authorities, additionals] = self.counts;
        u32::from(answers).saturating_add(u32::from(authorities)).saturating_add(additionals.into())
    }
}

/// A name as text: labels joined by dots, letters in lower case.
#[derive(Debug, Clone, Copy)]
pub struct Name {
    text: [u8; NAME_MAX],
    len: usize,
    /// All bytes are what host names are made of, or at least printable.
    pub printable: bool,
}

impl Name {
    /// Without a final dot; empty for the root.
    pub fn bytes(&self) -> &[u8] {
        self.text.get(..self.len).unwrap_or_default()
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let end = self.len.saturating_add(bytes.len());
        let place = self.text.get_mut(self.len..end).ok_or(Stop::Malformed)?;
        for (to, from) in place.iter_mut().zip(bytes) {
            *to = from.to_ascii_lowercase();
            self.printable &= !from.is_ascii_control();
        }
        self.len = end;
        Ok(())
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

/// Reads the name at `reader`, which walks over `message`; pointers lead anywhere before it
/// (RFC 1035 section 4.1.4).
pub fn name<'a>(message: &'a [u8], reader: &mut Reader<'a>) -> Result<Name, Stop> {
    let mut name = Name { text: [0; NAME_MAX], len: 0, printable: true };
    let mut jumps = 0usize;
    let mut place = *reader;
    loop {
        let at = message.len().saturating_sub(place.len());
        let length = place.u8()?;
        match length {
            0 => break,
            1..=63 => {
                if name.len > 0 {
                    name.push(b".")?;
                }
                name.push(place.take(usize::from(length))?)?;
            }
            0xc0.. => {
                let low = place.u8()?;
                let target = usize::from(u16::from_be_bytes([length & 0x3f, low]));
                if jumps == 0 {
                    *reader = place;
                }
                jumps = jumps.saturating_add(1);
                // Only back, so it ends; not into the header.
                if target >= at || target < HEADER_BYTES || jumps > JUMPS_MAX {
                    return Err(Stop::Malformed);
                }
                place = Reader::inner(message.get(target..).unwrap_or_default());
            }
            _ => return Err(Stop::Malformed), // RFC 1035 reserves 01 and 10
        }
    }
    if jumps == 0 {
        *reader = place;
    }
    Ok(name)
}

/// One question.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    /// What is asked about.
    pub name: Name,
    /// QTYPE.
    pub kind: u16,
    /// QCLASS.
    pub class: u16,
}

/// Reads one question.
pub fn question<'a>(message: &'a [u8], reader: &mut Reader<'a>) -> Result<Question, Stop> {
    Ok(Question { name: name(message, reader)?, kind: reader.u16()?, class: reader.u16()? })
}

/// One resource record.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Its owner.
    pub name: Name,
    /// TYPE.
    pub kind: u16,
    /// CLASS.
    pub class: u16,
    /// TTL.
    pub ttl_s: u32,
    /// RDATA; names inside may point anywhere in the message.
    pub data: Reader<'a>,
}

/// Reads one record.
pub fn record<'a>(message: &'a [u8], reader: &mut Reader<'a>) -> Result<Record<'a>, Stop> {
    Ok(Record {
        name: name(message, reader)?,
        kind: reader.u16()?,
        class: reader.u16()?,
        ttl_s: reader.u32()?,
        data: reader.sub_u16()?,
    })
}

/// A reader over the message behind its header, so that names find their way.
pub fn body(message: &[u8]) -> Reader<'_> {
    Reader::inner(message.get(HEADER_BYTES..).unwrap_or_default())
}

/// Types from the IANA registry that are in use, and those a question alone may have.
pub fn is_known_type(kind: u16) -> bool {
    matches!(kind, 1..=65 | 99..=109 | 128 | 249..=262 | 32768 | 32769 | 65521..=65534)
}

/// IN, CH, HS, NONE, ANY.
pub fn is_known_class(class: u16) -> bool {
    matches!(class, 1 | 3 | 4 | 254 | 255)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissect::sample::join;

    fn read(body: &[u8], at: usize) -> Result<(String, usize), Stop> {
        let message = join(&[&[0; HEADER_BYTES], body]);
        let mut reader = Reader::inner(&message[HEADER_BYTES + at..]);
        let name = name(&message, &mut reader)?;
        Ok((String::from_utf8_lossy(name.bytes()).into_owned(), reader.len()))
    }

    #[test]
    fn pointers_lead_back_and_end() {
        let body = b"\x03Www\x07example\x00\x01a\xc0\x0c\xc0\x1d";
        assert_eq!(read(body, 0), Ok(("www.example".into(), body.len() - 13)));
        assert_eq!(read(body, 13), Ok(("a.www.example".into(), 2)));
        assert_eq!(read(body, 17), Err(Stop::Malformed)); // to itself
        assert_eq!(read(b"\xc0\x05", 0), Err(Stop::Malformed)); // into the header
        assert_eq!(read(b"\xc0\x40", 0), Err(Stop::Malformed)); // ahead
        assert_eq!(read(b"\x41a", 0), Err(Stop::Malformed));
        assert_eq!(read(b"\x05ab", 0), Err(Stop::Malformed));
        assert_eq!(read(&[1; 600], 0), Err(Stop::Malformed)); // longer than a name may be
    }

    #[test]
    fn a_chain_of_pointers_is_bounded() {
        let mut body = b"\x00".to_vec();
        for hop in 0..40u8 {
            let target = if hop == 0 { 12 } else { 11 + 2 * hop };
            body.extend([0xc0, target]);
        }
        assert!(read(&body, 1).is_ok());
        assert!(read(&body, 29).is_ok());
        assert_eq!(read(&body, 61), Err(Stop::Malformed));
    }
}
