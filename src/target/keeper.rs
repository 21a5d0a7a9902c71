//! Keeps the kernel's sets as the engine wants them: makes them, sends changes, counts errors.

use std::collections::BTreeMap;
use std::time::Duration;

use super::set::{Dimension, Family, Home, SetSpec, Sets};
use crate::effect::{Effect, Element, Part, SetId};
use crate::netlink::ipset::{self, Created, Entry, Header, Kind, Shape, SkbInfo};
use crate::netlink::{Batch, Client, Error, Failure};
use crate::time::Timestamp;

/// How often the errors of one kind that went on are told again.
const SUMMARY_INTERVAL: Duration = Duration::from_secs(60);
/// What is put behind a set's name while it is made anew. With it a name may be too long for the
/// kernel: the last characters of the set's own give way.
const SPARE_SUFFIX: &str = "~";

/// How a set stands in the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It takes elements.
    Ready {
        /// Elements may bring a timeout.
        timeouts: bool,
    },
    /// It is not there: changes wait until it appears.
    Missing,
    /// It is there with another key: changes are not sent.
    Foreign,
}

/// How often something failed.
#[derive(Debug, Clone, Copy)]
struct Tally {
    count: u32,
    told: u32,
    told_at: Timestamp,
}

/// The conversation with the kernel about sets.
#[derive(Debug)]
pub struct Keeper {
    client: Client,
    batch: Batch,
    states: BTreeMap<SetId, State>,
    /// Failed changes by set and the error's first words.
    failures: BTreeMap<(SetId, String), Tally>,
    /// Set once the kernel turned out to lack ipset: told once, then nothing is sent.
    unsupported: bool,
}

impl Keeper {
    /// Opens the socket.
    ///
    /// # Errors
    /// The kernel has no netfilter netlink.
    pub fn open() -> Result<Self, Error> {
        Ok(Keeper {
            client: Client::open()?,
            batch: Batch::new(),
            states: BTreeMap::new(),
            failures: BTreeMap::new(),
            unsupported: false,
        })
    }

    /// Makes or finds the sets numbered `live`, and empties those that are new here and want it.
    /// Called at start and after every reload. What goes wrong is told, one line each.
    pub fn prepare(&mut self, sets: &Sets, live: &[SetId], mut tell: impl FnMut(String)) {
        if !self.unsupported
            && !live.is_empty()
            && let Err(error) = ipset::protocol(&mut self.client)
        {
            self.unsupported = error.is_unsupported();
            tell(format!("no set can be kept: {error}"));
        }
        for &id in live {
            let Some(spec) = sets.get(id) else { continue };
            if self.unsupported {
                continue;
            }
            let is_new = !self.states.contains_key(&id);
            let state = match self.prepare_one(spec, is_new && spec.flush_on_create) {
                Ok(state) => state,
                Err(message) => {
                    tell(message);
                    State::Foreign
                }
            };
            if state == State::Missing {
                tell(format!("{spec} does not exist; it is filled as soon as it is made"));
            }
            self.states.insert(id, state);
        }
    }

    /// Forgets the sets that no configuration wants any more; managed ones are destroyed, unless a
    /// rule refers to them.
    pub fn retire(&mut self, sets: &Sets, live: &[SetId], mut tell: impl FnMut(String)) {
        let unwanted = self.states.extract_if(.., |id, _| !live.contains(id));
        for (id, _) in unwanted {
            let Some(spec) = sets.get(id).filter(|spec| spec.managed) else { continue };
            match ipset::destroy(&mut self.client, &spec.name) {
                Ok(()) => {}
                Err(error) if error.is_missing() => {}
                Err(error) => tell(format!("{spec} is no longer wanted and stays: {error}")),
            }
        }
    }

    /// Sends the changes: one send for up to 200 of them. Failures are counted; the first of each
    /// kind is told.
    pub fn apply(
        &mut self,
        sets: &Sets,
        effects: &[Effect],
        now: Timestamp,
        mut tell: impl FnMut(String),
    ) {
        if self.unsupported {
            return;
        }
        for effect in effects {
            let (Effect::Add { set, element, .. }
            | Effect::Refresh { set, element, .. }
            | Effect::Remove { set, element }) = effect;
            let Some(spec) = sets.get(*set) else { continue };
            let Some(&State::Ready { timeouts }) = self.states.get(set) else { continue };
            let Some(entry) = entry_of(element) else { continue };
            let timeout = match effect {
                Effect::Add { timeout, .. } => *timeout,
                Effect::Refresh { timeout, .. } => Some(*timeout),
                Effect::Remove { .. } => None,
            };
            self.batch.set_tag(u32::from(set.0));
            let pushed = match effect {
                Effect::Remove { .. } => ipset::delete(&mut self.batch, &spec.name, &entry),
                _ => add(&mut self.batch, spec, &entry, timeout, timeouts),
            };
            if let Err(error) = pushed {
                self.note(*set, &error, now, &mut tell);
            }
        }
        self.commit(now, tell);
    }

    /// Puts every element that ought to be there into the sets that lost some: a set that was
    /// emptied, destroyed or that has appeared since. Meant to be called about once a second.
    pub fn restore<'e>(
        &mut self,
        sets: &Sets,
        elements: impl Iterator<Item = (SetId, &'e Element, Option<Duration>)> + Clone,
        now: Timestamp,
        mut tell: impl FnMut(String),
    ) {
        if self.unsupported || self.states.is_empty() {
            return;
        }
        let mut wanted: BTreeMap<SetId, u32> = BTreeMap::new();
        for (set, _, _) in elements.clone() {
            let count = wanted.entry(set).or_default();
            *count = count.saturating_add(1);
        }
        let headers = match ipset::headers(&mut self.client) {
            Ok(headers) => headers,
            Err(error) => {
                self.note(SetId(u16::MAX), &error, now, &mut tell);
                return;
            }
        };
        let ids: Vec<SetId> = self.states.keys().copied().collect();
        for id in ids {
            let Some(spec) = sets.get(id) else { continue };
            let wanted = wanted.get(&id).copied().unwrap_or(0);
            let header = headers.iter().find(|header| header.name == spec.name);
            if !self.has_lost(id, spec, header, wanted, &mut tell) {
                continue;
            }
            let Some(&State::Ready { timeouts }) = self.states.get(&id) else { continue };
            self.batch.set_tag(u32::from(id.0));
            for (_, element, timeout) in elements.clone().filter(|(set, _, _)| *set == id) {
                let pushed = entry_of(element)
                    .map(|entry| add(&mut self.batch, spec, &entry, timeout, timeouts));
                if let Some(Err(error)) = pushed {
                    self.note(id, &error, now, &mut tell);
                }
            }
        }
        self.commit(now, tell);
    }

    /// Empties the sets that want it at the end.
    pub fn close(&mut self, sets: &Sets, live: &[SetId], mut tell: impl FnMut(String)) {
        for spec in live.iter().filter_map(|id| sets.get(*id)).filter(|s| s.flush_on_destroy) {
            if self.unsupported || spec.home != Home::Ipset {
                continue;
            }
            if let Err(error) = ipset::flush(&mut self.client, &spec.name)
                && !error.is_missing()
            {
                tell(error.to_string());
            }
        }
    }

    /// Tells how often errors that were told once have gone on.
    pub fn summarize(&mut self, now: Timestamp, mut tell: impl FnMut(String)) {
        for ((_, error), tally) in &mut self.failures {
            let more = tally.count.wrapping_sub(tally.told);
            if more > 0 && now.since(tally.told_at) >= SUMMARY_INTERVAL {
                tell(format!("{more} more failures like: {error}"));
                (tally.told, tally.told_at) = (tally.count, now);
            }
        }
    }

    /// System calls made so far.
    pub const fn calls(&self) -> u64 {
        self.client.calls()
    }

    /// Changes that the kernel refused.
    pub fn failures(&self) -> u32 {
        self.failures.values().fold(0, |sum, tally| sum.wrapping_add(tally.count))
    }

    fn prepare_one(&mut self, spec: &SetSpec, empty: bool) -> Result<State, String> {
        let shape = shape_of(spec).ok_or_else(|| format!("{spec} has a key no ipset has"))?;
        let state = if spec.managed {
            match ipset::create(&mut self.client, &spec.name, &shape) {
                Ok(Created::New | Created::Same) => {
                    State::Ready { timeouts: shape.timeout.is_some() }
                }
                Ok(Created::Other(header)) => self.recreate(spec, &shape, &header)?,
                Err(error) => return Err(error.to_string()),
            }
        } else {
            match ipset::header(&mut self.client, &spec.name) {
                Ok(header) => adopt(spec, &shape, &header)?,
                Err(error) if error.is_missing() => return Ok(State::Missing),
                Err(error) => return Err(error.to_string()),
            }
        };
        if empty {
            ipset::flush(&mut self.client, &spec.name).map_err(|error| error.to_string())?;
        }
        Ok(state)
    }

    /// Gives a managed set the shape it should have. Rules that refer to it go on if its type and
    /// family stay (the kernel swaps only those); else it must be free to be destroyed.
    fn recreate(
        &mut self,
        spec: &SetSpec,
        shape: &Shape,
        header: &Header,
    ) -> Result<State, String> {
        let name = spec.name.as_str();
        let differences = header.differences(shape).join(", ");
        let failed = |error: Error| {
            format!("{spec} has another shape ({differences}) and cannot be made anew: {error}")
        };
        if header.type_name == shape.kind.name() && header.family == shape.family {
            let spare = spare_name(name);
            let client = &mut self.client;
            if let Created::Other(_) = ipset::create(client, &spare, shape).map_err(failed)? {
                // Left behind by a run that was ended in between.
                ipset::destroy(client, &spare).map_err(failed)?;
                ipset::create(client, &spare, shape).map_err(failed)?;
            }
            ipset::flush(client, &spare).map_err(failed)?;
            ipset::swap(client, &spare, name).map_err(failed)?;
            ipset::destroy(client, &spare).map_err(failed)?;
        } else {
            ipset::destroy(&mut self.client, name).map_err(failed)?;
            ipset::create(&mut self.client, name, shape).map_err(failed)?;
        }
        Ok(State::Ready { timeouts: shape.timeout.is_some() })
    }

    /// Whether a set lacks elements now. Makes a managed set that has gone, finds one that came.
    fn has_lost(
        &mut self,
        id: SetId,
        spec: &SetSpec,
        header: Option<&Header>,
        wanted: u32,
        mut tell: impl FnMut(String),
    ) -> bool {
        let was_ready = match self.states.get(&id) {
            Some(State::Ready { .. }) => true,
            Some(State::Missing) => false,
            Some(State::Foreign) | None => return false,
        };
        match header {
            // Kernels before 4.9 do not tell the count; there only a set that has gone is noticed.
            Some(header) if was_ready => {
                let room = header.maxelem.unwrap_or(u32::MAX);
                return header.elements.is_some_and(|elements| elements < wanted.min(room));
            }
            None if !was_ready && !spec.managed => return false,
            _ => {}
        }
        let state = match self.prepare_one(spec, false) {
            Ok(state) => {
                tell(match state {
                    State::Missing => format!("{spec} has gone; it is filled once it is back"),
                    _ if header.is_none() => format!("{spec} had gone and was made anew"),
                    _ => format!("{spec} is there now"),
                });
                state
            }
            Err(error) => {
                tell(error);
                State::Foreign
            }
        };
        self.states.insert(id, state);
        matches!(state, State::Ready { .. })
    }

    fn commit(&mut self, now: Timestamp, mut tell: impl FnMut(String)) {
        if self.batch.is_empty() {
            return;
        }
        for Failure { tag, error } in self.client.commit(&mut self.batch) {
            // Tags are numbers of sets. A set that went away under us is found by the next look.
            let id = SetId(u16::try_from(tag).unwrap_or(u16::MAX));
            self.note(id, &error, now, &mut tell);
        }
    }

    fn note(&mut self, id: SetId, error: &Error, now: Timestamp, mut tell: impl FnMut(String)) {
        let kind = format!("{:?} {:?}", error.operation, error.code());
        match self.failures.get_mut(&(id, kind.clone())) {
            Some(tally) => tally.count = tally.count.wrapping_add(1),
            None => {
                tell(error.to_string());
                self.failures.insert((id, kind), Tally { count: 1, told: 1, told_at: now });
            }
        }
    }
}

/// A set that somebody else made: it must have our key; its other options are its own.
fn adopt(spec: &SetSpec, shape: &Shape, header: &Header) -> Result<State, String> {
    if header.type_name == shape.kind.name() && header.family == shape.family {
        return Ok(State::Ready { timeouts: header.timeout.is_some() });
    }
    let (kind, family) = (&header.type_name, header.family);
    let (wanted, wanted_family) = (shape.kind.name(), shape.family);
    Err(format!(
        "{spec} is {kind} family {family}, expected {wanted} family {wanted_family}: not filled"
    ))
}

fn add(
    batch: &mut Batch,
    spec: &SetSpec,
    entry: &Entry,
    timeout: Option<Duration>,
    timeouts: bool,
) -> Result<(), Error> {
    // A set made without timeouts takes none; one made with them wants 0 for "for ever".
    let timeout = timeouts.then(|| timeout.unwrap_or_default());
    ipset::add(batch, &spec.name, entry, timeout, &SkbInfo::default())
}

fn entry_of(element: &Element) -> Option<Entry> {
    match *element.0 {
        [Part::Addr(addr)] => Some(Entry::Ip(addr)),
        [Part::Addr(addr), Part::ProtoPort(transport, port)] => {
            Some(Entry::IpPort(addr, transport, port))
        }
        [Part::Addr(addr), Part::ProtoPort(transport, port), Part::Addr(second)] => {
            Some(Entry::IpPortIp(addr, transport, port, second))
        }
        [Part::Mac(mac)] => Some(Entry::Mac(mac)),
        _ => None,
    }
}

fn shape_of(spec: &SetSpec) -> Option<Shape> {
    use Dimension::{LocalMac, OtherAddr, OtherProtoPort};
    let kind = match *spec.shape {
        [OtherAddr] => Kind::Ip,
        [OtherAddr, OtherProtoPort] => Kind::IpPort,
        [OtherAddr, OtherProtoPort, Dimension::LocalAddr] => Kind::IpPortIp,
        [LocalMac] => Kind::Mac,
        _ => return None,
    };
    let family = match spec.family {
        Family::V4 => ipset::Family::V4,
        Family::V6 => ipset::Family::V6,
        Family::Mac => ipset::Family::None,
    };
    Some(Shape {
        kind,
        family,
        timeout: spec.timeout,
        maxelem: spec.max_elements,
        hashsize: None,
        skbinfo: false,
    })
}

fn spare_name(name: &str) -> String {
    let room = super::SET_NAME_MAX.saturating_sub(SPARE_SUFFIX.len());
    let head = (0..=room).rev().find_map(|end| name.get(..end)).unwrap_or(name);
    format!("{head}{SPARE_SUFFIX}")
}
