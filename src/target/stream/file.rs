//! Log files: what was gathered in an interval, written under another name and then renamed, so
//! that a reader of the folder never sees a part of a file.
//!
//! The folder may be `/tmp`, where anybody can put a link or a file in our way: a file is only ever
//! made, never opened (`O_EXCL`, which follows no link), for its owner's eyes alone (0600), and a
//! rename takes the place of a link without following it.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Clock;
use super::stamp::stamp;
use crate::time::Timestamp;

/// Records kept for one file, in bytes: some 700 of them. More are dropped and counted.
pub(super) const LOG_BYTES_MAX: usize = 512 << 10;
/// Other names tried where a file of the same second is there.
const NAMES_MOST: u32 = 10;

/// A log being written.
#[derive(Debug)]
pub(super) struct LogFile {
    folder: PathBuf,
    prefix: String,
    suffix: String,
    interval: Duration,
    lines: String,
    /// When they are written; `None`: there is none.
    due: Option<Timestamp>,
    dropped: u32,
    /// Writing failed the last time, which was told.
    failing: bool,
}

impl LogFile {
    pub fn new(folder: PathBuf, prefix: String, suffix: String, interval: Duration) -> Self {
        let (lines, due) = (String::new(), None);
        LogFile { folder, prefix, suffix, interval, lines, due, dropped: 0, failing: false }
    }

    /// Keeps a line, if there is room.
    pub fn push(&mut self, line: &str, now: Timestamp) {
        if self.lines.len().saturating_add(line.len()) > LOG_BYTES_MAX {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        self.lines.push_str(line);
        self.due.get_or_insert(now.after(self.interval));
    }

    /// Writes the file if it is due.
    pub fn tick(&mut self, clock: Clock, tell: &mut dyn FnMut(String)) {
        if self.due.is_some_and(|due| due <= clock.now) {
            self.write(clock, tell);
        }
    }

    /// Writes what there is.
    pub fn close(&mut self, clock: Clock, tell: &mut dyn FnMut(String)) {
        if self.due.is_some() {
            self.write(clock, tell);
        }
    }

    /// Where it fails the lines are kept for the next interval.
    fn write(&mut self, clock: Clock, tell: &mut dyn FnMut(String)) {
        let path = self.folder.display();
        match self.try_write(clock) {
            Ok(()) => {
                if self.failing {
                    tell(format!("log in {path}: written again"));
                }
                if self.dropped > 0 {
                    let (dropped, most) = (self.dropped, LOG_BYTES_MAX >> 10);
                    tell(format!("log in {path}: {dropped} records dropped, over {most} KiB"));
                }
                self.lines = String::new(); // nothing is kept between two files
                (self.due, self.dropped, self.failing) = (None, 0, false);
            }
            Err(error) => {
                if !self.failing {
                    tell(format!("log in {path}: {error}; it is tried again"));
                }
                (self.due, self.failing) = (Some(clock.now.after(self.interval)), true);
            }
        }
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes its folder if there is none, and returns it if it is new.
    pub fn make_folder(&self) -> io::Result<Option<&Path>> {
        if self.folder.is_dir() {
            return Ok(None);
        }
        DirBuilder::new().recursive(true).mode(0o755).create(&self.folder)?;
        Ok(Some(&self.folder))
    }

    fn try_write(&self, clock: Clock) -> io::Result<()> {
        self.make_folder()?;
        let stamp = stamp(clock.unix, clock.utc_offset_seconds);
        let dash = if self.prefix.is_empty() || self.prefix.ends_with('-') { "" } else { "-" };
        for number in 0..NAMES_MOST {
            let again = if number == 0 { String::new() } else { format!("-{number}") };
            let name = format!("{}{dash}{stamp}{again}{}", self.prefix, self.suffix);
            let hidden = self.folder.join(format!(".{name}"));
            let path = self.folder.join(name);
            if path.symlink_metadata().is_ok() {
                continue;
            }
            match create(&hidden, self.lines.as_bytes()) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
                Ok(()) => {
                    return fs::rename(&hidden, &path).inspect_err(|_| {
                        let _ = fs::remove_file(&hidden);
                    });
                }
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

/// Makes a file of that content; none is left if it cannot be written.
fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).custom_flags(libc::O_NOFOLLOW);
    let mut file = options.open(path)?;
    file.write_all(content).inspect_err(|_| {
        let _ = fs::remove_file(path);
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, symlink};

    const MIDDAY: Duration = Duration::from_secs(1_774_785_600); // 2026-03-29 12:00:00 UTC

    fn clock(seconds: u64) -> Clock {
        let now = Timestamp::from_micros(seconds * 1_000_000);
        Clock { now, unix: MIDDAY + Duration::from_secs(seconds), utc_offset_seconds: 7200 }
    }

    fn folder(test: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("nfa-log-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        path
    }

    fn log(folder: &Path) -> LogFile {
        let text = str::to_owned;
        LogFile::new(folder.join("sub"), text("nfa"), text(".json"), Duration::from_secs(30))
    }

    fn names(folder: &Path) -> Vec<String> {
        let Ok(entries) = fs::read_dir(folder.join("sub")) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_per_interval_if_there_is_something_to_write() {
        let folder = folder("interval");
        let mut log = log(&folder);
        let mut told = Vec::new();
        let mut tell = |line| told.push(line);
        for second in 0..100 {
            if [5, 6, 50].contains(&second) {
                log.push(&format!("{second}\n"), clock(second).now);
            }
            log.tick(clock(second), &mut tell);
        }
        log.push("last\n", clock(100).now);
        log.close(clock(100), &mut tell);
        log.close(clock(101), &mut tell);
        let found = names(&folder);
        let expected =
            ["nfa-20260329-140035.json", "nfa-20260329-140120.json", "nfa-20260329-140140.json"];
        assert_eq!((found.as_slice(), told.len()), (&expected.map(str::to_owned)[..], 0));
        let read = |name: &str| fs::read_to_string(folder.join("sub").join(name)).unwrap();
        assert_eq!((read(expected[0]).as_str(), read(expected[2]).as_str()), ("5\n6\n", "last\n"));
        let mode = folder.join("sub").join(expected[0]).metadata().unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn links_and_files_in_the_way_are_neither_followed_nor_harmed() {
        let folder = folder("links");
        let sub = folder.join("sub");
        fs::create_dir_all(&sub).unwrap();
        let victim = folder.join("victim");
        fs::write(&victim, "precious").unwrap();
        symlink(&victim, sub.join(".nfa-20260329-140030.json")).unwrap();
        symlink(&victim, sub.join("nfa-20260329-140030-1.json")).unwrap();
        fs::write(sub.join(".nfa-20260329-140030-2.json"), "another's").unwrap();
        let mut log = log(&folder);
        log.push("x\n", clock(0).now);
        log.tick(clock(30), &mut |line| panic!("{line}"));
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        assert_eq!(fs::read_to_string(sub.join("nfa-20260329-140030-3.json")).unwrap(), "x\n");
        assert_eq!(
            fs::read_to_string(sub.join(".nfa-20260329-140030-2.json")).unwrap(),
            "another's"
        );
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_cannot_be_written_is_told_once_kept_and_bounded() {
        let folder = folder("full");
        let mut log = log(&folder);
        fs::write(&folder, "no folder").unwrap();
        let mut told = Vec::new();
        let mut tell = |line: String| told.push(line);
        let line = format!("{}\n", "x".repeat(1023));
        for second in 0..600 {
            log.push(&line, clock(second).now);
            log.tick(clock(second), &mut tell);
        }
        assert!(log.lines.len() <= LOG_BYTES_MAX);
        fs::remove_file(&folder).unwrap();
        log.tick(clock(700), &mut tell);
        assert!(told[0].contains("it is tried again"), "{told:?}");
        assert!(told[1].ends_with("written again"), "{told:?}");
        assert!(told[2].ends_with("88 records dropped, over 512 KiB"), "{told:?}");
        assert_eq!(told.len(), 3);
        let written = folder.join("sub").join("nfa-20260329-141140.json");
        assert_eq!(written.metadata().unwrap().len(), 512 << 10);
        fs::remove_dir_all(folder).unwrap();
    }
}
