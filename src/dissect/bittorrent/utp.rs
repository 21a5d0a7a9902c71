//! uTP (BEP 29), the transport of BitTorrent peers over UDP.
//!
//! What is inside is often encrypted, so the header is the evidence: version 1, types 0 to 4, a
//! chain of extensions that ends where it should, a payload on data alone. That is 2^-11 a packet
//! by chance, and never enough; [`conversation`] asks for relations between packets.

use std::time::Duration;

use super::peer;
use crate::bytes::{Reader, Stop};
use crate::net::Direction;
use crate::prefix::Prefix;
use crate::time::Timestamp;

/// BEP 29 "type".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Data,
    Fin,
    State,
    Reset,
    Syn,
}

/// Extensions in one header: selective acknowledgement, extension bits, close reason.
const EXTENSIONS_MAX: usize = 4;
/// Receive windows in practice end at some MiB.
const WINDOW_MAX: u32 = 1 << 27;
/// Packets in flight: more are not acknowledged by any known implementation.
const FLIGHT_MAX: u16 = 512;
/// A clock of microseconds stands below this for 16 s in 71 minutes; a counter always does.
const CLOCK_MIN: u32 = 1 << 24;
/// "No sample yet" in the field of the timestamp difference.
const NO_SAMPLE: [u32; 2] = [0, 0x7fff_ffff];
/// How long a packet may wait for its answer and still be recognised in the echo.
const HOLD_MAX_US: u32 = 2_000_000;

/// No implementation repeats a SYN sooner; so far apart a counter cannot pass for a clock.
const RETRY_MIN: Duration = Duration::from_millis(200);

/// Steps of one side after which a short time is enough to judge its clock.
const BURST_STEPS: usize = 4;

#[derive(Debug, Clone, Copy)]
struct Packet<'a> {
    kind: Kind,
    id: u16,
    stamp_us: u32,
    /// The receiver's clock when it got our side's last packet, minus that packet's `stamp_us`.
    difference_us: u32,
    seq: u16,
    ack: u16,
    payload: &'a [u8],
}

impl<'a> Packet<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let kind = match bytes.first()? {
            0x01 => Kind::Data,
            0x11 => Kind::Fin,
            0x21 => Kind::State,
            0x31 => Kind::Reset,
            0x41 => Kind::Syn,
            _ => return None,
        };
        Packet::header(kind, bytes).ok()
    }

    fn header(kind: Kind, bytes: &'a [u8]) -> Result<Self, Stop> {
        let mut reader = Reader::datagram(bytes);
        reader.skip(1)?;
        let mut extension = reader.u8()?;
        let (id, stamp_us, difference_us) = (reader.u16()?, reader.u32()?, reader.u32()?);
        let (window, seq, ack) = (reader.u32()?, reader.u16()?, reader.u16()?);
        for _ in 0..EXTENSIONS_MAX {
            if extension == 0 {
                break;
            }
            let next = reader.u8()?;
            let body = reader.sub_u8()?;
            // 1: a mask of whole 32-bit words. 2: 8 bytes of options. 3: why it was closed.
            match (extension, body.len()) {
                (1, 4..=64) if body.len().is_multiple_of(4) => {}
                (2, 8) | (3, 4) => {}
                _ => return Err(Stop::NotMine),
            }
            extension = next;
        }
        let packet = Packet { kind, id, stamp_us, difference_us, seq, ack, payload: reader.rest() };
        let has_payload = !packet.payload.is_empty();
        let sane = extension == 0
            && window <= WINDOW_MAX
            && has_payload == (kind == Kind::Data)
            // Nothing was received yet: 48 zero bits in 20 or 30 bytes.
            && (kind != Kind::Syn || (difference_us == 0 && ack == 0));
        if sane { Ok(packet) } else { Err(Stop::NotMine) }
    }
}

/// What a packet carries, if its header has the form of one. That alone proves nothing: it is for
/// packets of a flow that is known.
pub fn payload(bytes: &[u8]) -> Option<&[u8]> {
    Packet::parse(bytes).map(|packet| packet.payload)
}

/// How far `later` is ahead of `earlier` on a clock or counter that wraps.
fn ahead(later: u16, earlier: u16) -> u16 {
    later.wrapping_sub(earlier)
}

/// Whether the sender's clock went on as ours did, by at least a microsecond, with `slack` for
/// what queues do.
fn clocks_agree(earlier: (u32, Timestamp), later: (u32, Timestamp), slack: Duration) -> bool {
    let sent = Duration::from_micros(u64::from(later.0.wrapping_sub(earlier.0)));
    let seen = later.1.since(earlier.1);
    !sent.is_zero() && sent.abs_diff(seen) <= slack.saturating_add(seen / 4)
}

/// Evidence asked for, any one of, each over headers that all have the right form:
///
/// 1. data that opens with the peer handshake (2^-160);
/// 2. SYN and its answer: the same id, `ack` its `seq` (2^-32 on top of the SYN's 2^-60);
/// 3. SYN and the same side's next packet: id and `seq` one higher (2^-32, likewise);
/// 4. two SYNs of one side, the same again or other attempts: the clock gone on as ours did (2^-60
///    for the second, 2^-11 for the clock, likewise);
/// 5. both sides in the middle, three packets or more: ids one apart and constant (2^-31), every
///    `ack` within the other side's flight (2^-14), and two timestamps that echo one another
///    within 2 s (2^-20): with the headers 2^-98;
/// 6. one side in the middle, four packets: constant id (2^-48), a clock of microseconds that
///    follows ours (2^-45), counters that move forward (2^-60);
/// 7. the same in a burst, five packets: constant id (2^-64), counters that move forward (2^-80),
///    a clock that does (2^-68) and that over 1 ms or longer follows ours to a quarter, which no
///    counter of packets and no sample clock of media does. Full packets leave no room for more.
pub fn conversation(prefix: &Prefix<'_>) -> Result<Option<[u8; 20]>, Stop> {
    let mut sides = [Side::default(), Side::default()];
    let (mut echoes, mut related, mut packets) = (0usize, true, 0usize);
    for datagram in prefix.datagrams() {
        let packet = Packet::parse(datagram.bytes).ok_or(Stop::NotMine)?;
        if packet.kind == Kind::Data
            && let Ok(info_hash) = peer::handshake(packet.payload)
        {
            return Ok(info_hash);
        }
        let [original, reply] = &mut sides;
        let (own, other) = match datagram.direction {
            Direction::Original => (original, reply),
            Direction::Reply => (reply, original),
        };
        if own.opens(&packet, datagram.at) || other.is_answered_by(&packet) {
            return Ok(None);
        }
        packets = packets.saturating_add(1);
        if packet.kind != Kind::Syn {
            related &= other.relates_to(&packet);
            echoes = echoes.saturating_add(usize::from(other.is_echoed_by(&packet)));
            related &= own.goes_on(&packet, datagram.at);
        }
        own.last = Some((Seen::of(&packet), datagram.at));
    }
    let [original, reply] = &sides;
    let both = original.last.is_some() && reply.last.is_some();
    if related && both && packets >= 3 && echoes >= 2 {
        return Ok(None);
    }
    if sides.iter().any(|side| side.steps >= 3 && side.keeps_time()) {
        return Ok(None);
    }
    if packets == 0 { Err(Stop::NotMine) } else { Err(Stop::NeedMore) }
}

/// What is compared of an earlier packet.
#[derive(Debug, Clone, Copy)]
struct Seen {
    kind: Kind,
    id: u16,
    stamp_us: u32,
    seq: u16,
    ack: u16,
}

impl Seen {
    fn of(packet: &Packet<'_>) -> Self {
        let Packet { kind, id, stamp_us, seq, ack, .. } = *packet;
        Seen { kind, id, stamp_us, seq, ack }
    }
}

/// What one side sent.
#[derive(Debug, Default)]
struct Side {
    syn: Option<(Seen, Timestamp)>,
    last: Option<(Seen, Timestamp)>,
    /// Where the present run of steps began: the sender's clock and ours.
    first: Option<(u32, Timestamp)>,
    /// Packets in a row that agree with the one before in id, counters and clock.
    steps: usize,
}

impl Side {
    /// Whether `packet` and an earlier SYN of the same side settle it.
    fn opens(&mut self, packet: &Packet<'_>, at: Timestamp) -> bool {
        let settled = self.syn.is_some_and(|(syn, syn_at)| {
            if packet.kind == Kind::Syn {
                let clocks = ((syn.stamp_us, syn_at), (packet.stamp_us, at));
                packet.stamp_us >= CLOCK_MIN
                    && at.since(syn_at) >= RETRY_MIN
                    && clocks_agree(clocks.0, clocks.1, Duration::from_millis(50))
            } else {
                ahead(packet.id, syn.id) == 1 && ahead(packet.seq, syn.seq) == 1
            }
        });
        if packet.kind == Kind::Syn {
            self.syn = Some((Seen::of(packet), at));
        }
        settled
    }

    /// Whether `packet` from the other side answers this side's SYN.
    fn is_answered_by(&self, packet: &Packet<'_>) -> bool {
        packet.kind != Kind::Syn
            && self.syn.is_some_and(|(syn, _)| (syn.id, syn.seq) == (packet.id, packet.ack))
    }

    /// Whether `packet` from the other side can belong to the same connection. A state packet
    /// carries the number of the next data packet, so `ack` may stand one behind it.
    fn relates_to(&self, packet: &Packet<'_>) -> bool {
        self.last.is_none_or(|(last, _)| {
            let apart = ahead(packet.id, last.id);
            last.kind != Kind::Syn
                && (apart == 1 || apart == u16::MAX)
                && ahead(last.seq, packet.ack) <= FLIGHT_MAX
        })
    }

    /// The other side subtracts our stamp from its clock, then stamps its packet by the same
    /// clock: `stamp - difference` is our stamp again plus the time it held the answer.
    fn is_echoed_by(&self, packet: &Packet<'_>) -> bool {
        self.last.is_some_and(|(last, _)| {
            let echo = packet.stamp_us.wrapping_sub(packet.difference_us);
            let held = echo.wrapping_sub(last.stamp_us).wrapping_add(HOLD_MAX_US);
            held <= HOLD_MAX_US.saturating_mul(2)
                && !NO_SAMPLE.contains(&packet.difference_us)
                && packet.stamp_us >= CLOCK_MIN
                && last.stamp_us >= CLOCK_MIN
        })
    }

    /// Whether `packet` keeps this side's id; counts how often it went on as one sender would.
    fn goes_on(&mut self, packet: &Packet<'_>, at: Timestamp) -> bool {
        self.first.get_or_insert((packet.stamp_us, at));
        let Some((last, last_at)) = self.last else { return true };
        let (sent, acked) = (ahead(packet.seq, last.seq), ahead(packet.ack, last.ack));
        let clocks = ((last.stamp_us, last_at), (packet.stamp_us, at));
        let forward = sent <= 4
            && acked <= 64
            && packet.stamp_us >= CLOCK_MIN
            && clocks_agree(clocks.0, clocks.1, Duration::from_millis(20));
        if last.id == packet.id && forward {
            // A repeated acknowledgement keeps the run, and adds nothing to it.
            self.steps = self.steps.saturating_add(usize::from((sent, acked) != (0, 0)));
        } else {
            self.steps = 0;
            self.first = Some((packet.stamp_us, at));
        }
        last.id == packet.id
    }

    /// Whether over the whole run, 50 ms or longer (1 ms in a burst), the sender's clock is one of
    /// microseconds.
    fn keeps_time(&self) -> bool {
        let (Some(first), Some((last, at))) = (self.first, self.last) else { return false };
        let seen = at.since(first.1);
        let slack = match seen.as_millis() {
            50.. => Duration::from_millis(10),
            1.. if self.steps >= BURST_STEPS => Duration::from_micros(250),
            _ => return false,
        };
        clocks_agree(first, (last.stamp_us, at), slack)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissect::sample::{Sample, hex, join, udp};

    /// type, id, stamp, difference, seq, ack
    fn packet(kind: u8, id: u16, stamp: u32, difference: u32, seq: u16, ack: u16) -> Vec<u8> {
        let mut bytes = vec![kind << 4 | 1, 0];
        bytes.extend(id.to_be_bytes());
        bytes.extend(stamp.to_be_bytes());
        bytes.extend(difference.to_be_bytes());
        bytes.extend(hex("00100000"));
        bytes.extend(seq.to_be_bytes());
        bytes.extend(ack.to_be_bytes());
        bytes
    }

    fn data(id: u16, stamp: u32, difference: u32, seq: u16, ack: u16) -> Vec<u8> {
        join(&[&packet(0, id, stamp, difference, seq, ack), &[0xa5; 68]])
    }

    const SYN: (u8, u16, u32) = (4, 0x1234, 0x5000_0000);

    fn syn() -> Vec<u8> {
        packet(SYN.0, SYN.1, SYN.2, 0, 1, 0)
    }

    fn start() -> Sample {
        udp(51413, 6881)
    }

    #[test]
    fn an_answered_or_followed_or_repeated_syn_is_certain() {
        let state = packet(2, 0x1234, 0x9000_0000, 0x4000_0100, 700, 1);
        start().original(syn()).after_us(30_000).reply(&state).survives("BitTorrent");
        start()
            .original(syn())
            .original(data(0x1235, 0x5001_0000, 9, 2, 699))
            .survives("BitTorrent");
        let again = packet(4, 0x1234, 0x5000_0000 + 3_000_000, 0, 1, 0);
        start().original(syn()).after_us(3_000_000).original(again).survives("BitTorrent");
        let other = packet(4, 0x8888, 0x5000_0000 + 9_000_100, 0, 77, 0);
        start().original(syn()).after_us(9_000_000).original(other).survives("BitTorrent");
        start().original(syn()).is_nobodys();
        start().original(syn()).original(syn()).is_nobodys(); // a clock that stands still
        let counted = packet(4, 0x1234, 0x5000_0001, 0, 1, 0);
        start().original(syn()).after_us(3_000_000).original(counted).is_nobodys();
        let foreign = packet(2, 0x4321, 0x9000_0000, 0x4000_0100, 700, 1);
        start().original(syn()).reply(foreign).is_nobodys();
    }

    #[test]
    fn a_handshake_inside_is_certain_and_names_the_torrent() {
        let handshake =
            join(&[peer::HANDSHAKE, &[0; 8], b"mnopqrstuvwxyz123456", b"-XX0001-abcdefghijkl"]);
        let first = join(&[&packet(0, 7, 0x5000_0000, 1, 2, 1), &handshake]);
        start().original(first).survives("BitTorrent");
    }

    #[test]
    fn both_sides_in_the_middle_are_known_by_their_relations() {
        // The answer is stamped 100 us after the packet came, by a clock 0x4000_0000 ahead.
        let first = data(0x1235, 0x5000_0000, 0xc000_1000, 10, 699);
        let second = packet(2, 0x1234, 0x9000_3064, 0x4000_3000, 700, 10);
        let third = data(0x1235, 0x5000_8000, 0xc000_2000, 11, 699);
        let talk = |second: &[u8], third: &[u8]| {
            start()
                .midway()
                .original(&first)
                .after_us(9000)
                .reply(second)
                .after_us(9000)
                .original(third)
        };
        talk(&second, &third).survives("BitTorrent");
        talk(&second, &third).flipped().survives("BitTorrent");
        talk(&packet(2, 0x1239, 0x9000_3064, 0x4000_3000, 700, 10), &third).is_nobodys();
        talk(&packet(2, 0x1234, 0x9000_3064, 0x1234_3000, 700, 10), &third).is_nobodys();
        talk(&packet(2, 0x1234, 0x9000_3064, 0x4000_3000, 700, 9000), &third).is_nobodys();
    }

    #[test]
    fn one_side_in_the_middle_is_known_by_its_clock() {
        let one_way = |tick: u32| {
            (0..5u16).fold(start().midway(), |flow, n| {
                let stamp = 0x5000_0000 + u32::from(n) * tick;
                flow.original(data(0x1235, stamp, 7, 10 + n, 699)).after_us(20_000)
            })
        };
        assert_eq!(one_way(20_100).name(), Some("BitTorrent"));
        one_way(1).is_nobodys(); // a counter, no clock
        let burst = |packets: u16, tick: u32| {
            (0..packets).fold(start().midway(), |flow, n| {
                let stamp = 0x5000_0000 + u32::from(n) * tick;
                flow.original(data(0x1235, stamp, 7, 10 + n, 699)).after_us(400)
            })
        };
        assert_eq!(burst(5, 390).name(), Some("BitTorrent"));
        for (packets, tick) in [(4, 390), (12, 1), (12, 36), (12, 0), (12, 4000)] {
            burst(packets, tick).is_nobodys();
        }
        one_way(600_000).is_nobodys(); // another unit
    }

    /// Random datagrams whose first two bytes are right: 20,000 dialogues of 12.
    #[test]
    fn chance_is_not_taken_for_it() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        for _ in 0..20_000 {
            let talk = (0..12).fold(start().midway(), |talk, _| {
                let mut datagram: Vec<u8> = (0..4).flat_map(|_| next().to_be_bytes()).collect();
                let kind = [0x01, 0x01, 0x21, 0x41][usize::try_from(next() % 4).unwrap()];
                datagram[..2].copy_from_slice(&[kind, 0]);
                datagram.truncate(if kind == 0x01 { 32 } else { 20 });
                let talk = talk.after_us(next() % 50_000);
                if next() % 2 == 0 { talk.original(datagram) } else { talk.reply(datagram) }
            });
            assert!(talk.ask(&crate::dissect::bittorrent::BITTORRENT).is_err());
        }
    }

    #[test]
    fn headers_of_another_form_are_refused_at_once() {
        for wrong in [
            packet(5, 1, 0x5000_0000, 0, 1, 0),
            packet(4, 1, 0x5000_0000, 9, 1, 0),
            packet(4, 1, 0x5000_0000, 0, 1, 9),
            packet(2, 1, 0x5000_0000, 0, 1, 9)[..19].to_vec(),
            join(&[&packet(2, 1, 0x5000_0000, 0, 1, 9), b"x"]),
            hex("2104 0001 50000000 00000000 00100000 0001 0009 0000"),
        ] {
            let asked = start().original(wrong).ask(&crate::dissect::bittorrent::BITTORRENT);
            assert_eq!(asked, Err(Stop::NotMine));
        }
        // A selective acknowledgement whose length runs over the end.
        let damaged = hex("2101 0001 50000000 00000000 00100000 0001 0009 00 ff 00000000");
        assert!(Packet::parse(&damaged).is_none());
    }
}
