//! What the fuzz targets do with their bytes. `tests/crashes.rs` includes this module too, so that
//! every past find runs in a normal `cargo test`.
//!
//! A target panics where nfa does, and where a promise is broken: a model disagrees, a bound is
//! passed, a member of a set is left over. Slow inputs and memory are watched by the fuzzer.

mod control;
pub mod engine;
mod flows;
mod frames;
mod input;
mod stores;
mod texts;
pub mod twins;
mod uci;

/// A target: its name and what it does.
pub struct Target {
    /// As its file in `fuzz_targets` and its folders of seeds and finds are called.
    pub name: &'static str,
    /// Runs one input.
    pub run: fn(&[u8]),
}

/// Every target there is.
pub static TARGETS: &[Target] = &[
    Target { name: "wire", run: frames::wire },
    Target { name: "capture", run: frames::capture },
    Target { name: "netlink_reply", run: frames::netlink_reply },
    Target { name: "dissector", run: flows::any },
    Target { name: "tls", run: |data| flows::one("tls", data) },
    Target { name: "quic", run: |data| flows::one("quic", data) },
    Target { name: "dns", run: |data| flows::one("dns", data) },
    Target { name: "http", run: |data| flows::one("http", data) },
    Target { name: "bittorrent", run: bittorrent },
    Target { name: "tcp_prefix", run: stores::tcp_prefix },
    Target { name: "hints", run: stores::hints },
    Target { name: "criteria", run: texts::criteria },
    Target { name: "config", run: texts::config },
    Target { name: "catalogue", run: texts::catalogue },
    Target { name: "lists", run: texts::lists },
    Target { name: "zone", run: texts::zone },
    Target { name: "uci", run: uci::uci },
    Target { name: "control", run: control::control },
    Target { name: "engine", run: engine::engine },
    Target { name: "twins", run: twins::twins },
];

/// All that knows BitTorrent, with the same input.
fn bittorrent(data: &[u8]) {
    flows::one("bittorrent", data);
    flows::one("bittorrent-encrypted", data);
}

/// Runs one input through the target of that name.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.unwrap_or_else(|| panic!("no target {name}")).run)(data);
}
