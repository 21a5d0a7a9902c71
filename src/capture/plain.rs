//! The classic capture format, read in large steps: libpcap takes 425 instructions a packet for it,
//! more than all that a packet of a decided flow costs otherwise.
//!
//! Only version 2.4 (draft-ietf-opsawg-pcap) in a regular file; libpcap reads all others.

use super::Frame;
use crate::time::Timestamp;
use crate::wire::LinkType;
use std::fs::File;
use std::io::{self, Read};

/// Bytes of the file's header, and of the one before each packet.
const FILE_HEADER_BYTES: usize = 24;
const PACKET_HEADER_BYTES: usize = 16;
/// Longest frame that is believed, in bytes: libpcap's MAXIMUM_SNAPLEN.
const FRAME_BYTES_MAX: u32 = 262_144;
/// Bytes read at a time, at least.
const STEP_BYTES: usize = 64 << 10;

/// Byte order and unit of the fractions, as the first four bytes tell.
#[derive(Debug, Clone, Copy)]
struct Format {
    big_endian: bool,
    nanoseconds: bool,
}

impl Format {
    fn of(magic: [u8; 4]) -> Option<Self> {
        let (big_endian, nanoseconds) = match magic {
            [0xa1, 0xb2, 0xc3, 0xd4] => (true, false),
            [0xd4, 0xc3, 0xb2, 0xa1] => (false, false),
            [0xa1, 0xb2, 0x3c, 0x4d] => (true, true),
            [0x4d, 0x3c, 0xb2, 0xa1] => (false, true),
            _ => return None,
        };
        Some(Format { big_endian, nanoseconds })
    }

    /// Whether it is any but what little-endian machines write.
    const fn is_rare(self) -> bool {
        self.big_endian | self.nanoseconds
    }

    /// Seconds, fraction and two lengths, read as if the file were none of the rare ones; the
    /// fraction becomes microseconds.
    fn mend(self, fields: [u32; 4]) -> [u32; 4] {
        let fields = if self.big_endian { fields.map(u32::swap_bytes) } else { fields };
        let [seconds, fraction, captured, wire_len] = fields;
        let micros = if self.nanoseconds { fraction / 1000 } else { fraction };
        [seconds, micros, captured, wire_len]
    }

    fn u32(self, bytes: [u8; 4]) -> u32 {
        if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }

    fn u16(self, bytes: [u8; 2]) -> u16 {
        if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }
}

/// Why there is no next frame.
pub(super) enum PlainError {
    /// The file ends inside a header or a packet.
    Truncated(String),
    /// A length makes no sense.
    Damaged(String),
    /// The file cannot be read.
    Read(io::Error),
}

/// A file in that format, open behind its header.
pub(super) struct Plain {
    file: File,
    format: Format,
    rare: bool,
    link: LinkType,
    snaplen: usize,
    buffer: Vec<u8>,
    /// How far the buffer was handed out.
    position: usize,
    /// Bytes of the file that have come into the buffer, header included.
    read: u64,
}

impl Plain {
    /// Reads the header from the start of `file`; gives the file back if it is in another format.
    pub fn open(mut file: File) -> io::Result<Result<Self, File>> {
        let mut header = Vec::with_capacity(FILE_HEADER_BYTES);
        let wanted = u64::try_from(FILE_HEADER_BYTES).unwrap_or(u64::MAX);
        file.by_ref().take(wanted).read_to_end(&mut header)?;
        let Some(header) = header.first_chunk::<FILE_HEADER_BYTES>() else { return Ok(Err(file)) };
        let [magic @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = *header;
        let [_, _, _, _, v0, v1, w0, w1, _, _, _, _, _, _, _, _, tail @ ..] = *header;
        let [s0, s1, s2, s3, l0, l1, l2, l3] = tail;
        let Some(format) = Format::of(magic) else { return Ok(Err(file)) };
        if (format.u16([v0, v1]), format.u16([w0, w1])) != (2, 4) {
            return Ok(Err(file));
        }
        // The upper bits tell of frame check sequences, which nobody here looks at.
        let number = format.u32([l0, l1, l2, l3]) & 0x03ff_ffff;
        let snaplen = match format.u32([s0, s1, s2, s3]) {
            0 => FRAME_BYTES_MAX,
            snaplen => snaplen.min(FRAME_BYTES_MAX),
        };
        Ok(Ok(Plain {
            file,
            format,
            rare: format.is_rare(),
            link: LinkType::from(i32::try_from(number).unwrap_or(i32::MAX)),
            snaplen: usize::try_from(snaplen).unwrap_or(usize::MAX),
            buffer: Vec::new(),
            position: 0,
            read: wanted,
        }))
    }

    /// What every frame starts with.
    pub const fn link(&self) -> LinkType {
        self.link
    }

    /// Bytes of the file up to the next frame.
    pub fn position(&self) -> u64 {
        let waiting = self.buffer.len().saturating_sub(self.position);
        self.read.saturating_sub(u64::try_from(waiting).unwrap_or(0))
    }

    /// The next frame; `None` at a clean end.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, PlainError> {
        self.load()?;
        let next = waiting(&self.buffer, self.position, |fields| self.format.mend(fields));
        let Some((fields, bytes)) = next else { return Ok(None) };
        Ok(Some(frame(fields, bytes, self.link, self.snaplen, &mut self.position)))
    }

    /// The next frame, if all of it waits in the buffer and the file is of the usual kind; else
    /// [`Plain::next_frame`] is to be asked.
    // Nothing but what every packet needs: the rest apart, so that this stays in registers.
    #[inline(always)]
    pub fn next_waiting(&mut self) -> Option<Frame<'_>> {
        if self.rare {
            return None;
        }
        let (fields, bytes) = waiting(&self.buffer, self.position, |fields| fields)?;
        Some(frame(fields, bytes, self.link, self.snaplen, &mut self.position))
    }

    /// Whether [`Plain::next_waiting`] has one.
    #[inline(always)]
    pub fn has_waiting(&self) -> bool {
        !self.rare && waiting(&self.buffer, self.position, |fields| fields).is_some()
    }

    /// Reads until the next packet waits whole, or the file ends in front of it.
    fn load(&mut self) -> Result<(), PlainError> {
        let there = self.demand(PACKET_HEADER_BYTES)?;
        let header = self.buffer.get(self.position..).and_then(<[u8]>::first_chunk);
        let Some(header) = header.filter(|_| there >= PACKET_HEADER_BYTES) else {
            return match there {
                0 => Ok(()),
                there => Err(PlainError::Truncated(format!(
                    "the header of a packet has {PACKET_HEADER_BYTES} bytes, {there} are there"
                ))),
            };
        };
        let [_, _, captured, _] = self.format.mend(fields(header));
        if captured > FRAME_BYTES_MAX {
            return Err(PlainError::Damaged(format!(
                "a packet of {captured} bytes, at most {FRAME_BYTES_MAX} are believed"
            )));
        }
        let len = usize::try_from(captured).unwrap_or(usize::MAX);
        let whole = PACKET_HEADER_BYTES.saturating_add(len);
        let there = self.demand(whole)?;
        if there < whole {
            let there = there.saturating_sub(PACKET_HEADER_BYTES);
            return Err(PlainError::Truncated(format!(
                "the last packet has {captured} bytes, {there} are there"
            )));
        }
        Ok(())
    }

    /// Reads until `bytes` wait in the buffer or the file ends; how many do. The buffer never grows
    /// beyond a packet and a step.
    fn demand(&mut self, bytes: usize) -> Result<usize, PlainError> {
        let there = self.buffer.len().saturating_sub(self.position);
        if there >= bytes {
            return Ok(there);
        }
        self.buffer.drain(..self.position.min(self.buffer.len()));
        self.position = 0;
        let wanted = bytes.max(STEP_BYTES).saturating_sub(there);
        self.buffer.reserve_exact(wanted);
        let wanted = u64::try_from(wanted).unwrap_or(u64::MAX);
        let count = self
            .file
            .by_ref()
            .take(wanted)
            .read_to_end(&mut self.buffer)
            .map_err(PlainError::Read)?;
        self.read = self.read.saturating_add(u64::try_from(count).unwrap_or(0));
        Ok(self.buffer.len())
    }
}

/// Header fields, mended, and bytes of the packet at `position`, if all of it is there and may be
/// believed.
#[inline(always)]
fn waiting(
    buffer: &[u8],
    position: usize,
    mend: impl Fn([u32; 4]) -> [u32; 4],
) -> Option<([u32; 4], &[u8])> {
    let (header, body) = buffer.get(position..)?.split_first_chunk()?;
    let fields = mend(fields(header));
    let [_, _, captured, _] = fields;
    if captured > FRAME_BYTES_MAX {
        return None;
    }
    Some((fields, body.get(..usize::try_from(captured).ok()?)?))
}

/// Seconds, fraction, bytes kept and bytes on the wire, of the usual byte order.
#[inline(always)]
fn fields(header: &[u8; PACKET_HEADER_BYTES]) -> [u32; 4] {
    let (words, _) = header.as_chunks::<4>();
    words.first_chunk::<4>().copied().unwrap_or_default().map(u32::from_le_bytes)
}

/// The frame of that header, and the position behind it.
#[inline(always)]
fn frame<'b>(
    [seconds, micros, captured, wire_len]: [u32; 4],
    bytes: &'b [u8],
    link: LinkType,
    snaplen: usize,
    position: &mut usize,
) -> Frame<'b> {
    let whole = PACKET_HEADER_BYTES.saturating_add(bytes.len());
    *position = position.saturating_add(whole);
    let at = u64::from(seconds).saturating_mul(1_000_000).saturating_add(u64::from(micros));
    Frame {
        at: Timestamp::from_micros(at),
        link,
        // More than the snap length is a sign of damage that libpcap forgives by cutting.
        bytes: bytes.get(..snaplen).unwrap_or(bytes),
        wire_len: wire_len.max(captured),
    }
}
