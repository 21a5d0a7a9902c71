//! A folder of files `NN-TAG.conf`, read line by line: what a file holds is never in memory whole.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Take};
use std::path::{Path, PathBuf};

use super::finding::{FINDINGS_MAX, Finding, Problem};
use crate::json::Severity;

/// Files read of one folder: a firewall's groups, one file each, are hundreds at most.
pub const FILES_MAX: usize = 1024;
/// Bytes read of one folder, all files together: a million domains, as the largest ad lists have,
/// take about half of it.
pub const FOLDER_BYTES_MAX: u64 = 64 << 20;
/// The longest line, in bytes, its end left out: a dnsmasq line with a dozen domains fits.
pub const LINE_BYTES_MAX: usize = 4096;
/// The longest tag, in bytes: known ones have a third of it.
const TAG_BYTES_MAX: usize = 64;

/// A file to read.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    /// As the name has it.
    pub(super) tag: String,
}

/// The files of a folder, sorted by name so that nothing depends on the file system. `example`
/// shows in messages what names ought to be like.
pub(super) fn sources(
    dir: &Path,
    example: &'static str,
    findings: &mut Vec<Finding>,
) -> Vec<Source> {
    let mut count = 0usize;
    let mut report = |severity, path: &Path, problem| {
        count = count.saturating_add(1);
        if count <= FINDINGS_MAX {
            findings.push(Finding { severity, path: path.to_owned(), line: None, problem });
        }
    };
    let mut paths = match names(dir) {
        Ok(paths) => paths,
        Err(error) => {
            report(Severity::Error, dir, Problem::Read(error));
            return Vec::new();
        }
    };
    paths.retain(|path| !is_left_over(path));
    paths.sort();
    let (mut sources, mut bytes) = (Vec::new(), 0u64);
    for path in paths {
        let size = match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => metadata.len(),
            // A pipe or device would keep us waiting.
            Ok(_) => {
                report(Severity::Warning, &path, Problem::FileName { example });
                continue;
            }
            Err(error) => {
                report(Severity::Error, &path, Problem::Read(error));
                continue;
            }
        };
        let Some(tag) = tag(&path) else {
            report(Severity::Warning, &path, Problem::FileName { example });
            continue;
        };
        if sources.len() >= FILES_MAX {
            report(Severity::Error, &path, Problem::ManyFiles);
            break;
        }
        if bytes.saturating_add(size) > FOLDER_BYTES_MAX {
            report(Severity::Error, &path, Problem::Large);
            continue;
        }
        bytes = bytes.saturating_add(size);
        sources.push(Source { tag: tag.to_owned(), path });
    }
    if let Some(more) = count.checked_sub(FINDINGS_MAX).filter(|more| *more > 0) {
        let (severity, path, problem) = (Severity::Warning, dir.to_owned(), Problem::More(more));
        findings.push(Finding { severity, path, line: None, problem });
    }
    sources
}

/// Hidden files and the copies that editors and package managers leave are not worth a word.
fn is_left_over(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let ends = ["~", ".bak", ".orig", "-opkg", ".apk-new"];
    name.starts_with('.') || ends.iter().any(|end| name.ends_with(end))
}

fn names(dir: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect()
}

/// `NN-TAG.conf`; the number may be missing. A tag has the letters that criteria allow after `@`.
fn tag(path: &Path) -> Option<&str> {
    let stem = path.file_name()?.to_str()?.strip_suffix(".conf")?;
    let tag = match stem.split_once('-') {
        Some((number, tag)) if number.bytes().all(|b| b.is_ascii_digit()) => tag,
        _ => stem,
    };
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"_:.@+-".contains(&b);
    let is_tag = (1..=TAG_BYTES_MAX).contains(&tag.len()) && tag.bytes().all(legal);
    is_tag.then_some(tag)
}

/// The lines of a file.
pub(super) struct Lines {
    reader: BufReader<Take<File>>,
    line: Vec<u8>,
    number: usize,
}

impl Lines {
    pub(super) fn open(path: &Path) -> Result<Self, Problem> {
        let file = File::open(path).map_err(Problem::Read)?;
        // It may have grown since its size was asked.
        let reader = BufReader::new(file.take(FOLDER_BYTES_MAX));
        Ok(Lines { reader, line: Vec::new(), number: 0 })
    }

    /// The next line and its number; spaces at both ends, an end-of-line of any system and a byte
    /// order mark are gone.
    pub(super) fn next(&mut self) -> Option<(usize, Result<&str, Problem>)> {
        self.line.clear();
        self.number = self.number.saturating_add(1);
        let most = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
        let number = self.number;
        match self.reader.by_ref().take(most).read_until(b'\n', &mut self.line) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(error) => {
                // Nothing can follow.
                self.reader.get_mut().set_limit(0);
                return Some((number, Err(Problem::Read(error))));
            }
        }
        if self.line.len() > LINE_BYTES_MAX && self.line.last() != Some(&b'\n') {
            // What it lacks of its end comes piece by piece into the same room.
            while self.line.last() != Some(&b'\n') {
                self.line.clear();
                let mut piece = self.reader.by_ref().take(most);
                if !piece.read_until(b'\n', &mut self.line).is_ok_and(|bytes| bytes > 0) {
                    break;
                }
            }
            return Some((number, Err(Problem::LongLine)));
        }
        let line = self.line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.line).trim_ascii();
        let is_remark = line.starts_with(b"#") || line.starts_with(b"!");
        match std::str::from_utf8(line) {
            Ok(line) => Some((number, Ok(line))),
            // Remarks may be in any language and its old encoding.
            Err(_) if is_remark => Some((number, Ok(""))),
            Err(_) => Some((number, Err(Problem::NotText))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_file_names() {
        for (name, expected) in [
            ("10-kids.conf", Some("kids")),
            ("kids.conf", Some("kids")),
            ("5-os-software-updates.conf", Some("os-software-updates")),
            ("os-software-updates.conf", Some("os-software-updates")),
            ("10-objects_ns_hostset_1.conf", Some("objects_ns_hostset_1")),
            ("2024.conf", Some("2024")),
            ("-kids.conf", Some("kids")),
            ("10-.conf", None),
            (".conf", None),
            ("10-kids.txt", None),
            ("10-two words.conf", None),
            ("10-b\u{fc}ro.conf", None),
        ] {
            assert_eq!(tag(Path::new(name)), expected, "{name}");
        }
        assert_eq!(tag(Path::new(&format!("{}.conf", "x".repeat(65)))), None);
    }
}
