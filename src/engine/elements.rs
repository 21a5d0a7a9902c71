//! The members of sets that live because of flows: counted, refreshed, released.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::BuildHasher;
use std::time::Duration;

use foldhash::quality::RandomState;
use hashbrown::HashTable;

use crate::effect::{Effect, Element, SetId};
use crate::time::Timestamp;

/// Most members that are remembered after their last flow, of about 200 bytes each. Of more than
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
    timeout: Option<Duration>,
    linger: Duration,
}

impl Elements {
    /// One more flow wants that member. Gives its number, for [`Elements::release`].
    pub fn acquire(
        &mut self,
        now: Timestamp,
        (set, element): (SetId, Element),
        (timeout, linger): (Option<Duration>, Duration),
        effects: &mut Vec<Effect>,
    ) -> u32 {
        let hash = self.hasher.hash_one((set, &element));
        let slots = &self.slots;
        let found = self.index.find(hash, |number| {
            member(slots, *number).is_some_and(|m| m.set == set && m.element == element)
        });
        if let Some(&number) = found {
            self.reacquire(now, number, timeout, linger, effects);
            return number;
        }
        let number = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { member: None, turn: 0 });
            u32::try_from(self.slots.len().saturating_sub(1)).unwrap_or(u32::MAX)
        });
        effects.push(Effect::Add { set, element: element.clone(), timeout });
        if let Some(slot) = self.slots.get_mut(number as usize) {
            slot.member = Some(Member { set, element, holders: 1, timeout, linger });
        }
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.index.insert_unique(hash, number, |number| {
            member(slots, *number).map_or(0, |m| hasher.hash_one((m.set, &m.element)))
        });
        self.schedule_refresh(now, number);
        number
    }

    fn reacquire(
        &mut self,
        now: Timestamp,
        number: u32,
        timeout: Option<Duration>,
        linger: Duration,
        effects: &mut Vec<Effect>,
    ) {
        let Some(slot) = self.slots.get_mut(number as usize) else { return };
        let Some(member) = slot.member.as_mut() else { return };
        let lingered = member.holders == 0;
        self.lingering = self.lingering.saturating_sub(usize::from(lingered));
        member.holders = member.holders.saturating_add(1);
        member.linger = member.linger.max(linger);
        let longer = match (member.timeout, timeout) {
            (Some(old), Some(new)) => new > old,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if longer {
            member.timeout = timeout;
        }
        if let Some(timeout) = member.timeout.filter(|_| lingered || longer) {
            let (set, element) = (member.set, member.element.clone());
            effects.push(Effect::Refresh { set, element, timeout });
        }
        if lingered || longer {
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
        if member.linger.is_zero() || (full && member.timeout.is_none()) {
            return self.remove(number, effects);
        }
        slot.turn = slot.turn.wrapping_add(1);
        let until = now.after(member.linger);
        // The kernel's clock must not run out before ours.
        if let Some(timeout) = member.timeout {
            let timeout = timeout.max(member.linger);
            let (set, element) = (member.set, member.element.clone());
            effects.push(Effect::Refresh { set, element, timeout });
        }
        if full {
            return self.remove(number, &mut Vec::new()); // the kernel does it
        }
        self.lingering = self.lingering.saturating_add(1);
        self.look_again(now, until, number);
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
            let expires = member.timeout.is_some();
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
            let Some(slot) = self.slots.get(number as usize) else { continue };
            let Some(member) = slot.member.as_ref().filter(|_| slot.turn == turn) else { continue };
            if member.holders == 0 {
                self.lingering = self.lingering.saturating_sub(1);
                self.remove(number, effects);
            } else if let Some(timeout) = member.timeout {
                let (set, element) = (member.set, member.element.clone());
                effects.push(Effect::Refresh { set, element, timeout });
                self.schedule_refresh(now, number);
            }
        }
    }

    /// When [`Elements::tick`] next has something to do (at the latest: a void entry may be first).
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.timers.peek().map(|Reverse((due, _, _))| *due)
    }

    /// Every live member with its timeout, for putting back what somebody else took out.
    pub fn iter(&self) -> impl Iterator<Item = (SetId, &Element, Option<Duration>)> + Clone {
        let members = self.slots.iter().filter_map(|slot| slot.member.as_ref());
        members.map(|member| (member.set, &member.element, member.timeout))
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
        let timeout = member(&self.slots, number).and_then(|member| member.timeout);
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
            })
            .collect()
    }

    #[test]
    fn a_shared_member_goes_with_its_last_flow() {
        let (mut elements, mut effects) = (Elements::default(), Vec::new());
        let life = (Some(Duration::from_secs(10)), Duration::ZERO);
        let first = elements.acquire(secs(0), key(1), life, &mut effects);
        let second = elements.acquire(secs(3), key(1), life, &mut effects);
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
        elements.acquire(
            secs(0),
            key(1),
            (Some(Duration::from_secs(10)), Duration::ZERO),
            &mut effects,
        );
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
        let life = (Some(Duration::from_secs(10)), Duration::from_secs(60));
        let number = elements.acquire(secs(0), key(1), life, &mut effects);
        elements.release(secs(1), number, &mut effects);
        assert_eq!(told(&mut effects), ["add 1 10", "refresh 1 60"]);
        let number = elements.acquire(secs(30), key(1), life, &mut effects);
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
        let life = |s| (Some(Duration::from_secs(s)), Duration::ZERO);
        elements.acquire(secs(0), key(1), life(10), &mut effects);
        elements.acquire(secs(0), key(1), life(5), &mut effects);
        elements.acquire(secs(0), key(1), life(40), &mut effects);
        assert_eq!(told(&mut effects), ["add 1 10", "refresh 1 40"]);
        elements.tick(secs(19), &mut effects);
        assert!(effects.is_empty());
    }

    #[test]
    fn a_member_that_comes_and_goes_has_few_timers() {
        let (mut elements, mut effects) = (Elements::default(), Vec::new());
        let life = (Some(Duration::from_secs(600)), Duration::from_secs(600));
        for turn in 0..10_000 {
            let number = elements.acquire(secs(turn / 100), key(1), life, &mut effects);
            elements.release(secs(turn / 100), number, &mut effects);
        }
        assert!(elements.timers.len() <= TIMERS_MIN, "{}", elements.timers.len());
        elements.tick(secs(100 + 600), &mut effects);
        assert!(elements.is_empty());
    }

    #[test]
    fn what_lingers_is_bounded() {
        let (mut elements, mut effects) = (Elements::default(), Vec::new());
        let life = |timeout| (timeout, Duration::from_secs(600));
        let some = Some(Duration::from_secs(60));
        for n in 0..20_000 {
            let member = (SetId(n % 2), key(n).1);
            let number = elements.acquire(secs(0), member, life(some), &mut effects);
            elements.release(secs(1), number, &mut effects);
        }
        assert_eq!((elements.len(), elements.lingering), (LINGERING_MAX, LINGERING_MAX));
        assert!(!effects.iter().any(|effect| matches!(effect, Effect::Remove { .. })));
        effects.clear();
        let number = elements.acquire(secs(2), key(30_000), life(None), &mut effects);
        elements.release(secs(3), number, &mut effects);
        assert_eq!(told(&mut effects), ["add 30000 0", "remove 30000"], "no clock but ours");
        elements.acquire(secs(4), key(0), life(some), &mut effects);
        elements.tick(secs(700), &mut effects);
        assert_eq!((elements.len(), elements.lingering), (1, 0), "there is room again");
    }

    #[test]
    fn time_may_come_to_its_end() {
        let (mut elements, mut effects) = (Elements::default(), Vec::new());
        let life = (Some(Duration::from_secs(10)), Duration::ZERO);
        elements.acquire(secs(0), key(1), life, &mut effects);
        elements.tick(Timestamp::from_micros(u64::MAX), &mut effects);
        assert_eq!(told(&mut effects), ["add 1 10", "refresh 1 10"]);
        assert_eq!(elements.next_deadline(), None);
    }

    #[test]
    fn an_evicted_flow_leaves_its_member_to_the_kernels_clock() {
        let (mut elements, mut effects) = (Elements::default(), Vec::new());
        let ticking = (Some(Duration::from_secs(10)), Duration::ZERO);
        let first = elements.acquire(secs(0), key(1), ticking, &mut effects);
        let second = elements.acquire(secs(0), key(2), (None, Duration::ZERO), &mut effects);
        effects.clear();
        elements.abandon(first, &mut effects);
        elements.abandon(second, &mut effects);
        assert_eq!(told(&mut effects), ["remove 2"]);
        assert!(elements.is_empty());
    }
}
