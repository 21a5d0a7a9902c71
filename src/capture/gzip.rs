//! Decompresses gzip, RFC 1952: members one behind the other, each with its sum checked.
//!
//! Deflate itself is miniz_oxide's work. flate2 would do all, with a table of 16 kB for its sums.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};

use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZFlush, MZStatus};

/// First bytes of a member, section 2.3.1.
pub(super) const MAGIC: [u8; 2] = [0x1f, 0x8b];
/// The one method there is: deflate.
const DEFLATE: u8 = 8;
/// Flags, section 2.3.1: what a header has beside its ten bytes.
const HAS_SUM: u8 = 1 << 1;
const HAS_EXTRA: u8 = 1 << 2;
const HAS_NAME: u8 = 1 << 3;
const HAS_COMMENT: u8 = 1 << 4;
/// Flags without a meaning: they must be zero.
const RESERVED: u8 = 0xe0;
/// Bytes that are decompressed at a time.
const OUTPUT_BYTES: usize = 32 << 10;

/// Writes all members of `source` into `out`; returns how many bytes that were.
pub(super) fn unpack(source: impl Read, out: &mut impl Write) -> io::Result<u64> {
    let mut source = BufReader::new(source);
    let mut state = InflateState::new_boxed(DataFormat::Raw);
    let mut output = vec![0; OUTPUT_BYTES];
    let mut written = 0_u64;
    loop {
        skip_header(&mut source)?;
        state.reset(DataFormat::Raw);
        let (mut sum, mut len) = (Sum::default(), 0_u32);
        loop {
            let input = fill(&mut source)?;
            let is_end = input.is_empty();
            let step = inflate(&mut state, input, &mut output, MZFlush::None);
            source.consume(step.bytes_consumed);
            let bytes = output.get(..step.bytes_written).unwrap_or_default();
            sum.add(bytes);
            let count = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            len = len.wrapping_add(count); // section 2.3.1: modulo 2^32
            written = written.saturating_add(count.into());
            out.write_all(bytes)?;
            match step.status {
                Ok(MZStatus::StreamEnd) => break,
                Ok(_) if step.bytes_consumed > 0 || !bytes.is_empty() => {}
                _ if is_end => return Err(ErrorKind::UnexpectedEof.into()),
                _ => return Err(damaged("corrupt deflate stream")),
            }
        }
        let mut trailer = [[0; 4]; 2];
        trailer.iter_mut().try_for_each(|field| source.read_exact(field))?;
        if trailer.map(u32::from_le_bytes) != [sum.value(), len] {
            return Err(damaged("what was decompressed has not the sum that stands behind it"));
        }
        if fill(&mut source)?.is_empty() {
            return Ok(written);
        }
    }
}

fn damaged(text: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, text)
}

/// What is there of the source; nothing at its end.
fn fill(source: &mut impl BufRead) -> io::Result<&[u8]> {
    while let Err(error) = source.fill_buf() {
        if error.kind() != ErrorKind::Interrupted {
            return Err(error);
        }
    }
    source.fill_buf() // what was just filled
}

/// The header of a member, section 2.3. Its fields tell nothing that is needed here.
fn skip_header(source: &mut impl BufRead) -> io::Result<()> {
    let mut sum = Sum::default();
    let mut next = || {
        let mut byte = [0];
        source.read_exact(&mut byte)?;
        sum.add(&byte);
        Ok::<u8, io::Error>(byte[0])
    };
    let mut head = [0; 10];
    for byte in &mut head {
        *byte = next()?;
    }
    let [one, two, method, flags, ..] = head;
    if [one, two] != MAGIC || method != DEFLATE || flags & RESERVED != 0 {
        return Err(damaged("invalid gzip header"));
    }
    if flags & HAS_EXTRA != 0 {
        let len = u16::from_le_bytes([next()?, next()?]);
        for _ in 0..len {
            next()?;
        }
    }
    for flag in [HAS_NAME, HAS_COMMENT] {
        if flags & flag != 0 {
            while next()? != 0 {}
        }
    }
    if flags & HAS_SUM != 0 {
        // Section 2.3.1: the lower half.
        let mut field = [0; 2];
        source.read_exact(&mut field)?;
        if sum.value() & 0xffff != u32::from(u16::from_le_bytes(field)) {
            return Err(damaged("invalid gzip header"));
        }
    }
    Ok(())
}

/// CRC-32 as section 8 has it, by half bytes.
struct Sum(u32);

impl Default for Sum {
    fn default() -> Self {
        Sum(u32::MAX)
    }
}

/// What four bits make of the sum: the polynomial 0xedb88320, shifted by each of them.
const STEPS: [u32; 16] = [
    0x0000_0000,
    0x1db7_1064,
    0x3b6e_20c8,
    0x26d9_30ac,
    0x76dc_4190,
    0x6b6b_51f4,
    0x4db2_6158,
    0x5005_713c,
    0xedb8_8320,
    0xf00f_9344,
    0xd6d6_a3e8,
    0xcb61_b38c,
    0x9b64_c2b0,
    0x86d3_d2d4,
    0xa00a_e278,
    0xbdbd_f21c,
];

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 ^= u32::from(*byte);
            for _ in 0..2 {
                let step = STEPS.get((self.0 & 15) as usize).copied().unwrap_or_default();
                self.0 = self.0 >> 4 ^ step;
            }
        }
    }

    const fn value(&self) -> u32 {
        !self.0
    }
}

#[cfg(test)]
mod tests {
    use flate2::{Compression, GzBuilder};

    use super::*;

    fn unpacked(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        let count = unpack(bytes, &mut out)?;
        assert_eq!(count, out.len() as u64);
        Ok(out)
    }

    /// Easily and hardly compressed, and longer than one step.
    fn text() -> Vec<u8> {
        let noise = (0_u32..50_000).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8);
        noise.chain(std::iter::repeat_n(b'a', 100_000)).collect()
    }

    fn packed(builder: GzBuilder, level: Compression) -> Vec<u8> {
        let mut writer = builder.write(Vec::new(), level);
        writer.write_all(&text()).unwrap();
        writer.finish().unwrap()
    }

    #[test]
    fn what_was_packed_comes_back() {
        let mut both = Vec::new();
        for level in [Compression::none(), Compression::fast(), Compression::best()] {
            let builder = GzBuilder::new().filename("a.pcap").comment("made here").extra("more");
            both.push(packed(builder, level));
            both.push(packed(GzBuilder::new(), level));
            assert!(both.iter().all(|bytes| unpacked(bytes).unwrap() == text()));
        }
        assert!(unpacked(&both.concat()).unwrap() == text().repeat(6));
    }

    #[test]
    fn a_header_with_a_sum() {
        // Section 2.3.1: CRC16 is the lower half of the CRC-32 of the header.
        let mut bytes = vec![0x1f, 0x8b, 8, HAS_SUM, 0, 0, 0, 0, 0, 255];
        let mut sum = Sum::default();
        sum.add(&bytes);
        bytes.extend(&sum.value().to_le_bytes()[..2]);
        bytes.extend([3, 0]); // an empty block, the last
        bytes.extend([0; 8]);
        assert_eq!(unpacked(&bytes).unwrap(), b"");
        bytes[10] ^= 1;
        assert!(unpacked(&bytes).is_err());
    }

    #[test]
    fn what_is_cut_or_changed_is_an_error() {
        let mut writer = GzBuilder::new().filename("n").write(Vec::new(), Compression::best());
        writer.write_all(b"a text with a text in it, which is a text").unwrap();
        let whole = writer.finish().unwrap();
        for len in 0..whole.len() {
            assert!(unpacked(&whole[..len]).is_err(), "{len}");
        }
        for at in 12..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0x41;
            assert!(unpacked(&changed).is_err(), "{at}");
        }
        assert!(unpacked(&[&whole[..], b"x"].concat()).is_err());
    }

    #[test]
    fn the_sum_of_the_digits() {
        // The check value that catalogues of CRCs give for CRC-32: of "123456789".
        let mut sum = Sum::default();
        sum.add(b"123456789");
        assert_eq!(sum.value(), 0xcbf4_3926);
    }
}
