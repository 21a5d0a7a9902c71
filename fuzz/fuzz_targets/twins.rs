#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nfa_fuzz::run("twins", data));
