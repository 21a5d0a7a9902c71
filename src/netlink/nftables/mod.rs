//! nf_tables sets over netlink (linux/netfilter/nf_tables.h), as `nft` itself speaks.
//!
//! Numbers are in network byte order, times in milliseconds. Changes go into a [`Batch`] and are
//! applied as transactions; a change that the kernel refuses is left out and the others applied.

mod event;
mod key;
mod shape;
#[cfg(test)]
mod tests;

use std::time::Duration;

use super::attribute::Writer;
use super::batch::{Batch, Ruleset};
use super::client::{Client, Request};
use super::error::{Cause, Error, Operation};
use super::message::{self, Head, Message, Subsystem};

pub use event::{Event, events, subscribe};
pub use key::{Field, Interface, Key, MOST_FIELDS, MOST_KEY_BYTES, Value};
pub use shape::{SetInfo, SetName, SetShape, Table, TableFamily};

/// Longest name of a table or set in bytes: `NFT_NAME_MAXLEN` without the zero byte.
pub const MOST_NAME_BYTES: usize = 255;

/// `NFNLGRP_NFTABLES`.
const GROUP: u32 = 7;
/// A dump that a change disturbed is read again this often.
const MOST_DUMPS: u32 = 5;

// enum nf_tables_msg_types
const MSG_NEWTABLE: u8 = 0;
const MSG_GETTABLE: u8 = 1;
const MSG_DELTABLE: u8 = 2;
const MSG_NEWSET: u8 = 9;
const MSG_GETSET: u8 = 10;
const MSG_DELSET: u8 = 11;
const MSG_NEWSETELEM: u8 = 12;
const MSG_GETSETELEM: u8 = 13;
const MSG_DELSETELEM: u8 = 14;
const MSG_NEWGEN: u8 = 15;
const MSG_GETGEN: u8 = 16;

// enum nft_table_attributes, nft_set_attributes, nft_set_elem_list_attributes: table and set have
// the same numbers in all of them.
const ATTR_TABLE: u16 = 1;
const ATTR_NAME: u16 = 2;
const ATTR_TABLE_FLAGS: u16 = 2;
// enum nft_set_attributes
const ATTR_FLAGS: u16 = 3;
const ATTR_KEY_TYPE: u16 = 4;
const ATTR_KEY_LEN: u16 = 5;
const ATTR_DESC: u16 = 9;
const ATTR_SET_ID: u16 = 10;
const ATTR_TIMEOUT: u16 = 11;
const ATTR_USERDATA: u16 = 13;
// enum nft_set_desc_attributes
const ATTR_DESC_SIZE: u16 = 1;
// enum nft_set_elem_list_attributes
const ATTR_ELEMENTS: u16 = 3;
// enum nft_list_attributes
const ATTR_LIST_ELEM: u16 = 1;
// enum nft_set_elem_attributes
const ATTR_ELEM_KEY: u16 = 1;
const ATTR_ELEM_TIMEOUT: u16 = 4;
const ATTR_ELEM_EXPIRATION: u16 = 5;
// enum nft_data_attributes
const ATTR_VALUE: u16 = 1;
// enum nft_gen_attributes
const ATTR_GEN_ID: u16 = 1;
const ATTR_GEN_PROCESS: u16 = 2;
const ATTR_GEN_PROCESS_NAME: u16 = 3;

/// An element as the kernel tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element {
    /// Its key.
    pub key: Key,
    /// Its time-out; none: it lives for ever.
    pub timeout: Option<Duration>,
    /// Time left of it.
    pub left: Option<Duration>,
}

/// Number of the ruleset's state, which every transaction changes. An error where the kernel has
/// no nf_tables ([`Error::is_unsupported`]).
pub fn generation(client: &mut Client) -> Result<u32, Error> {
    let request = ask(Operation::Negotiate, "generation", MSG_GETGEN, 0, 0);
    let mut id = None;
    client.request(
        &request,
        |_| (),
        |reply| {
            id = id.or(reply.attributes().find(ATTR_GEN_ID).and_then(|value| value.be32()));
            Ok(())
        },
    )?;
    id.ok_or(request.error(Cause::Malformed("the generation's number")))
}

/// All tables.
pub fn tables(client: &mut Client) -> Result<Vec<Table>, Error> {
    let request = ask(Operation::Dump, "tables", MSG_GETTABLE, message::DUMP, 0);
    dump(client, &request, |_| (), shape::table_name)
}

/// All sets of all tables, those of rules (anonymous) among them.
pub fn sets(client: &mut Client) -> Result<Vec<SetInfo>, Error> {
    let request = ask(Operation::Dump, "sets", MSG_GETSET, message::DUMP, 0);
    dump(client, &request, |_| (), SetInfo::parse)
}

/// A set's shape.
pub fn set(client: &mut Client, set: &SetName) -> Result<SetInfo, Error> {
    let object = format!("set {set}");
    let request = ask(Operation::Read, &object, MSG_GETSET, 0, set.table.family.number());
    let mut info = None;
    client.request(
        &request,
        |writer| set_names(writer, set),
        |reply| {
            info = info.take().or_else(|| SetInfo::parse(reply));
            Ok(())
        },
    )?;
    info.ok_or(request.error(Cause::Malformed("the set's shape")))
}

/// Shows `each` the elements of a set. Where a change disturbs the reading it begins anew, so an
/// element may be shown twice.
pub fn elements(
    client: &mut Client,
    info: &SetInfo,
    mut each: impl FnMut(Element),
) -> Result<(), Error> {
    let set = &info.set;
    let object = format!("set {set}");
    let family = set.table.family.number();
    let request = ask(Operation::Dump, &object, MSG_GETSETELEM, message::DUMP, family);
    for _ in 0..MOST_DUMPS {
        let disturbed = client.request(
            &request,
            |writer| set_names(writer, set),
            |reply| {
                list(reply, info.key_type).for_each(&mut each);
                Ok(())
            },
        )?;
        if !disturbed {
            break;
        }
    }
    Ok(())
}

/// The elements that a message lists.
fn list<'a>(message: &Message<'a>, key_type: u32) -> impl Iterator<Item = Element> + use<'a> {
    let list = message.attributes().find(ATTR_ELEMENTS).into_iter();
    list.flat_map(|list| list.attributes())
        .filter_map(move |element| parse_element(element.attributes(), key_type))
}

fn parse_element(attributes: super::attribute::Attributes<'_>, key_type: u32) -> Option<Element> {
    let key = attributes.find(ATTR_ELEM_KEY)?.attributes().find(ATTR_VALUE)?;
    let time = |kind| {
        let value = attributes.find(kind).and_then(|value| value.be64());
        value.map(Duration::from_millis)
    };
    Some(Element {
        key: Key::from_bytes(key.payload, key_type)?,
        timeout: time(ATTR_ELEM_TIMEOUT),
        left: time(ATTR_ELEM_EXPIRATION),
    })
}

/// Adds a table; one that is there is no error.
pub fn add_table(batch: &mut Batch, table: &Table) -> Result<(), Error> {
    check_name(Operation::Create, &table.name)?;
    push(batch, change(MSG_NEWTABLE, 0, table), |writer| {
        writer.text(ATTR_TABLE, &table.name);
        writer.be32(ATTR_TABLE_FLAGS, 0);
    })
}

/// Deletes a table with all that is in it.
pub fn delete_table(batch: &mut Batch, table: &Table) -> Result<(), Error> {
    check_name(Operation::Destroy, &table.name)?;
    push(batch, change(MSG_DELTABLE, 0, table), |writer| writer.text(ATTR_TABLE, &table.name))
}

/// Adds a set. Of one that is there before Linux 6.5 says nothing, and later ones refuse another
/// shape: read it first ([`set`]).
pub fn add_set(batch: &mut Batch, set: &SetName, shape: &SetShape) -> Result<(), Error> {
    check_set(Operation::Create, set)?;
    if !shape.is_possible() {
        let wrong = "a key has 1 to 5 fields and at most 64 bytes";
        let object = format!("set {set} {shape}");
        return Err(refusal(Operation::Create, object, Cause::Request(wrong)));
    }
    let id = batch.next_id();
    push(batch, change(MSG_NEWSET, message::CREATE, &set.table), |writer| {
        set_names(writer, set);
        shape.write(writer, id);
    })
}

/// Deletes a set; refused while a rule refers to it.
pub fn delete_set(batch: &mut Batch, set: &SetName) -> Result<(), Error> {
    check_set(Operation::Destroy, set)?;
    push(batch, change(MSG_DELSET, 0, &set.table), |writer| set_names(writer, set))
}

/// Removes all elements of a set.
pub fn flush_set(batch: &mut Batch, set: &SetName) -> Result<(), Error> {
    check_set(Operation::Flush, set)?;
    push(batch, change(MSG_DELSETELEM, 0, &set.table), |writer| set_names(writer, set))
}

/// Adds an element. One that is there keeps its old time-out: see [`refresh`]. `timeout`: none is
/// what the set was made with; zero is for ever. The set must keep time-outs to take one.
pub fn add(
    batch: &mut Batch,
    set: &SetName,
    key: &Key,
    timeout: Option<Duration>,
) -> Result<(), Error> {
    check_set(Operation::Add, set)?;
    element(batch, MSG_NEWSETELEM, set, key, timeout, false)
}

/// Adds an element or restarts its time-out: add, delete, add in one transaction, which every
/// kernel understands, whether it is there or not (Linux before 6.12 does not change the time-out
/// of an element that is added again, and no kernel restarts the same one).
pub fn refresh(
    batch: &mut Batch,
    set: &SetName,
    key: &Key,
    timeout: Option<Duration>,
) -> Result<(), Error> {
    check_set(Operation::Add, set)?;
    element(batch, MSG_NEWSETELEM, set, key, timeout, false)?;
    element(batch, MSG_DELSETELEM, set, key, None, true)?;
    element(batch, MSG_NEWSETELEM, set, key, timeout, true)
}

/// Deletes an element; one that is not there, in a set that is not there, is no error.
pub fn delete(batch: &mut Batch, set: &SetName, key: &Key) -> Result<(), Error> {
    check_set(Operation::Delete, set)?;
    element(batch, MSG_DELSETELEM, set, key, None, false)
}

fn element(
    batch: &mut Batch,
    msg: u8,
    set: &SetName,
    key: &Key,
    timeout: Option<Duration>,
    with_last: bool,
) -> Result<(), Error> {
    let flags = if msg == MSG_NEWSETELEM { message::CREATE } else { 0 };
    let mut change = change(msg, flags, &set.table);
    change.key_type = key.key_type();
    change.may_miss = msg == MSG_DELSETELEM && !with_last;
    change.with_last = with_last;
    push(batch, change, |writer| {
        set_names(writer, set);
        writer.nested(ATTR_ELEMENTS, |list| {
            list.nested(ATTR_LIST_ELEM, |element| {
                if let Some(timeout) = timeout {
                    element.be64(ATTR_ELEM_TIMEOUT, milliseconds(timeout));
                }
                element.nested(ATTR_ELEM_KEY, |data| data.bytes(ATTR_VALUE, key.as_bytes()));
            });
        });
    })
}

/// Operation and object of a request, as `nft` would write them.
pub(super) fn describe(request: &Message<'_>, key_type: u32) -> (Operation, String) {
    let table = shape::table_name(request).map_or(String::new(), |table| table.to_string());
    let set = shape::set_name(request).map_or(String::new(), |set| set.to_string());
    let element = request.attributes().find(ATTR_ELEMENTS).and_then(|list| {
        let element = list.attributes().next()?;
        parse_element(element.attributes(), key_type)
    });
    match (request.command(), element) {
        (MSG_NEWTABLE, _) => (Operation::Create, format!("table {table}")),
        (MSG_DELTABLE, _) => (Operation::Destroy, format!("table {table}")),
        (MSG_NEWSET, _) => (Operation::Create, format!("set {set}")),
        (MSG_DELSET, _) => (Operation::Destroy, format!("set {set}")),
        (MSG_DELSETELEM, None) => (Operation::Flush, format!("set {set}")),
        (MSG_DELSETELEM, Some(element)) => {
            (Operation::Delete, format!("element {set} {{ {} }}", element.key))
        }
        (MSG_NEWSETELEM, Some(element)) => {
            (Operation::Add, format!("element {set} {{ {} }}", element.key))
        }
        _ => (Operation::Commit, format!("set {set}")),
    }
}

/// See [`super::read_anything`].
pub(super) fn read_anything(message: &Message<'_>, found: &mut Vec<String>) {
    found.extend(event::parse(message, 0).map(|event| format!("{event:?}")));
    found.extend(shape::table_name(message).map(|table| table.to_string()));
    let info = SetInfo::parse(message);
    let key_type = info.as_ref().map_or(0, |info| info.key_type);
    let shape = SetShape { fields: Field::ALL.to_vec(), timeout: None, size: None };
    found.extend(info.map(|info| info.differences(&shape).join(", ")));
    found.extend(list(message, key_type).map(|element| element.key.to_string()));
    // The type of four fields: ipv4_addr . inet_proto . inet_service . ipv4_addr.
    found.extend(list(message, 0x1c_c347).map(|element| element.key.to_string()));
    found.push(describe(message, key_type).1);
}

/// Reads a dump to its end; from the start if a change disturbed it.
fn dump<T>(
    client: &mut Client,
    request: &Request<'_>,
    fill: impl Fn(&mut Writer<'_>),
    parse: impl Fn(&Message<'_>) -> Option<T>,
) -> Result<Vec<T>, Error> {
    let mut found = Vec::new();
    for _ in 0..MOST_DUMPS {
        found.clear();
        let disturbed = client.request(request, &fill, |reply| {
            found.extend(parse(reply));
            Ok(())
        })?;
        if !disturbed {
            break;
        }
    }
    Ok(found)
}

const fn ask(operation: Operation, object: &str, msg: u8, flags: u16, family: u8) -> Request<'_> {
    let head = Head { kind: Subsystem::Nftables.kind(msg), flags, family, resource: 0 };
    Request { operation, object, head }
}

const fn change(msg: u8, flags: u16, table: &Table) -> Ruleset {
    let kind = Subsystem::Nftables.kind(msg);
    let head = Head { kind, flags, family: table.family.number(), resource: 0 };
    Ruleset { head, key_type: 0, may_miss: false, with_last: false }
}

fn push(
    batch: &mut Batch,
    change: Ruleset,
    fill: impl FnOnce(&mut Writer<'_>),
) -> Result<(), Error> {
    let pushed = batch.push_ruleset(change, fill);
    pushed.map_err(|_| refusal(Operation::Commit, String::new(), Cause::TooLong))
}

fn refusal(operation: Operation, object: String, cause: Cause) -> Error {
    Error::new(Subsystem::Nftables, operation, object, cause)
}

fn set_names(writer: &mut Writer<'_>, set: &SetName) {
    writer.text(ATTR_TABLE, &set.table.name);
    writer.text(ATTR_NAME, &set.name);
}

fn check_set(operation: Operation, set: &SetName) -> Result<(), Error> {
    check_name(operation, &set.table.name)?;
    check_name(operation, &set.name)
}

fn check_name(operation: Operation, name: &str) -> Result<(), Error> {
    if (1..=MOST_NAME_BYTES).contains(&name.len()) && !name.contains('\0') {
        return Ok(());
    }
    let cause = Cause::Name { bytes: name.len(), most: MOST_NAME_BYTES };
    Err(refusal(operation, name.to_owned(), cause))
}

/// Whole milliseconds, rounded up so that a short time-out does not become "for ever".
fn milliseconds(timeout: Duration) -> u64 {
    let whole = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
    let part = timeout.subsec_nanos().checked_rem(1_000_000).unwrap_or(0) > 0;
    whole.saturating_add(u64::from(part)).min(MOST_TIMEOUT_MS)
}

/// Longest time-out told to the kernel, in milliseconds: a hundred years; much more is refused
/// (`ERANGE`) where it does not fit into ticks.
const MOST_TIMEOUT_MS: u64 = 100 * 365 * 24 * 3600 * 1000;
