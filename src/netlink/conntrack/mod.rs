//! Connection tracking over netlink (linux/netfilter/nfnetlink_conntrack.h): read, mark, label and
//! delete single connections, found by the tuple of their original direction.
//!
//! Numbers are in network byte order, but labels, which are the kernel's own words.

#[cfg(test)]
mod tests;
mod tuple;

use std::time::Duration;

use super::attribute::{Attribute, Attributes, Writer};
use super::batch::Batch;
use super::client::{Client, Request};
use super::error::{Cause, Error, Operation};
use super::message::{self, Head, Message, Subsystem};
use crate::net::Direction;

pub use tuple::{Detail, LABEL_BITS, Labels, Tuple};

// enum cntl_msg_types
const MSG_NEW: u8 = 0;
const MSG_GET: u8 = 1;
const MSG_DELETE: u8 = 2;
const MSG_GET_STATS: u8 = 5;

// enum ctattr_type
const ATTR_TUPLE_ORIG: u16 = 1;
const ATTR_TUPLE_REPLY: u16 = 2;
const ATTR_STATUS: u16 = 3;
const ATTR_TIMEOUT: u16 = 7;
const ATTR_MARK: u16 = 8;
const ATTR_COUNTERS_ORIG: u16 = 9;
const ATTR_COUNTERS_REPLY: u16 = 10;
const ATTR_ID: u16 = 12;
const ATTR_MARK_MASK: u16 = 21;
const ATTR_LABELS: u16 = 22;
const ATTR_LABELS_MASK: u16 = 23;
// enum ctattr_counters
const ATTR_COUNTERS_PACKETS: u16 = 1;
const ATTR_COUNTERS_BYTES: u16 = 2;
// enum ctattr_stats_global
const ATTR_STATS_ENTRIES: u16 = 1;

// enum nfnetlink_groups (linux/netfilter/nfnetlink.h)
const GROUP_NEW: u32 = 1;
const GROUP_DESTROY: u32 = 3;

/// `IPS_SEEN_REPLY` (linux/netfilter/nf_conntrack_common.h).
const STATUS_SEEN_REPLY: u32 = 1 << 1;
/// `IPS_ASSURED`.
const STATUS_ASSURED: u32 = 1 << 2;
/// `IPS_SRC_NAT | IPS_DST_NAT`.
const STATUS_NAT: u32 = 1 << 4 | 1 << 5;
/// `IPS_OFFLOAD | IPS_HW_OFFLOAD`.
const STATUS_OFFLOAD: u32 = 1 << 14 | 1 << 15;

/// A connection as the kernel tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    /// The kernel's number of it, with which [`delete`] spares a later connection of the same
    /// tuple; 0 if it was not told.
    pub id: u32,
    /// Its original direction, before address translation.
    pub original: Tuple,
    /// Its reply direction, after address translation.
    pub reply: Tuple,
    /// Its mark.
    pub mark: u32,
    /// Its labels.
    pub labels: Labels,
    /// The kernel's status bits (`IPS_*`).
    pub status: u32,
    /// Time until it expires, in whole seconds, or would have in destroy events.
    pub timeout: Option<Duration>,
    /// Packets and bytes, original and reply; none where the kernel does not count
    /// (`net.netfilter.nf_conntrack_acct`).
    pub counters: [Option<Counters>; 2],
}

/// What went one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Packets.
    pub packets: u64,
    /// Bytes from the IP header on.
    pub bytes: u64,
}

impl Connection {
    fn parse(attributes: Attributes<'_>) -> Option<Connection> {
        let number = |kind| attributes.find(kind).and_then(|value| value.be32());
        let counters = |kind| {
            let inside = attributes.find(kind)?.attributes();
            Some(Counters {
                packets: inside.find(ATTR_COUNTERS_PACKETS)?.be64()?,
                bytes: inside.find(ATTR_COUNTERS_BYTES)?.be64()?,
            })
        };
        let labels = attributes.find(ATTR_LABELS);
        Some(Connection {
            id: number(ATTR_ID).unwrap_or(0),
            original: Tuple::parse(attributes.find(ATTR_TUPLE_ORIG)?)?,
            reply: Tuple::parse(attributes.find(ATTR_TUPLE_REPLY)?)?,
            mark: number(ATTR_MARK).unwrap_or(0),
            labels: labels.map_or(Labels::NONE, |labels| Labels::from_bytes(labels.payload)),
            status: number(ATTR_STATUS).unwrap_or(0),
            timeout: number(ATTR_TIMEOUT).map(|seconds| Duration::from_secs(seconds.into())),
            counters: [counters(ATTR_COUNTERS_ORIG), counters(ATTR_COUNTERS_REPLY)],
        })
    }

    /// Packets and bytes of a direction, if the kernel counts.
    pub fn counters(&self, direction: Direction) -> Option<Counters> {
        self.counters.get(direction.index()).copied().flatten()
    }

    /// Whether it was answered.
    pub const fn has_reply(&self) -> bool {
        self.status & STATUS_SEEN_REPLY != 0
    }

    /// Whether the kernel keeps it when its table is full.
    pub const fn is_assured(&self) -> bool {
        self.status & STATUS_ASSURED != 0
    }

    /// Whether addresses are translated.
    pub const fn has_nat(&self) -> bool {
        self.status & STATUS_NAT != 0
    }

    /// Whether its packets pass by a flow table, unseen by most rules.
    pub const fn is_offloaded(&self) -> bool {
        self.status & STATUS_OFFLOAD != 0
    }
}

/// What to change of a connection. Bits outside the masks are never touched: the kernel itself
/// does the masking (marks: Linux 3.14; labels: since they are there), so nothing is read first
/// and nothing gets lost between reading and writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Change {
    /// Value and mask: `new = (old & !mask) | (value & mask)`.
    pub mark: Option<(u32, u32)>,
    /// Value and mask, in the same way: labels of the mask that the value lacks are cleared.
    pub labels: Option<(Labels, Labels)>,
}

/// Connections that the kernel tracks now. An error where it has no connection tracking over
/// netlink ([`Error::is_unsupported`]).
pub fn count(client: &mut Client) -> Result<u32, Error> {
    let request = ask(Operation::Negotiate, "count", MSG_GET_STATS, 0, 0);
    let mut count = None;
    client.request(
        &request,
        |_| (),
        |reply| {
            let found = reply.attributes().find(ATTR_STATS_ENTRIES).and_then(|value| value.be32());
            count = count.or(found);
            Ok(())
        },
    )?;
    count.ok_or(request.error(Cause::Malformed("the number of connections")))
}

/// The connection of that tuple, in either direction; none if there is none (any more).
pub fn find(client: &mut Client, tuple: &Tuple) -> Result<Option<Connection>, Error> {
    check(Operation::Read, tuple)?;
    let object = tuple.to_string();
    let request = ask(Operation::Read, &object, MSG_GET, 0, tuple.family());
    let mut found = None;
    let result = client.request(
        &request,
        |writer| tuple.write(ATTR_TUPLE_ORIG, writer),
        |reply| {
            found = found.or(Connection::parse(reply.attributes()));
            Ok(())
        },
    );
    match result {
        Ok(_) if found.is_none() => Err(request.error(Cause::Malformed("the connection"))),
        Ok(_) => Ok(found),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Shows `each` all connections of both families. Some that come or go meanwhile may be missing.
pub fn dump(client: &mut Client, mut each: impl FnMut(Connection)) -> Result<(), Error> {
    let request = ask(Operation::Dump, "connections", MSG_GET, message::DUMP, 0);
    client.request(
        &request,
        |_| (),
        |reply| {
            if let Some(connection) = Connection::parse(reply.attributes()) {
                each(connection);
            }
            Ok(())
        },
    )?;
    Ok(())
}

/// Changes mark and labels. A connection that is gone is a failure of its own
/// ([`Error::is_missing`]), and a normal one.
pub fn update(batch: &mut Batch, tuple: &Tuple, change: &Change) -> Result<(), Error> {
    check(Operation::Update, tuple)?;
    // Without NLM_F_CREATE the kernel makes no connection of it.
    let request = ask(Operation::Update, "", MSG_NEW, 0, tuple.family());
    let pushed = batch.push(request.head, false, |writer| {
        tuple.write(ATTR_TUPLE_ORIG, writer);
        if let Some((mark, mask)) = change.mark {
            // The kernel xors the value in: bits outside the mask would be flipped.
            writer.be32(ATTR_MARK, mark & mask);
            writer.be32(ATTR_MARK_MASK, mask);
        }
        if let Some((labels, mask)) = change.labels {
            // All 128 bits, always: the kernel clears words that are not told.
            writer.bytes(ATTR_LABELS, labels.and(mask).as_bytes());
            writer.bytes(ATTR_LABELS_MASK, mask.as_bytes());
        }
    });
    pushed.map_err(|_| request.error(Cause::TooLong))
}

/// Deletes a connection, so that its next packet is judged as one of a new connection. With an
/// `id` ([`Connection::id`]) only that very one. One that is gone is no error.
pub fn delete(batch: &mut Batch, tuple: &Tuple, id: Option<u32>) -> Result<(), Error> {
    check(Operation::Delete, tuple)?;
    let request = ask(Operation::Delete, "", MSG_DELETE, 0, tuple.family());
    // Never without a tuple: that would delete all connections.
    let pushed = batch.push(request.head, true, |writer| {
        tuple.write(ATTR_TUPLE_ORIG, writer);
        if let Some(id) = id {
            writer.be32(ATTR_ID, id);
        }
    });
    pushed.map_err(|_| request.error(Cause::TooLong))
}

/// What happens to connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A connection is new: its first packet left.
    New(Connection),
    /// A connection is gone; its counters are the final ones.
    Destroyed(Connection),
}

/// Lets the client receive events from now on. Use a client of its own. New connections are told
/// with their first packet, so on a busy router ask for no more than is needed.
pub fn subscribe(client: &mut Client, new: bool, destroyed: bool) -> Result<(), Error> {
    if new {
        client.join(GROUP_NEW)?;
    }
    if destroyed {
        client.join(GROUP_DESTROY)?;
    }
    Ok(())
}

/// Shows `each` the events that are there, without waiting. If [`Cause::Overrun`] comes back,
/// events were lost.
pub fn events(client: &mut Client, mut each: impl FnMut(Event)) -> Result<(), Error> {
    client.events(|message| {
        if let Some(event) = event(message) {
            each(event);
        }
    })
}

fn event(message: &Message<'_>) -> Option<Event> {
    if message.subsystem() != Some(Subsystem::Conntrack) {
        return None;
    }
    match message.command() {
        // Without the flag it is an update.
        MSG_NEW if message.flags & message::CREATE != 0 => {
            Connection::parse(message.attributes()).map(Event::New)
        }
        MSG_DELETE => Connection::parse(message.attributes()).map(Event::Destroyed),
        _ => None,
    }
}

/// Operation and object of a request.
pub(super) fn describe(request: &Message<'_>) -> (Operation, String) {
    let operation = match request.command() {
        MSG_NEW => Operation::Update,
        MSG_DELETE => Operation::Delete,
        _ => Operation::Commit,
    };
    let tuple = request.attributes().find(ATTR_TUPLE_ORIG).and_then(Tuple::parse);
    (operation, tuple.map_or(String::new(), |tuple| tuple.to_string()))
}

/// See [`super::read_anything`].
pub(super) fn read_anything(message: &Message<'_>, found: &mut Vec<String>) {
    found.extend(event(message).map(|event| format!("{event:?}")));
    found.extend(Connection::parse(message.attributes()).map(|connection| {
        format!("{} {} {:?}", connection.original, connection.reply, connection.labels)
    }));
    found.push(describe(message).1);
}

const fn ask(operation: Operation, object: &str, msg: u8, flags: u16, family: u8) -> Request<'_> {
    let head = Head { kind: Subsystem::Conntrack.kind(msg), flags, family, resource: 0 };
    Request { operation, object, head }
}

fn check(operation: Operation, tuple: &Tuple) -> Result<(), Error> {
    let Some(wrong) = tuple.wrong() else { return Ok(()) };
    let object = tuple.to_string();
    Err(Error::new(Subsystem::Conntrack, operation, object, Cause::Request(wrong)))
}
