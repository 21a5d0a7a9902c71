//! Nothing but tests: see `tests/hash_ip.rs`.
