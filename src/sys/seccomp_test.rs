//! The filter of every machine, by an interpreter; that of this machine, by the kernel.
use super::*;
use std::fs;

const MACHINES: [Machine; 5] = [X86_64, AARCH64, ARM, MIPS, MIPSEL];
const SECRET: u64 = 0xffff_ffff_0000_0000; // upper halves are nobody's business

/// What the kernel would answer.
fn run(machine: Machine, audit: u32, number: u32, arguments: [u64; 3]) -> u32 {
    let code = program(machine);
    let word = |at: u32| match at {
        NUMBER_AT => number,
        AUDIT_AT => audit,
        at => {
            let (index, high) = ((at - 16) / 8, (at - 16) % 8 == 4);
            let value = arguments[index as usize];
            if high == machine.big_endian { value as u32 } else { (value >> 32) as u32 }
        }
    };
    let (mut at, mut value) = (0_usize, 0);
    loop {
        let Insn { code: kind, jt, jf, k } = code[at];
        at += 1;
        let mut jump = |yes: bool| at += usize::from(if yes { jt } else { jf });
        match kind {
            LOAD => value = word(k),
            AND => value &= k,
            EQUAL => jump(value == k),
            AT_LEAST => jump(value >= k),
            ANY_BIT => jump(value & k != 0),
            RETURN => return k,
            other => panic!("{other:#x}"),
        }
    }
}

#[test]
fn every_machine_has_its_list() {
    for machine in MACHINES {
        let judge = |number, arguments| run(machine, machine.audit, number, arguments);
        let named = |calls: &[Call], name: &str| {
            let found = calls.iter().find(|(own, _)| *own == name).unwrap();
            machine.number(&found.1).unwrap()
        };
        for (calls, answer) in [(ALLOWED, ALLOW), (DEADLY, KILL)] {
            for (name, numbers) in calls {
                if let Some(number) = machine.number(numbers) {
                    assert_eq!(judge(number, [u64::MAX; 3]), answer, "{name} {machine:?}");
                }
            }
        }
        let recv = named(ALLOWED, "recvfrom");
        for other in MACHINES.into_iter().filter(|other| other.audit != machine.audit) {
            assert_eq!(run(machine, other.audit, recv, [0; 3]), KILL, "another machine's numbers");
        }
        let bpf = machine.number(&BPF).unwrap();
        for (command, answer) in [(0, EPERM), (1, ALLOW), (3, ALLOW), (5, EPERM)] {
            assert_eq!(judge(bpf, [SECRET | command, 0, 0]), answer);
        }
        for number in MEMORY.iter().filter_map(|numbers| machine.number(numbers)) {
            assert_eq!(judge(number, [0, 0, SECRET | 3]), ALLOW);
            assert_eq!(judge(number, [0, 0, 7]), EPERM);
        }
        let socket = machine.number(&SOCKET).unwrap();
        let datagram = u64::from(machine.datagram) | 0x80000;
        let stream = if machine.datagram == 1 { 2 } else { 1 };
        for (family, kind, is_allowed) in [
            (1, stream, true),
            (16, 3, true),
            (17, 3, true),
            (2, datagram, true),
            (2, stream, false),
            (2, 3, false),
            (10, datagram, false),
            (38, 5, false),
        ] {
            let answer = judge(socket, [SECRET | family, SECRET | kind, 0]);
            assert_eq!(answer == ALLOW, is_allowed, "{family} {kind}");
            assert!(is_allowed || answer & 0xffff_0000 == ERRNO);
        }
        // io_uring_setup is young; setuid, kill and the like are old.
        let young = judge(425 + machine.base, [0; 3]);
        assert_eq!(young, if machine.base == 4000 { NOSYS_MIPS } else { NOSYS });
        let known = |number: u32| {
            let all = ALLOWED.iter().chain(DEADLY).map(|(_, numbers)| numbers);
            let all = all.chain(&MEMORY).chain([&BPF, &SOCKET]);
            all.filter_map(|numbers| machine.number(numbers)).any(|own| own == number)
        };
        for number in (machine.base..machine.base + YOUNG).filter(|number| !known(*number)) {
            assert_eq!(judge(number, [0; 3]), EPERM, "{number}");
        }
        assert!(program(machine).len() < 4096, "BPF_MAXINSNS");
    }
}

#[test]
fn no_number_is_in_two_rows() {
    for machine in MACHINES {
        let all = ALLOWED.iter().chain(DEADLY).map(|(_, numbers)| numbers);
        let all = all.chain(&MEMORY).chain([&BPF, &SOCKET]);
        let mut numbers: Vec<u32> = all.filter_map(|row| machine.number(row)).collect();
        let count = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), count, "{machine:?}");
    }
}

/// As this machine's C library has them.
#[test]
fn numbers_are_those_of_libc() {
    let Some(machine) = Machine::own() else { return println!("skipped: no such machine known") };
    let of = |name: &str| {
        let mut all = ALLOWED.iter().chain(DEADLY);
        machine.number(&all.find(|(own, _)| *own == name).unwrap().1)
    };
    for (name, number) in [
        ("recvfrom", libc::SYS_recvfrom),
        ("sendto", libc::SYS_sendto),
        ("ppoll", libc::SYS_ppoll),
        ("openat", libc::SYS_openat),
        ("statx", libc::SYS_statx),
        ("accept4", libc::SYS_accept4),
        ("unlinkat", libc::SYS_unlinkat),
        ("renameat2", libc::SYS_renameat2),
        ("getrandom", libc::SYS_getrandom),
        ("execve", libc::SYS_execve),
        ("clone", libc::SYS_clone),
        ("setns", libc::SYS_setns),
        ("finit_module", libc::SYS_finit_module),
    ] {
        assert_eq!(of(name), Some(number as u32), "{name}");
    }
    assert_eq!(machine.number(&SOCKET), Some(libc::SYS_socket as u32));
    assert_eq!(machine.number(&BPF), Some(libc::SYS_bpf as u32));
    assert_eq!(machine.datagram, libc::SOCK_DGRAM as u32);
    let is_mips = machine.base == 4000;
    let (absent, family) =
        if is_mips { (NOSYS_MIPS, AFNOSUPPORT_MIPS) } else { (NOSYS, AFNOSUPPORT) };
    assert_eq!(EPERM & 0xffff, libc::EPERM as u32);
    assert_eq!(absent & 0xffff, libc::ENOSYS as u32);
    assert_eq!(family & 0xffff, libc::EAFNOSUPPORT as u32);
}

fn errno() -> Option<i32> {
    io::Error::last_os_error().raw_os_error()
}

/// The kernel itself, in a thread of its own: a filter is that thread's.
#[test]
fn the_kernel_refuses_what_is_not_on_the_list() {
    let judged = std::thread::spawn(|| {
        super::super::privilege::forbid_new_privileges().unwrap();
        filter_calls().unwrap();
        // SAFETY: none of these calls takes a pointer that is used.
        let answers = unsafe {
            [
                (libc::kill(0, 0), errno()),
                (libc::syscall(libc::SYS_setuid, 0) as i32, errno()), // that thread alone
                (libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0), errno()),
                (libc::socket(libc::AF_INET6, libc::SOCK_DGRAM, 0), errno()),
                (libc::syscall(libc::SYS_bpf, 5, 0, 0) as i32, errno()),
                (libc::syscall(libc::SYS_io_uring_setup, 1, 0) as i32, errno()),
                (libc::prctl(libc::PR_SET_KEEPCAPS, 1), errno()),
            ]
        };
        let status = fs::read_to_string("/proc/thread-self/status").unwrap();
        (answers, status, std::os::unix::net::UnixDatagram::unbound().is_ok())
    });
    let (answers, status, may_speak) = judged.join().unwrap();
    let expected = [
        libc::EPERM,
        libc::EPERM,
        libc::EAFNOSUPPORT,
        libc::EAFNOSUPPORT,
        libc::EPERM,
        libc::ENOSYS,
        libc::EPERM,
    ];
    assert_eq!(answers, expected.map(|errno| (-1, Some(errno))));
    assert!(status.contains("NoNewPrivs:\t1") && status.contains("Seccomp:\t2"), "{status}");
    assert!(may_speak, "what is needed is let through");
}

/// A child, since it dies: another program, another process.
#[test]
fn the_kernel_ends_who_starts_another_program() {
    for call in [libc::SYS_execve, libc::SYS_clone, libc::SYS_ptrace, libc::SYS_mount] {
        let code = program(Machine::own().unwrap());
        // SAFETY: the child makes system calls only, and allocates nothing.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let installed =
                super::super::privilege::forbid_new_privileges().and_then(|()| install(&code));
            // SAFETY: null pointers give EFAULT at worst; _exit ends the child.
            unsafe {
                if installed.is_ok() {
                    libc::syscall(call, 0, 0, 0, 0, 0);
                }
                libc::_exit(7);
            }
        }
        let mut status = 0;
        // SAFETY: `status` outlives the call.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert!(libc::WIFSIGNALED(status), "call {call}: status {status:#x}");
        assert_eq!(libc::WTERMSIG(status), libc::SIGSYS);
    }
}
