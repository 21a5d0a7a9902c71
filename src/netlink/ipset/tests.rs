use super::*;
use crate::net::{Mac, Transport};
use crate::netlink::captured::{cases, tree};
use crate::netlink::message::Messages;

const CAPTURED: &str = include_str!("../../../tests/netlink/ipset.txt");

fn entry(text: &str) -> Entry {
    let parts: Vec<&str> = text.split(',').collect();
    let port = |text: &str| {
        let (transport, port) = text.split_once(':').unwrap();
        let transport = if transport == "tcp" { Transport::Tcp } else { Transport::Udp };
        (transport, port.parse().unwrap())
    };
    let addr = parts[0].parse().unwrap();
    match parts.as_slice() {
        [_] => Entry::Ip(addr),
        [_, second] => Entry::IpPort(addr, port(second).0, port(second).1),
        [_, second, third] => {
            Entry::IpPortIp(addr, port(second).0, port(second).1, third.parse().unwrap())
        }
        _ => unreachable!(),
    }
}

fn number(text: &str) -> u32 {
    text.strip_prefix("0x")
        .map_or_else(|| text.parse().unwrap(), |hex| u32::from_str_radix(hex, 16).unwrap())
}

fn option<'a>(words: &[&'a str], name: &str) -> Option<&'a str> {
    let at = words.iter().position(|word| *word == name)?;
    words.get(at + 1).copied()
}

fn time(words: &[&str]) -> Option<Duration> {
    option(words, "timeout").map(|text| Duration::from_secs(text.parse().unwrap()))
}

fn shape(words: &[&str]) -> Shape {
    Shape {
        kind: Kind::from_name(words[3]).unwrap(),
        family: if option(words, "family") == Some("inet6") { Family::V6 } else { Family::V4 },
        timeout: time(words),
        maxelem: option(words, "maxelem").map_or(65536, number),
        hashsize: option(words, "hashsize").map(number),
        skbinfo: words.contains(&"skbinfo"),
    }
}

fn skb(words: &[&str]) -> SkbInfo {
    SkbInfo {
        mark: option(words, "skbmark").map(|text| {
            let (mark, mask) = text.split_once('/').unwrap();
            (number(mark), number(mask))
        }),
        prio: option(words, "skbprio").map(|text| {
            let (major, minor) = text.split_once(':').unwrap();
            (u16::from_str_radix(major, 16).unwrap(), u16::from_str_radix(minor, 16).unwrap())
        }),
        queue: option(words, "skbqueue").map(|text| text.parse().unwrap()),
    }
}

/// What nfa sends for a command of `ipset`; the revision as captured.
fn ours(command: &str, revision: u8) -> Vec<u8> {
    let words: Vec<&str> = command.split_whitespace().collect();
    let mut batch = Batch::new();
    let mut push = |cmd, flags, fill: &dyn Fn(&mut Writer<'_>)| {
        let request = ask(Operation::Commit, "", cmd, flags);
        batch.push(request.head, false, fill).unwrap();
    };
    match words.as_slice() {
        ["ipset", "create", name, ..] => {
            push(CMD_CREATE, message::CREATE | message::EXCL, &|writer| {
                names(writer, name);
                let mut shape = shape(&words);
                // `ipset` leaves the limit to the kernel unless told; nfa always says it.
                if !words.contains(&"maxelem") {
                    shape.maxelem = 65536;
                }
                shape.write(writer, revision);
            });
        }
        ["ipset", "-exist", "add", name, element, ..] => {
            add(&mut batch, name, &entry(element), time(&words), &skb(&words)).unwrap();
        }
        ["ipset", "-exist", "del", name, element] => {
            delete(&mut batch, name, &entry(element)).unwrap();
        }
        ["ipset", "test", name, element] => push(CMD_TEST, 0, &|writer| {
            names(writer, name);
            writer.nested(ATTR_DATA, |data| entry(element).write(data, None));
        }),
        ["ipset", "flush", name] => flush_in(&mut batch, name).unwrap(),
        ["ipset", "destroy", name] => push(CMD_DESTROY, 0, &|writer| names(writer, name)),
        ["ipset", "rename", name, new] => push(CMD_RENAME, 0, &|writer| {
            names(writer, name);
            writer.text(ATTR_SETNAME2, new);
        }),
        _ => panic!("no encoder for {command}"),
    }
    batch.queued().to_vec()
}

/// The attributes of a message but for three things in which nfa differs knowingly: protocol 6
/// instead of 7, no line number (9) in elements, the limit of elements (19) always said.
fn comparable(message: &Message<'_>) -> String {
    let all = tree(&message.payload[4..]).join(" ");
    let all = all.replace("1=07 ", "1=06 ").replace(" 9n=00000000", "");
    if all.contains("19n=") {
        all
    } else {
        all.replace(" 7{6n=00000000}", " 7{6n=00000000 19n=00010000}")
    }
}

#[test]
fn requests_are_those_of_the_tool() {
    let mut seen = 0;
    for (command, captured) in cases(CAPTURED) {
        if !command.starts_with("ipset") {
            continue;
        }
        seen += 1;
        let theirs = Messages::new(&captured).next().unwrap();
        let revision = theirs.attributes().find(ATTR_REVISION).and_then(|a| a.u8()).unwrap_or(0);
        let ours = ours(&command, revision);
        let ours = Messages::new(&ours).next().unwrap();
        assert_eq!(comparable(&ours), comparable(&theirs), "{command}");
        let exclusive = if command.contains("destroy") { message::EXCL } else { 0 };
        assert_eq!(ours.kind, theirs.kind, "{command}");
        assert_eq!(ours.flags | message::ACK | exclusive, theirs.flags, "{command}");
        assert_eq!(ours.family(), theirs.family(), "{command}");
    }
    assert_eq!(seen, 15);
}

#[test]
fn requests_of_the_tool_are_told_in_its_words() {
    for (command, captured) in cases(CAPTURED) {
        let Some(change) = command.strip_prefix("ipset -exist ") else { continue };
        let theirs = Messages::new(&captured).next().unwrap();
        let (operation, object) = describe(&theirs);
        let verb = if operation == Operation::Add { "add" } else { "del" };
        let words: Vec<&str> = change.split_whitespace().take(3).collect();
        assert_eq!(format!("{verb} {object}"), words.join(" "));
    }
}

#[test]
fn replies_of_the_kernel_are_read() {
    let replies: Vec<_> =
        cases(CAPTURED).into_iter().filter(|(comment, _)| comment.starts_with("reply")).collect();
    let read = |index: usize| {
        let reply = Messages::new(&replies[index].1).next().unwrap();
        let header = Header::parse(reply.attributes()).unwrap();
        let list = reply.attributes().find(ATTR_ADT).unwrap();
        let members: Vec<Member> =
            list.attributes().filter_map(|data| Member::parse(data.attributes())).collect();
        (header, members)
    };
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let (header, members) = read(0);
    let shape = Shape {
        kind: Kind::Ip,
        family: Family::V4,
        timeout: seconds(900),
        maxelem: 4096,
        hashsize: None,
        skbinfo: false,
    };
    assert_eq!(header.differences(&shape), [""; 0]);
    let wrong = Shape { maxelem: 10, timeout: None, family: Family::V6, ..shape };
    assert_eq!(
        header.differences(&wrong),
        ["family inet, expected inet6", "timeout 900, expected none", "maxelem 4096, expected 10"]
    );
    assert_eq!((header.name.as_str(), header.elements, header.references), ("a", Some(2), 0));
    let skb = SkbInfo::default();
    assert_eq!(
        members,
        [
            Member { entry: entry("10.0.0.1"), timeout: seconds(899), skb },
            Member { entry: entry("10.0.0.2"), timeout: seconds(0), skb }
        ]
    );
    let (header, members) = read(1);
    assert_eq!((header.family, header.skbinfo, header.timeout), (Family::V6, true, None));
    let skb = SkbInfo { mark: Some((0x10, 0xff)), prio: Some((1, 0x20)), queue: Some(3) };
    let entry = |text| super::tests::entry(text);
    assert_eq!(members, [Member { entry: entry("2001:db8::1,udp:443"), timeout: None, skb }]);
    let (header, members) = read(2);
    assert_eq!(header.type_name, "hash:ip,port,ip");
    let skb = SkbInfo::default();
    let tcp = entry("10.0.0.1,tcp:80,192.168.1.2");
    assert_eq!(members, [Member { entry: tcp, timeout: seconds(29), skb }]);
    // hash:net: its elements are not the addresses they start with.
    let (header, members) = read(3);
    assert_eq!((header.type_name.as_str(), members.as_slice()), ("hash:net", &[][..]));

    for (_, reply) in &replies {
        for cut in 0..reply.len() {
            // A message cut short, its length set to what is left, as a liar would.
            let mut short = reply[..cut].to_vec();
            if cut >= 4 {
                short[..4].copy_from_slice(&u32::try_from(cut).unwrap().to_ne_bytes());
            }
            for message in Messages::new(&short) {
                let _ = Header::parse(message.attributes());
                for list in message.attributes().filter(|list| list.kind == ATTR_ADT) {
                    list.attributes().for_each(|data| {
                        let _ = Member::parse(data.attributes());
                    });
                }
            }
        }
    }
}

/// This kernel has no hash:mac, so no bytes of it could be captured: IPSET_ATTR_ETHER is 17.
#[test]
fn hardware_addresses_are_six_bytes() {
    let mut bytes = Vec::new();
    let mac = Entry::Mac(Mac([0, 0x11, 0x22, 0xaa, 0xbb, 0xcc]));
    mac.write(&mut Writer::new(&mut bytes), Some(Duration::from_millis(1500)));
    assert_eq!(tree(&bytes), ["6n=00000002", "17=001122aabbcc"]);
    let attributes = crate::netlink::attribute::Attributes::new(&bytes);
    assert_eq!(Member::parse(attributes).unwrap().entry, mac);
}

#[test]
fn names_and_elements_are_checked_before_they_are_sent() {
    let mut batch = Batch::new();
    let one = entry("10.0.0.1");
    let none = SkbInfo::default();
    let long = "a".repeat(32);
    for name in ["", long.as_str(), "a\0b"] {
        let error = add(&mut batch, name, &one, None, &none).unwrap_err();
        assert_eq!(error.cause, Cause::Name { bytes: name.len(), most: 31 });
    }
    add(&mut batch, &"a".repeat(31), &one, None, &none).unwrap();
    let mixed = entry("10.0.0.1,tcp:80,2001:db8::1");
    let error = add(&mut batch, "a", &mixed, None, &none).unwrap_err();
    assert_eq!(
        error.to_string(),
        "ipset add a 10.0.0.1,tcp:80,2001:db8::1: both addresses of an element are of one family"
    );
    assert_eq!(batch.len(), 1);
}

#[test]
fn time_outs_are_whole_seconds_and_never_become_for_ever() {
    for (timeout, expected) in [
        (Duration::ZERO, 0),
        (Duration::from_millis(1), 1),
        (Duration::from_secs(900), 900),
        (Duration::from_millis(900_001), 901),
        (Duration::MAX, MOST_TIMEOUT_SECONDS),
    ] {
        assert_eq!(seconds(timeout), expected);
    }
}
