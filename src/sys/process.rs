//! Runs another program to its end and takes what it prints.
//!
//! The standard library's `Command` can be asked much more, and takes 20 kB of the program on MIPS.

use std::ffi::{CString, OsStr, c_char};
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::ptr::null_mut;

/// What a program writes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Its standard output.
    Output,
    /// Its standard error.
    Errors,
}

/// A program that has ended.
#[derive(Debug)]
pub struct Ended {
    /// Whether it ended by itself and says that all went well.
    pub success: bool,
    /// What it wrote.
    pub text: Vec<u8>,
}

unsafe extern "C" {
    /// The environment, environ(7).
    static environ: *const *mut c_char;
}

/// Runs `program`, which is looked for along `PATH`, without input. Of what it writes to `stream` at most
/// so many bytes are taken: at more it gets SIGPIPE. What it writes to the other stream is lost. Fails if
/// there is no such program.
pub fn run(
    program: &str,
    arguments: &[&OsStr],
    stream: Stream,
    bytes_most: u64,
) -> io::Result<Ended> {
    let program = OsStr::new(program);
    let words = std::iter::once(&program).chain(arguments);
    let words = words.map(|word| CString::new(word.as_bytes()));
    let words = words.collect::<Result<Vec<CString>, _>>()?;
    let (reader, writer) = io::pipe()?; // closed in the program, but for the copy
    let (taken, lost) = match stream {
        Stream::Output => (1, 2),
        Stream::Errors => (2, 1),
    };
    let process = spawn(&words, writer.as_raw_fd(), taken, lost)?;
    drop(writer);
    let mut text = Vec::new();
    let read = reader.take(bytes_most).read_to_end(&mut text); // and closes it
    let mut status = 0;
    // SAFETY: waitpid(2) writes the status, which is ours.
    while unsafe { libc::waitpid(process, &raw mut status, 0) } < 0 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    read?;
    // wait(2): exited, and by 0.
    Ok(Ended { success: status == 0, text })
}

/// Starts a program whose descriptor `taken` is a copy of `writer`, with nothing to read.
fn spawn(words: &[CString], writer: i32, taken: i32, lost: i32) -> io::Result<libc::pid_t> {
    let pointers = words.iter().map(|word| word.as_ptr().cast_mut());
    let pointers: Vec<*mut c_char> = pointers.chain([null_mut()]).collect();
    let mut process = 0;
    // SAFETY: posix_spawn(3). Both objects and both sets of signals are made by their own calls before
    // they are used, which all work on memory that is ours; calls fail for want of memory alone, which
    // they do not need here. `pointers` ends in a null pointer, has the program's name in front, and
    // `words` outlives the call. Nobody changes the environment while it is copied: nothing in this
    // program sets variables.
    let code = unsafe {
        let mut actions = MaybeUninit::uninit();
        let mut attributes = MaybeUninit::uninit();
        let (mut none, mut pipe) = (MaybeUninit::uninit(), MaybeUninit::uninit());
        libc::posix_spawn_file_actions_init(actions.as_mut_ptr());
        libc::posix_spawnattr_init(attributes.as_mut_ptr());
        for fd in [0, lost] {
            let path = c"/dev/null".as_ptr();
            libc::posix_spawn_file_actions_addopen(actions.as_mut_ptr(), fd, path, libc::O_RDWR, 0);
        }
        libc::posix_spawn_file_actions_adddup2(actions.as_mut_ptr(), writer, taken);
        // The signals of a program of its own: here some are blocked (signalfd), and SIGPIPE is ignored.
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigemptyset(pipe.as_mut_ptr());
        libc::sigaddset(pipe.as_mut_ptr(), libc::SIGPIPE);
        libc::posix_spawnattr_setsigmask(attributes.as_mut_ptr(), none.as_ptr());
        libc::posix_spawnattr_setsigdefault(attributes.as_mut_ptr(), pipe.as_ptr());
        let flags = libc::POSIX_SPAWN_SETSIGMASK | libc::POSIX_SPAWN_SETSIGDEF;
        #[allow(clippy::cast_possible_truncation, reason = "two small flags, a short in C")]
        libc::posix_spawnattr_setflags(attributes.as_mut_ptr(), flags as libc::c_short);
        let code = libc::posix_spawnp(
            &raw mut process,
            words.first().map_or(c"".as_ptr(), |word| word.as_ptr()),
            actions.as_ptr(),
            attributes.as_ptr(),
            pointers.as_ptr(),
            environ,
        );
        libc::posix_spawnattr_destroy(attributes.as_mut_ptr());
        libc::posix_spawn_file_actions_destroy(actions.as_mut_ptr());
        code
    };
    match code {
        0 => Ok(process),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, stream: Stream, bytes_most: u64) -> (bool, String) {
        let arguments = ["-c", script].map(OsStr::new);
        let ended = run("sh", &arguments, stream, bytes_most).unwrap();
        (ended.success, String::from_utf8(ended.text).unwrap())
    }

    #[test]
    fn a_program_is_run_to_its_end() {
        let script = "cat; echo out; echo err >&2; exit 3";
        assert_eq!(shell(script, Stream::Output, 99), (false, "out\n".to_owned()));
        assert_eq!(shell(script, Stream::Errors, 99), (false, "err\n".to_owned()));
        let home = std::env::var("PATH").unwrap() + "\n";
        assert_eq!(shell("echo \"$PATH\"", Stream::Output, 9999), (true, home));
    }

    #[test]
    fn what_is_too_long_ends_the_program() {
        let (success, text) = shell("while echo text; do :; done 2>&1", Stream::Output, 10_000);
        assert_eq!((success, text.len()), (false, 10_000));
    }

    #[test]
    fn signals_reach_it() {
        assert!(!shell("kill -TERM $$; sleep 9", Stream::Output, 9).0);
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        let missing = run("nfa-no-such-program", &[], Stream::Output, 9);
        assert_eq!(missing.unwrap_err().kind(), io::ErrorKind::NotFound);
        let odd = run("sh", &[OsStr::new("a\0b")], Stream::Output, 9);
        assert_eq!(odd.unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
