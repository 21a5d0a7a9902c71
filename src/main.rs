//! The program: arguments, event loop, clock, signals, exit status.

mod command;

use std::process::ExitCode;

fn main() -> ExitCode {
    command::main()
}
