//! One side of a stream or one datagram, read field by field without a test behind each.

use crate::bytes::{Reader, Stop};
use crate::dissect::sides::{each, first_yes};
use crate::net::Transport;
use crate::prefix::Prefix;

/// Reads forward over the bytes of one part. What is not there reads as zeros, and the part notes that
/// it ran short; whoever asked then takes that for the answer, whatever came of the zeros. So a
/// dissector only says what must hold. Network byte order unless a name ends in `_le`.
#[derive(Debug)]
pub struct Part<'a> {
    /// The prefix of the flow that it is of.
    pub prefix: &'a Prefix<'a>,
    /// All of it.
    pub bytes: &'a [u8],
    rest: &'a [u8],
    short: bool,
}

impl<'a> Part<'a> {
    const fn new(prefix: &'a Prefix<'a>, bytes: &'a [u8]) -> Self {
        Part { prefix, bytes, rest: bytes, short: false }
    }

    /// Whether it is one side of a stream, and may go on.
    pub fn is_stream(&self) -> bool {
        self.prefix.transport == Transport::Tcp
    }

    /// What running out means: the rest of a stream may come, a datagram was somebody else's.
    fn shortage(&self) -> Stop {
        if self.is_stream() { Stop::NeedMore } else { Stop::NotMine }
    }

    /// The answer to `question`, unless the bytes ran out before it.
    fn judged<T>(&mut self, question: fn(&mut Part<'a>) -> Result<T, Stop>) -> Result<T, Stop> {
        let answer = question(self);
        if self.short { Err(self.shortage()) } else { answer }
    }

    /// The next `count` bytes; none if there are fewer.
    pub fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at_checked(count).unwrap_or_else(|| {
            self.short = true;
            Default::default()
        });
        self.rest = rest;
        taken
    }

    /// The next `N` bytes by value.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        self.take(N).first_chunk().copied().unwrap_or([0; N])
    }

    /// One byte.
    pub fn u8(&mut self) -> u8 {
        let [byte] = self.array();
        byte
    }

    /// Two bytes.
    pub fn u16(&mut self) -> u16 {
        u16::from_be_bytes(self.array())
    }

    /// Three bytes.
    pub fn u24(&mut self) -> u32 {
        let [high, middle, low] = self.array();
        u32::from_be_bytes([0, high, middle, low])
    }

    /// Four bytes.
    pub fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.array())
    }

    /// Two bytes, least significant first.
    pub fn u16_le(&mut self) -> u16 {
        self.u16().swap_bytes()
    }

    /// Four bytes, least significant first.
    pub fn u32_le(&mut self) -> u32 {
        self.u32().swap_bytes()
    }

    /// Steps over `count` bytes.
    pub fn skip(&mut self, count: usize) {
        self.take(count);
    }

    /// Steps over `literal`, or `NotMine` if other bytes stand here.
    pub fn literal(&mut self, literal: &[u8]) -> Result<(), Stop> {
        let seen = self.rest.len().min(literal.len());
        if self.rest.get(..seen) != literal.get(..seen) {
            return Err(Stop::NotMine);
        }
        self.take(literal.len());
        if self.short { Err(self.shortage()) } else { Ok(()) }
    }

    /// Whether one of `literals` stands here, without moving; see [`first_yes`].
    pub fn one_of(&self, literals: &[&[u8]]) -> Result<(), Stop> {
        first_yes(literals.iter().map(|literal| self.reader().literal(literal)))
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

    /// The next byte without moving.
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// A reader over what has not been read, for parts that announce their length.
    pub fn reader(&self) -> Reader<'a> {
        if self.is_stream() { Reader::stream(self.rest) } else { Reader::datagram(self.rest) }
    }
}

/// Asks one question of every part, see [`each`].
pub(super) fn ask<'a, T>(
    prefix: &'a Prefix<'a>,
    question: fn(&mut Part<'a>) -> Result<T, Stop>,
) -> Result<T, Stop> {
    each(prefix, |bytes| Part::new(prefix, bytes).judged(question))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Endpoint;

    fn ask_of(
        transport: Transport,
        bytes: &[u8],
        question: fn(&mut Part<'_>) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let end = Endpoint { addr: [192, 0, 2, 1].into(), port: 7 };
        let prefix = Prefix::new(transport, [end, end], [bytes, &[]], &[]);
        let mut part = Part::new(&prefix, bytes);
        part.judged(question)
    }

    #[test]
    fn fields_are_read_in_the_networks_order() {
        let read = |part: &mut Part<'_>| {
            assert_eq!((part.u8(), part.u16(), part.u24()), (1, 0x0203, 0x040506));
            assert_eq!(
                (part.u16_le(), part.u32_le(), part.u32()),
                (0x0807, 0x0c0b0a09, 0x0d0e0f10)
            );
            assert_eq!((part.peek(), part.len(), part.is_empty()), (Some(17), 1, false));
            part.skip(1);
            part.is_empty().then_some(()).ok_or(Stop::Malformed)
        };
        let bytes: Vec<u8> = (1..=17).collect();
        assert_eq!(ask_of(Transport::Udp, &bytes, read), Ok(()));
        assert_eq!(
            ask_of(Transport::Udp, &bytes[..16], |part| {
                part.skip(16);
                Ok(())
            }),
            Ok(())
        );
    }

    #[test]
    fn what_is_not_there_is_zero_and_never_a_yes() {
        let read = |part: &mut Part<'_>| {
            assert_eq!((part.u8(), part.u32(), part.u16(), part.len()), (9, 0, 0, 0));
            assert_eq!((part.array(), part.take(1)), ([0; 3], &[][..]));
            Ok(())
        };
        assert_eq!(ask_of(Transport::Tcp, &[9, 1, 2, 3], read), Err(Stop::NeedMore));
        assert_eq!(ask_of(Transport::Udp, &[9, 1, 2, 3], read), Err(Stop::NotMine));
        // What was said before the bytes ran out stays said.
        let refuse = |_: &mut Part<'_>| Err(Stop::Malformed);
        assert_eq!(ask_of(Transport::Tcp, &[], refuse), Err(Stop::Malformed));
    }

    #[test]
    fn literals_are_refused_as_soon_as_a_byte_differs() {
        let read = |part: &mut Part<'_>| part.literal(b"ab").and_then(|()| part.literal(b"cd"));
        for (bytes, answer) in [
            (&b"abcde"[..], Ok(())),
            (b"abc", Err(Stop::NeedMore)),
            (b"abx", Err(Stop::NotMine)),
            (b"x", Err(Stop::NotMine)),
            (b"", Err(Stop::NeedMore)),
        ] {
            assert_eq!(ask_of(Transport::Tcp, bytes, read), answer, "{bytes:?}");
        }
        let any = |part: &mut Part<'_>| part.one_of(&[b"ab", b"axe"]);
        assert_eq!(ask_of(Transport::Tcp, b"axe", any), Ok(()));
        assert_eq!(ask_of(Transport::Tcp, b"ax", any), Err(Stop::NeedMore));
        assert_eq!(ask_of(Transport::Tcp, b"b", any), Err(Stop::NotMine));
    }
}
