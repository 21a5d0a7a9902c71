//! RTP and RTCP (RFC 3550) where no signalling is seen; SRTP (RFC 3711) keeps RTP's header.

use crate::bytes::{Reader, Stop};
use crate::dissect::{Dissector, Question};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// RTP.
pub static PROTOCOL: Protocol = Protocol { id: 87, name: "RTP", category: "media", ports: &[] };

/// RTCP.
pub static PROTOCOL_RTCP: Protocol =
    Protocol { id: 165, name: "RTCP", category: "media", ports: &[(Transport::Udp, 5005)] };

/// Media and reports about it.
pub static RTP: Dissector = Dissector {
    name: "rtp",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL, &PROTOCOL_RTCP],
    question: Question::Facts(dissect),
    teach: None,
};

/// Packets of one side in a row before RTP is believed.
const PACKETS_MIN: usize = 3;
/// Lost or reordered packets between two that are seen.
const SEQ_STEP_MAX: u16 = 16;
/// 10 s of a 90 kHz clock between two packets.
const CLOCK_STEP_MAX: u32 = 900_000;

#[derive(Clone, Copy)]
struct Media {
    seq: u16,
    stamp: u32,
    source: u32,
}

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    let mut runs: [(usize, Option<Media>); 2] = [(0, None); 2];
    let mut reporters: [Option<u32>; 2] = [None; 2];
    for datagram in prefix.datagrams() {
        if reports(datagram.bytes).is_ok() {
            return Ok(Facts::of(&PROTOCOL_RTCP));
        }
        if let (Ok(source), Some(last)) =
            (secured(datagram.bytes), reporters.get_mut(datagram.direction.index()))
        {
            if last.replace(source) == Some(source) {
                return Ok(Facts::of(&PROTOCOL_RTCP));
            }
            continue;
        }
        let media = media(datagram.bytes)?;
        let Some((length, last)) = runs.get_mut(datagram.direction.index()) else { continue };
        *length = match last {
            Some(last) if follows(last, &media) => length.saturating_add(1),
            Some(last) if last.seq == media.seq => *length, // a copy, on a bridge seen twice
            _ => 1,
        };
        *last = Some(media);
        if *length >= PACKETS_MIN {
            return Ok(Facts::of(&PROTOCOL));
        }
    }
    Err(Stop::NeedMore)
}

/// Same source, the sequence a little on, the clock not far: 2^-55 a packet, and three packets are
/// asked for. The payload type may change: tones (RFC 4733) and silence stand between words. The
/// clock may go back: interpolated pictures are sent out of order (RFC 3550 section 5.1).
fn follows(last: &Media, next: &Media) -> bool {
    let (step, ticks) = (next.seq.wrapping_sub(last.seq), next.stamp.wrapping_sub(last.stamp));
    (1..=SEQ_STEP_MAX).contains(&step)
        && ticks.min(ticks.wrapping_neg()) <= CLOCK_STEP_MAX
        && next.source == last.source
}

/// RFC 3550 section 5.1, and the payload types of RFC 3551 section 6 or dynamic ones.
fn media(bytes: &[u8]) -> Result<Media, Stop> {
    let mut reader = Reader::datagram(bytes);
    let (first, kind) = (reader.u8()?, reader.u8()?);
    let (seq, stamp, source) = (reader.u16()?, reader.u32()?, reader.u32()?);
    reader.skip(usize::from(first & 0x0f).saturating_mul(4))?;
    if first & 0x10 != 0 {
        reader.skip(2)?;
        let words = usize::from(reader.u16()?);
        reader.skip(words.saturating_mul(4))?;
    }
    let known = matches!(kind & 0x7f, 0..=34 | 96..=127);
    if first >> 6 == 2 && known && source != 0 && !reader.is_empty() {
        Ok(Media { seq, stamp, source })
    } else {
        Err(Stop::NotMine)
    }
}

/// RFC 3550 section 6.1: a compound starts with a report, and the lengths of its parts fill the
/// datagram. A report of the right length alone has 2^-26 by chance and is not believed; with a
/// source description that starts with its own source (2^-32) it is.
fn reports(bytes: &[u8]) -> Result<(), Stop> {
    let mut reader = Reader::datagram(bytes);
    let (mut parts, mut described, mut source) = (0usize, false, None);
    while !reader.is_empty() {
        let (first, kind) = (reader.u8()?, reader.u8()?);
        let words = usize::from(reader.u16()?);
        let mut body = Reader::datagram(reader.take(words.saturating_mul(4))?);
        let count = usize::from(first & 0x1f);
        let report_words = match kind {
            200 => Some(6),
            201 => Some(1),
            _ => None,
        };
        let sane = match (parts, report_words) {
            (0, None) => false,
            (_, Some(fixed)) => words >= count.saturating_mul(6).saturating_add(fixed),
            (_, None) => matches!(kind, 202..=207),
        };
        if first >> 6 != 2 || !sane {
            return Err(Stop::NotMine);
        }
        let own = body.u32()?;
        described |= kind == 202 && source == Some(own) && own != 0;
        source = source.or(Some(own));
        parts = parts.saturating_add(1);
    }
    if described { Ok(()) } else { Err(Stop::NotMine) }
}

/// RFC 3711 section 3.4: of an encrypted compound the first eight bytes are clear: a report whose
/// length has room for its blocks (2^-14), and its source, which stays the same (2^-32). Two of one
/// side are asked for. Behind the report stand at least an index and a tag.
fn secured(bytes: &[u8]) -> Result<u32, Stop> {
    let mut reader = Reader::datagram(bytes);
    let (first, kind) = (reader.u8()?, reader.u8()?);
    let words = usize::from(reader.u16()?);
    let source = reader.u32()?;
    let fixed = match kind {
        200 => 6usize,
        201 => 1,
        _ => return Err(Stop::NotMine),
    };
    let least = usize::from(first & 0x1f).saturating_mul(6).saturating_add(fixed);
    let end = words.saturating_mul(4).saturating_add(12);
    if first >> 6 == 2 && words >= least && end <= bytes.len() && source != 0 {
        Ok(source)
    } else {
        Err(Stop::NotMine)
    }
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{Sample, hex, join, udp};

    fn packet(seq: u8, source: u8) -> Vec<u8> {
        join(&[&[0x80, 0x00, 0x12, seq], &[0, 0, seq, 160], &[source, 2, 3, 4], &[0xd5; 160]])
    }

    fn talk(seqs: [u8; 3]) -> Sample {
        seqs.iter().fold(udp(16384, 16384), |flow, seq| flow.original(packet(*seq, 1)))
    }

    #[test]
    fn three_packets_in_a_row_are_rtp() {
        talk([7, 8, 9]).survives("RTP");
        talk([7, 7, 7]).is_nobodys();
        assert_eq!(talk([7, 8, 8]).name(), None);
        assert_eq!(talk([7, 8, 8]).original(packet(9, 1)).name(), Some("RTP"));
        talk([7, 99, 200]).is_nobodys();
        let mut tone = packet(8, 1);
        tone[1] = 101;
        let spoken = udp(1, 2).original(packet(7, 1)).original(tone).original(packet(9, 1));
        spoken.survives("RTP");
        udp(1, 2).original(packet(7, 1)).original(packet(8, 2)).original(packet(9, 3)).is_nobodys();
    }

    #[test]
    fn a_compound_with_a_description_is_rtcp() {
        let compound =
            join(&[&hex("80c9 0001 01020304"), &hex("81ca 0003 01020304 0104"), b"user\0\0"]);
        udp(16385, 16385).original(&compound).survives("RTCP");
        let mut damaged = compound.clone();
        damaged[11] = 4;
        udp(16385, 16385).original(damaged).is_nobodys();
        udp(16385, 16385).original(&compound[..8]).is_nobodys();
    }

    #[test]
    fn two_encrypted_reports_of_one_source_are_rtcp() {
        let report = |tail: u8| join(&[&hex("81c9 0007 549aa5da"), &[tail; 40]]);
        udp(10269, 23047).original(report(1)).original(report(2)).survives("RTCP");
        udp(10269, 23047).original(report(1)).reply(report(2)).is_nobodys();
        let other = join(&[&hex("81c9 0007 549aa5db"), &[3; 40]]);
        udp(10269, 23047).original(report(1)).original(other).is_nobodys();
    }
}
