//! The daemon's own filter of system calls, seccomp(2): a list of what it needs while it runs.
//!
//! What only an intruder would ask for (another program, another process, a kernel module, a mount)
//! ends the daemon at once, which the kernel's audit log and procd tell. Any other call that is not
//! on the list fails with EPERM, and what wanted it says so in its own line: a C library that we have
//! not met must not turn a router's daemon off. Calls younger than Linux 5.1 fail with ENOSYS
//! instead: C libraries then take the older one. Another machine's calls (32-bit ones on a 64-bit
//! kernel, say) end the daemon, since their numbers mean something else.
#![allow(unsafe_code)]

use super::calls::{ALLOWED, BPF, Call, DEADLY, MEMORY, NONE, SOCKET};
use std::io;

/// A machine whose calls are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// Its column in the table of calls.
    column: usize,
    /// `AUDIT_ARCH_*` of linux/audit.h: the ELF number, with bits for 64 bits and little endian.
    audit: u32,
    /// What its numbers start from.
    base: u32,
    big_endian: bool,
    /// `SOCK_DGRAM`: MIPS has its own.
    datagram: u32,
}

const BITS_64: u32 = 0x8000_0000;
const LITTLE: u32 = 0x4000_0000;
const LINUX: Machine = Machine { column: 0, audit: 0, base: 0, big_endian: false, datagram: 2 };
const X86_64: Machine = Machine { audit: 62 | BITS_64 | LITTLE, ..LINUX };
const AARCH64: Machine = Machine { column: 1, audit: 183 | BITS_64 | LITTLE, ..LINUX };
const ARM: Machine = Machine { column: 2, audit: 40 | LITTLE, ..LINUX };
const MIPS: Machine = Machine { column: 3, audit: 8, base: 4000, big_endian: true, datagram: 1 };
const MIPSEL: Machine = Machine { audit: 8 | LITTLE, big_endian: false, ..MIPS };

impl Machine {
    /// The one that this program was built for, if its calls are known here.
    pub const fn own() -> Option<Machine> {
        // x32 and the like are other machines: their pointers are shorter.
        if cfg!(all(target_arch = "x86_64", target_pointer_width = "64")) {
            Some(X86_64)
        } else if cfg!(all(target_arch = "aarch64", target_endian = "little")) {
            Some(AARCH64)
        } else if cfg!(all(target_arch = "arm", target_endian = "little")) {
            Some(ARM)
        } else if cfg!(all(target_arch = "mips", target_endian = "big")) {
            Some(MIPS)
        } else if cfg!(all(target_arch = "mips", target_endian = "little")) {
            Some(MIPSEL)
        } else {
            None
        }
    }

    /// The number of a call, if the machine has it.
    fn number(self, numbers: &[i16; 4]) -> Option<u32> {
        let number = numbers.get(self.column).copied().filter(|number| *number != NONE)?;
        Some(u32::try_from(number).ok()?.saturating_add(self.base))
    }
}

/// Calls from this number on came with Linux 5.1 or later and are numbered alike everywhere.
const YOUNG: u32 = 424;

/// Answers of the filter (linux/seccomp.h). The oldest that ends a process, not a thread: 4.14.
const ALLOW: u32 = 0x7fff_0000;
const KILL: u32 = 0x8000_0000;
const ERRNO: u32 = 0x0005_0000;
const EPERM: u32 = ERRNO | 1;
/// EAFNOSUPPORT and ENOSYS have other numbers on MIPS; the kernel takes what libc knows by the name.
const AFNOSUPPORT: u32 = ERRNO | 97;
const AFNOSUPPORT_MIPS: u32 = ERRNO | 124;
const NOSYS: u32 = ERRNO | 38;
const NOSYS_MIPS: u32 = ERRNO | 89;

/// `struct sock_filter` (linux/filter.h).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Insn {
    code: u16,
    jt: u8,
    jf: u8,
    k: u32,
}

/// The instructions used: `BPF_LD|W|ABS`, `BPF_JMP|JEQ|K`, `JGE`, `JSET`, `BPF_ALU|AND|K`,
/// `BPF_RET|K`.
const LOAD: u16 = 0x20;
const EQUAL: u16 = 0x15;
const AT_LEAST: u16 = 0x35;
const ANY_BIT: u16 = 0x45;
const AND: u16 = 0x54;
const RETURN: u16 = 0x06;

/// Where the kernel puts the call's number and machine (`struct seccomp_data`).
const NUMBER_AT: u32 = 0;
const AUDIT_AT: u32 = 4;
const ARGUMENTS_AT: u32 = 16;

/// Commands of bpf(2) on elements of maps: look up, update, delete. Programs and maps are made before.
const MAP_ELEMENTS: [u32; 3] = [1, 2, 3];
/// `AF_UNIX`, `AF_NETLINK`, `AF_PACKET`; and `AF_INET` for the datagram socket by which libpcap and
/// C libraries ask about interfaces.
const FAMILIES: [u32; 3] = [1, 16, 17];
const INET: u32 = 2;
/// The type of a socket without its flags (`SOCK_TYPE_MASK`).
const TYPE_MASK: u32 = 0xf;
const PROT_EXEC: u32 = 4;

#[derive(Default)]
struct Program(Vec<Insn>);

impl Program {
    fn push(&mut self, code: u16, k: u32) {
        self.jump(code, k, 0, 0);
    }

    fn jump(&mut self, code: u16, k: u32, jt: u8, jf: u8) {
        self.0.push(Insn { code, jt, jf, k });
    }

    /// Ends with `answer` if what was loaded is `value`.
    fn answer_if(&mut self, value: u32, answer: u32) {
        self.jump(EQUAL, value, 0, 1);
        self.push(RETURN, answer);
    }

    /// Judges a call by instructions of its own, which end with an answer.
    fn judge(&mut self, number: Option<u32>, judge: impl FnOnce(&mut Program)) {
        let Some(number) = number else { return };
        let mut inside = Program::default();
        judge(&mut inside);
        // A dozen instructions: far below what a jump can pass over.
        self.jump(EQUAL, number, 0, u8::try_from(inside.0.len()).unwrap_or(u8::MAX));
        self.0.append(&mut inside.0);
    }

    /// Loads the lower half of an argument, all that calls of ours look at.
    fn load_argument(&mut self, machine: Machine, index: u32) {
        let half = if machine.big_endian { 4 } else { 0 };
        let at = index.saturating_mul(8).saturating_add(half);
        self.push(LOAD, ARGUMENTS_AT.saturating_add(at));
    }
}

/// The filter for that machine.
fn program(machine: Machine) -> Vec<Insn> {
    let is_mips = machine.column == MIPS.column;
    let mut out = Program::default();
    out.push(LOAD, AUDIT_AT);
    out.jump(EQUAL, machine.audit, 1, 0);
    out.push(RETURN, KILL);
    out.push(LOAD, NUMBER_AT);
    let answer = |out: &mut Program, calls: &[Call], answer: u32| {
        for number in calls.iter().filter_map(|(_, numbers)| machine.number(numbers)) {
            out.answer_if(number, answer);
        }
    };
    out.judge(machine.number(&BPF), |out| {
        out.load_argument(machine, 0);
        MAP_ELEMENTS.into_iter().for_each(|command| out.answer_if(command, ALLOW));
        out.push(RETURN, EPERM);
    });
    answer(&mut out, ALLOWED, ALLOW);
    for numbers in &MEMORY {
        out.judge(machine.number(numbers), |out| {
            out.load_argument(machine, 2);
            out.jump(ANY_BIT, PROT_EXEC, 0, 1);
            out.push(RETURN, EPERM);
            out.push(RETURN, ALLOW);
        });
    }
    out.judge(machine.number(&SOCKET), |out| {
        let refused = if is_mips { AFNOSUPPORT_MIPS } else { AFNOSUPPORT };
        out.load_argument(machine, 0);
        FAMILIES.into_iter().for_each(|family| out.answer_if(family, ALLOW));
        out.jump(EQUAL, INET, 1, 0);
        out.push(RETURN, refused);
        out.load_argument(machine, 1);
        out.push(AND, TYPE_MASK);
        out.answer_if(machine.datagram, ALLOW);
        out.push(RETURN, refused);
    });
    answer(&mut out, DEADLY, KILL);
    out.jump(AT_LEAST, YOUNG.saturating_add(machine.base), 0, 1);
    out.push(RETURN, if is_mips { NOSYS_MIPS } else { NOSYS });
    out.push(RETURN, EPERM);
    out.0
}

/// Puts the filter before the calling thread and those that it starts later, for good.
/// `no_new_privs` must have been set.
///
/// # Errors
/// The kernel has no seccomp filters (`EINVAL`), or nobody here knows this machine's calls.
pub fn filter_calls() -> io::Result<()> {
    let machine = Machine::own()
        .ok_or_else(|| io::Error::new(io::ErrorKind::Unsupported, "unknown machine"))?;
    install(&program(machine))
}

/// PR_SET_SECCOMP of prctl(2), which kernels have had longer than seccomp(2). Allocates nothing.
fn install(code: &[Insn]) -> io::Result<()> {
    let program = libc::sock_fprog {
        len: libc::c_ushort::try_from(code.len()).map_err(io::Error::other)?,
        filter: code.as_ptr().cast_mut().cast(),
    };
    // SAFETY: `program` names `code`, which the kernel copies and only reads; `Insn` is a
    // sock_filter.
    let result =
        unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
#[path = "seccomp_test.rs"]
mod tests;
