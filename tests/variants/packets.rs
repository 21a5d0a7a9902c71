//! Packets that own their bytes, and the ways in which they are rearranged.

use std::collections::HashMap;

use nfa::net::{Endpoint, Transport};
use nfa::time::Timestamp;
use nfa::wire::{self, Packet, TcpFlags};

use super::corpus::Frame;

/// Packets of a 5-tuple that are used: a flow is decided by its twelfth with payload.
const PACKETS_MAX: usize = 40;

/// A packet as the engine gets it.
#[derive(Debug, Clone)]
pub struct Owned {
    pub at: Timestamp,
    head: Packet<'static>,
    payload: Vec<u8>,
}

impl Owned {
    pub fn view(&self) -> Packet<'_> {
        Packet { payload: &self.payload, ..self.head }
    }

    fn ends(&self) -> [Endpoint; 2] {
        let end = |addr, port| Endpoint { addr, port };
        let head = &self.head;
        [end(head.source, head.source_port), end(head.destination, head.destination_port)]
    }

    /// The same for both directions.
    fn flow(&self) -> (Transport, [Endpoint; 2]) {
        let mut ends = self.ends();
        ends.sort();
        (self.head.transport, ends)
    }

    fn opens(&self) -> bool {
        self.head.tcp.is_some_and(|tcp| tcp.flags.contains(TcpFlags::SYN))
    }

    fn is_segment(&self) -> bool {
        self.head.tcp.is_some() && !self.payload.is_empty() && !self.opens()
    }

    fn moves(&self) -> bool {
        let transport = matches!(self.head.transport, Transport::Tcp | Transport::Udp);
        transport && !self.payload.is_empty() && !self.opens()
    }

    /// That part of the payload, as a segment of its own.
    fn part(&self, from: usize, to: usize) -> Owned {
        let mut part = self.clone();
        part.payload = self.payload[from..to].to_vec();
        part.head.payload_len = u32::try_from(to - from).unwrap();
        if let Some(tcp) = &mut part.head.tcp {
            tcp.sequence = tcp.sequence.wrapping_add(u32::try_from(from).unwrap());
        }
        part
    }
}

/// What the frames hold, the first packets of each 5-tuple.
pub fn read(frames: &[Frame]) -> Vec<Owned> {
    let mut seen = HashMap::new();
    let owned = frames.iter().filter_map(|frame| {
        let packet = wire::decode(frame.link, &frame.bytes).ok()?;
        let payload = packet.payload.to_vec();
        Some(Owned { at: frame.at, head: Packet { payload: &[], ..packet }, payload })
    });
    owned
        .filter(|packet| {
            let count = seen.entry(packet.flow()).or_insert(0);
            *count += 1;
            *count <= PACKETS_MAX
        })
        .collect()
}

/// The same numbers on every run.
pub struct Random(u64);

impl Default for Random {
    fn default() -> Self {
        Random(20_250_101)
    }
}

impl Random {
    /// One of `from..=to`.
    fn of(&mut self, from: usize, to: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        from + usize::try_from(self.0 >> 33).unwrap() % (to - from + 1)
    }
}

/// One way to rearrange the packets of a capture.
pub struct Variant {
    pub name: &'static str,
    pub make: fn(&[Owned], &mut Random) -> Vec<Owned>,
    /// Answers that stay the same, in percent: a little below what is reached.
    pub same_min: usize,
}

#[rustfmt::skip]
pub const VARIANTS: &[Variant] = &[
    Variant { name: "untouched", make: |packets, _| packets.to_vec(), same_min: 100 },
    Variant { name: "segments of 1 byte", make: |packets, random| recut(packets, random, 1, 1), same_min: 75 },
    Variant { name: "segments of 1 to 40 bytes", make: |packets, random| recut(packets, random, 1, 40), same_min: 94 },
    Variant { name: "segments of 100 to 300 bytes", make: |packets, random| recut(packets, random, 100, 300), same_min: 97 },
    Variant { name: "segments cut in two", make: |packets, random| halves(packets, random, false), same_min: 97 },
    Variant { name: "cut in two, halves swapped", make: |packets, random| halves(packets, random, true), same_min: 80 },
    Variant { name: "segments joined", make: |packets, _| joined(packets), same_min: 97 },
    Variant { name: "segments that overlap", make: overlapping, same_min: 97 },
    Variant { name: "shuffled within 2", make: |packets, random| shuffled(packets, random, 2), same_min: 94 },
    Variant { name: "shuffled within 4", make: |packets, random| shuffled(packets, random, 4), same_min: 94 },
    Variant { name: "every packet twice", make: |packets, _| packets.iter().flat_map(|packet| [packet.clone(), packet.clone()]).collect(), same_min: 97 },
    Variant { name: "every packet again, later", make: repeated, same_min: 97 },
    Variant { name: "only the first sender's", make: |packets, _| one_side(packets, true), same_min: 95 },
    Variant { name: "only the other side's", make: |packets, _| one_side(packets, false), same_min: 50 },
    Variant { name: "openings not seen", make: |packets, _| packets.iter().filter(|packet| !packet.opens()).cloned().collect(), same_min: 95 },
    Variant { name: "first payload lost", make: |packets, _| without_first(packets), same_min: 75 },
    Variant { name: "payload cut to 20 bytes", make: |packets, _| cut(packets, 20), same_min: 50 },
    Variant { name: "payload cut to 60 bytes", make: |packets, _| cut(packets, 60), same_min: 75 },
    Variant { name: "payload cut to 200 bytes", make: |packets, _| cut(packets, 200), same_min: 90 },
    Variant { name: "payload cut to 600 bytes", make: |packets, _| cut(packets, 600), same_min: 95 },
    Variant { name: "1 packet with payload", make: |packets, _| beginning(packets, 1), same_min: 94 },
    Variant { name: "2 packets with payload", make: |packets, _| beginning(packets, 2), same_min: 96 },
    Variant { name: "4 packets with payload", make: |packets, _| beginning(packets, 4), same_min: 97 },
];

/// Every segment in pieces of that many bytes.
fn recut(packets: &[Owned], random: &mut Random, from: usize, to: usize) -> Vec<Owned> {
    let mut cut = Vec::new();
    for packet in packets {
        let mut start = 0;
        while packet.is_segment() && start + to < packet.payload.len() && cut.len() < 200_000 {
            let end = start + random.of(from, to);
            cut.push(packet.part(start, end));
            start = end;
        }
        cut.push(if start == 0 {
            packet.clone()
        } else {
            packet.part(start, packet.payload.len())
        });
    }
    cut
}

fn halves(packets: &[Owned], random: &mut Random, swapped: bool) -> Vec<Owned> {
    let mut cut = Vec::new();
    for packet in packets {
        if !packet.is_segment() || packet.payload.len() < 2 {
            cut.push(packet.clone());
            continue;
        }
        let at = random.of(1, packet.payload.len() - 1);
        let mut parts = [packet.part(0, at), packet.part(at, packet.payload.len())];
        if swapped {
            parts.swap(0, 1);
        }
        cut.extend(parts);
    }
    cut
}

/// Neighbours of one side that follow each other become one, as receive offload does it.
fn joined(packets: &[Owned]) -> Vec<Owned> {
    let mut joined: Vec<Owned> = Vec::new();
    for packet in packets {
        if let Some(last) = joined.last_mut()
            && let (Some(before), Some(tcp)) = (last.head.tcp, packet.head.tcp)
            && last.is_segment()
            && packet.is_segment()
            && last.ends() == packet.ends()
            && last.payload.len() == usize::try_from(last.head.payload_len).unwrap()
            && before.sequence.wrapping_add(last.head.payload_len) == tcp.sequence
            && last.payload.len() + packet.payload.len() < 65_000
        {
            last.payload.extend_from_slice(&packet.payload);
            last.head.payload_len += packet.head.payload_len;
        } else {
            joined.push(packet.clone());
        }
    }
    joined
}

/// Every segment in two, the second beginning before the first ends.
fn overlapping(packets: &[Owned], random: &mut Random) -> Vec<Owned> {
    let mut made = Vec::new();
    for packet in packets {
        let length = packet.payload.len();
        if packet.is_segment() && length > 2 {
            let (start, end) = (random.of(0, length / 2), random.of(length / 2 + 1, length));
            made.push(packet.part(0, end));
            made.push(packet.part(start, length));
        } else {
            made.push(packet.clone());
        }
    }
    made
}

/// The packets of one sender that fall into a window of so many change places.
fn shuffled(packets: &[Owned], random: &mut Random, window: usize) -> Vec<Owned> {
    let mut packets = packets.to_vec();
    let mut sides: HashMap<_, Vec<usize>> = HashMap::new();
    for (at, packet) in packets.iter().enumerate() {
        let side = sides.entry((packet.head.transport, packet.ends())).or_default();
        if packet.opens() {
            side.clear(); // nothing goes before an opening
        } else if packet.moves() {
            side.push(at);
        }
    }
    let mut sides: Vec<_> = sides.into_values().collect();
    sides.sort();
    for places in sides.iter().flat_map(|places| places.chunks(window)) {
        for at in (1..places.len()).rev() {
            let other = random.of(0, at);
            let (a, b) = (places[at], places[other]);
            let times = (packets[a].at, packets[b].at);
            packets.swap(a, b);
            (packets[a].at, packets[b].at) = times;
        }
    }
    packets
}

/// A copy of every packet stands some packets later.
fn repeated(packets: &[Owned], random: &mut Random) -> Vec<Owned> {
    let mut made: Vec<(usize, Owned)> = Vec::new();
    for (number, packet) in packets.iter().enumerate() {
        made.push((number * 2, packet.clone()));
        if packet.moves() {
            let later = (number + random.of(1, 6)).min(packets.len() - 1);
            made.push((later * 2 + 1, Owned { at: packets[later].at, ..packet.clone() }));
        }
    }
    made.sort_by_key(|(place, _)| *place);
    made.into_iter().map(|(_, packet)| packet).collect()
}

fn one_side(packets: &[Owned], first: bool) -> Vec<Owned> {
    let mut senders = HashMap::new();
    let of_first = |packet: &&Owned| {
        let ends = packet.ends();
        *senders.entry(packet.flow()).or_insert(ends) == ends
    };
    let (theirs, others): (Vec<_>, Vec<_>) = packets.iter().partition(of_first);
    (if first { theirs } else { others }).into_iter().cloned().collect()
}

fn without_first(packets: &[Owned]) -> Vec<Owned> {
    let mut seen = std::collections::HashSet::new();
    let stays = |packet: &&Owned| !packet.moves() || !seen.insert(packet.flow());
    packets.iter().filter(stays).cloned().collect()
}

/// What a short snap length leaves.
fn cut(packets: &[Owned], length: usize) -> Vec<Owned> {
    let mut packets = packets.to_vec();
    packets.iter_mut().for_each(|packet| packet.payload.truncate(length));
    packets
}

/// The capture ends, for each flow, after so many packets with payload.
fn beginning(packets: &[Owned], count: usize) -> Vec<Owned> {
    let mut seen = HashMap::new();
    let stays = |packet: &&Owned| {
        let seen = seen.entry(packet.flow()).or_insert(0);
        *seen += usize::from(packet.moves());
        *seen <= count
    };
    packets.iter().filter(stays).cloned().collect()
}
