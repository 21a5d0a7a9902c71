//! What others do to tables and sets, as the kernel's multicast group tells it.

use super::key::Key;
use super::shape::{SetInfo, SetName, Table, set_name, table_name};
use super::{
    ATTR_ELEM_KEY, ATTR_ELEMENTS, ATTR_GEN_ID, ATTR_GEN_PROCESS, ATTR_GEN_PROCESS_NAME, ATTR_VALUE,
    Client, Error, GROUP, MSG_DELRULE, MSG_DELSET, MSG_DELSETELEM, MSG_DELTABLE, MSG_NEWGEN,
    MSG_NEWSET, Message, Subsystem,
};

/// A change of the ruleset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A table is gone, with all that was in it.
    TableDeleted(Table),
    /// A rule of that table is gone.
    RuleDeleted(Table),
    /// A set is new.
    SetAdded(Box<SetInfo>),
    /// A set is gone.
    SetDeleted(SetName),
    /// Elements were deleted by someone (an element that expires is not told). The keys' types
    /// are not told: compare by [`Key::as_bytes`].
    ElementsDeleted(SetName, Vec<Key>),
    /// A transaction is complete: what was told before it holds now.
    Generation {
        /// Number of the ruleset's state; it grows with each transaction.
        id: u32,
        /// The thread that made it (`task_pid_nr`), whose number is the process's in most programs.
        process: u32,
        /// Its name.
        name: String,
    },
}

/// Lets the client receive events from now on. Use a client of its own.
pub fn subscribe(client: &mut Client) -> Result<(), Error> {
    client.join(GROUP)
}

/// Shows `each` the events that are there, without waiting; those of the socket `own`
/// ([`Client::port`]) are left out, but for generations. If [`Cause::Overrun`](crate::netlink::Cause)
/// comes back, events were lost: compare sets anew.
pub fn events(client: &mut Client, own: u32, mut each: impl FnMut(Event)) -> Result<(), Error> {
    client.events(|message| {
        if let Some(event) = parse(message, own) {
            each(event);
        }
    })
}

pub(super) fn parse(message: &Message<'_>, own: u32) -> Option<Event> {
    if message.subsystem() != Some(Subsystem::Nftables) {
        return None;
    }
    match message.command() {
        MSG_NEWGEN => generation(message),
        _ if message.port == own && own != 0 => None,
        MSG_DELTABLE => table_name(message).map(Event::TableDeleted),
        MSG_DELRULE => table_name(message).map(Event::RuleDeleted),
        MSG_NEWSET => SetInfo::parse(message).map(|info| Event::SetAdded(Box::new(info))),
        MSG_DELSET => set_name(message).map(Event::SetDeleted),
        MSG_DELSETELEM => {
            let list = message.attributes().find(ATTR_ELEMENTS)?;
            let keys = list.attributes().filter_map(|element| {
                let key = element.attributes().find(ATTR_ELEM_KEY)?;
                Key::from_bytes(key.attributes().find(ATTR_VALUE)?.payload, 0)
            });
            Some(Event::ElementsDeleted(set_name(message)?, keys.collect()))
        }
        _ => None,
    }
}

fn generation(message: &Message<'_>) -> Option<Event> {
    let number = |kind| message.attributes().find(kind).and_then(|value| value.be32());
    let name = message.attributes().find(ATTR_GEN_PROCESS_NAME);
    Some(Event::Generation {
        id: number(ATTR_GEN_ID)?,
        process: number(ATTR_GEN_PROCESS).unwrap_or(0),
        name: name.map_or(String::new(), |name| name.text()),
    })
}
