//! Keeps the kernel's objects as the engine wants them: makes sets, sends changes, puts back what
//! others took out, changes connections, counts errors.

mod conntrack;
mod feed;
mod inherited;
mod ipset;
mod lacks;
mod leftovers;
mod newcomers;
mod nft;
mod removals;
mod restore;
mod search;
mod tally;

use std::fmt;
use std::os::fd::{AsRawFd, RawFd};

use super::adopt::Found;
use super::set::{Home, SetSpec, Sets};
use crate::effect::{Accounts, Effect, FiveTuple, Live, SetId, Tracked};
use crate::netlink::nftables::Feed;
use crate::netlink::{Batch, Cause, Client, Error, Failure, ipset as kernel_ipset};
use crate::sorted::{SortedMap, SortedSet};
use crate::time::Timestamp;
use conntrack::Connections;
use feed::Feeds;
use inherited::Inherited;
use lacks::Lacks;
use leftovers::{Leftover, Leftovers};
use newcomers::Newcomers;
use nft::Watch;
use search::Search;
use tally::Tallies;

pub use newcomers::Newcomer;

/// The subject of failures that concern no single set.
const NO_SET: u32 = u32::MAX;
/// The subject of failures that concern connections; tags from here on are their changes.
const CONNECTIONS: u32 = 1 << 24;

/// What a set in the kernel was made to keep beside its elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kept {
    /// Elements may bring a timeout.
    timeouts: bool,
    /// Elements may bring what packets get.
    skbinfo: bool,
}

/// How a set stands in the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It takes elements.
    Ready(Kept),
    /// It is not there: changes wait until it appears.
    Missing,
    /// It is there with another key: changes are not sent.
    Foreign,
}

/// Why a set takes no elements.
#[derive(Debug)]
enum Unfit {
    /// It is another than it should be; how.
    Other(String),
    /// The kernel could not do or tell it.
    Failed(Error),
}

impl From<String> for Unfit {
    fn from(message: String) -> Self {
        Unfit::Other(message)
    }
}

impl From<Error> for Unfit {
    fn from(error: Error) -> Self {
        Unfit::Failed(error)
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfit::Other(message) => f.write_str(message),
            Unfit::Failed(error) => error.fmt(f),
        }
    }
}

/// How a set stands in the kernel, for people who ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It takes elements.
    Ready,
    /// It is not there: nobody has made it.
    Missing,
    /// It is there with another key.
    Foreign,
    /// The kernel has no such sets.
    Unsupported,
}

/// The conversation with the kernel.
#[derive(Debug)]
pub struct Keeper {
    client: Client,
    batch: Batch,
    states: SortedMap<SetId, State>,
    watch: Watch,
    connections: Connections,
    newcomers: Newcomers,
    leftovers: Leftovers,
    inherited: Inherited,
    failures: Tallies,
    lacks: Lacks,
    search: Search,
    /// Times that events of connections were lost; wraps.
    overruns: u32,
    feeds: Feeds,
    /// Sets of which a change was lost on the way.
    doubted: SortedSet<SetId>,
    /// Members of those that were to go.
    removals: Vec<(SetId, Leftover)>,
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
            states: SortedMap::new(),
            watch: Watch::default(),
            connections: Connections::default(),
            newcomers: Newcomers::default(),
            leftovers: Leftovers::default(),
            inherited: Inherited::default(),
            failures: Tallies::default(),
            lacks: Lacks::default(),
            search: Search::default(),
            overruns: 0,
            feeds: Feeds::default(),
            doubted: SortedSet::new(),
            removals: Vec::new(),
        })
    }

    /// Makes or finds the sets numbered `live`, and empties those that are new here and want it.
    /// Called at start and after every reload. What goes wrong is told, one line each.
    pub fn prepare(&mut self, sets: &Sets, live: &[SetId], mut tell: impl FnMut(String)) {
        let homes = live.iter().filter_map(|id| sets.get(*id)).map(|spec| &spec.home);
        self.lacks.find(&mut self.client, homes.clone(), &mut tell);
        if homes.clone().any(|home| matches!(home, Home::Nft(_)) && !self.lacks.set(home))
            && let Err(error) = self.watch.open()
        {
            tell(format!("changes of nft sets by others are noticed late: {error}"));
        }
        for &id in live {
            let Some(spec) = sets.get(id).filter(|spec| !self.lacks.set(&spec.home)) else {
                continue;
            };
            let is_new = !self.states.contains_key(&id);
            let mut state = self.prepare_one(id, spec, &mut tell);
            if state == State::Missing {
                tell(format!("{spec} does not exist; it is filled as soon as it is made"));
            }
            if is_new && matches!(state, State::Ready(_)) {
                if let Some(doubts) = nft::doubts(&mut self.client, spec) {
                    tell(doubts);
                }
                if spec.skbinfo && !matches!(state, State::Ready(Kept { skbinfo: true, .. })) {
                    tell(format!("{spec} was made without skbinfo: its elements carry no mark"));
                }
                let found = self.leftovers.find(&mut self.client, id, spec);
                let found = found.and(self.inherited.find(&mut self.client, id, spec));
                if let Err(error) = found {
                    tell(error.to_string());
                }
                let emptied = if spec.flush_on_create { self.flush(spec) } else { Ok(()) };
                if let Err(error) = emptied {
                    tell(error.to_string());
                    state = State::Foreign;
                }
            }
            self.states.insert(id, state);
        }
    }

    /// Forgets the sets that no configuration wants any more; managed ones are destroyed, unless a
    /// rule refers to them.
    pub fn retire(&mut self, sets: &Sets, live: &[SetId], mut tell: impl FnMut(String)) {
        let unwanted: Vec<SetId> =
            self.states.keys().filter(|id| !live.contains(id)).copied().collect();
        let mut has_destroyed = false;
        for id in unwanted {
            self.states.remove(&id);
            self.leftovers.forget(id);
            self.inherited.forget(id);
            self.failures.forget(id.0.into());
            let Some(spec) = sets.get(id).filter(|spec| spec.managed) else { continue };
            let destroyed = match spec.home {
                Home::Ipset => kernel_ipset::destroy(&mut self.client, &spec.name),
                Home::Nft(_) => nft::destroy(&mut self.client, spec),
            };
            match destroyed {
                Ok(()) => has_destroyed = true,
                Err(error) if error.is_missing() => {}
                Err(error) => tell(format!("{spec} is no longer wanted and stays: {error}")),
            }
        }
        if has_destroyed {
            self.search.note_nft(); // of what is done here no event tells
            self.read_ipsets();
        }
    }

    /// Sends the changes in a handful of system calls. Failures are counted; the first of each
    /// kind is told.
    pub fn apply(
        &mut self,
        sets: &Sets,
        effects: &[Effect],
        now: Timestamp,
        mut tell: impl FnMut(String),
    ) {
        for effect in effects {
            if let Err((subject, error)) = self.push_member(sets, effect) {
                self.failures.note(subject, &error, now, &mut tell);
            }
        }
        // An element must be there before the rule on its set judges a killed connection anew.
        if effects.iter().any(|effect| matches!(effect, Effect::Kill { .. })) {
            self.commit(now, &mut tell);
        }
        for effect in effects.iter().filter(|effect| effect.is_of_connection()) {
            if self.lacks.conntrack(&mut self.client, &mut tell) {
                break;
            }
            if !matches!(effect, Effect::Kill { .. }) {
                self.newcomers.want(&mut tell);
            }
            self.batch.set_tag(CONNECTIONS.saturating_add(self.connections.number()));
            if let Err(error) = self.connections.push(&mut self.batch, effect) {
                self.failures.note(CONNECTIONS, &error, now, &mut tell);
            }
        }
        self.commit(now, &mut tell);
        self.note_removals(sets, effects);
    }

    /// Queues a change of a set's members.
    fn push_member(&mut self, sets: &Sets, effect: &Effect) -> Result<(), (u32, Error)> {
        let Some(id) = effect.set() else { return Ok(()) };
        let Some(spec) = sets.get(id) else { return Ok(()) };
        if let Effect::Add { element, .. } = effect {
            self.inherited.claim(id, spec, element);
        }
        let Some(&State::Ready(kept)) = self.states.get(&id) else { return Ok(()) };
        self.batch.set_tag(id.0.into());
        let batch = &mut self.batch;
        let live = |element, timeout, skb| Live { set: id, element, timeout, skb };
        let pushed = match (effect, &spec.home) {
            (Effect::Add { element, timeout, skb, .. }, _) => {
                add(batch, spec, &live(element, *timeout, skb.as_deref()), kept)
            }
            (Effect::Refresh { element, timeout, skb, .. }, Home::Ipset) => {
                ipset::add(batch, spec, &live(element, Some(*timeout), skb.as_deref()), kept)
            }
            (Effect::Refresh { element, timeout, .. }, Home::Nft(_)) => {
                nft::refresh(batch, spec, element, *timeout, kept)
            }
            (Effect::Remove { element, .. }, Home::Ipset) => ipset::delete(batch, spec, element),
            (Effect::Remove { element, .. }, Home::Nft(_)) => nft::delete(batch, spec, element),
            _ => Ok(()),
        };
        pushed.map_err(|error| (id.0.into(), error))
    }

    /// Makes the rules that feed NFLOG groups, in place of those of the configuration before, and
    /// puts them back from now on. Called at the start and after every reload.
    pub fn feed(&mut self, feeds: Vec<Feed>, mut tell: impl FnMut(String)) {
        if !feeds.is_empty()
            && let Err(error) = self.watch.open()
        {
            tell(format!("it is noticed late if the rules of a capture go: {error}"));
        }
        self.feeds.want(&mut self.client, feeds, &mut tell);
    }

    fn tend_feeds(&mut self, tell: &mut dyn FnMut(String)) {
        if self.watch.take_feeds_doubted() {
            self.feeds.doubt();
        }
        self.feeds.tend(&mut self.client, tell);
    }

    /// Asks connection tracking about a flow. `None`: it knows nothing of it, now.
    pub fn tracked(
        &mut self,
        flow: &FiveTuple,
        now: Timestamp,
        mut tell: impl FnMut(String),
    ) -> Option<Tracked> {
        if self.lacks.conntrack(&mut self.client, &mut tell) {
            return None;
        }
        conntrack::tracked(&mut self.client, flow).unwrap_or_else(|error| {
            self.failures.note(CONNECTIONS, &error, now, &mut tell);
            None
        })
    }

    /// Asks connection tracking what it counted of a flow. `None`: it knows nothing of it, now, or
    /// does not count.
    pub fn accounts(
        &mut self,
        flow: &FiveTuple,
        now: Timestamp,
        mut tell: impl FnMut(String),
    ) -> Option<Accounts> {
        if self.lacks.conntrack(&mut self.client, &mut tell) {
            return None;
        }
        conntrack::accounts(&mut self.client, flow).unwrap_or_else(|error| {
            self.failures.note(CONNECTIONS, &error, now, &mut tell);
            None
        })
    }

    /// Looks from now on for sets that ask by their names to be filled, or no longer. Called at
    /// start and after every reload.
    pub fn search(&mut self, is_on: bool, mut tell: impl FnMut(String)) {
        self.search.start(is_on);
        if is_on && let Err(error) = self.watch.open() {
            tell(format!("new nft sets are found late: {error}"));
        }
        self.read_ipsets();
    }

    /// The sets that ask by their names to be filled, as of the newest event (nft) and the last
    /// [`Keeper::restore`] (ipset).
    pub fn found(&mut self) -> Found {
        self.search.found(&mut self.client)
    }

    /// The same, if they are others than the last time.
    pub fn news(&mut self) -> Option<Found> {
        if self.watch.take_turnover() {
            self.search.note_nft();
        }
        self.search.news(&mut self.client)
    }

    /// What is to be polled for reading; [`Keeper::notice`] and [`Keeper::newcomers`] are called
    /// when there is something.
    pub fn event_fds(&self) -> impl Iterator<Item = RawFd> + use<> {
        use std::os::fd::AsFd;
        let of_sets = self.watch.client().map(|client| client.as_fd().as_raw_fd());
        of_sets.into_iter().chain(self.newcomers.fd())
    }

    /// Empties the sets that want it at the end, and removes the rules that feed captures.
    pub fn close(&mut self, sets: &Sets, live: &[SetId], mut tell: impl FnMut(String)) {
        self.feeds.close(&mut self.client, &mut tell);
        for spec in live.iter().filter_map(|id| sets.get(*id)).filter(|s| s.flush_on_destroy) {
            if self.lacks.set(&spec.home) {
                continue;
            }
            if let Err(error) = self.flush(spec)
                && !error.is_missing()
            {
                tell(error.to_string());
            }
        }
    }

    /// Tells how often errors that were told once have gone on.
    pub fn summarize(&mut self, now: Timestamp, tell: impl FnMut(String)) {
        self.failures.summarize(now, tell);
    }

    /// System calls made so far.
    pub const fn calls(&self) -> u64 {
        self.client.calls()
    }

    /// How a set stands, and what of its changes the kernel refused and how often.
    pub fn standing(
        &self,
        id: SetId,
        spec: &SetSpec,
    ) -> (Standing, impl Iterator<Item = (&str, u32)>) {
        let standing = match self.states.get(&id) {
            _ if self.lacks.set(&spec.home) => Standing::Unsupported,
            Some(State::Ready(_)) => Standing::Ready,
            Some(State::Foreign) => Standing::Foreign,
            Some(State::Missing) | None => Standing::Missing,
        };
        (standing, self.failures.of(id.0.into()))
    }

    /// Times that the kernel had no room for events of sets or connections; wraps. All that they
    /// may have told of was looked at anew.
    pub const fn overruns(&self) -> u32 {
        self.overruns.wrapping_add(self.watch.overruns())
    }

    /// Changes that the kernel refused.
    pub fn failures(&self) -> u32 {
        self.failures.total()
    }

    fn prepare_one(&mut self, id: SetId, spec: &SetSpec, tell: &mut dyn FnMut(String)) -> State {
        let prepared = match spec.home {
            Home::Ipset => ipset::prepare(&mut self.client, spec),
            Home::Nft(_) => {
                self.watch.note_lost(id); // it may have been made anew
                nft::prepare(&mut self.client, spec)
            }
        };
        prepared.unwrap_or_else(|unfit| {
            tell(unfit.to_string());
            match unfit {
                Unfit::Failed(error) if is_passing(&error.cause) => {
                    self.doubted.insert(id);
                    self.states.get(&id).copied().unwrap_or(State::Foreign)
                }
                _ => State::Foreign,
            }
        })
    }

    fn flush(&mut self, spec: &SetSpec) -> Result<(), Error> {
        match spec.home {
            Home::Ipset => kernel_ipset::flush(&mut self.client, &spec.name),
            Home::Nft(_) => nft::flush(&mut self.client, spec),
        }
    }

    /// The sets kept that live there.
    fn kept(&self, sets: &Sets, at: impl Fn(&Home) -> bool) -> Vec<SetId> {
        let ids = self.states.keys().copied();
        ids.filter(|id| sets.get(*id).is_some_and(|spec| at(&spec.home))).collect()
    }

    fn commit(&mut self, now: Timestamp, tell: &mut dyn FnMut(String)) {
        if self.batch.is_empty() {
            return;
        }
        for Failure { tag, error } in self.client.commit(&mut self.batch) {
            match tag.checked_sub(CONNECTIONS) {
                Some(number) if self.connections.is_failure(number, &error) => {
                    self.failures.note(CONNECTIONS, &error, now, tell);
                }
                Some(_) => {}
                // A set that went away under us is found by the next look. Where the kernel did not
                // say what it made of a change, and what was for want of memory, is said again.
                None => {
                    if is_passing(&error.cause) {
                        self.doubted.extend(u16::try_from(tag).map(SetId));
                    }
                    self.failures.note(tag, &error, now, tell);
                }
            }
        }
        self.connections.done();
    }
}

/// Whether a change that failed so may not fail again, or was even made.
const fn is_passing(cause: &Cause) -> bool {
    match cause {
        Cause::Unanswered | Cause::Overrun | Cause::System { .. } => true,
        Cause::Kernel { code, .. } => {
            matches!(*code, libc::EAGAIN | libc::EINTR | libc::ENOMEM | libc::ENOBUFS)
        }
        _ => false,
    }
}

fn add(batch: &mut Batch, spec: &SetSpec, live: &Live<'_>, kept: Kept) -> Result<(), Error> {
    match spec.home {
        Home::Ipset => ipset::add(batch, spec, live, kept),
        Home::Nft(_) => nft::add(batch, spec, live, kept),
    }
}
