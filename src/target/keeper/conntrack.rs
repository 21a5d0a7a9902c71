//! Labels, marks and ends of connections.
//!
//! A flow may be named by its first packet, which is seen before the kernel has entered the
//! connection into its table; and a connection that was killed comes back with its next packet.
//! So a connection that is not there is looked for once more after a second. Then it has gone,
//! which is normal.

use crate::effect::{Accounts, Effect, FiveTuple, Tracked};
use crate::net::{Direction, Endpoint, Transport};
use crate::netlink::conntrack::{self, Change, Detail, Labels, Tuple};
use crate::netlink::{Batch, Client, Error};

/// Changes that are kept for the second try; what comes while there are so many has gone.
const AGAIN_MAX: usize = 512;
/// IANA protocol numbers whose connections have ports, or keys in their place (GRE).
const WITH_PORTS: [u8; 4] = [33, 47, 132, 136];

/// Changes on their way.
#[derive(Debug, Default)]
pub(super) struct Connections {
    /// Those of the present batch, each with whether it is the second try.
    sent: Vec<(Effect, bool)>,
    again: Vec<Effect>,
}

impl Connections {
    /// The number of the next change, for [`Connections::is_failure`].
    pub fn number(&self) -> u32 {
        u32::try_from(self.sent.len()).unwrap_or(u32::MAX)
    }

    /// Queues a change; of another thing than a connection: nothing.
    pub fn push(&mut self, batch: &mut Batch, effect: &Effect) -> Result<(), Error> {
        self.again.iter_mut().for_each(|old| supersede(old, effect));
        self.push_try(batch, effect, false)
    }

    /// Queues the second tries; `tag` is called before each with its number.
    pub fn push_again(
        &mut self,
        batch: &mut Batch,
        mut tag: impl FnMut(&mut Batch, u32),
    ) -> Vec<Error> {
        let again = std::mem::take(&mut self.again);
        let pushed = again.iter().map(|effect| {
            tag(batch, self.number());
            self.push_try(batch, effect, true)
        });
        pushed.filter_map(Result::err).collect()
    }

    /// Whether the failure of a change is one, and not a connection that is not there.
    pub fn is_failure(&mut self, number: u32, error: &Error) -> bool {
        let sent = usize::try_from(number).ok().and_then(|number| self.sent.get(number));
        let Some((effect, is_second)) = sent.filter(|_| error.is_missing()) else { return true };
        if !is_second && self.again.len() < AGAIN_MAX {
            self.again.push(effect.clone());
            return false;
        }
        matches!(effect, Effect::Label { report_gone: true, .. })
    }

    /// The batch was sent and its failures were looked at.
    pub fn done(&mut self) {
        self.sent.clear();
    }

    fn push_try(
        &mut self,
        batch: &mut Batch,
        effect: &Effect,
        is_second: bool,
    ) -> Result<(), Error> {
        let pushed = match effect {
            Effect::Label { flow, labels, mask, .. } => {
                let change = Change { labels: Some((bits(*labels), bits(*mask))), mark: None };
                conntrack::update(batch, &tuple(flow), &change)
            }
            Effect::Mark { flow, mark, mask } => {
                let change = Change { labels: None, mark: Some((*mark, *mask)) };
                conntrack::update(batch, &tuple(flow), &change)
            }
            Effect::Kill { flow } => conntrack::delete(batch, &tuple(flow), None),
            _ => return Ok(()),
        };
        self.sent.push((effect.clone(), is_second));
        pushed
    }
}

/// What connection tracking knows of a flow's connection; none if it knows none.
pub(super) fn tracked(client: &mut Client, flow: &FiveTuple) -> Result<Option<Tracked>, Error> {
    let found = conntrack::find(client, &tuple(flow))?;
    Ok(found.map(|connection| {
        let [original, reply] = [&connection.original, &connection.reply].map(five_tuple);
        // Whoever enters connections by hand may leave the status bits out.
        let is_mirrored =
            original.source == reply.destination && original.destination == reply.source;
        Tracked {
            id: connection.id,
            mark: connection.mark,
            has_nat: connection.has_nat() || !is_mirrored,
            reply: [reply.source, reply.destination],
        }
    }))
}

/// What connection tracking counted of a flow's connection, the sender's way first; none if it knows
/// none or does not count.
pub(super) fn accounts(client: &mut Client, flow: &FiveTuple) -> Result<Option<Accounts>, Error> {
    let asked = tuple(flow);
    let found = conntrack::find(client, &asked)?;
    Ok(found.and_then(|connection| {
        let [mut sent, mut got] =
            [connection.counters(Direction::Original)?, connection.counters(Direction::Reply)?];
        if connection.original != asked {
            (sent, got) = (got, sent);
        }
        Some(Accounts {
            packets: [sent.packets, got.packets],
            bytes: [sent.bytes, got.bytes],
            offloaded: connection.is_offloaded(),
        })
    }))
}

/// What a newer change of the same connection says is not said otherwise by an older one later.
fn supersede(old: &mut Effect, new: &Effect) {
    match (old, new) {
        (Effect::Label { flow: of, labels, mask, .. }, Effect::Label { flow, mask: newer, .. })
            if of == flow =>
        {
            *mask &= !newer;
            *labels &= *mask;
        }
        (Effect::Mark { flow: of, mark, mask }, Effect::Mark { flow, mask: newer, .. })
            if of == flow =>
        {
            *mask &= !newer;
            *mark &= *mask;
        }
        _ => {}
    }
}

fn bits(labels: u128) -> Labels {
    let set: Vec<u8> = (0..conntrack::LABEL_BITS).filter(|bit| labels >> *bit & 1 == 1).collect();
    Labels::of(&set)
}

fn tuple(flow: &FiveTuple) -> Tuple {
    let FiveTuple { transport, source, destination } = *flow;
    // Echo requests: RFC 792, RFC 4443 section 4.1.
    let echo = |kind| Detail::Icmp { id: source.port, kind, code: 0 };
    let detail = match transport {
        Transport::ICMP => echo(8),
        Transport::ICMPV6 => echo(128),
        Transport::Other(number) if !WITH_PORTS.contains(&number) => Detail::None,
        _ => return Tuple::ports(transport, source, destination),
    };
    Tuple { transport, source: source.addr, destination: destination.addr, detail }
}

/// The other way: as flows are known here.
pub(super) fn five_tuple(tuple: &Tuple) -> FiveTuple {
    let (from, to) = match tuple.detail {
        Detail::Ports(from, to) => (from, to),
        Detail::Icmp { id, .. } => (id, id),
        Detail::None => (0, 0),
    };
    let source = Endpoint { addr: tuple.source, port: from };
    let destination = Endpoint { addr: tuple.destination, port: to };
    FiveTuple { transport: tuple.transport, source, destination }
}
