//! A thin layer over nom's number and bytes parsers that every byte format uses.
//!
//! A [`Reader`] knows what running out of bytes means at its level, so a dissector writes `?` and
//! nothing else: a stream needs more, a datagram was somebody else's, an inner length was a lie.

use nom::IResult;
use nom::bytes::complete::{tag, take, take_until};
use nom::error::{Error, ErrorKind, ParseError};
use nom::number::complete as number;

/// Why a dissector has no facts. Control flow, not an error to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// So far it could be; ask again with more of the prefix.
    NeedMore,
    /// Another protocol.
    NotMine,
    /// This protocol's outer form, but an inner length or value contradicts it.
    Malformed,
}

/// The error nom's parsers report here: nothing but that they failed.
struct Short;

impl<I> ParseError<I> for Short {
    fn from_error_kind(_: I, _: ErrorKind) -> Self {
        Short
    }

    fn append(_: I, _: ErrorKind, other: Self) -> Self {
        other
    }
}

/// Reads forward over borrowed bytes. Network byte order unless a name ends in `_le`.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
    short: Stop,
}

impl<'a> Reader<'a> {
    /// Bytes of a stream that may go on: running out is `NeedMore`.
    pub const fn stream(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes, short: Stop::NeedMore }
    }

    /// A whole datagram or header: running out is `NotMine`.
    pub const fn datagram(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes, short: Stop::NotMine }
    }

    /// A part whose length was announced: running out is `Malformed`.
    pub const fn inner(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes, short: Stop::Malformed }
    }

    fn run<T>(
        &mut self,
        parser: impl FnOnce(&'a [u8]) -> IResult<&'a [u8], T, Short>,
    ) -> Result<T, Stop> {
        match parser(self.rest) {
            Ok((rest, value)) => {
                self.rest = rest;
                Ok(value)
            }
            Err(_) => Err(self.short),
        }
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8, Stop> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// Two bytes.
    pub fn u16(&mut self) -> Result<u16, Stop> {
        self.array().map(u16::from_be_bytes)
    }

    /// Three bytes.
    pub fn u24(&mut self) -> Result<u32, Stop> {
        let [high, middle, low] = self.array()?;
        Ok(u32::from_be_bytes([0, high, middle, low]))
    }

    /// Four bytes.
    pub fn u32(&mut self) -> Result<u32, Stop> {
        self.array().map(u32::from_be_bytes)
    }

    /// Eight bytes.
    pub fn u64(&mut self) -> Result<u64, Stop> {
        self.array().map(u64::from_be_bytes)
    }

    /// Two bytes, least significant first.
    pub fn u16_le(&mut self) -> Result<u16, Stop> {
        self.array().map(u16::from_le_bytes)
    }

    /// Four bytes, least significant first.
    pub fn u32_le(&mut self) -> Result<u32, Stop> {
        self.array().map(u32::from_le_bytes)
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Stop> {
        self.run(take(count))
    }

    /// The next `N` bytes by value.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        let short = self.short;
        self.take(N)?.try_into().map_err(|_| short)
    }

    /// Steps over `count` bytes.
    pub fn skip(&mut self, count: usize) -> Result<(), Stop> {
        self.take(count).map(drop)
    }

    /// Steps over `literal`, or `NotMine` if other bytes stand here.
    pub fn literal(&mut self, literal: &[u8]) -> Result<(), Stop> {
        let seen = self.rest.len().min(literal.len());
        if self.rest.get(..seen) != literal.get(..seen) {
            return Err(Stop::NotMine);
        }
        self.run(tag(literal)).map(drop)
    }

    /// The bytes before `end`, which is stepped over too.
    pub fn until(&mut self, end: &[u8]) -> Result<&'a [u8], Stop> {
        let line = self.run(take_until(end))?;
        self.skip(end.len())?;
        Ok(line)
    }

    /// A nested reader over the next `count` bytes.
    pub fn sub(&mut self, count: usize) -> Result<Reader<'a>, Stop> {
        self.take(count).map(Reader::inner)
    }

    /// A nested reader whose length is in one byte.
    pub fn sub_u8(&mut self) -> Result<Reader<'a>, Stop> {
        let count = self.u8()?;
        self.sub(usize::from(count))
    }

    /// A nested reader whose length is in two bytes.
    pub fn sub_u16(&mut self) -> Result<Reader<'a>, Stop> {
        let count = self.u16()?;
        self.sub(usize::from(count))
    }

    /// A number of two bytes and behind it a nested reader whose length is in two more, as extensions
    /// of TLS stand one behind the other.
    #[inline(always)] // a hello has fifteen of them
    pub fn numbered(&mut self) -> Result<(u16, Reader<'a>), Stop> {
        let (&[a, b, c, d], rest) = self.rest.split_first_chunk().ok_or(self.short)?;
        let count = usize::from(u16::from_be_bytes([c, d]));
        let (value, rest) = rest.split_at_checked(count).ok_or(self.short)?;
        self.rest = rest;
        Ok((u16::from_be_bytes([a, b]), Reader::inner(value)))
    }

    /// A nested reader whose length is in three bytes.
    pub fn sub_u24(&mut self) -> Result<Reader<'a>, Stop> {
        let count = self.u24()?;
        self.sub(usize::try_from(count).map_err(|_| Stop::Malformed)?)
    }

    /// The next byte without moving.
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// What has not been read.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// How many bytes have not been read.
    pub const fn len(&self) -> usize {
        self.rest.len()
    }

    /// Whether all has been read.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

/// Fixed fields out of a header whose length was checked before: 0 where it was not.
pub fn be_u16_at(bytes: &[u8], at: usize) -> u16 {
    let field = bytes.get(at..).unwrap_or_default();
    number::be_u16::<_, Error<_>>(field).map_or(0, |(_, value)| value)
}

/// As [`be_u16_at`], four bytes.
pub fn be_u32_at(bytes: &[u8], at: usize) -> u32 {
    let field = bytes.get(at..).unwrap_or_default();
    number::be_u32::<_, Error<_>>(field).map_or(0, |(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_out_means_what_the_level_says() {
        assert_eq!(Reader::stream(&[1]).u16(), Err(Stop::NeedMore));
        assert_eq!(Reader::datagram(&[1]).u16(), Err(Stop::NotMine));
        let mut outer = Reader::stream(&[0, 2, 7, 8, 9]);
        let mut inner = outer.sub_u16().unwrap();
        assert_eq!(inner.u16(), Ok(0x0708));
        assert_eq!(inner.u8(), Err(Stop::Malformed));
        assert_eq!((outer.u8(), outer.is_empty()), (Ok(9), true));
    }

    #[test]
    fn a_literal_is_refused_as_soon_as_a_byte_differs() {
        assert_eq!(Reader::stream(b"SSH").literal(b"SSH-"), Err(Stop::NeedMore));
        assert_eq!(Reader::stream(b"SSX").literal(b"SSH-"), Err(Stop::NotMine));
        let mut reader = Reader::stream(b"SSH-2.0\r\nx");
        reader.literal(b"SSH-").unwrap();
        assert_eq!(reader.until(b"\r\n"), Ok(&b"2.0"[..]));
        assert_eq!(reader.rest(), b"x");
    }

    #[test]
    fn byte_order_is_the_networks() {
        let bytes = [1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(Reader::datagram(&bytes).u24(), Ok(0x010203));
        assert_eq!(Reader::datagram(&bytes).u32_le(), Ok(0x04030201));
        assert_eq!(Reader::datagram(&bytes).u64(), Ok(0x0102030405060708));
        assert_eq!((be_u16_at(&bytes, 6), be_u32_at(&bytes, 6)), (0x0708, 0));
    }
}
