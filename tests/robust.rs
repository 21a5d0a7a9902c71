//! The captures of `pcap`, each damaged in many ways, through the whole engine: no panic, bounds
//! kept, and at the end no member of a set without its flow. The engine is that of the fuzzer's
//! target, so what is checked stands in `fuzz/src/engine.rs`; the damage here is always the same.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../fuzz/src/lib.rs"]
#[allow(dead_code)] // one target of many
mod fuzz;

#[path = "robust/damage.rs"]
mod damage;

use damage::{Random, captures, cut, damaged};

/// Damaged versions of each capture.
const ROUNDS: usize = 40;
#[test]
fn damaged_captures_do_no_damage() {
    let captures = captures();
    let mut random = Random(7);
    let (mut whole, mut many) = (0, 0);
    for (header, records) in &captures {
        let run = |records: &[Vec<u8>], limits: usize| {
            let mut header = header.clone();
            header[16] = [3, 3, 0, 1, 2][limits];
            fuzz::engine::replay(&[header, records.concat()].concat())
        };
        whole += run(records, 0);
        for _ in 0..ROUNDS {
            let records = damaged(&captures, records, &mut random);
            many += run(&records, random.below(5));
        }
    }
    assert!(whole >= captures.len(), "the captures cause members: {whole}");
    assert!(many >= whole * ROUNDS / 4, "most damage is survived: {many} of {whole} each");
}

/// Whole or damaged, again and with other hash keys, at a glance or in full: every effect, question
/// and ended flow is the same, in the same order.
#[test]
fn the_same_bytes_get_the_same_answer() {
    let captures = captures();
    let mut random = Random(8);
    let mut said = 0;
    for (header, records) in &captures {
        for round in 0..ROUNDS / 4 {
            let records =
                if round == 0 { records.clone() } else { damaged(&captures, records, &mut random) };
            let mut header = header.clone();
            header[16] = [3, 3, 0, 1, 2][random.below(5)];
            said += fuzz::twins::compare(&[header, records.concat()].concat());
        }
    }
    assert!(said > captures.len() * ROUNDS, "they say something: {said}");
}

/// Every beginning of every packet, alone: cuts inside headers that damage seldom finds.
#[test]
fn every_truncation_of_a_first_packet_is_taken() {
    for (header, records) in captures() {
        for record in records.iter().take(6) {
            for len in 0..record.len() - 16 {
                let mut record = record.clone();
                cut(&mut record, len);
                fuzz::engine::replay(&[&header[..], &record].concat());
            }
        }
    }
}
