//! Network namespaces for tests against the real kernel. A namespace belongs to the thread that
//! made it and to the commands that the thread starts, and is gone with them.

use std::process::{Command, Output};

/// Moves this thread into a network namespace of its own. None, and a line that says so, where
/// that needs root and the tests do not have it.
pub fn namespace() -> Option<()> {
    // SAFETY: geteuid and unshare take no pointer; unshare(CLONE_NEWNET) changes this thread only.
    let entered = unsafe { libc::geteuid() == 0 && libc::unshare(libc::CLONE_NEWNET) == 0 };
    if !entered {
        println!("skipped: needs root");
        return None;
    }
    run("ip link set lo up");
    Some(())
}

/// What a command prints; it must succeed.
pub fn run(command: &str) -> String {
    let output = output(command);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// What a command gives, by words: no quoting.
pub fn output(command: &str) -> Output {
    let mut words = command.split_whitespace();
    let program = words.next().unwrap();
    Command::new(program).args(words).output().unwrap_or_else(|error| panic!("{program}: {error}"))
}

/// Takes all capabilities from this thread.
pub fn drop_rights() {
    // struct __user_cap_header_struct and two of __user_cap_data_struct (linux/capability.h).
    let header: [u32; 2] = [0x2008_0522, 0];
    let none = [0_u32; 6];
    // SAFETY: both pointers are to arrays of the size that this version of capset reads, and
    // outlive the call.
    let result = unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr()) };
    assert_eq!(result, 0);
}
