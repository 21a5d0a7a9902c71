//! Every frame of the labelled captures is a packet, or an error that the capture is known for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

#[allow(dead_code)] // this test decodes frames and goes no further
mod corpus;

use nfa::capture::{CaptureError, CaptureFile};
use nfa::wire::{LinkType, WireError, decode};
use std::collections::BTreeMap;

/// Captures that end inside a packet.
const CUT_SHORT: &[&str] = &[];

#[test]
fn every_frame_is_a_packet_or_has_a_named_cause() {
    let Some(folder) = corpus::folder() else {
        println!("skipped: no corpus");
        return;
    };
    let paths = corpus::captures(&folder);
    let (mut files, mut packets) = (0, 0);
    let mut errors: BTreeMap<String, (u32, Vec<String>)> = BTreeMap::new();
    let mut wrong = Vec::new();
    for path in &paths {
        let name = corpus::name(path);
        let mut capture = match CaptureFile::open(path) {
            Ok(capture) => capture,
            Err(error) => {
                wrong.push(error.to_string());
                continue;
            }
        };
        files += 1;
        let mut number = 0u32;
        loop {
            let frame = match capture.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(CaptureError::Truncated { .. }) if CUT_SHORT.contains(&&*name) => break,
                Err(error) => {
                    wrong.push(error.to_string());
                    break;
                }
            };
            number += 1;
            match decode(frame.link, frame.bytes) {
                Ok(packet) => {
                    packets += 1;
                    let seen = u32::try_from(packet.payload.len()).unwrap();
                    if seen > packet.payload_len || packet.payload_len > packet.ip_len {
                        wrong.push(format!("{name} frame {number}: payload longer than packet"));
                    }
                }
                Err(error) => {
                    let (count, examples) = errors.entry(error.to_string()).or_default();
                    *count += 1;
                    examples.push(format!("{name}:{number}"));
                    if matches!(error, WireError::UnknownLink(_))
                        || matches!(frame.link, LinkType::Other(_))
                    {
                        wrong.push(format!("{name}: {error}"));
                    }
                }
            }
        }
    }
    println!("{files} captures, {packets} packets; frames that are none, and where:");
    let shown = if std::env::var_os("NFA_VERBOSE").is_some() { usize::MAX } else { 3 };
    for (error, (count, examples)) in &errors {
        let examples: Vec<_> = examples.iter().take(shown).map(String::as_str).collect();
        println!("{count:8} {error} ({})", examples.join(" "));
    }
    assert!(packets > 0, "no packet in {}", folder.display());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
