//! The members of sets that live because of flows: counted, refreshed, released.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use foldhash::quality::RandomState;
use hashbrown::HashTable;

use crate::effect::{Effect, Element, FiveTuple, Life, Live, SetId, Skb};
use crate::net::{Endpoint, Transport};
use crate::policy::View;
use crate::time::Timestamp;

/// Most members that are remembered after their last flow, of about 300 bytes each. Of more than
/// that, as a swarm's peers may be, the newest are left to the kernel's clock, or taken out at once
/// where it has none for them.
const LINGERING_MAX: usize = 16_384;
/// Fewer timers than this are never tidied.
const TIMERS_MIN: usize = 64;

/// Reference-counted members of all sets.
#[derive(Debug, Default)]
pub struct Elements {
    slots: Vec<Slot>,
    free: Vec<u32>,
    index: HashTable<u32>,
    hasher: RandomState,
    /// When to look at which member again, with the member's turn at the time of writing: an
    /// entry of an earlier turn is void.
    timers: BinaryHeap<Reverse<(Timestamp, u32, u32)>>,
    /// Members without holders.
    lingering: usize,
}

#[derive(Debug)]
struct Slot {
    /// `None`: the slot is free.
    member: Option<Member>,
    turn: u32,
}

#[derive(Debug)]
struct Member {
    set: SetId,
    element: Element,
    /// How many wants of flows hold it; 0 while it lingers.
    holders: u32,
    life: KeptLife,
    /// When it came.
    since: Timestamp,
    /// When the kernel's clock for it last started.
    wound: Timestamp,
    /// The first flow that wanted it, or the first after it had lingered.
    cause: Option<Cause>,
}

/// A [`Life`] in less than half the room, in whole seconds, as configurations give them.
#[derive(Debug)]
struct KeptLife {
    timeout_s: Option<NonZeroU32>,
    linger_s: u32,
    skb: Option<Arc<Skb>>,
}

impl KeptLife {
    fn timeout(&self) -> Option<Duration> {
        self.timeout_s.map(|seconds| Duration::from_secs(u32::from(seconds).into()))
    }

    fn linger(&self) -> Duration {
        Duration::from_secs(self.linger_s.into())
    }
}

impl From<Life> for KeptLife {
    fn from(life: Life) -> Self {
        // No less than was asked for. To the kernel no seconds are for ever, as `None` is here.
        let whole = |time: Duration| {
            let seconds = time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0));
            u32::try_from(seconds).unwrap_or(u32::MAX)
        };
        let timeout_s = life.timeout.and_then(|timeout| NonZeroU32::new(whole(timeout)));
        KeptLife { timeout_s, linger_s: whole(life.linger), skb: life.skb }
    }
}

/// Why a member is in its set: a flow, as it was when it first wanted it, and the action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    // Not a FiveTuple: its last byte would be lost, and with it eight for each member.
    transport: Transport,
    ends: [Endpoint; 2],
    client_is_source: bool,
    /// Public number of its application; 0: none.
    pub application: u32,
    /// Public number of its protocol; 0: unknown.
    pub protocol: u16,
    /// The action.
    pub rule: Option<Arc<str>>,
}

impl Cause {
    /// That flow, without an action yet.
    pub(super) fn of(view: &View<'_>, flow: FiveTuple) -> Self {
        Cause {
            transport: flow.transport,
            ends: [flow.source, flow.destination],
            client_is_source: flow.source == view.flow.local(),
            application: view.app().map_or(0, |app| app.id),
            protocol: view.protocol().map_or(0, |protocol| protocol.id),
            rule: None,
        }
    }

    /// The flow.
    pub const fn flow(&self) -> FiveTuple {
        let [source, destination] = self.ends;
        FiveTuple { transport: self.transport, source, destination }
    }

    /// The end of it that is the LAN's.
    pub const fn client(&self) -> IpAddr {
        let [source, destination] = self.ends;
        if self.client_is_source { source.addr } else { destination.addr }
    }
}

/// A member of a set and how long it has been and will be there.
#[derive(Debug, Clone, Copy)]
pub struct Stay<'e> {
    /// Its number: what a flow that holds it knows it by.
    pub number: u32,
    /// Where.
    pub set: SetId,
    /// What.
    pub element: &'e Element,
    /// How many wants of live flows hold it; 0: it is remembered after them.
    pub holders: u32,
    /// When it came.
    pub since: Timestamp,
    /// When it goes unless a flow keeps it; `None`: not by itself.
    pub until: Option<Timestamp>,
    /// Why it is there.
    pub cause: Option<&'e Cause>,
}

impl Member {
    /// The kernel's clock must not run out before ours: one that lingers lives as long as that.
    fn timeout(&self) -> Option<Duration> {
        let least = if self.holders == 0 { self.life.linger() } else { Duration::ZERO };
        self.life.timeout().map(|timeout| timeout.max(least))
    }

    /// `None`: it lives for ever.
    fn refresh(&self) -> Option<Effect> {
        let (element, skb) = (self.element.clone(), self.life.skb.clone());
        self.timeout().map(|timeout| Effect::Refresh { set: self.set, element, timeout, skb })
    }
}

impl Elements {
    /// One more flow wants that member. Gives its number, for [`Elements::release`].
    pub fn acquire(
        &mut self,
        now: Timestamp,
        (set, element): (SetId, Element),
        life: Life,
        effects: &mut Vec<Effect>,
    ) -> u32 {
        let hash = self.hasher.hash_one((set, &element));
        let slots = &self.slots;
        let found = self.index.find(hash, |number| {
            member(slots, *number).is_some_and(|m| m.set == set && m.element == element)
        });
        if let Some(&number) = found {
            self.reacquire(now, number, life, effects);
            return number;
        }
        let number = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { member: None, turn: 0 });
            u32::try_from(self.slots.len().saturating_sub(1)).unwrap_or(u32::MAX)
        });
        let (timeout, skb) = (life.timeout, life.skb.clone());
        effects.push(Effect::Add { set, element: element.clone(), timeout, skb });
        if let Some(slot) = self.slots.get_mut(number as usize) {
            let (since, wound) = (now, now);
            let life = life.into();
            let member = Member { set, element, holders: 1, life, since, wound, cause: None };
            slot.member = Some(member);
        }
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.index.insert_unique(hash, number, |number| {
            member(slots, *number).map_or(0, |m| hasher.hash_one((m.set, &m.element)))
        });
        self.schedule_refresh(now, number);
        number
    }

    fn reacquire(&mut self, now: Timestamp, number: u32, life: Life, effects: &mut Vec<Effect>) {
        let life = KeptLife::from(life);
        let Some(slot) = self.slots.get_mut(number as usize) else { return };
        let Some(member) = slot.member.as_mut() else { return };
        let lingered = member.holders == 0;
        self.lingering = self.lingering.saturating_sub(usize::from(lingered));
        member.holders = member.holders.saturating_add(1);
        if lingered {
            member.cause = None;
        }
        let known = &mut member.life;
        known.linger_s = known.linger_s.max(life.linger_s);
        let longer = match (known.timeout_s, life.timeout_s) {
            (Some(old), Some(new)) => new > old,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if longer {
            known.timeout_s = life.timeout_s;
        }
        // Of two that differ the later counts, as it does for the mark of a connection.
        let carries_other = life.skb.is_some() && life.skb != known.skb;
        if carries_other {
            known.skb = life.skb;
        }
        let (set, element, skb) = (member.set, &member.element, &member.life.skb);
        match member.life.timeout() {
            Some(timeout) if lingered || longer || carries_other => {
                let (element, skb) = (element.clone(), skb.clone());
                effects.push(Effect::Refresh { set, element, timeout, skb });
            }
            // Added again, now without end: the kernel's clock for it may be running.
            None if carries_other || longer => {
                let (element, skb) = (element.clone(), skb.clone());
                effects.push(Effect::Add { set, element, timeout: None, skb });
            }
            _ => {}
        }
        if lingered || longer || carries_other {
            member.wound = now;
            slot.turn = slot.turn.wrapping_add(1);
            self.schedule_refresh(now, number);
        }
    }

    /// A flow no longer wants the member. With the last one it goes, at once or after its linger.
    pub fn release(&mut self, now: Timestamp, number: u32, effects: &mut Vec<Effect>) {
        let Some(slot) = self.slots.get_mut(number as usize) else { return };
        let Some(member) = slot.member.as_mut() else { return };
        member.holders = member.holders.saturating_sub(1);
        if member.holders > 0 {
            return;
        }
        let full = self.lingering >= LINGERING_MAX;
        if member.life.linger_s == 0 || (full && member.life.timeout_s.is_none()) {
            return self.remove(number, effects);
        }
        slot.turn = slot.turn.wrapping_add(1);
        let until = now.after(member.life.linger());
        member.wound = now;
        // The kernel's clock must not run out before ours.
        effects.extend(member.refresh());
        if full {
            return self.remove(number, &mut Vec::new()); // the kernel does it
        }
        self.lingering = self.lingering.saturating_add(1);
        self.look_again(now, until, number);
    }

    /// A set is wanted no more: its members that linger go now.
    pub fn forget_sets(&mut self, live: &[SetId], effects: &mut Vec<Effect>) {
        for number in (0..).take(self.slots.len()) {
            if member(&self.slots, number).is_some_and(|m| m.holders == 0 && !live.contains(&m.set))
            {
                self.lingering = self.lingering.saturating_sub(1);
                self.remove(number, effects);
            }
        }
    }

    /// Whether the member is of one of these sets.
    pub fn is_of(&self, number: u32, sets: &[SetId]) -> bool {
        member(&self.slots, number).is_some_and(|member| sets.contains(&member.set))
    }

    /// A flow was evicted though it may live on: a member with a timeout is left to the kernel,
    /// one without goes, since nobody else would ever take it out.
    pub fn abandon(&mut self, number: u32, effects: &mut Vec<Effect>) {
        let Some(member) = self.slots.get_mut(number as usize).and_then(|s| s.member.as_mut())
        else {
            return;
        };
        member.holders = member.holders.saturating_sub(1);
        if member.holders == 0 {
            let expires = member.life.timeout_s.is_some();
            let mut removal = Vec::new();
            self.remove(number, &mut removal);
            effects.extend(removal.into_iter().filter(|_| !expires));
        }
    }

    /// Does what is due: refreshes members whose flows live, ends those that lingered enough.
    pub fn tick(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        while let Some(&Reverse((due, number, turn))) = self.timers.peek() {
            if due > now {
                break;
            }
            self.timers.pop();
            let Some(slot) = self.slots.get_mut(number as usize) else { continue };
            let current = slot.turn == turn;
            let Some(member) = slot.member.as_mut().filter(|_| current) else { continue };
            if member.holders == 0 {
                self.lingering = self.lingering.saturating_sub(1);
                self.remove(number, effects);
            } else if let Some(refresh) = member.refresh() {
                member.wound = now;
                effects.push(refresh);
                self.schedule_refresh(now, number);
            }
        }
    }

    /// When [`Elements::tick`] next has something to do (at the latest: a void entry may be first).
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.timers.peek().map(|Reverse((due, _, _))| *due)
    }

    /// Every live member, for putting back what somebody else took out.
    pub fn iter(&self) -> impl Iterator<Item = Live<'_>> + Clone {
        let members = self.slots.iter().filter_map(|slot| slot.member.as_ref());
        members.map(|member| Live {
            set: member.set,
            element: &member.element,
            timeout: member.timeout(),
            skb: member.life.skb.as_deref(),
        })
    }

    /// Notes why a member is there, unless that is known.
    pub(super) fn because(&mut self, number: u32, cause: &Cause, rule: Option<&Arc<str>>) {
        let slot = self.slots.get_mut(number as usize);
        if let Some(member) = slot.and_then(|slot| slot.member.as_mut()) {
            member.cause.get_or_insert_with(|| Cause { rule: rule.cloned(), ..cause.clone() });
        }
    }

    /// Every member with its times and its cause, for people who ask.
    pub fn stays(&self) -> impl Iterator<Item = Stay<'_>> {
        let members =
            (0..).zip(&self.slots).filter_map(|(n, slot)| Some((n, slot.member.as_ref()?)));
        members.map(|(number, member)| {
            let lingers = (member.holders == 0).then_some(member.life.linger());
            let left = lingers.or_else(|| member.timeout());
            Stay {
                number,
                set: member.set,
                element: &member.element,
                holders: member.holders,
                since: member.since,
                until: left.map(|left| member.wound.after(left)),
                cause: member.cause.as_ref(),
            }
        })
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// At half the timeout, so that one lost message costs nothing.
    fn schedule_refresh(&mut self, now: Timestamp, number: u32) {
        let timeout = member(&self.slots, number).and_then(|member| member.life.timeout());
        if let Some(timeout) = timeout {
            self.look_again(now, now.after(timeout / 2), number);
        }
    }

    fn look_again(&mut self, now: Timestamp, due: Timestamp, number: u32) {
        let slots = &self.slots;
        let turn = |number: u32| slots.get(number as usize).map(|slot| slot.turn);
        // At the end of time, which a capture can claim, nothing comes after now.
        let Some(own) = turn(number).filter(|_| due > now) else { return };
        // A member has one entry that is not void. Those that come and go fast leave many that are.
        let most = self.slots.len().saturating_mul(2).max(TIMERS_MIN);
        if self.timers.len() >= most {
            self.timers.retain(|Reverse((_, number, then))| turn(*number) == Some(*then));
        }
        self.timers.push(Reverse((due, number, own)));
    }

    fn remove(&mut self, number: u32, effects: &mut Vec<Effect>) {
        let Some(slot) = self.slots.get_mut(number as usize) else { return };
        let Some(Member { set, element, .. }) = slot.member.take() else { return };
        slot.turn = slot.turn.wrapping_add(1);
        let hash = self.hasher.hash_one((set, &element));
        if let Ok(entry) = self.index.find_entry(hash, |other| *other == number) {
            entry.remove();
        }
        self.free.push(number);
        effects.push(Effect::Remove { set, element });
    }
}

fn member(slots: &[Slot], number: u32) -> Option<&Member> {
    slots.get(number as usize)?.member.as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effect::Part;

    fn key(port: u16) -> (SetId, Element) {
        (SetId(0), Element(Box::new([Part::Port(port)])))
    }

    fn secs(s: u64) -> Timestamp {
        Timestamp::from_micros(s * 1_000_000)
    }

    fn life(timeout: u64, linger: u64) -> Life {
        let secs = Duration::from_secs;
        Life { timeout: (timeout > 0).then(|| secs(timeout)), linger: secs(linger), skb: None }
    }

    fn told(effects: &mut Vec<Effect>) -> Vec<String> {
        effects
            .drain(..)
            .map(|effect| match effect {
                Effect::Add { element, timeout, .. } => {
                    format!("add {element} {}", timeout.map_or(0, |t| t.as_secs()))
                }
                Effect::Refresh { element, timeout, .. } => {
                    format!("refresh {element} {}", timeout.as_secs())
                }
                Effect::Remove { element, .. } => format!("remove {element}"),
                other => format!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn a_shared_member_goes_with_its_last_flow() {
        let (mut elements, mut effects) = (Elements::default(), Vec::new());
        let life = || life(10, 0);
        let first = elements.acquire(secs(0), key(1), life(), &mut effects);
        let second = elements.acquire(secs(3), key(1), life(), &mut effects);
        assert_eq!((first, told(&mut effects)), (second, vec!["add 1 10".to_owned()]));
        elements.release(secs(4), first, &mut effects);
        elements.tick(secs(5), &mut effects);
        assert_eq!(
            told(&mut effects),
            ["refresh 1 10"],
            "at half its life, since one flow is left"
        );
        elements.release(secs(6), second, &mut effects);
        assert_eq!(told(&mut effects), ["remove 1"]);
        elements.tick(secs(100), &mut effects);
        assert!(effects.is_empty() && elements.is_empty() && elements.next_deadline().is_none());
    }

    #[test]
    fn a_long_flow_keeps_its_member_alive() {
        let (mut elements, mut effects) = (Elements::default(), Vec::new());
        elements.acquire(secs(0), key(1), life(10, 0), &mut effects);
        let mut alive_until = secs(10);
        for now in 1..60 {
            effects.clear();
            elements.tick(secs(now), &mut effects);
            if !effects.is_empty() {
                alive_until = secs(now + 10);
            }
            assert!(alive_until > secs(now), "gone at {now} s");
        }
    }

    #[test]
    fn linger_outlives_the_flow_and_is_taken_up_again() {
        let (mut elements, mut effects) = (Elements::default(), Vec::new());
        let life = || life(10, 60);
        let number = elements.acquire(secs(0), key(1), life(), &mut effects);
        elements.release(secs(1), number, &mut effects);
        assert_eq!(told(&mut effects), ["add 1 10", "refresh 1 60"]);
        let number = elements.acquire(secs(30), key(1), life(), &mut effects);
        assert_eq!(told(&mut effects), ["refresh 1 10"]);
        elements.tick(secs(62), &mut effects);
        assert_eq!(told(&mut effects), ["refresh 1 10"], "the old linger is void");
        elements.release(secs(63), number, &mut effects);
        elements.tick(secs(122), &mut effects);
        elements.tick(secs(123), &mut effects);
        assert_eq!(told(&mut effects), ["refresh 1 60", "remove 1"]);
    }

    #[test]
    fn the_longer_timeout_counts() {
        let (mut elements, mut effects) = (Elements::default(), Vec::new());
        let life = |s| life(s, 0);
        elements.acquire(secs(0), key(1), life(10), &mut effects);
        elements.acquire(secs(0), key(1), life(5), &mut effects);
        elements.acquire(secs(0), key(1), life(40), &mut effects);
        assert_eq!(told(&mut effects), ["add 1 10", "refresh 1 40"]);
        elements.tick(secs(19), &mut effects);
        assert!(effects.is_empty());
        elements.acquire(secs(19), key(1), life(0), &mut effects);
        assert_eq!(told(&mut effects), ["add 1 0"], "none is longest, and the kernel must know");
        elements.tick(secs(100), &mut effects);
        assert!(effects.is_empty());
    }

    #[test]
    fn a_member_that_comes_and_goes_has_few_timers() {
        let (mut elements, mut effects) = (Elements::default(), Vec::new());
        let life = || life(600, 600);
        for turn in 0..10_000 {
            let number = elements.acquire(secs(turn / 100), key(1), life(), &mut effects);
            elements.release(secs(turn / 100), number, &mut effects);
        }
        assert!(elements.timers.len() <= TIMERS_MIN, "{}", elements.timers.len());
        elements.tick(secs(100 + 600), &mut effects);
        assert!(elements.is_empty());
    }

    #[test]
    fn what_lingers_is_bounded() {
        let (mut elements, mut effects) = (Elements::default(), Vec::new());
        for n in 0..20_000 {
            let member = (SetId(n % 2), key(n).1);
            let number = elements.acquire(secs(0), member, life(60, 600), &mut effects);
            elements.release(secs(1), number, &mut effects);
        }
        assert_eq!((elements.len(), elements.lingering), (LINGERING_MAX, LINGERING_MAX));
        assert!(!effects.iter().any(|effect| matches!(effect, Effect::Remove { .. })));
        effects.clear();
        let number = elements.acquire(secs(2), key(30_000), life(0, 600), &mut effects);
        elements.release(secs(3), number, &mut effects);
        assert_eq!(told(&mut effects), ["add 30000 0", "remove 30000"], "no clock but ours");
        elements.acquire(secs(4), key(0), life(60, 600), &mut effects);
        elements.tick(secs(700), &mut effects);
        assert_eq!((elements.len(), elements.lingering), (1, 0), "there is room again");
    }

    #[test]
    fn time_may_come_to_its_end() {
        let (mut elements, mut effects) = (Elements::default(), Vec::new());
        elements.acquire(secs(0), key(1), life(10, 0), &mut effects);
        elements.tick(Timestamp::from_micros(u64::MAX), &mut effects);
        assert_eq!(told(&mut effects), ["add 1 10", "refresh 1 10"]);
        assert_eq!(elements.next_deadline(), None);
    }

    #[test]
    fn what_packets_get_is_what_the_later_want_says() {
        let (mut elements, mut effects) = (Elements::default(), Vec::new());
        let with = |mark| {
            let skb = crate::effect::Skb { mark: Some((mark, u32::MAX)), ..Default::default() };
            Life { skb: Some(skb.into()), ..Life::default() }
        };
        let marks = |elements: &Elements| -> Vec<_> {
            elements.iter().map(|live| live.skb.and_then(|skb| skb.mark)).collect()
        };
        elements.acquire(secs(0), key(1), with(1), &mut effects);
        elements.acquire(secs(0), key(1), with(1), &mut effects);
        elements.acquire(secs(0), key(1), life(0, 0), &mut effects);
        assert_eq!(told(&mut effects), ["add 1 0"]);
        elements.acquire(secs(0), key(1), with(2), &mut effects);
        assert_eq!(told(&mut effects), ["add 1 0"], "an element is added again over itself");
        assert_eq!(marks(&elements), [Some((2, u32::MAX))]);
    }

    #[test]
    fn an_evicted_flow_leaves_its_member_to_the_kernels_clock() {
        let (mut elements, mut effects) = (Elements::default(), Vec::new());
        let ticking = life(10, 0);
        let first = elements.acquire(secs(0), key(1), ticking, &mut effects);
        let second = elements.acquire(secs(0), key(2), life(0, 0), &mut effects);
        effects.clear();
        elements.abandon(first, &mut effects);
        elements.abandon(second, &mut effects);
        assert_eq!(told(&mut effects), ["remove 2"]);
        assert!(elements.is_empty());
    }
}
