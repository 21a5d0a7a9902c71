//! What a cross-build can get wrong without a word: the width of C's time, and waits that do not wait.
//!
//! Means something on 32-bit machines (`openwrt/emulate.sh`); true everywhere.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::sync::{Condvar, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

const WAIT: Duration = Duration::from_millis(400);

/// What this thread has run so far, as the kernel counts it.
fn busy() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split_whitespace().next().unwrap().parse().unwrap())
}

/// musl 1.2 has a time_t of 64 bits. A standard library that is told so hands the wide time to the
/// kernel's old futex call, which takes it for no time at all: the wait spins until it is over.
#[test]
fn a_timed_wait_sleeps() {
    let mutex = Mutex::new(());
    let (_sender, receiver) = mpsc::channel::<()>();
    let waits: [&dyn Fn(); 3] = [
        &|| thread::sleep(WAIT),
        &|| drop(Condvar::new().wait_timeout_while(mutex.lock().unwrap(), WAIT, |()| true)),
        &|| assert!(receiver.recv_timeout(WAIT).is_err()),
    ];
    for (number, wait) in waits.iter().enumerate() {
        let (started, before) = (Instant::now(), busy());
        wait();
        let worked = busy().saturating_sub(before);
        assert!(started.elapsed() >= WAIT, "wait {number} is too short");
        assert!(worked < WAIT / 2, "wait {number} worked for {worked:?}");
    }
}

#[test]
fn times_of_c_have_64_bits() {
    assert_eq!(size_of::<libc::timeval>(), 16);
    assert_eq!(size_of::<libc::timespec>(), 16);
}
