//! What a packet may cost at most, whatever it holds: bytes and blocks of memory asked for while it is
//! handled, what is kept in the end, and instructions. The captures of `pcap`, whole and damaged.
//!
//! Instructions are those that valgrind counts, so they do not depend on how busy the machine is;
//! where there is no valgrind that part is skipped, aloud.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(unsafe_code)] // an allocator that counts

#[path = "robust/damage.rs"]
#[allow(dead_code)] // truncations are made elsewhere
mod damage;
#[path = "../fuzz/src/lib.rs"]
#[allow(dead_code)] // of the engine's target, what makes an engine
mod fuzz;

use std::alloc::{GlobalAlloc, Layout, System};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use damage::{Random, captures, damaged};
use fuzz::engine::{Record, fresh, limits, records, reload};
use nfa::engine::{Engine, Output};
use nfa::time::Timestamp;
use nfa::wire::{self, LinkType};

/// Damaged versions of each capture, beside the whole one.
const ROUNDS: usize = 30;

/// Most memory that the handling of one packet may ask for, in bytes and in blocks: twice what the
/// dearest of these asks for, a QUIC Initial whose pieces are put together.
const BYTES_MAX: usize = 64 << 10;
const BLOCKS_MAX: usize = 400;
/// Most that an engine keeps of 150 packets: the first bytes of two dozen flows, each 17 KiB at most.
const KEPT_MAX: usize = 400 << 10;
/// Most instructions of a packet in this build, with its checks and little optimised: twice what the
/// dearest of those takes that ask for the most memory.
const INSTRUCTIONS_MAX: u64 = 400_000;

struct Counting;

static BYTES: AtomicUsize = AtomicUsize::new(0);
static BLOCKS: AtomicUsize = AtomicUsize::new(0);
static FREED: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all is done by the system's allocator; counting touches no memory of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size(), Relaxed);
        BLOCKS.fetch_add(1, Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        FREED.fetch_add(layout.size(), Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn kept() -> usize {
    BYTES.load(Relaxed).wrapping_sub(FREED.load(Relaxed))
}

struct World {
    engine: Engine,
    output: Output,
    now: Timestamp,
}

/// A frame and when it was seen on the interface of which number.
type Frame<'a> = (Timestamp, u8, &'a [u8]);

/// [`packet`] under a name of its own for each number, so that valgrind tells each one's cost.
#[inline(never)]
fn measured<const N: usize>(world: &mut World, link: LinkType, frame: Frame<'_>) {
    packet(world, link, std::hint::black_box((frame, N)).0);
    std::hint::black_box(N); // no jump in place of the call
}

macro_rules! measured {
    ($($number:literal)*) => { [$(measured::<$number>),*] };
}

/// Packets whose instructions are counted: those that ask for the most memory.
const MEASURED: [fn(&mut World, LinkType, Frame<'_>); 48] = measured!(
    0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23
    24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47
);

/// All that the daemon does about a frame.
fn packet(world: &mut World, link: LinkType, (at, interface, frame): Frame<'_>) {
    let World { engine, output, now } = world;
    *now = (*now).max(at);
    if !engine.glance(at, link, frame, output)
        && let Ok(packet) = wire::decode(link, frame)
    {
        engine.packet(at, interface, &packet, output);
    }
}

/// What a packet cost: its number among all, bytes, blocks.
type Cost = (usize, usize, usize);

/// Plays everything; packets that `picks` names go through [`measured`].
fn play(picks: &[usize]) -> (Vec<Cost>, usize) {
    let captures = captures();
    let mut random = Random(9);
    let (mut costs, mut most_kept, mut number) = (Vec::new(), 0, 0);
    for (header, whole) in &captures {
        for round in 0..=ROUNDS {
            let records_of =
                if round == 0 { whole.clone() } else { damaged(&captures, whole, &mut random) };
            let bytes = [header.clone(), records_of.concat()].concat();
            let (link, _, all) = records(&bytes);
            let before = kept();
            let (engine, output) = (fresh(limits(3)), Output::default());
            let mut world = World { engine, output, now: Timestamp::ZERO };
            let empty = kept();
            for record in all {
                match record {
                    Record::Frame(at, interface, frame) => {
                        let World { engine, output, now } = &mut world;
                        engine.tick((*now).max(at), output);
                        output.effects.clear();
                        output.ended.clear();
                        let (bytes, blocks) = (BYTES.load(Relaxed), BLOCKS.load(Relaxed));
                        let run = picks.iter().position(|pick| *pick == number);
                        let run = run.map_or(packet as _, |pick| MEASURED[pick]);
                        run(&mut world, link, (at, interface, frame));
                        let bytes = BYTES.load(Relaxed).wrapping_sub(bytes);
                        costs.push((number, bytes, BLOCKS.load(Relaxed).wrapping_sub(blocks)));
                        number += 1;
                    }
                    Record::Reload(choice) => reload(&mut world.engine, choice, &mut world.output),
                    Record::Finish => world.engine.finish(&mut world.output),
                    _ => {}
                }
            }
            most_kept = most_kept.max(kept().saturating_sub(empty));
            drop(world);
            assert!(kept() <= before + (1 << 20), "an engine that is gone keeps nothing");
        }
    }
    (costs, most_kept)
}

/// The costs, the dearest first.
fn dearest() -> (Vec<Cost>, usize) {
    let (mut costs, kept) = play(&[]);
    costs.sort_by_key(|(_, bytes, _)| std::cmp::Reverse(*bytes));
    (costs, kept)
}

/// Under valgrind: the packets that `NFA_PICKED` names.
#[test]
#[ignore = "started by the test below"]
fn played_under_valgrind() {
    let text = std::env::var("NFA_PICKED").unwrap();
    let picks: Vec<usize> = text.split(',').map(|number| number.parse().unwrap()).collect();
    play(&picks);
}

#[test]
fn no_packet_costs_more_than_its_bounds() {
    let (costs, kept) = dearest();
    let bytes = costs[0];
    let blocks = costs.iter().max_by_key(|(.., blocks)| *blocks).unwrap();
    println!(
        "{} packets; most bytes {} (packet {}), most blocks {} (packet {}); {kept} bytes kept",
        costs.len(),
        bytes.1,
        bytes.0,
        blocks.2,
        blocks.0
    );
    assert!(costs.len() > 10_000);
    assert!(bytes.1 <= BYTES_MAX && blocks.2 <= BLOCKS_MAX && kept <= KEPT_MAX);

    let there = Command::new("valgrind").arg("--version").output();
    if !there.is_ok_and(|output| output.status.success()) {
        println!("skipped: no valgrind: instructions of the dearest packets");
        return;
    }
    let out = std::env::temp_dir().join(format!("nfa-cost-{}", std::process::id()));
    let picks: Vec<String> =
        costs.iter().take(MEASURED.len()).map(|(number, ..)| number.to_string()).collect();
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--compress-strings=no", "--demangle=no"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "played_under_valgrind", "--ignored", "--test-threads=1"])
        .env("NFA_PICKED", picks.join(","))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(&out).unwrap();
    std::fs::remove_file(out).unwrap();
    let mut counted = inclusive(&text, "8measured");
    counted.sort_unstable();
    println!("instructions of {} packets: {:?} at most", counted.len(), counted.last());
    assert_eq!(counted.len(), MEASURED.len(), "each is counted by itself");
    assert!(counted.last().is_some_and(|most| *most <= INSTRUCTIONS_MAX), "{counted:?}");
}

/// What the calls of functions of that mangled name cost, with all that they called: of callgrind's format,
/// `cfn=NAME`, then `calls=...`, then a line that ends with the cost.
fn inclusive(text: &str, name: &str) -> Vec<u64> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(called) = line.strip_prefix("cfn=") else { continue };
        let cost = lines.find(|line| line.starts_with("calls=")).and_then(|_| lines.next());
        if called.contains(name) {
            found.push(cost.unwrap().rsplit(' ').next().unwrap().parse().unwrap());
        }
    }
    found
}
