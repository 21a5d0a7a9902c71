//! What matches want of a flow's own connection: labels, bits of its mark, its end; and that they
//! are written down. Compared with what was done already, so that only differences are asked for.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use crate::effect::{Effect, FiveTuple, StreamId};
use crate::flow::{Carried, Flow, OtherType};
use crate::interface::Role;
use crate::net::{Direction, Transport};
use crate::policy::View;
use crate::privacy::{self, Privacy};
use crate::record;
use crate::target::Want;

/// All that the matches of one flow want, together.
#[derive(Debug, Default)]
pub(super) struct Claims {
    carried: Carried,
    report_gone: bool,
    records: Vec<(StreamId, Box<Value>)>,
}

impl Claims {
    /// One want more. Of two that want one bit of the mark the later action's counts.
    pub fn take(&mut self, want: &Want) {
        let carried = &mut self.carried;
        match want {
            Want::Member { .. } | Want::Record { .. } => {}
            Want::Labels { labels, report_gone } => {
                carried.labels |= labels;
                self.report_gone |= report_gone;
            }
            Want::Mark { mark, mask } => {
                carried.mark = (carried.mark & !mask) | (mark & mask);
                carried.mask |= mask;
            }
            Want::Kill => carried.killed = true,
        }
    }

    /// Takes down the records that the match of an action asks for through a target, each once in
    /// a flow's life. `streams`: numbers of the configuration's streams in effects.
    pub fn record(
        &mut self,
        wants: &[Want],
        streams: &[StreamId],
        view: &View<'_>,
        (action, target): (&str, &str),
        privacy: Privacy,
    ) {
        for want in wants {
            let Want::Record { stream } = want else { continue };
            let Some(&stream) = streams.get(usize::from(stream.0)) else { continue };
            let mut hasher = DefaultHasher::new();
            (stream, action, target).hash(&mut hasher);
            // Half of it is enough to tell a few matches apart.
            let known_by = u32::try_from(hasher.finish() >> 32).unwrap_or(u32::MAX);
            let before = view.flow.carried();
            if self.carried.recorded.contains(&known_by)
                || before.is_some_and(|before| before.recorded.contains(&known_by))
            {
                continue;
            }
            self.carried.recorded.push(known_by);
            let mut record = record::flow(view);
            if let Value::Object(record) = &mut record {
                privacy::treat(record, privacy);
                record.insert("action".to_owned(), action.into());
                record.insert("target".to_owned(), target.into());
            }
            self.records.push((stream, Box::new(record)));
        }
    }

    /// Whether nothing of the connection is wanted, and nothing is written down.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.carried == Carried::default()
    }

    /// Asks for what `carried` lacks, and for the end of what is wanted no more.
    pub fn settle(
        mut self,
        carried: &mut Option<Box<Carried>>,
        flow: FiveTuple,
        effects: &mut Vec<Effect>,
    ) {
        let mut had = carried.take().map_or_else(Carried::default, |carried| *carried);
        let new = &mut self.carried;
        let records = self.records.into_iter();
        effects.extend(records.map(|(stream, record)| Effect::Record { stream, record }));
        had.recorded.append(&mut new.recorded);
        new.recorded = std::mem::take(&mut had.recorded);
        if new.killed && !had.killed {
            effects.push(Effect::Kill { flow });
            // What the connection carried has gone with it; the one that follows gets it anew.
            had = Carried { killed: true, ..Carried::default() };
        }
        new.killed |= had.killed;
        let mask = new.labels ^ had.labels;
        if mask != 0 {
            let (labels, report_gone) = (new.labels & mask, self.report_gone);
            effects.push(Effect::Label { flow, labels, mask, report_gone });
        }
        let mask = (new.mask ^ had.mask) | ((new.mark ^ had.mark) & new.mask);
        if mask != 0 {
            effects.push(Effect::Mark { flow, mark: new.mark & mask, mask });
        }
        *carried = (*new != Carried::default()).then(|| Box::new(self.carried));
    }
}

/// The tuple by which connection tracking finds a flow that was seen on an interface of that role.
///
/// It knows a connection by the original direction before address translation and by the reply
/// after it. On the LAN's side what the local end sends is one or the other, whoever began; on the
/// other side what it receives is. Of two ends that are both local the first packet decides, and
/// of ICMP too, whose request and answer differ.
pub(super) fn five_tuple(flow: &Flow, role: Role) -> FiveTuple {
    let transport = flow.key.transport();
    let icmp = matches!(transport, Transport::ICMP | Transport::ICMPV6);
    let [mut source, mut destination] = flow.ends();
    if flow.sides.other_type == OtherType::Remote && !icmp {
        let from_local = flow.sides.local == Direction::Original;
        if from_local != (role == Role::Lan) {
            (source, destination) = (destination, source);
        }
    }
    FiveTuple { transport, source, destination }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Locality;
    use crate::net::Endpoint;
    use crate::time::Timestamp;
    use crate::wire::Packet;

    fn flow(from: &str, to: &str, transport: Transport) -> Flow {
        let packet = Packet {
            source_mac: None,
            destination_mac: None,
            vlan: None,
            source: from.parse().unwrap(),
            destination: to.parse().unwrap(),
            transport,
            source_port: 1,
            destination_port: 2,
            dscp: 0,
            tcp: None,
            payload: &[],
            payload_len: 0,
            ip_len: 40,
        };
        Flow::new(&packet, Timestamp::ZERO, 0, &Locality::default())
    }

    #[test]
    fn the_tuple_is_one_that_address_translation_leaves_alone() {
        let text =
            |from, to, transport, role| five_tuple(&flow(from, to, transport), role).to_string();
        let (lan, far) = ("192.168.1.10", "203.0.113.9");
        let udp = Transport::Udp;
        assert_eq!(text(lan, far, udp, Role::Lan), "udp 192.168.1.10:1 > 203.0.113.9:2");
        assert_eq!(text(far, lan, udp, Role::Lan), "udp 192.168.1.10:2 > 203.0.113.9:1");
        assert_eq!(text(lan, far, udp, Role::Wan), "udp 203.0.113.9:2 > 192.168.1.10:1");
        assert_eq!(text(far, lan, udp, Role::Wan), "udp 203.0.113.9:1 > 192.168.1.10:2");
        let tunnel = "10.8.0.1";
        assert_eq!(text(lan, tunnel, udp, Role::Lan), "udp 192.168.1.10:1 > 10.8.0.1:2");
        assert_eq!(
            text(far, lan, Transport::ICMP, Role::Lan),
            "icmp 203.0.113.9:1 > 192.168.1.10:2"
        );
    }

    fn told(claims: Claims, carried: &mut Option<Box<Carried>>) -> Vec<String> {
        let end = |port| Endpoint { addr: [10, 0, 0, 1].into(), port };
        let flow = FiveTuple { transport: Transport::Udp, source: end(1), destination: end(2) };
        let mut effects = Vec::new();
        claims.settle(carried, flow, &mut effects);
        let line = |effect| match effect {
            Effect::Label { labels, mask, .. } => format!("label {labels:#x}/{mask:#x}"),
            Effect::Mark { mark, mask, .. } => format!("mark {mark:#x}/{mask:#x}"),
            Effect::Kill { .. } => "kill".to_owned(),
            other => format!("{other:?}"),
        };
        effects.into_iter().map(line).collect()
    }

    fn claims(wants: &[Want]) -> Claims {
        let mut claims = Claims::default();
        wants.iter().for_each(|want| claims.take(want));
        claims
    }

    const fn label(labels: u128) -> Want {
        Want::Labels { labels, report_gone: false }
    }

    const fn mark(mark: u32, mask: u32) -> Want {
        Want::Mark { mark, mask }
    }

    #[test]
    fn only_differences_are_asked_for_and_shared_bits_stay() {
        let mut carried = None;
        assert_eq!(told(claims(&[label(5), label(6)]), &mut carried), ["label 0x7/0x7"]);
        assert_eq!(told(claims(&[label(7)]), &mut carried), [""; 0]);
        assert_eq!(told(claims(&[label(6)]), &mut carried), ["label 0x0/0x1"]);
        assert_eq!(told(claims(&[]), &mut carried), ["label 0x0/0x6"]);
        assert_eq!(carried, None, "no memory for what carries nothing");

        assert_eq!(told(claims(&[mark(0x10, 0xf0)]), &mut carried), ["mark 0x10/0xf0"]);
        let both = [mark(0x10, 0xf0), mark(0x2, 0xf)];
        assert_eq!(told(claims(&both), &mut carried), ["mark 0x2/0xf"]);
        let later = [mark(0x10, 0xf0), mark(0x22, 0xff)];
        assert_eq!(told(claims(&later), &mut carried), ["mark 0x20/0x30"]);
        assert_eq!(told(claims(&[mark(0, 0xf)]), &mut carried), ["mark 0x0/0xf2"]);
        assert_eq!(
            told(claims(&[]), &mut carried),
            ["mark 0x0/0xf"],
            "bits that are zero are held too"
        );
        assert_eq!(carried, None);
    }

    #[test]
    fn a_connection_is_killed_once_and_the_next_one_gets_what_it_carried() {
        let mut carried = None;
        told(claims(&[label(1)]), &mut carried);
        let all = || claims(&[label(1), mark(1, 1), Want::Kill]);
        assert_eq!(told(all(), &mut carried), ["kill", "label 0x1/0x1", "mark 0x1/0x1"]);
        assert_eq!(told(all(), &mut carried), [""; 0]);
        assert_eq!(told(claims(&[]), &mut carried), ["label 0x0/0x1", "mark 0x0/0x1"]);
        assert_eq!(told(claims(&[Want::Kill]), &mut carried), [""; 0], "not again");
    }
}
