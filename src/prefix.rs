//! The first bytes of a flow, both directions, datagram borders and times kept, bounded.
//!
//! [`Prefix`] is what dissectors see. It borrows either from a single packet, so that a flow
//! decided by its first payload copies nothing, or from a [`Gathered`] store.

use crate::net::{Direction, Endpoint, Transport};
use crate::time::Timestamp;

/// One segment or datagram of the prefix.
#[derive(Debug, Clone, Copy)]
pub struct Chunk {
    /// Who sent it.
    pub direction: Direction,
    /// When it was captured.
    pub at: Timestamp,
    /// Where it starts among its direction's bytes.
    pub start: usize,
    /// How many bytes of it are kept.
    pub len: usize,
}

/// A chunk with its bytes.
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'a> {
    /// Who sent it.
    pub direction: Direction,
    /// When it was captured.
    pub at: Timestamp,
    /// Its payload, cut at what is kept.
    pub bytes: &'a [u8],
}

/// What dissectors need not find out unless somebody asks for it: it costs much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wants {
    /// Fingerprints of clients (JA4): two hashes for each TLS hello.
    pub fingerprints: bool,
}

impl Wants {
    /// All there is.
    pub const ALL: Wants = Wants { fingerprints: true };
}

/// What is known of a flow's payload so far.
#[derive(Debug, Clone, Copy)]
pub struct Prefix<'a> {
    /// What carries the payload.
    pub transport: Transport,
    /// Both ends; index by [`Direction::index`] of what they send.
    pub ends: [Endpoint; 2],
    /// TCP: the connection's opening was seen, so byte 0 is the first byte ever sent.
    pub from_start: bool,
    /// No more bytes will come: answer with what there is.
    pub last_call: bool,
    /// What is asked for.
    pub wants: Wants,
    bytes: [&'a [u8]; 2],
    chunks: &'a [Chunk],
}

impl<'a> Prefix<'a> {
    /// A view of `bytes`, each direction's in sequence, cut into `chunks` in order of arrival.
    pub const fn new(
        transport: Transport,
        ends: [Endpoint; 2],
        bytes: [&'a [u8]; 2],
        chunks: &'a [Chunk],
    ) -> Self {
        let wants = Wants::ALL;
        Prefix { transport, ends, from_start: true, last_call: false, wants, bytes, chunks }
    }

    /// What the flow's originator sent: TCP in sequence; datagrams one behind the other.
    pub const fn original(&self) -> &'a [u8] {
        self.bytes[0]
    }

    /// What came back.
    pub const fn reply(&self) -> &'a [u8] {
        self.bytes[1]
    }

    /// One direction's bytes.
    pub const fn sent(&self, direction: Direction) -> &'a [u8] {
        match direction {
            Direction::Original => self.bytes[0],
            Direction::Reply => self.bytes[1],
        }
    }

    /// Both directions' bytes, those of the originator first.
    pub const fn both(&self) -> [&'a [u8]; 2] {
        self.bytes
    }

    /// Segments or datagrams of both directions in order of arrival.
    pub fn datagrams(&self) -> impl Iterator<Item = Datagram<'a>> + use<'a> {
        let bytes = self.bytes;
        self.chunks.iter().map(move |chunk| {
            let end = chunk.start.saturating_add(chunk.len);
            let [original, reply] = bytes;
            let sent = if chunk.direction == Direction::Original { original } else { reply };
            Datagram {
                direction: chunk.direction,
                at: chunk.at,
                bytes: sent.get(chunk.start..end).unwrap_or_default(),
            }
        })
    }

    /// The bytes of the only segment or datagram, if there is but one.
    pub fn only(&self) -> Option<&'a [u8]> {
        match self.chunks {
            [chunk] => Some(self.sent(chunk.direction)),
            _ => None,
        }
    }

    /// The first datagram of that direction.
    pub fn first(&self, direction: Direction) -> Option<Datagram<'a>> {
        self.datagrams().find(|datagram| datagram.direction == direction)
    }

    /// The newest datagram of either direction.
    pub fn newest(&self) -> Option<Datagram<'a>> {
        self.datagrams().last()
    }

    /// Whether either end uses `port`.
    pub fn has_port(&self, port: u16) -> bool {
        let [a, b] = self.ends;
        a.port == port || b.port == port
    }

    /// The sender of one direction.
    pub const fn end(&self, sender: Direction) -> Endpoint {
        match sender {
            Direction::Original => self.ends[0],
            Direction::Reply => self.ends[1],
        }
    }
}

/// Most bytes kept of one direction. A ClientHello with post-quantum keys and a long list of
/// extensions is below 4 KiB; certificates and a torrent's first messages fit beside it.
pub const SIDE_BYTES_MAX: usize = 8192;
/// Most segments or datagrams kept, both directions together.
pub const CHUNKS_MAX: usize = 32;
/// Most separate runs of out-of-order segments of one direction.
const RUNS_MAX: usize = 8;
/// A segment that lies this far before the first one seen is an old one, not a reordered one.
const REORDER_MAX: i32 = 4096;

/// The store behind a [`Prefix`] of more than one packet: at most about 17 KiB.
#[derive(Debug, Default)]
pub struct Gathered {
    sides: [Side; 2],
    chunks: Vec<Chunk>,
}

#[derive(Debug, Default)]
struct Side {
    bytes: Vec<u8>,
    /// TCP: sequence number of byte 0.
    base: Option<u32>,
    /// TCP: the opening (SYN) told `base`.
    opened: bool,
    /// TCP: which of `bytes` are real, as runs in order.
    runs: Vec<(usize, usize)>,
}

impl Gathered {
    /// TCP: the SYN of one direction was seen; `sequence` is its own number, data start behind it.
    pub fn open(&mut self, direction: Direction, sequence: u32) {
        let side = self.side(direction);
        if side.base.is_none() {
            side.base = Some(sequence.wrapping_add(1));
            side.opened = true;
        }
    }

    /// Adds a TCP segment: what repeats is dropped (the first copy stays), what is early waits.
    pub fn segment(&mut self, direction: Direction, at: Timestamp, sequence: u32, payload: &[u8]) {
        let side = self.side(direction);
        let base = *side.base.get_or_insert(sequence);
        let distance = sequence.wrapping_sub(base).cast_signed();
        let before = distance.unsigned_abs() as usize;
        let (start, payload) = match usize::try_from(distance) {
            Ok(start) => (start, payload),
            Err(_) if !side.opened && distance >= -REORDER_MAX => {
                side.make_room_in_front(before);
                side.base = Some(sequence);
                for chunk in self.chunks.iter_mut().filter(|chunk| chunk.direction == direction) {
                    chunk.start = chunk.start.saturating_add(before);
                }
                (0, payload)
            }
            // A keep-alive or a retransmission that reaches over the start.
            Err(_) => (0, payload.get(before..).unwrap_or_default()),
        };
        let len = self.side(direction).place(start, payload);
        self.note(Chunk { direction, at, start, len });
    }

    /// Adds a datagram behind those that are there.
    pub fn datagram(&mut self, direction: Direction, at: Timestamp, payload: &[u8]) {
        let side = self.side(direction);
        let start = side.bytes.len();
        let room = SIDE_BYTES_MAX.saturating_sub(start);
        let kept = payload.get(..room).unwrap_or(payload);
        side.bytes.extend_from_slice(kept);
        self.note(Chunk { direction, at, start, len: kept.len() });
    }

    /// The view that dissectors get.
    pub fn view(&self, transport: Transport, ends: [Endpoint; 2]) -> Prefix<'_> {
        let [original, reply] = &self.sides;
        let mut prefix = Prefix::new(
            transport,
            ends,
            [original.ready(transport), reply.ready(transport)],
            &self.chunks,
        );
        prefix.from_start = transport != Transport::Tcp || original.opened || reply.opened;
        prefix
    }

    /// Forgets all but its room.
    pub fn clear(&mut self) {
        for side in &mut self.sides {
            (side.base, side.opened) = (None, false);
            side.bytes.clear();
            side.runs.clear();
        }
        self.chunks.clear();
    }

    /// Whether there is no room for more.
    pub fn is_full(&self) -> bool {
        self.chunks.len() >= CHUNKS_MAX
            || self.sides.iter().any(|side| side.bytes.len() >= SIDE_BYTES_MAX)
    }

    /// Bytes of memory in use, beside the struct's own.
    pub fn resident_bytes(&self) -> usize {
        let chunks = self.chunks.capacity().saturating_mul(size_of::<Chunk>());
        self.sides.iter().fold(chunks, |sum, side| {
            let runs = side.runs.capacity().saturating_mul(size_of::<(usize, usize)>());
            sum.saturating_add(side.bytes.capacity()).saturating_add(runs)
        })
    }

    fn side(&mut self, direction: Direction) -> &mut Side {
        let [original, reply] = &mut self.sides;
        if direction == Direction::Original { original } else { reply }
    }

    fn note(&mut self, chunk: Chunk) {
        if chunk.len > 0 && self.chunks.len() < CHUNKS_MAX {
            self.chunks.push(chunk);
        }
    }
}

impl Side {
    /// Bytes that dissectors may see: of TCP only those without a hole before them.
    fn ready(&self, transport: Transport) -> &[u8] {
        if transport != Transport::Tcp {
            return &self.bytes;
        }
        match self.runs.first() {
            Some(&(0, end)) => self.bytes.get(..end).unwrap_or_default(),
            _ => &[],
        }
    }

    fn make_room_in_front(&mut self, count: usize) {
        let shifted: Vec<u8> = std::iter::repeat_n(0, count)
            .chain(self.bytes.iter().copied())
            .take(SIDE_BYTES_MAX)
            .collect();
        self.bytes = shifted;
        for (start, end) in &mut self.runs {
            *start = start.saturating_add(count).min(SIDE_BYTES_MAX);
            *end = end.saturating_add(count).min(SIDE_BYTES_MAX);
        }
        self.runs.retain(|(start, end)| start < end);
    }

    /// Writes `payload` at `start` where nothing stands yet; gives how much of it lies in bounds.
    fn place(&mut self, start: usize, payload: &[u8]) -> usize {
        let end = start.saturating_add(payload.len()).min(SIDE_BYTES_MAX);
        if start >= end {
            return 0;
        }
        let touched = self.runs.iter().any(|&(from, to)| from <= end && start <= to);
        if !touched && self.runs.len() >= RUNS_MAX {
            return 0; // too scattered: the sender will repeat it
        }
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        let mut at = start;
        for &(from, to) in &self.runs {
            fill(&mut self.bytes, start, payload, at, from.min(end));
            at = at.max(to);
        }
        fill(&mut self.bytes, start, payload, at, end);
        self.merge(start, end);
        end.saturating_sub(start)
    }

    fn merge(&mut self, start: usize, end: usize) {
        let (mut start, mut end) = (start, end);
        self.runs.retain(|&(from, to)| {
            let apart = to < start || end < from;
            if !apart {
                start = start.min(from);
                end = end.max(to);
            }
            apart
        });
        let position = self.runs.partition_point(|&(from, _)| from < start);
        self.runs.insert(position, (start, end));
    }
}

/// Copies the part of `payload`, which belongs at `start`, that lies in `from..to`.
fn fill(bytes: &mut [u8], start: usize, payload: &[u8], from: usize, to: usize) {
    let from = from.max(start);
    let source = payload.get(from.saturating_sub(start)..to.saturating_sub(start));
    if let (Some(source), Some(target)) = (source, bytes.get_mut(from..to)) {
        target.copy_from_slice(source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDS: [Endpoint; 2] = [
        Endpoint { addr: std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), port: 1 },
        Endpoint { addr: std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), port: 2 },
    ];

    fn tcp(opened: Option<u32>, segments: &[(u32, &[u8])]) -> Vec<u8> {
        let mut gathered = Gathered::default();
        if let Some(sequence) = opened {
            gathered.open(Direction::Original, sequence);
        }
        for (sequence, payload) in segments {
            gathered.segment(Direction::Original, Timestamp::ZERO, *sequence, payload);
        }
        gathered.view(Transport::Tcp, ENDS).original().to_vec()
    }

    #[test]
    fn segments_come_in_sequence_whatever_order_they_came_in() {
        let whole = b"abcdefgh";
        for (name, opened, segments) in [
            ("in order", Some(99), vec![(100, &whole[..4]), (104, &whole[4..])]),
            ("swapped", Some(99), vec![(104, &whole[4..]), (100, &whole[..4])]),
            ("swapped, opening not seen", None, vec![(104, &whole[4..]), (100, &whole[..4])]),
            (
                "repeated",
                Some(99),
                vec![(100, &whole[..4]), (100, &whole[..4]), (104, &whole[4..])],
            ),
            ("overlapping", Some(99), vec![(100, &whole[..6]), (103, &whole[3..])]),
            (
                "covering a hole",
                Some(99),
                vec![(102, &whole[2..3]), (105, &whole[5..6]), (100, whole)],
            ),
            ("keep-alive before", Some(99), vec![(99, b"x"), (100, whole)]),
            ("reaching over the start", Some(99), vec![(98, b"xxab"), (102, &whole[2..])]),
            (
                "sequence wraps",
                Some(u32::MAX - 3),
                vec![(2, &whole[5..]), (u32::MAX - 2, &whole[..5])],
            ),
        ] {
            assert_eq!(tcp(opened, &segments), whole, "{name}");
        }
        assert_eq!(tcp(Some(99), &[(104, b"efgh")]), b"", "nothing before the hole");
        assert_eq!(tcp(Some(99), &[(100, b"ab"), (101, b"XY")]), b"abY", "the first copy stays");
    }

    #[test]
    fn any_cut_and_order_of_a_stream_gives_the_stream() {
        let whole: Vec<u8> = (0..=255).cycle().take(3000).collect();
        let mut state = 1u32;
        let mut random = |below: usize| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as usize % below
        };
        for _ in 0..200 {
            let mut cuts: Vec<usize> = (0..6).map(|_| random(whole.len())).collect();
            cuts.extend([0, whole.len()]);
            cuts.sort_unstable();
            let mut segments: Vec<(u32, &[u8])> = cuts
                .windows(2)
                .map(|cut| (100 + cut[0] as u32, &whole[cut[0]..(cut[1] + 20).min(whole.len())]))
                .collect();
            for at in (1..segments.len()).rev() {
                segments.swap(at, random(at + 1));
            }
            assert_eq!(tcp(Some(99), &segments), whole);
        }
    }

    #[test]
    fn the_store_is_bounded() {
        let mut gathered = Gathered::default();
        for n in 0..10_000u32 {
            let sequence = n.wrapping_mul(2_654_435_761) % 100_000;
            gathered.segment(Direction::Original, Timestamp::ZERO, sequence, &[7; 1400]);
            gathered.segment(Direction::Reply, Timestamp::ZERO, n.wrapping_mul(2), &[7]);
            gathered.datagram(Direction::Reply, Timestamp::ZERO, &[7; 1400]);
        }
        assert!(gathered.resident_bytes() < 40_000, "{}", gathered.resident_bytes());
        assert!(gathered.is_full());
    }

    #[test]
    fn datagrams_keep_their_borders() {
        let mut gathered = Gathered::default();
        gathered.datagram(Direction::Original, Timestamp::ZERO, b"one");
        gathered.datagram(Direction::Reply, Timestamp::ZERO, b"two");
        gathered.datagram(Direction::Original, Timestamp::ZERO, b"three");
        let prefix = gathered.view(Transport::Udp, ENDS);
        let seen: Vec<_> = prefix.datagrams().map(|d| (d.direction, d.bytes)).collect();
        use Direction::{Original, Reply};
        assert_eq!(seen, [(Original, &b"one"[..]), (Reply, b"two"), (Original, b"three")]);
        assert_eq!(prefix.original(), b"onethree");
        assert_eq!(prefix.newest().unwrap().bytes, b"three");
    }
}
