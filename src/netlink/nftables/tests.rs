use super::*;
use crate::net::{Mac, Transport};
use crate::netlink::captured::{cases, tree};
use crate::netlink::message::Messages;

const CAPTURED: &str = include_str!("../../../tests/netlink/nftables.txt");

fn table() -> Table {
    Table { family: TableFamily::Inet, name: "nfa".to_owned() }
}

fn named(name: &str) -> SetName {
    SetName { table: table(), name: name.to_owned() }
}

fn value(text: &str) -> Value {
    if let Ok(addr) = text.parse() {
        return Value::Addr(addr);
    }
    if let Ok(port) = text.parse() {
        return Value::Port(port);
    }
    if let Ok(mac) = text.parse::<Mac>() {
        return Value::Mac(mac);
    }
    if let Some(mark) = text.strip_prefix("0x") {
        return Value::Mark(u32::from_str_radix(mark, 16).unwrap());
    }
    match text {
        "tcp" => Value::Transport(Transport::Tcp),
        "udp" => Value::Transport(Transport::Udp),
        name => Value::Interface(Interface::new(name.trim_matches('"')).unwrap()),
    }
}

fn key(text: &str) -> Key {
    Key::new(&text.split(" . ").map(value).collect::<Vec<_>>()).unwrap()
}

/// The number after a word.
fn after(text: &str, word: &str) -> Option<u64> {
    let rest = text.split_once(word)?.1.trim_start();
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn shape(text: &str) -> SetShape {
    let types = text.split_once("type ").unwrap().1.split_once(';').unwrap().0;
    let timeout = after(text, "timeout ").map(Duration::from_millis);
    let flag = text.contains("flags timeout").then_some(Duration::ZERO);
    SetShape {
        fields: types.split(" . ").map(|name| Field::from_name(name).unwrap()).collect(),
        timeout: timeout.or(flag),
        size: after(text, "size ").map(|size| u32::try_from(size).unwrap()),
    }
}

/// Puts what nfa sends for a command of `nft` into a batch.
fn push(batch: &mut Batch, command: &str) {
    let body = command.split_once("{ ").map_or("", |(_, body)| body.trim_end_matches(" }"));
    let (element, timeout) = match body.split_once(" timeout ") {
        Some((element, _)) => (element, after(body, "timeout ").map(Duration::from_millis)),
        None => (body, None),
    };
    let words: Vec<&str> = command.split_whitespace().collect();
    match words.as_slice() {
        ["nft", "add", "table", ..] => add_table(batch, &table()),
        ["nft", "delete", "table", ..] => delete_table(batch, &table()),
        ["nft", "add", "set", _, _, name, ..] => add_set(batch, &named(name), &shape(body)),
        ["nft", "delete", "set", _, _, name] => delete_set(batch, &named(name)),
        ["nft", "flush", "set", _, _, name] => flush_set(batch, &named(name)),
        ["nft", "add", "element", _, _, name, ..] => {
            add(batch, &named(name), &key(element), timeout)
        }
        ["nft", "delete", "element", _, _, name, ..] => delete(batch, &named(name), &key(element)),
        _ => panic!("no encoder for {command}"),
    }
    .unwrap();
}

/// The attributes but for what nfa leaves out knowingly: the set's number within the transaction
/// (4) where a set's name says the same, and a note on a concatenation's origin (13) that `nft`
/// itself cannot read. Their order where it means nothing (flush).
fn comparable(message: &Message<'_>) -> Vec<String> {
    let mut all = tree(&message.payload[4..]);
    if message.command() == MSG_NEWSETELEM {
        all.retain(|attribute| !attribute.starts_with("4="));
    }
    for attribute in &mut all {
        if let Some(cut) = attribute.find("0308000") {
            attribute.truncate(cut);
        }
    }
    if message.command() == MSG_DELSETELEM {
        all.sort();
    }
    all
}

#[test]
fn requests_are_those_of_the_tool() {
    let mut seen = 0;
    for (command, captured) in cases(CAPTURED) {
        if !command.starts_with("nft") {
            continue;
        }
        seen += 1;
        let mut batch = Batch::new();
        push(&mut batch, &command);
        let theirs = Messages::new(&captured).next().unwrap();
        let ours = Messages::new(batch.queued()).next().unwrap();
        assert_eq!(comparable(&ours), comparable(&theirs), "{command}");
        assert_eq!((ours.kind, ours.flags), (theirs.kind, theirs.flags), "{command}");
        assert_eq!(ours.family(), theirs.family(), "{command}");
    }
    assert_eq!(seen, 20);
}

#[test]
fn requests_are_told_in_the_words_of_the_tool() {
    for (command, captured) in cases(CAPTURED) {
        let Some(command) = command.strip_prefix("nft ") else { continue };
        let theirs = Messages::new(&captured).next().unwrap();
        let element = command.split_once("{ ").map_or("", |(_, body)| body.trim_end_matches(" }"));
        let element = element.split(" timeout").next().unwrap();
        let key_type = if command.contains(" element ") { key(element).key_type() } else { 0 };
        let (operation, object) = describe(&theirs, key_type);
        let verb = match operation {
            Operation::Add | Operation::Create => "add",
            Operation::Flush => "flush",
            _ => "delete",
        };
        let told = format!("{verb} {object}");
        let expected = match command.split_once(" timeout ") {
            Some((start, _)) if command.contains(" element ") => format!("{start} }}"),
            _ if command.contains(" element ") => command.to_owned(),
            _ => command.split(" {").next().unwrap().to_owned(),
        };
        assert_eq!(told, expected);
    }
}

fn replies(label: &str) -> Vec<u8> {
    cases(CAPTURED).into_iter().find(|(comment, _)| comment == label).unwrap().1
}

#[test]
fn sets_and_elements_of_the_kernel_are_read() {
    let bytes = replies("reply to: nft list sets");
    let sets: Vec<SetInfo> =
        Messages::new(&bytes).map(|message| SetInfo::parse(&message).unwrap()).collect();
    let expected = SetShape {
        fields: vec![Field::Ipv4Addr, Field::InetProto, Field::InetService, Field::Ipv4Addr],
        timeout: Some(Duration::from_secs(900)),
        size: Some(65536),
    };
    assert_eq!(sets[0].set, named("b.v4"));
    assert_eq!(sets[0].differences(&expected), [""; 0]);
    assert!(sets[0].is_fillable());
    assert_eq!((sets[1].set.name.as_str(), sets[1].is_fillable()), ("r", false));
    let other = SetShape { fields: vec![Field::Ipv6Addr], timeout: None, size: None };
    assert_eq!(
        sets[0].differences(&other),
        [
            "type ipv4_addr . inet_proto . inet_service . ipv4_addr, expected ipv6_addr",
            "timeout 900s, expected none",
            "size 65536, expected none"
        ]
    );
    let bytes = replies("reply to: nft list set inet nfa b.v4");
    let mut seen = Vec::new();
    for message in Messages::new(&bytes) {
        let list = message.attributes().find(ATTR_ELEMENTS).unwrap();
        seen.extend(
            list.attributes()
                .map(|element| parse_element(element.attributes(), sets[0].key_type).unwrap()),
        );
    }
    seen.sort_by_key(|element| element.key.as_bytes().to_vec());
    assert_eq!(seen[0].key, key("10.0.0.1 . tcp . 443 . 192.168.1.2"));
    assert_eq!(seen[0].timeout, Some(Duration::from_secs(60)));
    assert!(seen[0].left.unwrap() < Duration::from_secs(60));
    assert_eq!(seen[1].key.to_string(), "10.0.0.2 . udp . 53 . 192.168.1.2");
    assert_eq!(seen[1].timeout, None, "the set's");
}

#[test]
fn events_of_the_kernel_are_read() {
    let read = |command: &str, own| {
        let bytes = replies(&format!("event: nft {command}"));
        Messages::new(&bytes).filter_map(|message| event::parse(&message, own)).collect()
    };
    let events: Vec<Event> = read("delete table inet nfa", 0);
    let name = "nft".to_owned();
    let Event::Generation { id: 8, process, .. } = events[2] else { panic!("{events:?}") };
    assert_eq!(
        events,
        [
            Event::SetDeleted(named("b.v4")),
            Event::TableDeleted(table()),
            Event::Generation { id: 8, process, name },
        ]
    );
    let events: Vec<Event> =
        read("delete element inet nfa b.v4 { 10.0.0.1 . tcp . 443 . 192.168.1.2 }", 0);
    let Event::ElementsDeleted(set, keys) = &events[0] else { panic!("{events:?}") };
    assert_eq!(*set, named("b.v4"));
    assert_eq!(keys[0].as_bytes(), key("10.0.0.1 . tcp . 443 . 192.168.1.2").as_bytes());
    let events: Vec<Event> = read("add set inet nfa r { type ipv4_addr; flags interval; }", 0);
    assert!(matches!(&events[0], Event::SetAdded(info) if info.set == named("r")));
    // Own changes are not told but for their generation.
    let bytes = replies("event: nft delete set inet nfa r");
    let own = |message: Message<'_>| event::parse(&Message { port: 7, ..message }, 7);
    let events: Vec<Event> = Messages::new(&bytes).filter_map(own).collect();
    assert!(matches!(events.as_slice(), [Event::Generation { id: 7, .. }]), "{events:?}");
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
                let _ = SetInfo::parse(&message);
                let _ = event::parse(&message, 0);
                let _ = describe(&message, 0x1c_c347);
            }
        }
    }
}

#[test]
fn what_cannot_be_asked_is_refused_here() {
    let mut batch = Batch::new();
    let long = named(&"a".repeat(256));
    let error = add(&mut batch, &long, &key("10.0.0.1"), None).unwrap_err();
    assert_eq!(error.cause, Cause::Name { bytes: 256, most: 255 });
    let six = SetShape { fields: vec![Field::Mark; 6], timeout: None, size: None };
    let error = add_set(&mut batch, &named("a"), &six).unwrap_err();
    assert!(error.to_string().ends_with("a key has 1 to 5 fields and at most 64 bytes"), "{error}");
    let none = SetShape { fields: Vec::new(), ..six };
    add_set(&mut batch, &named("a"), &none).unwrap_err();
    assert!(batch.is_empty());
    assert_eq!(milliseconds(Duration::from_nanos(1)), 1);
    assert_eq!(milliseconds(Duration::MAX), MOST_TIMEOUT_MS);
}
