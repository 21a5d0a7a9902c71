//! What ought to be in the sets, told in the simplest way: plain maps that are gone through from
//! end to end. It knows flows by name and nothing of slots, timers, lists or hashes.

use std::collections::BTreeMap;
use std::time::Duration;

use nfa::engine::Reason;
use nfa::net::Transport;
use nfa::time::Timestamp;

use super::setting::{Deed, Kind, Plan, Shape, Talk};

/// As the engine's limits in `main`.
pub const IDLE_TCP: Duration = Duration::from_secs(40);
pub const IDLE_OTHER: Duration = Duration::from_secs(15);
pub const IDLE_CLOSING: Duration = Duration::from_secs(4);

/// As `SETTLED_US` of the flow table.
const SETTLED: Duration = Duration::from_secs(1);

/// Set with its kind and key in front (one name is another set with another key), and element.
pub type Place = (String, String);

#[derive(Debug, Clone)]
struct Want {
    place: Place,
    ttl: Option<Duration>,
    linger: Duration,
}

#[derive(Debug)]
struct Flow {
    last_seen: Timestamp,
    /// Its payload was seen.
    named: bool,
    over: bool,
    held: Vec<Want>,
}

/// A member that ought to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub holders: usize,
    /// The longest asked for since it came; none is longest.
    pub ttl: Option<Duration>,
    pub linger: Duration,
    /// While it lingers: when it goes.
    pub until: Option<Timestamp>,
}

impl Member {
    /// How long the kernel ought to keep it from now on.
    pub fn timeout(&self) -> Option<Duration> {
        self.ttl.map(|ttl| if self.until.is_some() { ttl.max(self.linger) } else { ttl })
    }
}

pub struct Reference {
    plan: Plan,
    flows: BTreeMap<Talk, Flow>,
    pub members: BTreeMap<Place, Member>,
    /// Which actions were in force when flows were last evaluated.
    open: Vec<bool>,
}

impl Reference {
    pub fn new(plan: Plan, minute: u32) -> Self {
        let open = open(&plan, minute);
        Reference { plan, flows: BTreeMap::new(), members: BTreeMap::new(), open }
    }

    pub fn flows(&self) -> usize {
        self.flows.len()
    }

    /// A packet, after [`Reference::tick`]. The flow that it reopens or that made room for it has
    /// been told by [`Reference::end`].
    pub fn packet(&mut self, now: Timestamp, talk: Talk, kind: Kind) {
        let tcp = talk.speech.transport() == Transport::Tcp;
        let flow = self.flows.entry(talk).or_insert(Flow {
            last_seen: now,
            named: false,
            over: false,
            held: Vec::new(),
        });
        flow.last_seen = now;
        flow.over |= tcp && kind == Kind::Reset;
        let speaks = !tcp || kind == Kind::Speech;
        if speaks && !flow.named {
            flow.named = true;
            self.evaluate(now, talk);
        }
    }

    /// Whether the flow has been named: what follows is not read, since a server's answer may make
    /// the engine look at a flow anew whatever the configuration says of reloads.
    pub fn is_named(&self, talk: Talk) -> bool {
        self.flows.get(&talk).is_some_and(|flow| flow.named)
    }

    /// Whether this packet begins another flow of the same 5-tuple.
    pub fn reopens(&self, talk: Talk, kind: Kind) -> bool {
        let tcp = talk.speech.transport() == Transport::Tcp;
        tcp && kind == Kind::Opening && self.flows.get(&talk).is_some_and(|flow| flow.over)
    }

    /// The engine says that a flow has ended. An error if it should not have.
    pub fn end(&mut self, now: Timestamp, talk: Talk, reason: Reason) -> Result<(), String> {
        let Some(flow) = self.flows.remove(&talk) else {
            return Err(format!("{talk:?} has ended and was not there"));
        };
        for want in flow.held {
            if reason == Reason::Evicted { self.abandon(&want) } else { self.release(now, &want) }
        }
        Ok(())
    }

    /// The flows that may have ended by now, each with whether it must have: a flow keeps its place
    /// in its list for a second though it is seen, and those behind it wait.
    pub fn expired(&self, now: Timestamp) -> Vec<(Talk, bool)> {
        let is_due = |(talk, flow): (&Talk, &Flow)| {
            let idle = match (talk.speech.transport() == Transport::Tcp, flow.over) {
                (true, true) => IDLE_CLOSING,
                (true, false) => IDLE_TCP,
                (false, _) => IDLE_OTHER,
            };
            let end = flow.last_seen.after(idle);
            (end <= now).then_some((*talk, end.after(SETTLED) <= now))
        };
        self.flows.iter().filter_map(is_due).collect()
    }

    /// Time has come to `now`, which is in that minute of the day; flows that end have been told.
    pub fn tick(&mut self, now: Timestamp, minute: u32) {
        let open = open(&self.plan, minute);
        if open != self.open {
            self.open = open;
            for talk in self.by_age() {
                if self.flows[&talk].named {
                    self.evaluate(now, talk);
                }
            }
        }
        self.members.retain(|_, member| member.until.is_none_or(|until| until > now));
    }

    pub fn reload(&mut self, now: Timestamp, plan: Plan, minute: u32) {
        self.open = open(&plan, minute);
        self.plan = plan;
        let sets: Vec<String> = self
            .plan
            .goals
            .iter()
            .flat_map(|goal| families(goal.shape, goal.families).map(|f| set(goal, f)))
            .collect();
        for talk in self.by_age() {
            if self.plan.reprocess {
                if self.flows[&talk].named {
                    self.evaluate(now, talk);
                }
                continue;
            }
            let held = std::mem::take(&mut self.flows.get_mut(&talk).unwrap().held);
            let (stay, go): (Vec<Want>, Vec<Want>) =
                held.into_iter().partition(|want| sets.contains(&want.place.0));
            self.flows.get_mut(&talk).unwrap().held = stay;
            go.iter().for_each(|want| self.release(now, want));
        }
        self.members.retain(|(set, _), member| member.until.is_none() || sets.contains(set));
    }

    fn by_age(&self) -> Vec<Talk> {
        let mut all: Vec<(Timestamp, Talk)> =
            self.flows.iter().map(|(talk, flow)| (flow.last_seen, *talk)).collect();
        all.sort();
        all.into_iter().map(|(_, talk)| talk).collect()
    }

    fn evaluate(&mut self, now: Timestamp, talk: Talk) {
        let mut wants = Vec::new();
        for (deed, open) in self.plan.deeds.iter().zip(&self.open) {
            if !open || self.plan.exempt == Some(talk.speech) || !matches(deed, talk) {
                continue;
            }
            for goal in deed.goals.iter().map(|number| &self.plan.goals[*number]) {
                let own = if talk.v6 { "v6" } else { "v4" };
                for family in families(goal.shape, goal.families) {
                    if family == own || family == "mac" {
                        let place = (set(goal, family), element(goal.shape, talk));
                        wants.push(Want { place, ttl: goal.ttl, linger: goal.linger });
                    }
                }
            }
            if deed.halts {
                break;
            }
        }
        wants.iter().for_each(|want| self.acquire(want));
        let held = std::mem::replace(&mut self.flows.get_mut(&talk).unwrap().held, wants);
        held.iter().for_each(|want| self.release(now, want));
    }

    fn acquire(&mut self, want: &Want) {
        let member = self.members.entry(want.place.clone()).or_insert(Member {
            holders: 0,
            ttl: want.ttl,
            linger: want.linger,
            until: None,
        });
        member.holders += 1;
        member.until = None;
        member.linger = member.linger.max(want.linger);
        member.ttl = member.ttl.zip(want.ttl).map(|(old, new)| old.max(new));
    }

    fn release(&mut self, now: Timestamp, want: &Want) {
        let member = self.members.get_mut(&want.place).unwrap();
        member.holders -= 1;
        if member.holders == 0 {
            member.until = Some(now.after(member.linger));
            if member.linger.is_zero() {
                self.members.remove(&want.place);
            }
        }
    }

    fn abandon(&mut self, want: &Want) {
        let member = self.members.get_mut(&want.place).unwrap();
        member.holders -= 1;
        if member.holders == 0 {
            self.members.remove(&want.place);
        }
    }
}

/// Which actions are in force in that minute of the day.
fn open(plan: &Plan, minute: u32) -> Vec<bool> {
    let is_open =
        |deed: &Deed| deed.window.is_none_or(|(start, end)| (start..end).contains(&minute));
    plan.deeds.iter().map(is_open).collect()
}

fn matches(deed: &Deed, talk: Talk) -> bool {
    deed.speech.is_none_or(|speech| speech == talk.speech)
        && deed.client.is_none_or(|client| client == talk.client)
        && deed.exempt_port.is_none_or(|port| port != talk.to_port)
}

fn families(shape: Shape, families: &'static [&'static str]) -> impl Iterator<Item = &'static str> {
    let families = if shape == Shape::Mac { &["mac"] } else { families };
    families.iter().copied()
}

fn set(goal: &super::setting::Goal, family: &str) -> String {
    format!("{:?} {}.{family}", goal.shape, goal.set)
}

/// As the engine prints an element.
fn element(shape: Shape, talk: Talk) -> String {
    let (client, server, port) = (talk.client(), talk.server(), talk.to_port);
    let transport = talk.speech.transport();
    match shape {
        Shape::Ip => server.to_string(),
        Shape::IpPort => format!("{server},{transport}:{port}"),
        Shape::IpPortIp => format!("{server},{transport}:{port},{client}"),
        Shape::Mac => talk.mac().to_string(),
        Shape::Nft => format!("{client},{transport},{port},{server}"),
    }
}
