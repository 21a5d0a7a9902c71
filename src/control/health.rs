//! What the daemon knows of itself beside the engine: interfaces, rates, sets, errors. Plain data,
//! so that answers are a function of it.

use std::collections::VecDeque;
use std::time::Duration;

use crate::effect::SetId;
use crate::interface::Role;
use crate::sorted::SortedMap;
use crate::target::Standing;
use crate::time::Timestamp;

/// Lines of errors and warnings that are kept, of [`LINE_BYTES_MAX`] bytes at most.
const JOURNAL_MAX: usize = 64;
/// Longest line that is kept, in bytes.
const LINE_BYTES_MAX: usize = 500;
/// Between two samples.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(2);
/// Samples that are kept: rates are those of the last half minute.
const SAMPLES_MAX: usize = 16;

/// Between two moments of the history.
pub(super) const HISTORY_INTERVAL: Duration = Duration::from_secs(10);
/// Moments that are kept, of 32 bytes each: a quarter of an hour of differences.
const MOMENTS_MAX: usize = 91;

/// All of it.
#[derive(Debug)]
pub struct Health<'a> {
    /// When the daemon started.
    pub started: Timestamp,
    /// Its process.
    pub pid: u32,
    /// The file of the configuration.
    pub config_path: &'a str,
    /// When it was last read with success.
    pub loaded: Timestamp,
    /// What is wrong in it, a line each, errors and warnings; as of the last attempt.
    pub findings: &'a Findings,
    /// Where frames come from.
    pub interfaces: Vec<Source>,
    /// Samples of counters.
    pub rates: &'a Rates,
    /// Frames of decided flows that the kernel dropped unread.
    pub filtered: u64,
    /// Frames that could not be decoded; wraps.
    pub undecodable: u32,
    /// How much memory and processor time the process has taken.
    pub usage: Usage,
    /// Sets by their numbers.
    pub sets: SortedMap<SetId, SetHealth>,
    /// The kernel keeps sets for us.
    pub has_netfilter: bool,
    /// Changes that the kernel refused; wraps.
    pub refused: u32,
    /// The newest errors and warnings.
    pub journal: &'a Journal,
    /// What was lost on the way, by kind; each wraps.
    pub lost: Vec<(&'static str, u32)>,
}

/// An interface and its capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// Its side.
    pub role: Role,
    /// Why it is not captured, if it is not.
    pub trouble: Option<String>,
    /// What the kernel leaves out, in words.
    pub filter: String,
    /// Frames received, dropped for want of room, dropped by the interface; each wraps.
    pub frames: [u32; 3],
}

/// How a set stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetHealth {
    /// In the kernel.
    pub standing: Standing,
    /// What the kernel refused of it, in words, and how often.
    pub refused: Vec<(String, u32)>,
}

impl SetHealth {
    /// Whether elements found no room: `IPSET_ERR_HASH_FULL` or ENFILE, as the failures are called.
    pub fn is_full(&self) -> bool {
        let full = ["Add Some(4352)", "Add Some(23)"];
        self.refused.iter().any(|(what, _)| full.contains(&what.as_str()))
    }
}

/// What is wrong in a configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// A line each: whether it is an error, and its text.
    pub lines: Vec<(bool, String)>,
    /// The last attempt to read it failed: an older one is in force.
    pub failed: bool,
}

/// What a process has taken, proc(5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Resident memory now, in KiB.
    pub resident_kib: u64,
    /// The most it has been.
    pub peak_kib: u64,
    /// Processor time, in hundredths of a second (USER_HZ is 100 on every machine of ours).
    pub cpu_centis: u64,
    /// That part of it that the kernel took for the process.
    pub system_centis: u64,
}

impl Usage {
    /// Reads the texts of `/proc/self/status` and `/proc/self/stat`; what is not there is zero.
    pub fn parse(status: &str, stat: &str) -> Self {
        let kib = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
        };
        // The name of the program may have blanks and brackets: fields count from its last bracket.
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let mut times = fields.split_whitespace().skip(11).map(|field| field.parse().unwrap_or(0));
        let (user, system): (u64, u64) = (times.next().unwrap_or(0), times.next().unwrap_or(0));
        Usage {
            resident_kib: kib("VmRSS:"),
            peak_kib: kib("VmHWM:"),
            cpu_centis: user.saturating_add(system),
            system_centis: system,
        }
    }

    /// Of this process.
    pub fn own() -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        Self::parse(&read("/proc/self/status"), &read("/proc/self/stat"))
    }
}

/// Counters at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sample {
    /// When.
    pub at: Timestamp,
    /// Packets read, and those of decided flows that the kernel left out; wraps.
    pub packets: u32,
    /// Flows begun; wraps.
    pub flows: u32,
    /// Processor time, in hundredths of a second.
    pub cpu_centis: u64,
}

/// Volumes since the start, at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moment {
    /// When.
    pub at: Timestamp,
    /// IP bytes that the LAN sent, and that it got.
    pub bytes: [u64; 2],
    /// Flows that lived then.
    pub flows: usize,
}

/// The newest samples, and moments of a longer time.
#[derive(Debug, Default)]
pub struct Rates {
    samples: VecDeque<Sample>,
    moments: VecDeque<Moment>,
}

/// How much happens at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pace {
    /// Packets a second, and its first decimal: tenths.
    pub packets_tenths: u64,
    /// Flows a second, in tenths.
    pub flows_tenths: u64,
    /// Processor time of one core, in thousandths.
    pub cpu_permille: u64,
    /// Over how many seconds.
    pub seconds: u64,
}

impl Rates {
    /// Whether it is time for another sample.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.samples.back().is_none_or(|last| now.since(last.at) >= SAMPLE_INTERVAL)
    }

    /// Takes a sample.
    pub fn push(&mut self, sample: Sample) {
        if self.samples.len() >= SAMPLES_MAX {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    /// Whether it is time for another moment of the history.
    pub fn is_moment(&self, now: Timestamp) -> bool {
        self.moments.back().is_none_or(|last| now.since(last.at) >= HISTORY_INTERVAL)
    }

    /// Takes one.
    pub fn remember(&mut self, moment: Moment) {
        if self.moments.len() >= MOMENTS_MAX {
            self.moments.pop_front();
        }
        self.moments.push_back(moment);
    }

    /// The moments, the oldest first.
    pub fn moments(&self) -> impl Iterator<Item = &Moment> + Clone {
        self.moments.iter()
    }

    /// The pace over the samples there are.
    pub fn pace(&self) -> Pace {
        let (Some(first), Some(last)) = (self.samples.front(), self.samples.back()) else {
            return Pace::default();
        };
        let millis = u64::try_from(last.at.since(first.at).as_millis()).unwrap_or(u64::MAX);
        let tenths = |first: u32, last: u32| {
            let more = u64::from(last.wrapping_sub(first));
            more.saturating_mul(10_000).checked_div(millis).unwrap_or(0)
        };
        let cpu = last.cpu_centis.saturating_sub(first.cpu_centis);
        Pace {
            packets_tenths: tenths(first.packets, last.packets),
            flows_tenths: tenths(first.flows, last.flows),
            cpu_permille: cpu.saturating_mul(10_000).checked_div(millis).unwrap_or(0),
            seconds: millis / 1000,
        }
    }
}

/// An error or a warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it last came.
    pub at: Timestamp,
    /// It is an error.
    pub is_error: bool,
    /// What it said.
    pub line: String,
    /// How often in all.
    pub count: u32,
}

/// The newest errors and warnings, each once.
#[derive(Debug, Default)]
pub struct Journal(VecDeque<Entry>);

impl Journal {
    /// Notes a line.
    pub fn note(&mut self, at: Timestamp, is_error: bool, line: &str) {
        let line: String = line.chars().take(LINE_BYTES_MAX).collect();
        let known = self.0.iter().position(|entry| entry.line == line);
        let count = known.and_then(|known| self.0.remove(known)).map_or(0, |entry| entry.count);
        if self.0.len() >= JOURNAL_MAX {
            self.0.pop_front();
        }
        self.0.push_back(Entry { at, is_error, line, count: count.saturating_add(1) });
    }

    /// The newest first.
    pub fn newest(&self) -> impl Iterator<Item = &Entry> {
        self.0.iter().rev()
    }
}

/// What to do about errors, by words in them; the first that fits.
const HINTS: &[(&str, &str)] = &[
    ("no permission to capture", "run it as root, or with CAP_NET_RAW and CAP_NET_ADMIN"),
    ("waiting for it", "ip link show: is the name of the interface right, and is it up?"),
    ("no support for", "install the missing kernel part: nfa doctor names the package"),
    (
        "does not exist; it is filled",
        "declare the set in the firewall, or let nfa make it with \
      \"managed\": true",
    ),
    ("no set can be kept", "install kmod-nfnetlink and kmod-nft-core or kmod-ipt-ipset"),
    ("set is full", "raise the set's size, or let its elements live shorter (ttl)"),
    ("another nfa listens", "stop the other daemon, or give this one another --socket"),
    ("cannot drop decided flows", "a kernel without eBPF: nfa works, at the cost of more CPU"),
    ("no catalogue of applications", "install the data of the package, or name it: --catalogue"),
    ("stays in force", "nfa check --config FILE shows what is wrong with the new one"),
    ("no usable configuration", "nfa check --config FILE shows what is wrong with it"),
    ("unknown key", "nfa check --config FILE shows the place"),
];

/// What to do about an error, where there is an answer.
pub fn hint(line: &str) -> Option<&'static str> {
    HINTS.iter().find(|(words, _)| line.contains(words)).map(|(_, hint)| *hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_read_from_proc() {
        let status = "Name:\tnfa\nVmHWM:\t    5120 kB\nVmRSS:\t    4096 kB\n";
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 95 0 0 0 12 30 0 0 20 0 1 0 9 1 1";
        let usage = Usage { resident_kib: 4096, peak_kib: 5120, cpu_centis: 42, system_centis: 30 };
        assert_eq!(Usage::parse(status, stat), usage);
        assert_eq!(Usage::parse("", "junk"), Usage::default());
        assert!(Usage::own().resident_kib > 100);
    }

    #[test]
    fn rates_are_differences_even_where_counters_wrap() {
        let mut rates = Rates::default();
        assert_eq!(rates.pace(), Pace::default());
        for second in 0..100_u32 {
            let at = Timestamp::from_micros(u64::from(second) * 2_000_000);
            assert!(rates.is_due(at));
            let packets = u32::MAX.wrapping_sub(100).wrapping_add(second * 30);
            let cpu_centis = u64::from(second) * 10;
            rates.push(Sample { at, packets, flows: second, cpu_centis });
        }
        let pace = Pace { packets_tenths: 150, flows_tenths: 5, cpu_permille: 50, seconds: 30 };
        assert_eq!(rates.pace(), pace);
    }

    #[test]
    fn the_history_is_bounded_and_keeps_the_newest() {
        let mut rates = Rates::default();
        for number in 0..200_u64 {
            let at = Timestamp::from_micros(number * 10_000_000);
            assert!(rates.is_moment(at));
            rates.remember(Moment { at, bytes: [number, 2 * number], flows: 1 });
            assert!(!rates.is_moment(at.after(Duration::from_secs(9))));
        }
        let bytes: Vec<u64> = rates.moments().map(|moment| moment.bytes[1]).collect();
        assert_eq!((bytes.len(), bytes[0], bytes[90]), (MOMENTS_MAX, 218, 398));
    }

    #[test]
    fn the_journal_keeps_the_newest_and_counts_repetitions() {
        let mut journal = Journal::default();
        for number in 0..100 {
            journal.note(Timestamp::from_micros(number), false, &format!("line {number}"));
        }
        journal.note(Timestamp::from_micros(200), true, "line 50");
        journal.note(Timestamp::from_micros(300), false, &"x".repeat(10_000));
        let all: Vec<&Entry> = journal.newest().collect();
        assert_eq!((all.len(), all[0].line.len()), (JOURNAL_MAX, LINE_BYTES_MAX));
        assert_eq!((all[1].line.as_str(), all[1].count, all[1].is_error), ("line 50", 2, true));
        assert_eq!(
            hint("eth9: no such device; waiting for it").map(|hint| hint.is_empty()),
            Some(false)
        );
        assert_eq!(hint("all is well"), None);
    }
}
