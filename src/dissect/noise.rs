//! Noise has no name: datagrams and streams of random, of mostly zero and of small bytes, with
//! lengths and echoes where protocols have them, asked of every dissector.

use crate::dissect::sample::{Sample, tcp, udp};

/// Flows of each kind. Evidence of 2^-32 fails one in a hundred thousand runs.
const FLOWS: u32 = 10_000;

/// The same numbers on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.0 >> 33).unwrap()
    }

    fn below(&mut self, bound: u32) -> u32 {
        self.next() % bound
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[1]
    }
}

/// Formats of lengths and small numbers alone, which sparse and small bytes may well be. SOME/IP has no port of its own.
const SMALL_FORMATS: [&str; 5] = ["Gnutella", "Modbus", "QUIC", "SOCKS", "SOMEIP"];

type Style = fn(&mut Random) -> u8;

const STYLES: [(&str, Style); 4] = [
    ("random", Random::byte),
    ("text", |random| b"0123456789abcdefghijklmnopqrstuvwxyz {}\"\n"[random.below(41) as usize]),
    ("sparse", |random| if random.below(4) == 0 { random.byte() } else { 0 }),
    ("small", |random| u8::try_from(random.below(5)).unwrap()),
];

/// Bytes of one style; half of them with their length in front or behind a byte or two, in one of
/// the two orders.
fn message(random: &mut Random, style: Style) -> Vec<u8> {
    let length = 8 + random.below(120) as usize;
    let mut bytes: Vec<u8> = (0..length).map(|_| style(random)).collect();
    if random.below(2) == 0 {
        let at = random.below(5) as usize;
        let counted = u16::try_from(length - [0, at, at + 2][random.below(3) as usize]).unwrap();
        let number =
            if random.below(2) == 0 { counted.to_be_bytes() } else { counted.to_le_bytes() };
        bytes[at..at + 2].copy_from_slice(&number);
    }
    bytes
}

fn flow(random: &mut Random, style: Style, start: fn(u16, u16) -> Sample) -> Sample {
    // Ports that nobody registered.
    let asked = message(random, style);
    let mut answer = message(random, style);
    if random.below(2) == 0 {
        // As many protocols do, the answer returns some of the question.
        let from = random.below(4) as usize;
        let to = asked.len().min(answer.len());
        answer[from..to].copy_from_slice(&asked[from..to]);
    }
    start(59_998, 59_999).original(asked).reply(answer).last_call()
}

#[test]
fn noise_has_no_name() {
    let mut random = Random(1);
    for (name, style) in STYLES {
        for start in [tcp as fn(u16, u16) -> Sample, udp] {
            let mut named = std::collections::BTreeMap::new();
            for _ in 0..FLOWS {
                if let Some(name) = flow(&mut random, style, start).name() {
                    *named.entry(name).or_insert(0u32) += 1;
                }
            }
            if matches!(name, "sparse" | "small") {
                named.retain(|name, _| !SMALL_FORMATS.contains(name));
            }
            assert!(named.is_empty(), "{name}: {named:?}");
        }
    }
}
