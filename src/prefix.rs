//! The first bytes of a flow, both directions, datagram borders and times kept, bounded.
//!
//! [`Prefix`] is what dissectors see. It borrows either from a single packet, so that a flow
//! decided by its first payload copies nothing, or from a [`Gathered`] store.

use crate::net::{Direction, Endpoint, Transport};
use crate::time::Timestamp;

/// One segment or datagram of the prefix.
#[derive(Debug, Clone, Copy)]
pub struct Chunk {
    /// Who sent it.
    pub direction: Direction,
    /// When it was captured.
    pub at: Timestamp,
    /// Where it starts among its direction's bytes.
    pub start: usize,
    /// How many bytes of it are kept.
    pub len: usize,
}

/// A chunk with its bytes.
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'a> {
    /// Who sent it.
    pub direction: Direction,
    /// When it was captured.
    pub at: Timestamp,
    /// Its payload, cut at what is kept.
    pub bytes: &'a [u8],
}

/// What is known of a flow's payload so far.
#[derive(Debug, Clone, Copy)]
pub struct Prefix<'a> {
    /// What carries the payload.
    pub transport: Transport,
    /// Both ends; index by [`Direction::index`] of what they send.
    pub ends: [Endpoint; 2],
    /// TCP: the connection's opening was seen, so byte 0 is the first byte ever sent.
    pub from_start: bool,
    /// No more bytes will come: answer with what there is.
    pub last_call: bool,
    bytes: [&'a [u8]; 2],
    chunks: &'a [Chunk],
}

impl<'a> Prefix<'a> {
    /// A view of `bytes`, each direction's in sequence, cut into `chunks` in order of arrival.
    pub const fn new(
        transport: Transport,
        ends: [Endpoint; 2],
        bytes: [&'a [u8]; 2],
        chunks: &'a [Chunk],
    ) -> Self {
        Prefix { transport, ends, from_start: true, last_call: false, bytes, chunks }
    }

    /// What the flow's originator sent: TCP in sequence; datagrams one behind the other.
    pub const fn original(&self) -> &'a [u8] {
        self.bytes[0]
    }

    /// What came back.
    pub const fn reply(&self) -> &'a [u8] {
        self.bytes[1]
    }

    /// One direction's bytes.
    pub const fn sent(&self, direction: Direction) -> &'a [u8] {
        match direction {
            Direction::Original => self.bytes[0],
            Direction::Reply => self.bytes[1],
        }
    }

    /// Both directions' bytes, those of the originator first.
    pub const fn both(&self) -> [&'a [u8]; 2] {
        self.bytes
    }

    /// Segments or datagrams of both directions in order of arrival.
    pub fn datagrams(&self) -> impl Iterator<Item = Datagram<'a>> + use<'a> {
        let bytes = self.bytes;
        self.chunks.iter().map(move |chunk| {
            let end = chunk.start.saturating_add(chunk.len);
            let [original, reply] = bytes;
            let sent = if chunk.direction == Direction::Original { original } else { reply };
            Datagram {
                direction: chunk.direction,
                at: chunk.at,
                bytes: sent.get(chunk.start..end).unwrap_or_default(),
            }
        })
    }

    /// The first datagram of that direction.
    pub fn first(&self, direction: Direction) -> Option<Datagram<'a>> {
        self.datagrams().find(|datagram| datagram.direction == direction)
    }

    /// The newest datagram of either direction.
    pub fn newest(&self) -> Option<Datagram<'a>> {
        self.datagrams().last()
    }

    /// Whether either end uses `port`.
    pub fn has_port(&self, port: u16) -> bool {
        let [a, b] = self.ends;
        a.port == port || b.port == port
    }

    /// The sender of one direction.
    pub const fn end(&self, sender: Direction) -> Endpoint {
        match sender {
            Direction::Original => self.ends[0],
            Direction::Reply => self.ends[1],
        }
    }
}
