//! Sets of nftables: made, found, filled; and what others do to them, as the kernel tells it.

use std::time::Duration;

use super::{Kept, State, Unfit};
use crate::effect::{Element, Live, Part, SetId};
use crate::netlink::nftables::{
    self, Event, Field, Interface, Key, SetInfo, SetName, SetShape, Table, Value,
};
use crate::netlink::{Batch, Cause, Client, Error};
use crate::sorted::SortedSet;
use crate::target::nftset::TABLE_DEFAULT;
use crate::target::set::{Dimension, Family, Home, SetSpec, Sets};
use crate::time::Timestamp;

/// Firewall4 takes the presence of its table for a sign that it runs: it is never made for it.
const TABLE_OF_FIREWALL4: &str = "fw4";
/// Between two looks at the ruleset's number, in case an event was lost.
const RECONCILE_INTERVAL: Duration = Duration::from_secs(30);

/// What others do to sets of ours.
#[derive(Debug, Default)]
pub(super) struct Watch {
    client: Option<Client>,
    /// Sets that may lack elements.
    lost: SortedSet<SetId>,
    /// Something has changed since sets that are not there were looked for.
    changed: bool,
    /// A set may have come or gone.
    turnover: bool,
    /// Number of the ruleset's state that the newest event told.
    seen: Option<u32>,
    checked_at: Timestamp,
    /// Times that events were lost; wraps.
    overruns: u32,
    /// The rules that feed captures may be gone.
    feeds_doubted: bool,
}

impl Watch {
    /// Listens from now on.
    pub fn open(&mut self) -> Result<(), Error> {
        if self.client.is_none() {
            let mut client = Client::open()?;
            nftables::subscribe(&mut client)?;
            self.client = Some(client);
        }
        Ok(())
    }

    /// What is to be polled for reading.
    pub const fn client(&self) -> Option<&Client> {
        self.client.as_ref()
    }

    /// Times that events were lost.
    pub const fn overruns(&self) -> u32 {
        self.overruns
    }

    /// A set was made anew here.
    pub fn note_lost(&mut self, id: SetId) {
        self.lost.insert(id);
    }

    /// Reads the events that are there; those of the socket `own` do not count.
    pub fn read(&mut self, own: u32, sets: &Sets, kept: &[SetId]) -> Result<(), Error> {
        let Some(client) = &mut self.client else { return Ok(()) };
        let (mut turnover, mut feeds_doubted) = (false, false);
        let mut touched = |of: &dyn Fn(&Table, &str) -> bool| {
            let ours = kept.iter().filter(|id| {
                sets.get(**id).is_some_and(|spec| match &spec.home {
                    Home::Nft(table) => of(table, &spec.name),
                    Home::Ipset => false,
                })
            });
            self.lost.extend(ours.copied());
        };
        let result = nftables::events(client, own, |event| match event {
            Event::RuleDeleted(table) => feeds_doubted |= table.name == nftables::FEED_TABLE,
            Event::TableDeleted(gone) => {
                turnover = true;
                feeds_doubted |= gone.name == nftables::FEED_TABLE;
                touched(&|table, _| *table == gone);
            }
            Event::SetAdded(info) => {
                turnover = true;
                touched(&|table, name| *table == info.set.table && name == info.set.name);
            }
            Event::SetDeleted(set) => {
                turnover = true;
                touched(&|table, name| *table == set.table && name == set.name);
            }
            Event::ElementsDeleted(set, _) => {
                touched(&|table, name| *table == set.table && name == set.name);
            }
            Event::Generation { id, .. } => {
                self.seen = Some(id);
                self.changed = true;
            }
        });
        let result = match result {
            Err(error) if error.cause == Cause::Overrun => {
                (turnover, feeds_doubted) = (true, true);
                self.overruns = self.overruns.wrapping_add(1);
                touched(&|_, _| true); // whatever it was, a look at all of them finds it
                Ok(())
            }
            other => other,
        };
        self.turnover |= turnover;
        self.feeds_doubted |= feeds_doubted;
        result
    }

    /// Every half minute: if the ruleset has a number that no event told, events were lost, or are
    /// not to be had.
    pub fn reconcile(
        &mut self,
        client: &mut Client,
        kept: &[SetId],
        now: Timestamp,
    ) -> Result<(), Error> {
        if now.since(self.checked_at) < RECONCILE_INTERVAL {
            return Ok(());
        }
        self.checked_at = now;
        let generation = nftables::generation(client)?;
        // An event may be on its way: what is new then is no more than one needless look.
        if self.seen.replace(generation) != Some(generation) {
            self.lost.extend(kept.iter().copied());
            (self.turnover, self.feeds_doubted) = (true, true);
        }
        Ok(())
    }

    /// The sets to be looked at, which then are forgotten.
    pub fn take_lost(&mut self) -> SortedSet<SetId> {
        std::mem::take(&mut self.lost)
    }

    /// Whether a set may have come or gone.
    pub const fn take_turnover(&mut self) -> bool {
        std::mem::replace(&mut self.turnover, false)
    }

    /// Whether the rules that feed captures may be gone.
    pub const fn take_feeds_doubted(&mut self) -> bool {
        std::mem::replace(&mut self.feeds_doubted, false)
    }

    /// Whether it is worth looking for sets that were not there the last time.
    pub const fn take_changed(&mut self) -> bool {
        std::mem::replace(&mut self.changed, false)
    }
}

/// Makes or finds a set.
pub(super) fn prepare(client: &mut Client, spec: &SetSpec) -> Result<State, Unfit> {
    let Some((set, shape)) = named(spec) else {
        return Err(format!("{spec} has a key no nft set has").into());
    };
    match nftables::set(client, &set) {
        Ok(info) if fits(&info, &shape) && !(spec.managed && is_ours(&set)) => Ok(ready(&info)),
        Ok(info) if info.differences(&shape).is_empty() => Ok(ready(&info)),
        Ok(info) if spec.managed && is_ours(&set) => {
            create(client, spec, &set, &shape, Some(&info))
        }
        Ok(info) => Err(format!("{}: not filled", mismatch(spec, &info, &shape)).into()),
        Err(error) if error.is_missing() && spec.managed => {
            create(client, spec, &set, &shape, None)
        }
        Err(error) if error.is_missing() => Ok(State::Missing),
        Err(error) => Err(error.into()),
    }
}

/// What is told of a set that works but is not as its target wants it, since others made it.
pub(super) fn doubts(client: &mut Client, spec: &SetSpec) -> Option<String> {
    let (set, shape) = named(spec).filter(|(set, _)| spec.managed && !is_ours(set))?;
    let info = nftables::set(client, &set).ok()?;
    let differs = !info.differences(&shape).is_empty();
    differs.then(|| format!("{}: filled as it is", mismatch(spec, &info, &shape)))
}

/// Queues the addition of an element; one that is there keeps its clock, unless it is to have none.
pub(super) fn add(
    batch: &mut Batch,
    spec: &SetSpec,
    live: &Live<'_>,
    kept: Kept,
) -> Result<(), Error> {
    let (Some((set, _)), Some(key)) = (named(spec), key_of(live.element)) else { return Ok(()) };
    match (kept.timeouts, live.timeout) {
        (true, None) => nftables::refresh(batch, &set, &key, Some(Duration::ZERO)),
        (true, timeout) => nftables::add(batch, &set, &key, timeout),
        (false, _) => nftables::add(batch, &set, &key, None),
    }
}

/// Queues the renewal of an element's clock.
pub(super) fn refresh(
    batch: &mut Batch,
    spec: &SetSpec,
    element: &Element,
    timeout: Duration,
    kept: Kept,
) -> Result<(), Error> {
    let (Some((set, _)), Some(key)) = (named(spec), key_of(element)) else { return Ok(()) };
    if kept.timeouts {
        nftables::refresh(batch, &set, &key, Some(timeout))
    } else {
        nftables::add(batch, &set, &key, None)
    }
}

/// Queues the removal of an element.
pub(super) fn delete(batch: &mut Batch, spec: &SetSpec, element: &Element) -> Result<(), Error> {
    let (Some((set, _)), Some(key)) = (named(spec), key_of(element)) else { return Ok(()) };
    nftables::delete(batch, &set, &key)
}

/// Empties a set.
pub(super) fn flush(client: &mut Client, spec: &SetSpec) -> Result<(), Error> {
    at_once(client, |batch| named(spec).map_or(Ok(()), |(set, _)| nftables::flush_set(batch, &set)))
}

/// Destroys a set that no rule refers to.
pub(super) fn destroy(client: &mut Client, spec: &SetSpec) -> Result<(), Error> {
    at_once(client, |batch| {
        named(spec).map_or(Ok(()), |(set, _)| nftables::delete_set(batch, &set))
    })
}

/// Makes a set, in place of one of another shape if there is one.
fn create(
    client: &mut Client,
    spec: &SetSpec,
    set: &SetName,
    shape: &SetShape,
    old: Option<&SetInfo>,
) -> Result<State, Unfit> {
    let result = at_once(client, |batch| {
        if set.table.name != TABLE_OF_FIREWALL4 {
            nftables::add_table(batch, &set.table)?;
        }
        if old.is_some() {
            nftables::delete_set(batch, set)?;
        }
        nftables::add_set(batch, set, shape)
    });
    match (result, old) {
        (Ok(()), _) => Ok(State::Ready(Kept { timeouts: shape.timeout.is_some(), skbinfo: false })),
        (Err(error), Some(info)) => {
            let mismatch = mismatch(spec, info, shape);
            Err(format!("{mismatch}, and cannot be made anew: {error}").into())
        }
        // Without a table there is no set; with it comes an event.
        (Err(error), None) if error.is_missing() => Ok(State::Missing),
        (Err(error), None) => Err(error.into()),
    }
}

/// One transaction, of which the first failure is the result.
pub(super) fn at_once(
    client: &mut Client,
    fill: impl FnOnce(&mut Batch) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut batch = Batch::new();
    fill(&mut batch)?;
    client.commit(&mut batch).into_iter().next().map_or(Ok(()), |failure| Err(failure.error))
}

fn fits(info: &SetInfo, shape: &SetShape) -> bool {
    info.is_fillable() && info.fields.as_deref() == Some(&shape.fields)
}

const fn ready(info: &SetInfo) -> State {
    State::Ready(Kept { timeouts: info.timeout.is_some(), skbinfo: false })
}

fn mismatch(spec: &SetSpec, info: &SetInfo, shape: &SetShape) -> String {
    format!("{spec} has another shape ({})", info.differences(shape).join(", "))
}

/// A table in which nfa may replace what it finds.
fn is_ours(set: &SetName) -> bool {
    set.table.name == TABLE_DEFAULT
}

/// Its name in the kernel.
pub(super) fn name(spec: &SetSpec) -> Option<SetName> {
    named(spec).map(|(set, _)| set)
}

fn named(spec: &SetSpec) -> Option<(SetName, SetShape)> {
    let Home::Nft(table) = &spec.home else { return None };
    let field = |dimension: &Dimension| {
        Some(match dimension {
            Dimension::LocalAddr | Dimension::OtherAddr => match spec.family {
                Family::V4 => Field::Ipv4Addr,
                Family::V6 => Field::Ipv6Addr,
                Family::Mac => return None,
            },
            Dimension::Proto => Field::InetProto,
            Dimension::LocalPort | Dimension::OtherPort => Field::InetService,
            Dimension::LocalMac | Dimension::OtherMac => Field::EtherAddr,
            Dimension::Mark => Field::Mark,
            Dimension::Interface => Field::IfName,
            Dimension::OtherProtoPort => return None,
        })
    };
    let fields: Option<Vec<Field>> = spec.shape.iter().map(field).collect();
    let shape = SetShape { fields: fields?, timeout: spec.timeout, size: Some(spec.max_elements) };
    Some((SetName { table: table.clone(), name: spec.name.clone() }, shape))
}

pub(super) fn key_of(element: &Element) -> Option<Key> {
    let value = |part: &Part| {
        Some(match part {
            Part::Addr(addr) => Value::Addr(*addr),
            Part::Proto(transport) => Value::Transport(*transport),
            Part::Port(port) => Value::Port(*port),
            Part::Mac(mac) => Value::Mac(*mac),
            Part::Mark(mark) => Value::Mark(*mark),
            Part::Interface(name) => Value::Interface(Interface::new(name)?),
            Part::ProtoPort(..) => return None,
        })
    };
    let values: Option<Vec<Value>> = element.0.iter().map(value).collect();
    Key::new(&values?)
}
