//! Labels, marks and ends of connections against the kernel at hand, with `conntrack` and `nft` as
//! judges. Needs root.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(unsafe_code)] // in tests/netlink/mod.rs: unshare(2), capset(2)
#![allow(dead_code)] // the shared modules serve several tests

mod netlink;
mod rig;

use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use netlink::{namespace, output, run};
use nfa::net::Transport;
use nfa::netlink::Client;
use nfa::netlink::conntrack;
use nfa::sys::{Interest, PollFd};
use rig::{Rig, handshake, nft, nft_elements};

const CLIENT: &str = "192.168.1.10 5000";
const PEER: &str = "203.0.113.9 6881";

/// Makes the kernel keep labels for connections.
fn keep_labels() {
    nft("add table inet t; add chain inet t c { type filter hook output priority 0; }");
    nft("add rule inet t c ct label 77 counter");
}

/// A label file of this test's own.
fn label_file(test: &str, text: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("nfa-{test}-{}.conf", std::process::id()));
    fs::write(&path, text).unwrap();
    path
}

fn insert(tuple: &str) {
    run(&format!("conntrack -I {tuple} -t 60"));
}

const CONNECTION: &str =
    "-p tcp -s 192.168.1.10 -d 203.0.113.9 --sport 5000 --dport 6881 --state ESTABLISHED";

/// Mark and labels of the only connection.
fn only() -> (u32, Vec<u8>) {
    let mut found = Vec::new();
    conntrack::dump(&mut Client::open().unwrap(), |connection| found.push(connection)).unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    (found[0].mark, found[0].labels.bits().collect())
}

/// A2 without its log, A7: labels by name, one action for all flows beside one for some.
#[test]
fn labels_are_set_by_name_and_rules_see_them() {
    let Some(()) = namespace() else { return };
    let file = label_file("names", "# ours\n5 netify-blocked\n6 netify-analyzed\n0 zoom\n");
    let configuration = |criteria: &str| {
        format!(
            r#"{{ "reprocess_flows": true,
            "target_globals": {{ "ctlabel": {{ "connlabel_conf": "{}" }} }},
            "targets": {{
              "block": {{ "target_type": "ctlabel", "target_enabled": true, "labels": ["netify-blocked"] }},
              "zoom": {{ "target_type": "ctlabel", "labels": ["zoom"] }},
              "analyzed": {{ "target_type": "ctlabel", "target_enabled": true, "labels": ["netify-analyzed", 127] }} }},
            "actions": {{
              "rule0": {{ "enabled": true, "criteria": "{criteria}", "targets": ["block", "bulk"], "exemptions": [] }},
              "zoom": {{ "criteria": "app == 'netify.zoom';", "targets": ["zoom"] }},
              "analyzed": {{ "enabled": true, "criteria": "detection_guessed || detection_complete;", "targets": ["analyzed"], "exemptions": [] }} }},
            "exemptions": ["192.168.1.22"] }}"#,
            file.display()
        )
    };
    let text = configuration(
        "(iface_nfq_src == 'br-lan' or iface_nfq_dst == 'br-lan' or protocol == 'bittorrent') \
         && (app == 'netify.amazon-prime' or proto == 'bittorrent') ;",
    );
    keep_labels();
    let mut rig = Rig::new(&text);
    insert(CONNECTION);
    rig.tcp(CLIENT, PEER, &handshake());
    assert_eq!(only(), (0, vec![5, 6, 127]));
    // Exempt.
    run("conntrack -F");
    insert("-p tcp -s 192.168.1.22 -d 203.0.113.9 --sport 1 --dport 2 --state ESTABLISHED");
    rig.tcp("192.168.1.22 1", "203.0.113.9 2", &handshake());
    assert_eq!(only(), (0, vec![]));
    // An action that matches no longer: its label goes, the other's stays.
    run("conntrack -F");
    insert(CONNECTION);
    rig.reload(&text.replace("detection_guessed || detection_complete", "protocol == 'dns'"));
    rig.reload(&text);
    assert_eq!(only(), (0, vec![6, 127]), "what is held is not sent again");
    rig.reload(&text.replace("proto == 'bittorrent'", "proto == 'dns'"));
    assert_eq!(only(), (0, vec![6, 127]));
    assert_eq!((rig.keeper.failures(), rig.told()), (0, Vec::new()));

    // A7: a packet of a labelled connection meets a rule.
    nft("add rule inet t c ct label 0 ip dscp set ef counter");
    let server = TcpListener::bind("127.0.0.2:0").unwrap();
    let mut client = TcpStream::connect(server.local_addr().unwrap()).unwrap();
    let ends = [client.local_addr(), client.peer_addr()];
    let ends = ends.map(|end| end.unwrap().to_string().replace(':', " "));
    rig.tcp(&ends[0], &ends[1], b"GET / HTTP/1.1\r\nHost: zoom.us\r\n\r\n");
    let counted = || !nft("list chain inet t c").contains("dscp set ef counter packets 0 ");
    assert!(!counted());
    client.write_all(b"x").unwrap();
    assert!(counted());
    fs::remove_file(file).unwrap();
    assert_eq!(rig.told(), [""; 0]);
}

/// A4, and a flow whose first packet is seen before the kernel has entered it into its table.
#[test]
fn a_ping_is_labelled_even_if_seen_before_its_connection() {
    let Some(()) = namespace() else { return };
    let file = label_file("ping", "3 block\n");
    keep_labels();
    let mut rig = Rig::new(&format!(
        r#"{{"target_globals": {{"ctlabel": {{"connlabel_conf": "{}"}}}},
        "targets": {{"block": {{"target_type":"ctlabel","labels":["block"]}}}},
        "actions": {{"rule0": {{"enabled":true,"interface":"eth1","criteria":"(proto == 'icmp') ;",
                     "targets":["block"],"exemptions":[]}}}}}}"#,
        file.display()
    ));
    fs::remove_file(file).unwrap();
    let echo = [8, 0, 0, 0, 0, 77, 0, 1];
    rig.packet_on(1, Transport::ICMP, "192.168.1.10 77", "203.0.113.9 77", &echo);
    rig.packet_on(0, Transport::ICMP, "192.168.1.11 78", "203.0.113.9 78", &echo);
    insert("-p icmp -s 192.168.1.10 -d 203.0.113.9 --icmp-type 8 --icmp-code 0 --icmp-id 77");
    assert_eq!(only(), (0, vec![]));
    rig.restore();
    assert_eq!(only(), (0, vec![3]));
    assert_eq!((rig.keeper.failures(), rig.told()), (0, Vec::new()));
    // One that never comes has gone: normal, and told to nobody.
    rig.packet_on(1, Transport::ICMP, "192.168.1.12 79", "203.0.113.9 79", &echo);
    rig.restore();
    rig.restore();
    assert_eq!((rig.keeper.failures(), rig.told()), (0, Vec::new()));
}

#[test]
fn what_keeps_labels_from_being_set_is_told_clearly_and_once() {
    let Some(()) = namespace() else { return };
    let labels = |options: &str| {
        format!(
            r#"{{"targets": {{"t": {{"target_type": "ctlabel", "labels": [1, 2]{options}}}}},
            "actions": {{"a": {{"criteria": "*", "targets": ["t"]}}}}}}"#
        )
    };
    let mut rig = Rig::new(&labels(""));
    insert(CONNECTION);
    rig.tcp(CLIENT, PEER, &handshake());
    assert_eq!(
        rig.told(),
        [
            "conntrack update tcp 192.168.1.10:5000 > 203.0.113.9:6881: ENOSPC: no rule uses ct label \
          or -m connlabel, so the kernel keeps no labels for this connection"
        ]
    );
    insert("-p tcp -s 192.168.1.10 -d 203.0.113.9 --sport 5001 --dport 6881 --state ESTABLISHED");
    rig.tcp("192.168.1.10 5001", PEER, &handshake());
    assert_eq!((rig.keeper.failures(), rig.told()), (2, Vec::new()));
    // Whoever asks is told of connections that have gone.
    let mut rig = Rig::new(&labels(r#", "log_errors": true"#));
    rig.tcp("192.168.1.10 5002", PEER, &handshake());
    assert_eq!(rig.told(), [""; 0]);
    rig.restore();
    assert!(rig.told()[0].ends_with("ENOENT: the connection is gone"));
}

#[test]
fn labels_are_derived_from_application_and_protocol() {
    let Some(()) = namespace() else { return };
    let file = label_file("auto", "10 a-tiktok\n11 p-bittorrent\n12 p-http\n13 a-netify.zoom\n");
    keep_labels();
    let mut rig = Rig::new(&format!(
        r#"{{"target_globals": {{"ctlabel": {{"connlabel_conf": "{}"}}}},
        "targets": {{"t": {{"target_type": "ctlabel", "auto_label": true, "labels": [1]}}}},
        "actions": {{"a": {{"criteria": "*", "targets": ["t"]}}}}}}"#,
        file.display()
    ));
    fs::remove_file(file).unwrap();
    for (payload, labels) in [
        (handshake(), vec![1, 11]),
        (b"GET / HTTP/1.1\r\nHost: www.tiktok.com\r\n\r\n".to_vec(), vec![1, 10, 12]),
        (b"GET / HTTP/1.1\r\nHost: zoom.us\r\n\r\n".to_vec(), vec![1, 12, 13]),
        (b"GET / HTTP/1.1\r\nHost: www.youtube.com\r\n\r\n".to_vec(), vec![1, 12]),
    ] {
        let port = 6000 + labels.iter().map(|bit| u16::from(*bit)).sum::<u16>();
        run("conntrack -F");
        insert(&CONNECTION.replace("5000", &port.to_string()));
        rig.tcp(&format!("192.168.1.10 {port}"), PEER, &payload);
        assert_eq!(only(), (0, labels));
    }
    assert_eq!(rig.told(), [""; 0]);
}

/// A9's target: bits under the mask, nothing else.
#[test]
fn marks_change_under_their_mask_only() {
    let Some(()) = namespace() else { return };
    let configuration = |criteria: &str| {
        format!(
            r#"{{"targets": {{
            "b": {{ "target_type": "ctmark", "target_enabled": true, "mark": "0x1", "mask": "0xff0000", "shift": 16 }},
            "c": {{ "target_type": "ctmark", "mark": "7f", "mask": "0x7f" }} }},
            "actions": {{ "games": {{ "criteria": "{criteria}", "targets": ["b"] }},
                          "all": {{ "criteria": "*", "targets": ["c"] }} }} }}"#
        )
    };
    let mut rig = Rig::new(&configuration("protocol == 'bittorrent';"));
    // mwan3 and others hold bits outside.
    insert(&format!("{CONNECTION} -m 0x80ff3f80"));
    rig.tcp(CLIENT, PEER, &handshake());
    assert_eq!(only(), (0x8001_3fff, vec![]));
    rig.reload(&configuration("protocol == 'dns';"));
    assert_eq!(only(), (0x8000_3fff, vec![]), "cleared, the rest as it was");
    rig.reload(r"{}");
    assert_eq!(only(), (0x8000_3f80, vec![]));
    // The other side called, and the reply's tuple finds it behind address translation.
    run("conntrack -F");
    run(
        "conntrack -I -p tcp -s 203.0.113.9 -d 198.51.100.1 --sport 6881 --dport 80 -r 192.168.1.10 -q 203.0.113.9 --reply-port-src 5000 --reply-port-dst 6881 --state ESTABLISHED -t 60",
    );
    assert_eq!((rig.keeper.failures(), rig.told()), (0, Vec::new()));
    let mut rig = Rig::new(&configuration("protocol == 'bittorrent';"));
    rig.tcp("203.0.113.9 6882", CLIENT, &handshake());
    assert_eq!(only(), (0, vec![]), "that is another");
    rig.tcp(PEER, CLIENT, &handshake());
    assert_eq!(only(), (0x0001_007f, vec![]));
    assert_eq!((rig.keeper.failures(), rig.told()), (0, Vec::new()));
}

/// A rule on a set rejects what is new; a running connection is killed so that it is.
#[test]
fn a_connection_is_killed_once_and_after_its_element_is_there() {
    let Some(()) = namespace() else { return };
    let configuration = r#"{"targets": {
        "set": {"target_type": "nftset", "set_name": "s", "set_family": "ipv4", "managed": true,
                "type": ["other_addr"]},
        "mark": {"target_type": "ctmark", "mark": "0x5", "mask": "0xf"},
        "kill": {"target_type": "kill"}},
        "actions": {"a": {"criteria": "protocol == 'bittorrent';",
                          "targets": ["kill", "mark", "set"]}}}"#;
    let mut rig = Rig::new(configuration);
    insert(CONNECTION);
    rig.tcp(CLIENT, PEER, &handshake());
    assert_eq!(run("conntrack -C").trim(), "0");
    assert_eq!(nft_elements("inet nfa s.v4"), ["203.0.113.9"]);
    // Its next packet makes it anew; that one stays, and carries the mark within a second.
    insert(CONNECTION);
    rig.reload(&configuration.replace("bittorrent", "dns"));
    rig.reload(configuration);
    rig.restore();
    assert_eq!(only(), (5, vec![]));
    assert!(output("conntrack -C").status.success());
    // Another flow is another matter.
    run("conntrack -F");
    insert(&CONNECTION.replace("5000", "5001"));
    rig.tcp("192.168.1.10 5001", PEER, &handshake());
    assert_eq!(run("conntrack -C").trim(), "0");
    assert_eq!((rig.keeper.failures(), rig.told()), (0, Vec::new()));
}

/// Labels and marks of live flows come back with their connections.
#[test]
fn what_a_flow_carries_comes_back_after_the_table_was_emptied() {
    let configuration = r#"{"targets": {
        "l": {"target_type": "ctlabel", "labels": [1, 127]},
        "m": {"target_type": "ctmark", "mark": "0x5", "mask": "0xf"}},
        "actions": {"a": {"criteria": "protocol == 'bittorrent';", "targets": ["l", "m"]}}}"#;
    for is_told in [true, false] {
        let Some(()) = namespace() else { return };
        if !is_told {
            run("sysctl -q -w net.netfilter.nf_conntrack_events=0");
        }
        keep_labels();
        let mut rig = Rig::new(configuration);
        // Another flow carries nothing, so nothing is said of it.
        let other = CONNECTION.replace("5000", "5001");
        insert(&other);
        rig.tcp("192.168.1.10 5001", PEER, b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
        run("conntrack -F");
        // Called by the far side, and translated: known by the reply direction.
        let translated = "-p tcp -s 203.0.113.9 -d 198.51.100.1 --sport 6883 --dport 80 \
                          -r 192.168.1.10 -q 203.0.113.9 --reply-port-src 5000 \
                          --reply-port-dst 6883 --state ESTABLISHED";
        for (connection, from, to) in
            [(CONNECTION, CLIENT, PEER), (translated, "203.0.113.9 6883", CLIENT)]
        {
            insert(connection);
            rig.tcp(from, to, &handshake());
            assert_eq!(only(), (5, vec![1, 127]));
            run("conntrack -F");
            rig.notice();
            rig.wait(1);
            rig.restore();
            assert_eq!(run("conntrack -C").trim(), "0");
            insert(&format!("{connection} -m 0x20"));
            assert_eq!(only(), (0x20, vec![]));
            if is_told {
                let fd = rig.keeper.event_fds().next().unwrap();
                let mut fds = [PollFd::new(fd, Interest::Read)];
                nfa::sys::poll(&mut fds, Some(Duration::from_secs(5))).unwrap();
                rig.notice();
            } else {
                assert_eq!(rig.keeper.event_fds().count(), 0);
                rig.restore();
            }
            assert_eq!(only(), (0x25, vec![1, 127]), "{is_told}");
            run("conntrack -F");
            insert(&other);
            rig.notice();
            rig.restore();
            assert_eq!(only(), (0, vec![]));
            run("conntrack -F");
        }
        let said: &[&str] = if is_told {
            &[]
        } else {
            &["no events of connections, labels and marks are renewed: \
               net.netfilter.nf_conntrack_events is 0"]
        };
        assert_eq!(
            (rig.keeper.failures(), rig.told()),
            (0, said.iter().map(ToString::to_string).collect())
        );
    }
}

/// Criteria on what the kernel's connection tracking says.
#[test]
fn connection_tracking_is_asked_about_flows() {
    let Some(()) = namespace() else { return };
    let configuration = |criteria: &str| {
        format!(
            r#"{{"targets": {{"t": {{"target_type": "nftset", "set_name": "s", "managed": true,
                 "set_family": "ipv4", "type": ["other_addr"]}}}},
            "actions": {{"a": {{"criteria": "{criteria}", "targets": ["t"]}}}}}}"#
        )
    };
    let held = || nft_elements("inet nfa s.v4");
    insert(
        "-p tcp -s 192.168.1.10 -d 203.0.113.9 --sport 5000 --dport 6881 -r 203.0.113.9 \
            -q 198.51.100.1 --reply-port-src 6881 --reply-port-dst 5000 --state ESTABLISHED \
            -m 7",
    );
    let mut rig = Rig::new(&configuration("ip_nat;"));
    rig.tcp(CLIENT, PEER, &handshake());
    assert_eq!(held(), ["203.0.113.9"]);
    for (criteria, matches) in [
        ("!ip_nat;", false),
        ("ct_reply_dst_ip == 198.51.100.1 && ct_reply_src_ip == 203.0.113.9;", true),
        ("ct_id == 0;", false),
        ("ct_id;", true),
        ("ct_mark == 7;", true),
        ("fwmark == 8;", false),
    ] {
        rig.reload(&configuration(criteria));
        rig.wait(2);
        assert_eq!(!held().is_empty(), matches, "{criteria}");
    }
    // Somebody marks it later; its packets bring the question.
    run("conntrack -U -p tcp -s 192.168.1.10 -m 8");
    rig.tcp(CLIENT, PEER, b"x");
    assert_eq!(held(), [""; 0]);
    rig.wait(2);
    assert_eq!(held(), ["203.0.113.9"]);
    // A flow that is seen before its connection is entered.
    rig.reload(&configuration("ct_id && ip_nat == false && local_port == 78;"));
    rig.tcp("192.168.1.10 78", "203.0.113.8 6881", &handshake());
    assert_eq!(held(), [""; 0]);
    insert("-p tcp -s 192.168.1.10 -d 203.0.113.8 --sport 78 --dport 6881 --state ESTABLISHED");
    rig.wait(2);
    assert_eq!(held(), ["203.0.113.8"]);
    assert_eq!((rig.keeper.failures(), rig.told()), (0, Vec::new()));
}
