//! What is followed of a flow beyond its plain counters, only where some action asks about it.

use std::time::Duration;

use crate::effect::Tracked;
use crate::net::Direction;
use crate::time::Timestamp;
use crate::wire::{TcpFlags, TcpInfo};

/// A rate is the mean of this time: shorter ones jump with every burst of a video.
const RATE_WINDOW: Duration = Duration::from_secs(5);
/// The first rate of a flow may be the mean of less, but not of less than this.
const FIRST_RATE_WINDOW: Duration = Duration::from_secs(1);

/// What is followed of one flow. Few configurations ask; flows of others have none.
#[derive(Debug, Clone, Default)]
pub struct Followed {
    /// TCP counters, from when somebody asked.
    pub tcp: TcpCounts,
    /// Bytes a second of originator and destination.
    pub rate: [u64; 2],
    /// Bytes of each direction at the last measurement, and when that was; none so far: the flow's
    /// first packet.
    measured: Option<([u64; 2], Timestamp)>,
    /// What connection tracking said last.
    pub connection: Option<Tracked>,
    /// How often in a row connection tracking knew nothing of the flow.
    pub misses: u8,
}

impl Followed {
    /// Measures rates, if enough time has passed since the last time. The arguments are the flow's
    /// bytes and first packet's time.
    pub fn measure(&mut self, bytes: [u64; 2], first_seen: Timestamp, now: Timestamp) {
        let window = if self.measured.is_some() { RATE_WINDOW } else { FIRST_RATE_WINDOW };
        let (before, since) = self.measured.unwrap_or(([0; 2], first_seen));
        let elapsed = now.since(since);
        if elapsed < window {
            return;
        }
        let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        let rate = |now: u64, before: u64| {
            let bytes = now.saturating_sub(before);
            bytes.saturating_mul(1_000_000).checked_div(micros).unwrap_or(0)
        };
        let ([a, b], [before_a, before_b]) = (bytes, before);
        self.rate = [rate(a, before_a), rate(b, before_b)];
        self.measured = Some((bytes, now));
    }

    /// Whether the rate must be measured again though no packet comes: it has yet to fall to zero.
    pub fn is_moving(&self, bytes: [u64; 2]) -> bool {
        self.rate != [0; 2] || self.measured.is_none_or(|(measured, _)| measured != bytes)
    }
}

/// Counters of a TCP connection (RFC 9293), both ways together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TcpCounts {
    /// Segments with RST.
    pub resets: u32,
    /// Segments whose bytes were all seen before.
    pub retransmissions: u32,
    /// Segments that begin beyond what was seen before: something was lost, or overtaken.
    pub gaps: u32,
    /// Sequence number of the newest segment.
    pub last_sequence: u32,
    /// What each direction is expected to send next, once it has sent something.
    next: [Option<u32>; 2],
}

impl TcpCounts {
    /// Counts a segment with that many bytes of payload.
    pub fn count(&mut self, tcp: &TcpInfo, payload_len: u32, direction: Direction) {
        self.last_sequence = tcp.sequence;
        if tcp.flags.contains(TcpFlags::RST) {
            self.resets = self.resets.saturating_add(1);
            return; // its sequence number need not fit (RFC 9293 section 3.10.7.1)
        }
        // SYN and FIN take a place in the sequence each (section 3.4).
        let controls = u32::from(tcp.flags.contains(TcpFlags::SYN))
            .saturating_add(u32::from(tcp.flags.contains(TcpFlags::FIN)));
        let length = payload_len.saturating_add(controls);
        let Some(next) = self.next.get_mut(direction.index()) else { return };
        let end = tcp.sequence.wrapping_add(length);
        let Some(expected) = *next else {
            *next = Some(end);
            return;
        };
        if length == 0 {
            return; // a bare acknowledgement repeats a number without meaning anything
        }
        // One byte, or none, just before what is expected asks whether the other is still there
        // (RFC 9293 section 3.8.4).
        let is_keep_alive =
            length <= 1 && controls == 0 && tcp.sequence == expected.wrapping_sub(1);
        if is_after(tcp.sequence, expected) {
            self.gaps = self.gaps.saturating_add(1);
        } else if !is_after(end, expected) && !is_keep_alive {
            self.retransmissions = self.retransmissions.saturating_add(1);
        }
        if is_after(end, expected) {
            *next = Some(end);
        }
    }
}

/// Whether one sequence number is beyond another, which wraps (RFC 9293 section 3.4).
const fn is_after(one: u32, other: u32) -> bool {
    let distance = one.wrapping_sub(other);
    distance != 0 && distance < 1 << 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_counted_by_their_numbers() {
        let data = TcpFlags::ACK;
        let mut counts = TcpCounts::default();
        let mut told = Vec::new();
        for (flags, sequence, length) in [
            (TcpFlags::SYN, u32::MAX - 1, 0),
            (data, u32::MAX, 0),
            (data, u32::MAX, 10),
            (data, 9, 100),
            (data, 109, 0),
            (data, 108, 0),   // keep-alive without a byte
            (data, 108, 1),   // with one
            (data, 9, 100),   // again
            (data, 9, 150),   // again with more
            (data, 200, 100), // 41 bytes are missing
            (data, 159, 41),  // they come late
            (TcpFlags::FIN, 300, 0),
            (TcpFlags::FIN, 300, 0),
            (TcpFlags::RST, 7, 0),
        ] {
            let tcp = TcpInfo { flags, sequence, acknowledgement: 0 };
            counts.count(&tcp, length, Direction::Original);
            assert_eq!(counts.last_sequence, sequence);
            told.push((counts.retransmissions, counts.gaps, counts.resets));
        }
        let expected = [[(0, 0, 0); 7].as_slice(), &[(1, 0, 0); 2], &[(1, 1, 0)], &[(2, 1, 0); 2]];
        assert_eq!(told.get(..12), Some(expected.concat().as_slice()));
        assert_eq!(told.get(12..), Some([(3, 1, 0), (3, 1, 1)].as_slice()));
        let back = TcpInfo { flags: data, sequence: 5, acknowledgement: 0 };
        counts.count(&back, 10, Direction::Reply);
        assert_eq!(counts.retransmissions, 3, "the other way has numbers of its own");
    }

    #[test]
    fn rates_are_means_and_fall_to_zero() {
        let secs = |s: u64| Timestamp::from_micros(s * 1_000_000);
        let mut followed = Followed::default();
        followed.measure([500, 0], secs(10), secs(10));
        assert_eq!((followed.rate, followed.is_moving([500, 0])), ([0, 0], true));
        followed.measure([2000, 10], secs(10), secs(12));
        assert_eq!(followed.rate, [1000, 5]);
        followed.measure([9000, 10], secs(10), secs(14));
        assert_eq!(followed.rate, [1000, 5], "too soon");
        followed.measure([12_000, 10], secs(10), secs(17));
        assert_eq!((followed.rate, followed.is_moving([12_000, 10])), ([2000, 0], true));
        followed.measure([12_000, 10], secs(10), secs(22));
        assert_eq!((followed.rate, followed.is_moving([12_000, 10])), ([0, 0], false));
        followed.measure([u64::MAX, 10], secs(10), secs(27));
        assert!(followed.rate[0] > 1 << 40, "{:?}", followed.rate);
    }
}
