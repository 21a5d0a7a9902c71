//! The stores that strangers fill, each beside a model too simple to be wrong.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use nfa::hints::Hints;
use nfa::net::{Direction, Endpoint, Transport};
use nfa::prefix::{CHUNKS_MAX, Gathered, SIDE_BYTES_MAX};
use nfa::time::Timestamp;

use super::input::Input;

/// As in `prefix.rs`: separate runs of one direction, and how far before the first byte a segment
/// that came late may lie.
const RUNS_MAX: usize = 8;
const REORDER_MAX: i32 = 4096;
/// What a store may take: both sides' bytes, doubled by a vector's growth, and its lists.
const RESIDENT_MAX: usize = 40_000;

const ENDS: [Endpoint; 2] = [
    Endpoint { addr: IpAddr::V4(Ipv4Addr::LOCALHOST), port: 1 },
    Endpoint { addr: IpAddr::V4(Ipv4Addr::LOCALHOST), port: 2 },
];

/// One direction: every byte by itself.
#[derive(Default)]
struct Side {
    base: Option<u32>,
    opened: bool,
    cells: Vec<Option<u8>>,
}

impl Side {
    fn open(&mut self, sequence: u32) {
        if self.base.is_none() {
            (self.base, self.opened) = (Some(sequence.wrapping_add(1)), true);
        }
    }

    fn segment(&mut self, sequence: u32, payload: &[u8]) {
        let base = *self.base.get_or_insert(sequence);
        let mut distance = sequence.wrapping_sub(base).cast_signed();
        if distance < 0 && !self.opened && distance >= -REORDER_MAX {
            let missing = usize::try_from(distance.unsigned_abs()).unwrap();
            self.cells.splice(0..0, std::iter::repeat_n(None, missing));
            self.cells.truncate(SIDE_BYTES_MAX);
            self.base = Some(sequence);
            distance = 0;
        }
        let mut wanted: Vec<(usize, u8)> = Vec::new();
        for (offset, byte) in payload.iter().enumerate() {
            let place = i64::from(distance) + i64::try_from(offset).unwrap();
            if let Ok(place) = usize::try_from(place)
                && place < SIDE_BYTES_MAX
            {
                wanted.push((place, *byte));
            }
        }
        let (Some((first, _)), Some((last, _))) = (wanted.first(), wanted.last()) else { return };
        let runs = self.runs();
        let near = |place: usize| self.cells.get(place).copied().flatten().is_some();
        let touches = (first.saturating_sub(1)..=last + 1).any(near);
        if runs >= RUNS_MAX && !touches {
            return;
        }
        for (place, byte) in wanted {
            if self.cells.len() <= place {
                self.cells.resize(place + 1, None);
            }
            self.cells[place].get_or_insert(byte);
        }
    }

    fn runs(&self) -> usize {
        let mut before = None;
        let starts = |cell: &&Option<u8>| {
            let starts = cell.is_some() && before.is_none();
            before = **cell;
            starts
        };
        self.cells.iter().filter(starts).count()
    }

    fn ready(&self) -> Vec<u8> {
        self.cells.iter().map_while(|cell| *cell).collect()
    }
}

/// Segments in any order; byte by byte the model keeps the first copy of each.
pub fn tcp_prefix(data: &[u8]) {
    let mut input = Input(data);
    let (mut gathered, mut model) = (Gathered::default(), [Side::default(), Side::default()]);
    // Numbers near a wrap are as likely as others.
    let origin = u32::from(input.u8()).wrapping_sub(128);
    for step in 0..256 {
        if input.is_empty() {
            break;
        }
        let head = input.u8();
        let direction = if head & 1 == 0 { Direction::Original } else { Direction::Reply };
        let side = &mut model[direction.index()];
        let at = Timestamp::from_micros(step);
        let distance = match head >> 1 & 3 {
            0 => i32::from(input.u8().cast_signed()),
            1 => i32::from(input.u16().cast_signed()),
            2 => input.u32().cast_signed(),
            _ => i32::try_from(side.ready().len()).unwrap(),
        };
        let sequence = origin.wrapping_add(distance.cast_unsigned());
        if head >> 3 & 7 == 7 {
            gathered.open(direction, sequence);
            side.open(sequence);
        } else {
            let len = usize::from(head >> 3 & 7) * if head & 0x40 == 0 { 1 } else { 400 };
            let byte = input.u8();
            let payload: Vec<u8> = (0..len).map(|n| byte.wrapping_add(n as u8)).collect();
            gathered.segment(direction, at, sequence, &payload);
            side.segment(sequence, &payload);
        }
        let view = gathered.view(Transport::Tcp, ENDS);
        assert_eq!(view.original(), model[0].ready());
        assert_eq!(view.reply(), model[1].ready());
        assert_eq!(view.from_start, model[0].opened || model[1].opened);
        assert!(view.datagrams().count() <= CHUNKS_MAX);
    }
    assert!(gathered.resident_bytes() <= RESIDENT_MAX, "{}", gathered.resident_bytes());
}

/// DNS answers against a list in the order they were taught.
pub fn hints(data: &[u8]) {
    let mut input = Input(data);
    let most = u32::from(input.u8() % 24);
    let mut hints = Hints::new(most);
    let most = usize::try_from(most.max(1)).unwrap();
    let mut model: Vec<(IpAddr, IpAddr, String, Timestamp)> = Vec::new();
    let mut now = Timestamp::ZERO;
    while !input.is_empty() {
        let head = input.u8();
        let (client, addr) = (addr(head & 3), addr(input.u8() % 40));
        match head >> 2 & 3 {
            0 => now = now.after(Duration::from_secs(u64::from(input.u8()))),
            1 => {
                let expected = model.iter().find(|(c, a, ..)| (*c, *a) == (client, addr));
                let expected = expected.filter(|(.., until)| *until > now);
                let expected = expected.map(|(_, _, name, _)| name.as_str());
                assert_eq!(hints.lookup(client, addr, now), expected);
            }
            _ => {
                let ttl = Duration::from_secs(u64::from(input.u16()));
                let name = format!("n{}", input.u8());
                hints.insert(client, addr, &name, ttl, now);
                let known = model.len();
                model.retain(|(c, a, ..)| (*c, *a) != (client, addr));
                if model.len() == known {
                    expire(&mut model, now);
                    if model.len() >= most {
                        model.remove(0);
                    }
                }
                let life = ttl.clamp(Duration::from_secs(60), Duration::from_secs(3600));
                let until = now.after(life + Duration::from_secs(30));
                model.push((client, addr, name, until));
            }
        }
        if head & 0x80 != 0 {
            hints.expire(now);
            expire(&mut model, now);
        }
        assert_eq!(hints.len(), model.len());
        assert!(hints.len() <= most);
    }
    let counters = hints.counters();
    let there = u32::try_from(hints.len()).unwrap();
    assert_eq!(counters.inserted, counters.evicted + counters.expired + there);
}

fn expire(model: &mut Vec<(IpAddr, IpAddr, String, Timestamp)>, now: Timestamp) {
    let first = model.iter().position(|(.., until)| *until > now).unwrap_or(model.len());
    model.drain(..first);
}

fn addr(number: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, number))
}
