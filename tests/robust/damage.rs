//! The captures of `pcap`, and the same ways to damage them on every run.

use std::fs;
use std::path::PathBuf;

/// Packets of a capture that are used: what follows is mostly more of the same.
pub const PACKETS_MAX: usize = 150;

/// A capture file's header and its records, each with its own header.
pub type Capture = (Vec<u8>, Vec<Vec<u8>>);

pub fn captures() -> Vec<Capture> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/pcap");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "pcap"));
    paths.sort();
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).unwrap();
        assert_eq!(bytes[..4], 0xa1b2_c3d4_u32.to_le_bytes(), "{}", path.display());
        let (header, mut rest) = bytes.split_at(24);
        let mut records = Vec::new();
        while !rest.is_empty() && records.len() < PACKETS_MAX {
            let len = u32::from_le_bytes(*rest[8..].first_chunk().unwrap());
            let (record, after) = rest.split_at(16 + usize::try_from(len).unwrap());
            records.push(record.to_vec());
            rest = after;
        }
        (header.to_vec(), records)
    };
    paths.into_iter().map(read).collect()
}

/// The same numbers on every run.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % bound.max(1)
    }
}

/// Cuts a record's bytes and says so in its header.
pub fn cut(record: &mut Vec<u8>, len: usize) {
    record.truncate(16 + len);
    record[8..12].copy_from_slice(&u32::try_from(len).unwrap().to_le_bytes());
}

pub fn damage(records: &mut Vec<Vec<u8>>, others: &[Vec<u8>], random: &mut Random) {
    let at = random.below(records.len());
    let record = &mut records[at];
    let bytes = record.len() - 16;
    match random.below(8) {
        0 | 1 => {
            for _ in 0..=random.below(4) {
                let place = 16 + random.below(bytes);
                if let Some(byte) = record.get_mut(place) {
                    *byte ^= 1 << random.below(8);
                }
            }
        }
        2 => {
            // Behind Ethernet and IP, where dissectors read, an edge of a number.
            let place = 16 + 42 + random.below(bytes.saturating_sub(42));
            if let Some(byte) = record.get_mut(place) {
                *byte = [0, 1, 0x7f, 0x80, 0xff][random.below(5)];
            }
        }
        3 => cut(record, random.below(bytes)),
        4 => {
            let copy = record.clone();
            records.insert(random.below(records.len()), copy);
        }
        5 => {
            let moved = records.remove(at);
            let near = (at + random.below(5)).saturating_sub(2).min(records.len());
            records.insert(near, moved);
        }
        6 if records.len() > 1 => drop(records.remove(at)),
        _ => records.insert(at, others[random.below(others.len())].clone()),
    }
}

/// A record that is no packet: see `fuzz/src/engine.rs`.
pub fn event(kind: u8, choice: u8) -> Vec<u8> {
    let mut record = vec![0; 16];
    (record[14], record[15]) = (choice, kind);
    record
}

/// A damaged version of a capture: up to a dozen damages, now and then all of it in another order
/// or twice, and a few events.
pub fn damaged(captures: &[Capture], records: &[Vec<u8>], random: &mut Random) -> Vec<Vec<u8>> {
    let mut records = records.to_vec();
    match random.below(10) {
        0 => {
            for at in (1..records.len()).rev() {
                records.swap(at, random.below(at + 1));
            }
        }
        1 => records = records.into_iter().flat_map(|record| [record.clone(), record]).collect(),
        _ => {}
    }
    for _ in 0..=random.below(12) {
        let (_, others) = &captures[random.below(captures.len())];
        damage(&mut records, others, random);
    }
    for _ in 0..random.below(4) {
        let choice = u8::try_from(random.below(200)).unwrap();
        let kind = [1, 1, 2, 4, 5][random.below(5)];
        records.insert(random.below(records.len()), event(kind, choice));
    }
    records
}
