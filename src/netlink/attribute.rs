//! Netlink attributes (`struct nlattr`, linux/netlink.h): a writer that nests by closures, and a
//! checked iterator.
//!
//! Length and type of an attribute are in native byte order; what netfilter puts inside is in
//! network byte order unless said otherwise.

use nom::IResult;
use nom::bytes::complete::take;
use nom::number::Endianness::Native;
use nom::number::complete::u16 as number_u16;

use crate::bytes::Reader;

/// `NLA_F_NESTED`: the payload is attributes.
pub const NESTED: u16 = 1 << 15;
/// `NLA_F_NET_BYTEORDER`: ipset refuses numbers without it.
pub const NET_BYTEORDER: u16 = 1 << 14;
/// `NLA_TYPE_MASK`: what remains without the two flags.
const TYPE_MASK: u16 = !(NESTED | NET_BYTEORDER);
/// `NLA_HDRLEN`: length and type.
const HEADER_BYTES: usize = 4;

/// Appends attributes to a message; padding and lengths are its business.
///
/// An attribute over 64 KiB cannot be told to the kernel (its length has 16 bits): it spoils the
/// message, which [`message::append`](super::message::append) then takes back.
#[derive(Debug)]
pub struct Writer<'a> {
    bytes: &'a mut Vec<u8>,
    too_long: bool,
}

impl<'a> Writer<'a> {
    /// Appends to `bytes`, which end on a border of four.
    pub const fn new(bytes: &'a mut Vec<u8>) -> Self {
        Writer { bytes, too_long: false }
    }

    /// Whether an attribute did not fit into 64 KiB.
    pub const fn is_too_long(&self) -> bool {
        self.too_long
    }

    /// An attribute with that payload; `kind` with its flags.
    pub fn bytes(&mut self, kind: u16, payload: &[u8]) {
        let start = self.begin(kind);
        self.bytes.extend_from_slice(payload);
        self.end(start);
    }

    /// One byte.
    pub fn u8(&mut self, kind: u16, value: u8) {
        self.bytes(kind, &[value]);
    }

    /// Two bytes in network order.
    pub fn be16(&mut self, kind: u16, value: u16) {
        self.bytes(kind, &value.to_be_bytes());
    }

    /// Four bytes in network order.
    pub fn be32(&mut self, kind: u16, value: u32) {
        self.bytes(kind, &value.to_be_bytes());
    }

    /// Eight bytes in network order.
    pub fn be64(&mut self, kind: u16, value: u64) {
        self.bytes(kind, &value.to_be_bytes());
    }

    /// A text and the zero byte that the kernel wants behind it.
    pub fn text(&mut self, kind: u16, text: &str) {
        let start = self.begin(kind);
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(0);
        self.end(start);
    }

    /// An attribute that holds what `fill` writes; the nested flag is set here.
    pub fn nested(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) {
        let start = self.begin(kind | NESTED);
        fill(self);
        self.end(start);
    }

    /// An attribute without its length yet; where it starts.
    fn begin(&mut self, kind: u16) -> usize {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0, 0]);
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        start
    }

    /// The length of what starts at `start`, and its padding.
    fn end(&mut self, start: usize) {
        match u16::try_from(self.bytes.len().saturating_sub(start)) {
            Ok(length) => put(self.bytes, start, &length.to_ne_bytes()),
            Err(_) => self.too_long = true,
        }
        pad(self.bytes);
    }
}

/// Overwrites bytes that are already there; none if they are not.
pub(super) fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    let end = at.saturating_add(value.len());
    if let Some(place) = bytes.get_mut(at..end) {
        place.copy_from_slice(value);
    }
}

/// Up to the next border of four (`NLMSG_ALIGNTO`, `NLA_ALIGNTO`).
pub(super) fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

/// One attribute as read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Its type without flags.
    pub kind: u16,
    /// Its bytes without padding.
    pub payload: &'a [u8],
}

impl<'a> Attribute<'a> {
    /// The attributes inside.
    pub const fn attributes(&self) -> Attributes<'a> {
        Attributes::new(self.payload)
    }

    /// The first byte; none of an empty payload.
    pub fn u8(&self) -> Option<u8> {
        Reader::inner(self.payload).u8().ok()
    }

    /// Two bytes in network order; none if there are fewer.
    pub fn be16(&self) -> Option<u16> {
        Reader::inner(self.payload).u16().ok()
    }

    /// Four bytes in network order; none if there are fewer.
    pub fn be32(&self) -> Option<u32> {
        Reader::inner(self.payload).u32().ok()
    }

    /// Eight bytes in network order; none if there are fewer.
    pub fn be64(&self) -> Option<u64> {
        Reader::inner(self.payload).u64().ok()
    }

    /// The first `N` bytes; none if there are fewer.
    pub fn array<const N: usize>(&self) -> Option<[u8; N]> {
        Reader::inner(self.payload).array().ok()
    }

    /// The text before the first zero byte; what is no UTF-8 is replaced.
    pub fn text(&self) -> String {
        let end = self.payload.iter().position(|byte| *byte == 0).unwrap_or(self.payload.len());
        String::from_utf8_lossy(self.payload.get(..end).unwrap_or_default()).into_owned()
    }
}

/// Attributes one after the other. Ends at the first whose length is wrong; unknown types are for
/// the caller to step over.
#[derive(Debug, Clone, Copy)]
pub struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Attributes<'a> {
    /// Over the payload of a message (behind its headers) or of an attribute.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Attributes { rest: bytes }
    }

    /// The first attribute of that type.
    pub fn find(mut self, kind: u16) -> Option<Attribute<'a>> {
        self.by_ref().find(|attribute| attribute.kind == kind)
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        let parsed: IResult<&[u8], Attribute<'a>> = attribute(self.rest);
        if let Ok((rest, attribute)) = parsed {
            self.rest = rest;
            Some(attribute)
        } else {
            self.rest = &[];
            None
        }
    }
}

fn attribute(bytes: &[u8]) -> IResult<&[u8], Attribute<'_>> {
    let (rest, length) = number_u16(Native)(bytes)?;
    let (rest, kind) = number_u16(Native)(rest)?;
    // A length under the header's own wraps to one that no payload has.
    let length = usize::from(length).wrapping_sub(HEADER_BYTES);
    let (rest, payload) = take(length)(rest)?;
    let padding = length.next_multiple_of(4).saturating_sub(length).min(rest.len());
    let (rest, _) = take(padding)(rest)?;
    Ok((rest, Attribute { kind: kind & TYPE_MASK, payload }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes);
        writer.u8(1, 6);
        writer.text(2, "nfa.a.v4");
        writer.nested(7, |data| {
            data.be32(6 | NET_BYTEORDER, 900);
            data.nested(1, |addr| addr.bytes(1 | NET_BYTEORDER, &[10, 0, 0, 1]));
        });
        writer.be64(9, 1);
        assert!(!writer.is_too_long());
        assert_eq!(bytes.len() % 4, 0);
        let all = Attributes::new(&bytes);
        assert_eq!(all.map(|attribute| attribute.kind).collect::<Vec<_>>(), [1, 2, 7, 9]);
        assert_eq!(all.find(2).unwrap().text(), "nfa.a.v4");
        let data = all.find(7).unwrap().attributes();
        assert_eq!(data.find(6).unwrap().be32(), Some(900));
        let addr = data.find(1).unwrap().attributes().find(1).unwrap();
        assert_eq!(addr.array(), Some([10, 0, 0, 1]));
        assert_eq!((addr.be64(), all.find(9).unwrap().be64()), (None, Some(1)));
        for cut in 0..bytes.len() {
            // Never more than there is, never a panic.
            for attribute in Attributes::new(&bytes[..cut]) {
                let _ = attribute.attributes().count();
            }
        }
    }

    #[test]
    fn wrong_lengths_end_the_iteration() {
        for length in [0_u16, 3, 9, u16::MAX] {
            let mut bytes = length.to_ne_bytes().to_vec();
            bytes.extend_from_slice(&[1, 0, 1, 2, 3, 4]);
            assert_eq!(Attributes::new(&bytes).count(), 0, "length {length}");
        }
    }

    #[test]
    fn an_attribute_over_64_kib_spoils_the_message() {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes);
        writer.nested(1, |inner| {
            for _ in 0..2 {
                inner.bytes(1, &[0; 40_000]);
            }
        });
        assert!(writer.is_too_long());
    }
}
