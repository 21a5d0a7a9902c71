//! CRYPTO frames of Initial packets, RFC 9000 section 19.6, put in order again: clients cut their
//! hello into pieces, shuffle and repeat them, and spread them over packets.

#![deny(clippy::arithmetic_side_effects)]

use super::keys::Payload;
use super::packet::varint;
use super::version::Family;
use crate::bytes::{Reader, Stop};

/// The longest hello that is put together: as much as a flow's prefix holds.
const HELLO_MAX: usize = 8192;
/// Pieces remembered; further ones are dropped. Clients that shuffle send about a dozen.
const PIECES_MAX: usize = 64;
/// Frames read of one packet, padding counted as one. Pings as padding come in dozens.
const FRAMES_MAX: usize = 256;

/// The start of the client's CRYPTO stream.
#[derive(Default)]
pub struct Assembly {
    /// What came, zeros in the gaps; at most [`HELLO_MAX`].
    bytes: Vec<u8>,
    /// Start and end of what lies behind the first gap; at most [`PIECES_MAX`].
    pieces: Vec<(usize, usize)>,
    /// Length of what lies before it.
    covered: usize,
}

impl Assembly {
    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Assembly::default();
    }

    /// The stream from its beginning to its first gap.
    pub fn start(&self) -> &[u8] {
        self.bytes.get(..self.covered).unwrap_or_default()
    }

    /// Whether some of the stream came, even if not its beginning.
    pub const fn has_pieces(&self) -> bool {
        !self.bytes.is_empty()
    }

    fn add(&mut self, offset: u64, piece: &[u8]) {
        let Ok(from) = usize::try_from(offset) else { return };
        let to = from.saturating_add(piece.len());
        let gap = from > self.covered;
        if to > HELLO_MAX || gap && self.pieces.len() == PIECES_MAX {
            return;
        }
        if to > self.bytes.len() {
            self.bytes.resize(to, 0);
        }
        let Some(target) = self.bytes.get_mut(from..to) else { return };
        target.copy_from_slice(piece);
        if gap {
            self.pieces.push((from, to));
            return;
        }
        self.covered = self.covered.max(to);
        // Each turn closes a gap for good, so there are at most PIECES_MAX of them.
        let closes =
            |covered: usize| move |(from, to): &&(usize, usize)| *from <= covered && *to > covered;
        while let Some((_, to)) = self.pieces.iter().find(closes(self.covered)) {
            self.covered = *to;
        }
    }
}

/// Reads the frames of one packet into `assembly` until `enough` says so or the packet is over.
/// `NotMine` if a frame may not stand in a client's Initial (section 12.4, table 3): wrong keys.
pub fn read_frames(
    payload: &mut Payload<'_>,
    family: Family,
    assembly: &mut Assembly,
    enough: impl Fn(&Assembly) -> bool,
) -> Result<(), Stop> {
    let mut at = 0_usize;
    for _ in 0..FRAMES_MAX {
        // A type and two integers.
        let rest = payload.read(at, 17);
        let taken = match (rest.first(), family) {
            (None, _) => return Ok(()),
            (Some(0), _) => rest.iter().take_while(|byte| **byte == 0).count(), // PADDING
            (Some(1), Family::Ietf | Family::Second) => 1,                      // PING
            (Some(2 | 3), Family::Ietf | Family::Second) => {
                let all = payload.read(at, usize::MAX);
                acknowledgement(all)?
            }
            (Some(6), Family::Ietf | Family::Second) | (Some(8), Family::Google) => {
                let mut header = Reader::datagram(rest);
                header.skip(1)?;
                let (offset, length) = (varint(&mut header)?, varint(&mut header)?);
                let length = usize::try_from(length).map_err(|_| Stop::NotMine)?;
                let before = rest.len().saturating_sub(header.len());
                let frame = before.saturating_add(length);
                let cut = payload.cut;
                let piece = payload.read(at, frame).get(before..).unwrap_or_default();
                let short = piece.len() < length;
                let piece = piece.get(..length).unwrap_or(piece);
                if short && !cut {
                    return Err(Stop::NotMine);
                }
                let covered = assembly.covered;
                assembly.add(offset, piece);
                if short || assembly.covered > covered && enough(assembly) {
                    return Ok(());
                }
                frame
            }
            // CONNECTION_CLOSE, or one of Google's frames after its CRYPTO frame.
            (Some(0x1c), Family::Ietf | Family::Second) => return Ok(()),
            (Some(_), Family::Google) if assembly.has_pieces() => return Ok(()),
            _ => return Err(Stop::NotMine),
        };
        at = at.saturating_add(taken);
    }
    Ok(())
}

/// Length of an ACK frame, section 19.3.
fn acknowledgement(frame: &[u8]) -> Result<usize, Stop> {
    let mut reader = Reader::datagram(frame);
    let counts_ecn = reader.u8()? == 3;
    let (_largest, _delay) = (varint(&mut reader)?, varint(&mut reader)?);
    let ranges = varint(&mut reader)?;
    let _first = varint(&mut reader)?;
    let more = if counts_ecn { 3 } else { 0 };
    // Every integer takes a byte at least, so running out bounds the loop.
    for _ in 0..ranges.saturating_mul(2).saturating_add(more) {
        varint(&mut reader)?;
    }
    Ok(frame.len().saturating_sub(reader.len()))
}
