//! Hand-made flows for tests: packets in order, asked as the engine would ask.

use crate::bytes::Stop;
use crate::dissect::first::Askable;
use crate::dissect::{ALL, Dissector};
use crate::facts::{Certainty, Facts, Lesson};
use crate::net::{Direction, Endpoint, Transport};
use crate::prefix::{Chunk, Prefix};
use crate::time::Timestamp;

/// A flow under construction.
#[derive(Clone)]
pub struct Sample {
    transport: Transport,
    ends: [Endpoint; 2],
    from_start: bool,
    last_call: bool,
    now_us: u64,
    packets: Vec<(Direction, u64, Vec<u8>)>,
}

/// A TCP flow from that port to that port.
pub fn tcp(from: u16, to: u16) -> Sample {
    Sample::new(Transport::Tcp, from, to)
}

/// A UDP flow from that port to that port.
pub fn udp(from: u16, to: u16) -> Sample {
    Sample::new(Transport::Udp, from, to)
}

/// Bytes of hexadecimal digits; spaces are for the reader.
pub fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// The parts one behind the other.
pub fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

impl Sample {
    pub fn new(transport: Transport, from: u16, to: u16) -> Sample {
        let end = |text: &str, port| Endpoint { addr: text.parse().unwrap(), port };
        Sample {
            transport,
            ends: [end("192.168.1.50", from), end("203.0.113.9", to)],
            from_start: true,
            last_call: false,
            now_us: 1_000_000,
            packets: Vec::new(),
        }
    }

    pub fn towards(mut self, addr: &str) -> Sample {
        self.ends[1].addr = addr.parse().unwrap();
        self
    }

    /// Time passes before the next packet.
    pub fn after_us(mut self, micros: u64) -> Sample {
        self.now_us += micros;
        self
    }

    pub fn midway(mut self) -> Sample {
        self.from_start = false;
        self
    }

    pub fn last_call(mut self) -> Sample {
        self.last_call = true;
        self
    }

    pub fn original(self, bytes: impl AsRef<[u8]>) -> Sample {
        self.packet(Direction::Original, bytes.as_ref())
    }

    pub fn reply(self, bytes: impl AsRef<[u8]>) -> Sample {
        self.packet(Direction::Reply, bytes.as_ref())
    }

    fn packet(mut self, direction: Direction, bytes: &[u8]) -> Sample {
        self.packets.push((direction, self.now_us, bytes.to_vec()));
        self
    }

    /// The same flow seen by the other end first.
    pub fn flipped(&self) -> Sample {
        let mut flipped = self.clone();
        flipped.ends.swap(0, 1);
        for (direction, _, _) in &mut flipped.packets {
            *direction = direction.flipped();
        }
        flipped
    }

    fn with<R>(&self, question: impl FnOnce(&Prefix<'_>) -> R) -> R {
        let mut bytes = [Vec::new(), Vec::new()];
        let mut chunks = Vec::new();
        for (direction, micros, packet) in &self.packets {
            let side = &mut bytes[direction.index()];
            chunks.push(Chunk {
                direction: *direction,
                at: Timestamp::from_micros(*micros),
                start: side.len(),
                len: packet.len(),
            });
            side.extend_from_slice(packet);
        }
        let sides = [bytes[0].as_slice(), bytes[1].as_slice()];
        let mut prefix = Prefix::new(self.transport, self.ends, sides, &chunks);
        prefix.from_start = self.from_start;
        prefix.last_call = self.last_call;
        question(&prefix)
    }

    /// What that dissector says.
    pub fn ask(&self, dissector: &Dissector) -> Result<Facts, Stop> {
        self.with(|prefix| dissector.dissect(prefix))
    }

    /// What all the packets together teach, asked at once.
    pub fn lessons(&self, dissector: &Dissector) -> Vec<Lesson> {
        let mut lessons = Vec::new();
        let teach = dissector.teach.unwrap();
        self.with(|prefix| teach(prefix, &mut lessons));
        lessons
    }

    /// The name of the first protocol of the list that answers. Everybody who teaches does, as a
    /// named flow may send anything.
    pub fn name(&self) -> Option<&'static str> {
        self.with(|prefix| {
            assert_eq!(Askable::default().wronged(prefix), None);
            for teach in ALL.iter().filter_map(|dissector| dissector.teach) {
                teach(prefix, &mut Vec::new());
            }
            ALL.iter()
                .filter(|dissector| dissector.over.contains(&self.transport))
                .filter_map(|dissector| dissector.dissect(prefix).ok())
                // A shape alone names nothing.
                .find(|facts| facts.certainty == Certainty::Content)
                .map(|facts| facts.protocol.name)
        })
    }

    fn cut(&self, packets: usize, kept: usize) -> Sample {
        let mut cut = self.clone();
        cut.packets.truncate(packets);
        if let Some((_, _, last)) = cut.packets.last_mut() {
            last.truncate(kept);
        }
        cut
    }

    /// The flow is `protocol`; no truncation is anything else, before or at the last call; and no
    /// single damaged byte makes anybody panic.
    pub fn survives(&self, protocol: &str) {
        self.survives_as(protocol, protocol);
    }

    /// As [`Sample::survives`], but a truncation may also be `carrier`, in which it travels.
    pub fn survives_as(&self, protocol: &str, carrier: &str) {
        assert_eq!(self.name(), Some(protocol));
        for (at, (_, _, packet)) in self.packets.iter().enumerate() {
            for kept in 0..=packet.len() {
                let cut = self.cut(at + 1, kept);
                for cut in [cut.clone(), cut.last_call()] {
                    let name = cut.name();
                    assert!(
                        name.is_none_or(|name| name == protocol || name == carrier),
                        "packet {at} cut to {kept}: {name:?}"
                    );
                }
            }
            for position in 0..packet.len() {
                for value in [0x00, 0x01, 0x7f, 0x80, 0xff] {
                    let mut damaged = self.clone();
                    damaged.packets[at].2[position] = value;
                    damaged.name();
                }
            }
        }
    }

    /// Every dissector but that one says no for good to this flow.
    pub fn is_nobodys(&self) {
        assert_eq!(self.name(), None);
        assert_eq!(self.clone().last_call().name(), None);
    }
}
