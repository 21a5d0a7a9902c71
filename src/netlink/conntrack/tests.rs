use std::net::IpAddr;

use super::*;
use crate::net::{Endpoint, Transport};
use crate::netlink::captured::{cases, tree};
use crate::netlink::message::Messages;

const CAPTURED: &str = include_str!("../../../tests/netlink/conntrack.txt");

fn option<'a>(words: &[&'a str], name: &str) -> Option<&'a str> {
    let at = words.iter().position(|word| *word == name)?;
    words.get(at + 1).copied()
}

/// The original tuple that a command of `conntrack` speaks of.
fn tuple(command: &str) -> Tuple {
    let words: Vec<&str> = command.split_whitespace().collect();
    let text = |name: &str| option(&words, name).unwrap_or_default();
    let transport = match text("-p") {
        "tcp" => Transport::Tcp,
        "udp" => Transport::Udp,
        "icmp" => Transport::ICMP,
        "icmpv6" => Transport::ICMPV6,
        number => Transport::from(number.parse::<u8>().unwrap()),
    };
    let icmp = |name: &str| option(&words, &format!("--{}-{name}", text("-p")));
    let detail = if let Some(port) = option(&words, "--sport") {
        Detail::Ports(port.parse().unwrap(), text("--dport").parse().unwrap())
    } else if let Some(id) = icmp("id") {
        let kind = icmp("type").unwrap().parse().unwrap();
        Detail::Icmp { id: id.parse().unwrap(), kind, code: icmp("code").unwrap().parse().unwrap() }
    } else {
        Detail::None
    };
    let addr = |name: &str| -> IpAddr { text(name).parse().unwrap() };
    Tuple { transport, source: addr("-s"), destination: addr("-d"), detail }
}

#[test]
fn tuples_are_those_of_the_tool() {
    let mut seen = 0;
    for (command, captured) in cases(CAPTURED) {
        if !command.starts_with("conntrack ") {
            continue;
        }
        seen += 1;
        let theirs = Messages::new(&captured).next().unwrap();
        let tuple = tuple(&command);
        let mut batch = Batch::new();
        if command.contains(" -D ") {
            delete(&mut batch, &tuple, Some(0)).unwrap();
        } else {
            update(&mut batch, &tuple, &Change::default()).unwrap();
        }
        let ours = Messages::new(batch.queued()).next().unwrap();
        assert_eq!((ours.kind, ours.family()), (theirs.kind, theirs.family()), "{command}");
        // The tool tells the reply's tuple and more of the connection too.
        let (ours_tree, theirs_tree) = (tree(&ours.payload[4..]), tree(&theirs.payload[4..]));
        assert_eq!(ours_tree[0], theirs_tree[0], "{command}");
        // Never NLM_F_CREATE: a connection that is gone stays gone.
        assert_eq!(ours.flags, message::REQUEST);
        let read = Tuple::parse(theirs.attributes().find(ATTR_TUPLE_ORIG).unwrap());
        assert_eq!(read, Some(tuple));
        assert_eq!(describe(&ours).1, tuple.to_string());
    }
    assert_eq!(seen, 6);
}

fn connection(label: &str) -> (Message<'static>, Connection) {
    let bytes = cases(CAPTURED).into_iter().find(|(comment, _)| comment == label).unwrap().1;
    let message = Messages::new(Box::leak(bytes.into_boxed_slice())).next().unwrap();
    (message, Connection::parse(message.attributes()).unwrap())
}

#[test]
fn connections_and_events_of_the_kernel_are_read() {
    let (_, listed) = connection("reply to: conntrack -L");
    let end = |port| Endpoint { addr: "127.0.0.1".parse().unwrap(), port };
    assert_eq!(listed.original, Tuple::ports(Transport::Udp, end(4001), end(4000)));
    assert_eq!(listed.reply, Tuple::ports(Transport::Udp, end(4000), end(4001)));
    assert_eq!(listed.original.to_string(), "udp 127.0.0.1:4001 > 127.0.0.1:4000");
    assert_ne!(listed.id, 0);
    assert_eq!(listed.counters(Direction::Original), Some(Counters { packets: 1, bytes: 33 }));
    assert_eq!(listed.counters(Direction::Reply), Some(Counters::default()));
    assert!(!listed.has_reply() && !listed.is_assured() && !listed.is_offloaded());
    if cfg!(target_endian = "little") {
        // Captured on such a machine.
        assert_eq!(listed.labels, Labels::of(&[3]));
    }
    let (message, new) = connection("event: new udp 127.0.0.1:4001 > 127.0.0.1:4000");
    assert_eq!(event(&message), Some(Event::New(new)));
    assert_eq!((new.id, new.original), (listed.id, listed.original));
    let update = Message { flags: 0, ..message };
    assert_eq!(event(&update), None);
    let (message, gone) = connection("event: destroyed udp 127.0.0.1:4001 > 127.0.0.1:4000");
    assert_eq!(event(&message), Some(Event::Destroyed(gone)));
    assert_eq!(gone.id, listed.id);
}

#[test]
fn no_truncation_of_a_message_is_trusted() {
    for (_, captured) in cases(CAPTURED) {
        for cut in 0..captured.len() {
            let mut short = captured[..cut].to_vec();
            if cut >= 4 {
                short[..4].copy_from_slice(&u32::try_from(cut).unwrap().to_ne_bytes());
            }
            for message in Messages::new(&short) {
                let _ = event(&message);
                let _ = describe(&message);
            }
        }
    }
}

#[test]
fn labels_are_the_kernels_words() {
    let labels = Labels::of(&[0, 3, 64, 127, 128, 255]);
    assert_eq!(labels.bits().collect::<Vec<_>>(), [0, 3, 64, 127]);
    // set_bit(): bit N is bit N % BITS_PER_LONG of word N / BITS_PER_LONG.
    let word = size_of::<usize>();
    let mut words = vec![0_usize; 16 / word];
    for bit in [0, 3, 64, 127] {
        words[bit / (word * 8)] |= 1 << (bit % (word * 8));
    }
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    assert_eq!(labels.as_bytes(), bytes);
    assert_eq!(Labels::from_bytes(&bytes), labels);
    assert_eq!(labels.and(Labels::of(&[3, 4])), Labels::of(&[3]));
    assert!(Labels::from_bytes(&[]).is_empty());
    assert_eq!(format!("{:?}", Labels::of(&[5, 7])), "{5, 7}");
}

#[test]
fn bits_outside_the_mask_are_not_sent() {
    let mut batch = Batch::new();
    let end = |port| Endpoint { addr: "10.0.0.1".parse().unwrap(), port };
    let tuple = Tuple::ports(Transport::Tcp, end(1), end(2));
    let change = Change {
        mark: Some((0xffff_ffff, 0x7f00_0000)),
        labels: Some((Labels::of(&[1, 2]), Labels::of(&[2, 3]))),
    };
    update(&mut batch, &tuple, &change).unwrap();
    let message = Messages::new(batch.queued()).next().unwrap();
    let find = |kind| message.attributes().find(kind).unwrap();
    assert_eq!(find(ATTR_MARK).be32(), Some(0x7f00_0000));
    assert_eq!(find(ATTR_MARK_MASK).be32(), Some(0x7f00_0000));
    assert_eq!(find(ATTR_LABELS).payload, Labels::of(&[2]).as_bytes());
    assert_eq!(find(ATTR_LABELS_MASK).payload, Labels::of(&[2, 3]).as_bytes());

    let wrong = Tuple { destination: "::1".parse().unwrap(), ..tuple };
    let error = delete(&mut batch, &wrong, None).unwrap_err();
    assert!(error.to_string().ends_with("both addresses of a connection are of one family"));
    let wrong = Tuple { transport: Transport::ICMP, ..tuple };
    assert!(update(&mut batch, &wrong, &change).is_err());
    assert_eq!(batch.len(), 1);
}
