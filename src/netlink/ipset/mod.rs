//! ipset over netlink (linux/netfilter/ipset/ip_set.h), protocol 6, which every kernel since
//! 2.6.39 speaks.
//!
//! A set has one family; its elements have the parts that its [`Kind`] names. Numbers are in
//! network byte order and flagged so. Time-outs are in whole seconds.

mod element;
mod header;
#[cfg(test)]
mod tests;

use std::time::Duration;

use super::attribute::{NET_BYTEORDER, Writer};
use super::batch::Batch;
use super::client::{Client, Request};
use super::error::{Cause, ELEMENT_EXIST, Error, Operation};
use super::message::{self, Head, Message, Subsystem};

pub use element::{Entry, Member, SkbInfo};
pub use header::{Family, Header, Kind, Shape};

/// Longest name of a set in bytes: `IPSET_MAXNAMELEN` without the zero byte.
pub const MOST_NAME_BYTES: usize = 31;
/// Longest time-out in seconds: more overflows milliseconds in the kernel (`IPSET_MAX_TIMEOUT`).
pub const MOST_TIMEOUT_SECONDS: u32 = 2_147_483;

/// `IPSET_PROTOCOL` spoken here.
const PROTOCOL: u8 = 6;

// enum ipset_cmd
const CMD_PROTOCOL: u8 = 1;
const CMD_CREATE: u8 = 2;
const CMD_DESTROY: u8 = 3;
const CMD_FLUSH: u8 = 4;
const CMD_RENAME: u8 = 5;
const CMD_SWAP: u8 = 6;
const CMD_LIST: u8 = 7;
const CMD_ADD: u8 = 9;
const CMD_DEL: u8 = 10;
const CMD_TEST: u8 = 11;
const CMD_TYPE: u8 = 13;

// Attributes at command level
const ATTR_PROTOCOL: u16 = 1;
const ATTR_SETNAME: u16 = 2;
const ATTR_TYPENAME: u16 = 3;
const ATTR_SETNAME2: u16 = 3;
const ATTR_REVISION: u16 = 4;
const ATTR_FAMILY: u16 = 5;
const ATTR_FLAGS: u16 = 6;
const ATTR_DATA: u16 = 7;
const ATTR_ADT: u16 = 8;
const ATTR_PROTOCOL_MIN: u16 = 10;
const ATTR_REVISION_MIN: u16 = 10;

// Attributes inside DATA that create and elements share
const ATTR_TIMEOUT: u16 = 6;

/// `IPSET_FLAG_LIST_SETNAME`.
const FLAG_LIST_SETNAME: u32 = 1 << 1;
/// `IPSET_FLAG_LIST_HEADER`.
const FLAG_LIST_HEADER: u32 = 1 << 2;

/// What [`create`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// The set is new and empty.
    New,
    /// A set of exactly this shape was there and stays, with its elements.
    Same,
    /// A set of another shape was there and stays.
    Other(Box<Header>),
}

/// Protocol versions that the kernel speaks, least and most. An error where it has no ipset
/// ([`Error::is_unsupported`]) or speaks no version that nfa does.
pub fn protocol(client: &mut Client) -> Result<(u8, u8), Error> {
    let request = ask(Operation::Negotiate, "protocol", CMD_PROTOCOL, 0);
    let mut range = None;
    client.request(
        &request,
        |writer| writer.u8(ATTR_PROTOCOL, PROTOCOL),
        |reply| {
            let most = reply.attributes().find(ATTR_PROTOCOL).and_then(|attribute| attribute.u8());
            let most = most.ok_or(Cause::Malformed("the protocol version"))?;
            let least = reply.attributes().find(ATTR_PROTOCOL_MIN).and_then(|least| least.u8());
            range = Some((least.unwrap_or(most), most));
            Ok(())
        },
    )?;
    let (least, most) = range.ok_or(request.error(Cause::Malformed("the protocol version")))?;
    if (least..=most).contains(&PROTOCOL) {
        return Ok((least, most));
    }
    let what = format!("protocol {PROTOCOL}, it speaks {least} to {most}");
    Err(request.error(Cause::Unsupported(what)))
}

/// Revisions of a set type that the kernel knows, least and most. An error where it lacks the type
/// ([`Error::is_unsupported`]).
pub fn revisions(client: &mut Client, kind: Kind, family: Family) -> Result<(u8, u8), Error> {
    let object = format!("type {} family {family}", kind.name());
    let request = ask(Operation::Negotiate, &object, CMD_TYPE, 0);
    let mut range = None;
    client.request(
        &request,
        |writer| {
            writer.u8(ATTR_PROTOCOL, PROTOCOL);
            writer.text(ATTR_TYPENAME, kind.name());
            writer.u8(ATTR_FAMILY, family.number());
        },
        |reply| {
            let most = reply.attributes().find(ATTR_REVISION).and_then(|most| most.u8());
            let most = most.ok_or(Cause::Malformed("the type's revision"))?;
            let least = reply.attributes().find(ATTR_REVISION_MIN).and_then(|least| least.u8());
            range = Some((least.unwrap_or(most), most));
            Ok(())
        },
    )?;
    range.ok_or(request.error(Cause::Malformed("the type's revision")))
}

/// Makes a set unless one of that name is there, and says which it was.
pub fn create(client: &mut Client, set: &str, shape: &Shape) -> Result<Created, Error> {
    check_name(Operation::Create, set)?;
    let object = format!("{set} {shape}");
    let request = ask(Operation::Create, &object, CMD_CREATE, message::CREATE | message::EXCL);
    if shape.kind.has_family() == (shape.family == Family::None) {
        return Err(
            request.error(Cause::Request("hash:mac has no family, all other types have one"))
        );
    }
    let (least, most) = revisions(client, shape.kind, shape.family)?;
    let revision = shape.kind.revision().clamp(least, most.max(least));
    let result = client.request(
        &request,
        |writer| {
            names(writer, set);
            shape.write(writer, revision);
        },
        |_| Ok(()),
    );
    match result {
        Ok(_) => Ok(Created::New),
        Err(error) if error.code() == Some(libc::EEXIST) => {
            let header = header(client, set)?;
            if header.differences(shape).is_empty() {
                Ok(Created::Same)
            } else {
                Ok(Created::Other(Box::new(header)))
            }
        }
        Err(error) => Err(error),
    }
}

/// Destroys a set; refused while a rule refers to it ([`Cause::Kernel`] with `EBUSY` or ipset's).
pub fn destroy(client: &mut Client, set: &str) -> Result<(), Error> {
    command(client, Operation::Destroy, CMD_DESTROY, set)
}

/// Removes all elements.
pub fn flush(client: &mut Client, set: &str) -> Result<(), Error> {
    command(client, Operation::Flush, CMD_FLUSH, set)
}

/// Gives a set another name; refused while a rule refers to it.
pub fn rename(client: &mut Client, set: &str, new: &str) -> Result<(), Error> {
    two_names(client, Operation::Rename, CMD_RENAME, set, new)
}

/// Exchanges the content of two sets of one type; rules that refer to them notice nothing.
pub fn swap(client: &mut Client, set: &str, other: &str) -> Result<(), Error> {
    two_names(client, Operation::Swap, CMD_SWAP, set, other)
}

/// The names of all sets.
pub fn list(client: &mut Client) -> Result<Vec<String>, Error> {
    let request = ask(Operation::Dump, "-name", CMD_LIST, message::DUMP);
    let mut names = Vec::new();
    client.request(
        &request,
        |writer| {
            writer.u8(ATTR_PROTOCOL, PROTOCOL);
            writer.be32(ATTR_FLAGS | NET_BYTEORDER, FLAG_LIST_SETNAME);
        },
        |reply| {
            names.extend(reply.attributes().find(ATTR_SETNAME).map(|name| name.text()));
            Ok(())
        },
    )?;
    Ok(names)
}

/// The headers of all sets, with counts.
pub fn headers(client: &mut Client) -> Result<Vec<Header>, Error> {
    let request = ask(Operation::Dump, "-terse", CMD_LIST, message::DUMP);
    let mut headers = Vec::new();
    client.request(
        &request,
        |writer| {
            writer.u8(ATTR_PROTOCOL, PROTOCOL);
            writer.be32(ATTR_FLAGS | NET_BYTEORDER, FLAG_LIST_HEADER);
        },
        |reply| {
            headers.extend(Header::parse(reply.attributes()));
            Ok(())
        },
    )?;
    Ok(headers)
}

/// A set's shape and counts.
pub fn header(client: &mut Client, set: &str) -> Result<Header, Error> {
    check_name(Operation::Read, set)?;
    let request = ask(Operation::Read, set, CMD_LIST, message::DUMP);
    let mut header = None;
    client.request(
        &request,
        |writer| {
            names(writer, set);
            writer.be32(ATTR_FLAGS | NET_BYTEORDER, FLAG_LIST_HEADER);
        },
        |reply| {
            header = header.take().or_else(|| Header::parse(reply.attributes()));
            Ok(())
        },
    )?;
    header.ok_or(request.error(Cause::Malformed("the set's header")))
}

/// Shows `each` every element. Elements that nfa has no word for (networks, interfaces) are left
/// out.
pub fn dump(client: &mut Client, set: &str, mut each: impl FnMut(Member)) -> Result<(), Error> {
    check_name(Operation::Dump, set)?;
    let request = ask(Operation::Dump, set, CMD_LIST, message::DUMP);
    client.request(
        &request,
        |writer| names(writer, set),
        |reply| {
            members(reply).for_each(&mut each);
            Ok(())
        },
    )?;
    Ok(())
}

/// The elements of a list reply.
fn members<'a>(reply: &Message<'a>) -> impl Iterator<Item = Member> + use<'a> {
    let lists = reply.attributes().filter(|attribute| attribute.kind == ATTR_ADT);
    let members = lists.flat_map(|list| list.attributes()).filter(|item| item.kind == ATTR_DATA);
    members.filter_map(|data| Member::parse(data.attributes()))
}

/// Whether an element is in a set.
pub fn test(client: &mut Client, set: &str, entry: &Entry) -> Result<bool, Error> {
    check_name(Operation::Test, set)?;
    let object = format!("{set} {entry}");
    let request = ask(Operation::Test, &object, CMD_TEST, 0);
    let result = client.request(
        &request,
        |writer| {
            names(writer, set);
            writer.nested(ATTR_DATA, |data| entry.write(data, None));
        },
        |_| Ok(()),
    );
    match result {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some(ELEMENT_EXIST) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Adds an element, or restarts the time-out of one that is there. `timeout`: none is what the set
/// was made with; zero is for ever; fractions of a second are rounded up. The set must have been
/// made with time-outs to take one.
pub fn add(
    batch: &mut Batch,
    set: &str,
    entry: &Entry,
    timeout: Option<Duration>,
    skb: &SkbInfo,
) -> Result<(), Error> {
    change(batch, Operation::Add, CMD_ADD, set, entry, |data| {
        entry.write(data, timeout);
        skb.write(data);
    })
}

/// Deletes an element; one that is not there is no error.
pub fn delete(batch: &mut Batch, set: &str, entry: &Entry) -> Result<(), Error> {
    change(batch, Operation::Delete, CMD_DEL, set, entry, |data| entry.write(data, None))
}

/// Removes all elements, as part of a batch.
pub fn flush_in(batch: &mut Batch, set: &str) -> Result<(), Error> {
    check_name(Operation::Flush, set)?;
    let request = ask(Operation::Flush, set, CMD_FLUSH, 0);
    let pushed = batch.push(request.head, false, |writer| names(writer, set));
    pushed.map_err(|_| request.error(Cause::TooLong))
}

/// Without `NLM_F_EXCL` an element that is there (add) or not there (delete) is no error.
fn change(
    batch: &mut Batch,
    operation: Operation,
    cmd: u8,
    set: &str,
    entry: &Entry,
    fill: impl FnOnce(&mut Writer<'_>),
) -> Result<(), Error> {
    check_name(operation, set)?;
    let request = ask(operation, set, cmd, 0);
    if let Some(wrong) = entry.wrong() {
        let object = format!("{set} {entry}");
        return Err(Error::new(Subsystem::Ipset, operation, object, Cause::Request(wrong)));
    }
    let pushed = batch.push(request.head, false, |writer| {
        names(writer, set);
        writer.nested(ATTR_DATA, fill);
    });
    pushed.map_err(|_| request.error(Cause::TooLong))
}

/// Operation and object of a request, as `ipset` would write them.
pub(super) fn describe(request: &Message<'_>) -> (Operation, String) {
    let operation = match request.command() {
        CMD_ADD => Operation::Add,
        CMD_DEL => Operation::Delete,
        CMD_FLUSH => Operation::Flush,
        _ => Operation::Commit,
    };
    let attributes = request.attributes();
    let mut object = attributes.find(ATTR_SETNAME).map_or(String::new(), |name| name.text());
    let data = attributes.find(ATTR_DATA);
    if let Some(member) = data.and_then(|data| Member::parse(data.attributes())) {
        object = format!("{object} {}", member.entry);
    }
    (operation, object)
}

/// See [`super::read_anything`].
pub(super) fn read_anything(message: &Message<'_>, found: &mut Vec<String>) {
    found.extend(Header::parse(message.attributes()).map(|header| format!("{header:?}")));
    found.extend(members(message).map(|member| member.entry.to_string()));
    found.push(describe(message).1);
}

fn command(client: &mut Client, operation: Operation, cmd: u8, set: &str) -> Result<(), Error> {
    check_name(operation, set)?; // without a name the kernel would take all sets
    let request = ask(operation, set, cmd, 0);
    client.request(&request, |writer| names(writer, set), |_| Ok(())).map(drop)
}

fn two_names(
    client: &mut Client,
    operation: Operation,
    cmd: u8,
    set: &str,
    other: &str,
) -> Result<(), Error> {
    check_name(operation, set)?;
    check_name(operation, other)?;
    let object = format!("{set} {other}");
    let request = ask(operation, &object, cmd, 0);
    let fill = |writer: &mut Writer<'_>| {
        names(writer, set);
        writer.text(ATTR_SETNAME2, other);
    };
    client.request(&request, fill, |_| Ok(())).map(drop)
}

/// A request; the message's family says nothing to ipset, `AF_INET` is what its own tool writes.
const fn ask(operation: Operation, object: &str, cmd: u8, flags: u16) -> Request<'_> {
    let head =
        Head { kind: Subsystem::Ipset.kind(cmd), flags, family: Family::V4.number(), resource: 0 };
    Request { operation, object, head }
}

fn names(writer: &mut Writer<'_>, set: &str) {
    writer.u8(ATTR_PROTOCOL, PROTOCOL);
    writer.text(ATTR_SETNAME, set);
}

fn check_name(operation: Operation, set: &str) -> Result<(), Error> {
    if (1..=MOST_NAME_BYTES).contains(&set.len()) && !set.contains('\0') {
        return Ok(());
    }
    let cause = Cause::Name { bytes: set.len(), most: MOST_NAME_BYTES };
    Err(Error::new(Subsystem::Ipset, operation, set, cause))
}

/// Whole seconds, rounded up so that a short time-out does not become "for ever".
fn seconds(timeout: Duration) -> u32 {
    let whole = u32::try_from(timeout.as_secs()).unwrap_or(u32::MAX);
    whole.saturating_add(u32::from(timeout.subsec_nanos() > 0)).min(MOST_TIMEOUT_SECONDS)
}
