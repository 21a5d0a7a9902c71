//! What the tests of dissectors share: flows made of samples, and the treatment every sample gets.

use std::fs;
use std::net::Ipv4Addr;

use super::Dissector;
use crate::bytes::Stop;
use crate::facts::Facts;
use crate::net::{Direction, Endpoint, Transport};
use crate::prefix::{Chunk, Prefix};
use crate::time::Timestamp;

/// A file of `tests/samples/dissect`.
pub fn sample(name: &str) -> Vec<u8> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/samples/dissect/");
    fs::read(format!("{directory}{name}.bin")).unwrap()
}

/// A flow of segments or datagrams.
#[derive(Clone)]
pub struct Talk {
    pub transport: Transport,
    pub ports: [u16; 2],
    pub from_start: bool,
    pub last_call: bool,
    bytes: [Vec<u8>; 2],
    chunks: Vec<Chunk>,
}

impl Talk {
    /// From some port to `port`.
    pub fn new(transport: Transport, port: u16) -> Self {
        Talk {
            transport,
            ports: [50_000, port],
            from_start: true,
            last_call: false,
            bytes: [Vec::new(), Vec::new()],
            chunks: Vec::new(),
        }
    }

    fn send(mut self, direction: Direction, bytes: &[u8]) -> Self {
        let sent = &mut self.bytes[direction.index()];
        let chunk = Chunk { direction, at: Timestamp::ZERO, start: sent.len(), len: bytes.len() };
        sent.extend_from_slice(bytes);
        self.chunks.push(chunk);
        self
    }

    /// The originator sends.
    pub fn original(self, bytes: &[u8]) -> Self {
        self.send(Direction::Original, bytes)
    }

    /// The other side sends.
    pub fn reply(self, bytes: &[u8]) -> Self {
        self.send(Direction::Reply, bytes)
    }

    /// The same without an opening.
    pub fn mid_stream(mut self) -> Self {
        self.from_start = false;
        self
    }

    /// The same when no more will come.
    pub fn at_last(mut self) -> Self {
        self.last_call = true;
        self
    }

    /// What the dissector says.
    pub fn ask(&self, dissector: &Dissector) -> Result<Facts, Stop> {
        let ends = self.ports.map(|port| Endpoint { addr: Ipv4Addr::LOCALHOST.into(), port });
        let bytes = [&self.bytes[0][..], &self.bytes[1][..]];
        let mut prefix = Prefix::new(self.transport, ends, bytes, &self.chunks);
        (prefix.from_start, prefix.last_call) = (self.from_start, self.last_call);
        dissector.dissect(&prefix)
    }
}

/// Whatever is cut off or damaged, there is no panic, and no other protocol than `allowed`.
pub fn mistreat(dissector: &Dissector, talk: &Talk, sample: &[u8], allowed: &[&str]) {
    let check = |bytes: &[u8], what: &str| {
        for last_call in [false, true] {
            for from_start in [false, true] {
                let mut talk = talk.clone().original(bytes);
                (talk.last_call, talk.from_start) = (last_call, from_start);
                if let Ok(facts) = talk.ask(dissector) {
                    assert!(allowed.contains(&facts.protocol.name), "{what}: {facts:?}");
                    assert!(!(last_call && facts.pending), "{what}: pending at the last call");
                }
            }
        }
    };
    for length in 1..sample.len() {
        check(&sample[..length], &format!("{length} bytes"));
    }
    let mut damaged = sample.to_vec();
    for at in 0..sample.len() {
        for value in [0, 0x7f, 0xff, sample[at] ^ 1] {
            damaged[at] = value;
            check(&damaged, &format!("byte {at} is {value}"));
        }
        damaged[at] = sample[at];
    }
}

/// Every truncation waits, refuses, or gives the whole sample's protocol; returns the longest
/// that still waits.
pub fn truncate(dissector: &Dissector, talk: &Talk, sample: &[u8]) -> usize {
    let whole = talk.clone().original(sample).ask(dissector).unwrap();
    let mut waits = 0;
    for length in 1..sample.len() {
        match talk.clone().original(&sample[..length]).ask(dissector) {
            Ok(facts) => assert_eq!(facts.protocol, whole.protocol, "{length} bytes"),
            Err(Stop::NeedMore) => waits = length,
            Err(_) => {}
        }
    }
    waits
}
