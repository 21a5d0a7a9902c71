//! The labelled captures: where they are, what they hold, what the engine says of them.
//!
//! They are no part of the project: `$NFA_CORPUS`, or `shared/corpus` beside the project's folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nfa::app::Catalogue;
use nfa::capture::{CaptureError, CaptureFile};
use nfa::config::Config;
use nfa::engine::{Engine, Limits, Output};
use nfa::flow::{Flow, Locality};
use nfa::interface::{Interface, Role};
use nfa::net::{Endpoint, Transport};
use nfa::time::Timestamp;
use nfa::wire::{self, LinkType, Packet};

/// The folder of the corpus, if there is one.
pub fn folder() -> Option<PathBuf> {
    let path = std::env::var_os("NFA_CORPUS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"),
        PathBuf::from,
    );
    path.is_dir().then_some(path)
}

/// Every capture below `dir`, sorted.
pub fn captures(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind != "csv" && kind != "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The file's name, by which tables know the capture.
pub fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// One frame with its bytes.
#[derive(Debug, Clone)]
pub struct Frame {
    pub at: Timestamp,
    pub link: LinkType,
    pub bytes: Vec<u8>,
}

/// The frames of a capture, and why they end before its end, if they do.
pub fn read(path: &Path) -> (Vec<Frame>, Option<CaptureError>) {
    let mut frames = Vec::new();
    let mut file = match CaptureFile::open(path) {
        Ok(file) => file,
        Err(error) => return (frames, Some(error)),
    };
    loop {
        match file.next_frame() {
            Ok(Some(frame)) => {
                let (at, link) = (frame.at, frame.link);
                frames.push(Frame { at, link, bytes: frame.bytes.to_vec() });
            }
            Ok(None) => return (frames, None),
            Err(error) => return (frames, Some(error)),
        }
    }
}

/// Every flow of these frames, in the order they ended.
pub fn replay(frames: &[Frame], catalogue: &Arc<Catalogue>) -> Vec<Flow> {
    // What no packet is, tests/corpus_wire.rs judges.
    let packets = frames.iter().filter_map(|frame| {
        wire::decode(frame.link, &frame.bytes).ok().map(|packet| (frame.at, packet))
    });
    flows(packets, catalogue)
}

/// Every flow of these packets, in the order they ended. Room for all, and none is ever idle.
pub fn flows<'p>(
    packets: impl Iterator<Item = (Timestamp, Packet<'p>)>,
    catalogue: &Arc<Catalogue>,
) -> Vec<Flow> {
    let limits = Limits {
        flows_max: 1 << 20,
        gatherings_max: 1 << 20,
        idle: None,
        keep_ended: true,
        ..Limits::default()
    };
    let interface = Interface { name: "br-lan".to_owned(), role: Role::Lan };
    let locality = Locality::new(Vec::new());
    let config = Config::default();
    let mut engine = Engine::new(config, Arc::clone(catalogue), vec![interface], locality, limits);
    let mut output = Output::default();
    for (at, packet) in packets {
        engine.packet(at, 0, &packet, &mut output);
    }
    engine.finish(&mut output);
    output.ended.into_iter().map(|ended| ended.flow).collect()
}

/// The first bytes that each end of a connection sent, for people: who is right is seen by them.
#[allow(dead_code)] // not every test shows them
pub fn openings(frames: &[Frame], transport: Transport, ends: [Endpoint; 2]) -> String {
    const SHOWN: usize = 24;
    let mut seen: [Option<String>; 2] = [None, None];
    for frame in frames {
        let Ok(packet) = wire::decode(frame.link, &frame.bytes) else { continue };
        let source = Endpoint { addr: packet.source, port: packet.source_port };
        let target = Endpoint { addr: packet.destination, port: packet.destination_port };
        let side = ends.iter().position(|end| *end == source);
        let between = ends.contains(&target) && packet.transport == transport;
        let Some(side) = side.filter(|_| between && !packet.payload.is_empty()) else { continue };
        let head = packet.payload.iter().take(SHOWN);
        if let Some(seen) = seen.get_mut(side) {
            seen.get_or_insert_with(|| head.map(|byte| format!("{byte:02x}")).collect());
        }
    }
    let shown: Vec<String> = ends
        .iter()
        .zip(seen)
        .filter_map(|(end, bytes)| Some(format!("from {} {}", end.port, bytes?)))
        .collect();
    if shown.is_empty() { "no payload".to_owned() } else { shown.join(", ") }
}

/// The protocol read from a flow's own payload. One guessed from a port does not count.
pub fn protocol(flow: &Flow) -> Option<&'static str> {
    let detection = &flow.detection;
    detection.facts.as_ref().filter(|_| !detection.guessed).map(|facts| facts.protocol.name)
}
