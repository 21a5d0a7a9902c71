//! Timeouts that a reload takes away, in the kernel at hand, with `ipset` and `nft` as judges. Needs
//! root.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(unsafe_code)] // in tests/netlink/mod.rs: unshare(2), capset(2)
#![allow(dead_code)] // the shared modules serve several tests

mod netlink;
mod rig;

use std::thread;
use std::time::Duration;

use netlink::{namespace, run};
use rig::{Rig, handshake, nft};

/// Sets that somebody else made, so that a reload leaves them as they are.
fn configuration(ttl: u32) -> String {
    format!(
        r#"{{"targets": {{
            "i": {{"target_type": "ipset", "set_name": "i", "set_family": "ipv4", "ttl": {ttl}}},
            "n": {{"target_type": "nftset", "set_name": "n", "set_family": "ipv4", "type": ["other_addr"], "ttl": {ttl},
                "table_name": "t"}}}},
        "actions": {{"a": {{"criteria": "protocol == 'bittorrent';", "targets": ["i", "n"]}}}}}}"#
    )
}

#[test]
fn an_element_wanted_for_ever_stays_though_its_old_timeout_passes() {
    let Some(()) = namespace() else { return };
    run("ipset create i.v4 hash:ip timeout 400");
    nft("add table inet t; add set inet t n.v4 { type ipv4_addr; timeout 400s; }");
    let mut rig = Rig::new(&configuration(2));
    rig.tcp("192.168.1.10 5000", "203.0.113.9 6881", &handshake());
    let ipset = || run("ipset save i.v4");
    let nftset = || nft("list set inet t n.v4");
    assert!(ipset().contains("203.0.113.9 timeout 2") || ipset().contains("203.0.113.9 timeout 1"));
    assert!(nftset().contains("203.0.113.9 timeout 2s"), "{}", nftset());
    rig.reload(&configuration(0));
    assert!(ipset().contains("203.0.113.9 timeout 0"), "{}", ipset());
    thread::sleep(Duration::from_millis(3100));
    assert!(ipset().contains("203.0.113.9 timeout 0"), "{}", ipset());
    let text = nftset();
    assert!(text.contains("203.0.113.9") && !text.contains("expires"), "{text}");
    assert_eq!((rig.keeper.failures(), rig.told()), (0, Vec::new()));
}
