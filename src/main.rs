//! The program: arguments, event loop, clock, signals, exit status.

fn main() {}
