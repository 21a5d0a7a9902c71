//! Compiled zones, RFC 8536 (TZif): every version. Leap seconds are passed over, since Unix time
//! has none.

use std::fmt;

use super::posix::Rule;
use crate::bytes::{Reader, Stop};

/// RFC 8536 section 3.1.
const MAGIC: &[u8] = b"TZif";
/// Section 3.2: "more than -25 hours and less than 26 hours".
const OFFSET_LEAST: i32 = -25 * 3600 + 1;
const OFFSET_MOST: i32 = 26 * 3600 - 1;

/// Why a file is no zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TzifError {
    /// It does not begin as one.
    Magic,
    /// It ends too early.
    Truncated,
    /// A local time type that it does not have, or none at all.
    Type,
    /// Further than 26 hours from UTC.
    Offset(i32),
    /// Its times are not in order.
    Order,
    /// The TZ string at its end is none.
    Footer,
}

impl fmt::Display for TzifError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Magic => f.write_str("no TZif file"),
            Self::Truncated => f.write_str("shorter than it says"),
            Self::Type => f.write_str("names a local time type that it lacks"),
            Self::Offset(offset) => write!(f, "{offset} seconds from UTC is too far"),
            Self::Order => f.write_str("its times are not in order"),
            Self::Footer => f.write_str("ends with something else than a TZ string"),
        }
    }
}

impl From<Stop> for TzifError {
    fn from(_: Stop) -> Self {
        TzifError::Truncated
    }
}

/// What a file says.
#[derive(Debug)]
pub(super) struct Tzif {
    /// Offset before the first transition.
    pub(super) first: i32,
    /// Each with the offset from then on, in order.
    pub(super) transitions: Vec<(i64, i32)>,
    /// For the time after the last; `None`: the last offset stays.
    pub(super) rule: Option<Rule>,
}

/// The counts of a header, in the order of the file.
struct Header {
    version: u8,
    ut_indicators: usize,
    standard_indicators: usize,
    leaps: usize,
    transitions: usize,
    types: usize,
    letters: usize,
}

/// Reads a whole file.
pub(super) fn parse(bytes: &[u8]) -> Result<Tzif, TzifError> {
    let mut reader = Reader::inner(bytes);
    let header = header(&mut reader)?;
    if header.version == 0 {
        return block(&mut reader, &header, 4);
    }
    // The block of 32-bit times repeats what follows, or is empty.
    reader.skip(size(&header, 4)?)?;
    let header = self::header(&mut reader)?;
    let mut tzif = block(&mut reader, &header, 8)?;
    tzif.rule = footer(reader)?;
    Ok(tzif)
}

/// Section 3.1.
fn header(reader: &mut Reader<'_>) -> Result<Header, TzifError> {
    if reader.take(MAGIC.len())? != MAGIC {
        return Err(TzifError::Magic);
    }
    let version = reader.u8()?;
    reader.skip(15)?;
    let mut count = || {
        let count = reader.u32()?;
        usize::try_from(count).map_err(|_| TzifError::Truncated)
    };
    Ok(Header {
        version,
        ut_indicators: count()?,
        standard_indicators: count()?,
        leaps: count()?,
        transitions: count()?,
        types: count()?,
        letters: count()?,
    })
}

/// Bytes of a data block whose times have `width` bytes.
fn size(header: &Header, width: usize) -> Result<usize, TzifError> {
    let parts = [
        (header.transitions, width.saturating_add(1)),
        (header.types, 6),
        (header.letters, 1),
        (header.leaps, width.saturating_add(4)),
        (header.standard_indicators, 1),
        (header.ut_indicators, 1),
    ];
    parts
        .iter()
        .try_fold(0usize, |sum, (count, bytes)| sum.checked_add(count.checked_mul(*bytes)?))
        .ok_or(TzifError::Truncated)
}

/// Section 3.2.
fn block(reader: &mut Reader<'_>, header: &Header, width: usize) -> Result<Tzif, TzifError> {
    // What follows is inside, so that nothing is made larger than the file.
    let mut block = reader.sub(size(header, width)?)?;
    let mut times = block.sub(header.transitions.saturating_mul(width))?;
    let indices = block.take(header.transitions)?;
    let mut types = block.sub(header.types.saturating_mul(6))?;
    let mut offsets = Vec::with_capacity(header.types);
    while !types.is_empty() {
        let offset = types.u32()?.cast_signed();
        types.skip(2)?; // whether it is daylight saving, and its name
        if !(OFFSET_LEAST..=OFFSET_MOST).contains(&offset) {
            return Err(TzifError::Offset(offset));
        }
        offsets.push(offset);
    }
    let mut transitions: Vec<(i64, i32)> = Vec::with_capacity(header.transitions);
    for index in indices {
        let at = match width {
            4 => times.u32()?.cast_signed().into(),
            _ => times.u64()?.cast_signed(),
        };
        if transitions.last().is_some_and(|(last, _)| *last >= at) {
            return Err(TzifError::Order);
        }
        let offset = offsets.get(usize::from(*index)).ok_or(TzifError::Type)?;
        transitions.push((at, *offset));
    }
    let first = offsets.first().copied().ok_or(TzifError::Type)?;
    Ok(Tzif { first, transitions, rule: None })
}

/// Section 3.3: a TZ string between two line ends; an empty one says nothing.
fn footer(mut reader: Reader<'_>) -> Result<Option<Rule>, TzifError> {
    if reader.u8()? != b'\n' {
        return Err(TzifError::Footer);
    }
    let text = reader.until(b"\n")?;
    if text.is_empty() {
        return Ok(None);
    }
    let text = std::str::from_utf8(text).map_err(|_| TzifError::Footer)?;
    Rule::parse(text).map(Some).ok_or(TzifError::Footer)
}
