//! `nfa replay`: reads captures, tells flows and the set changes they would cause.

use std::io::{BufWriter, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nfa::app::Catalogue;
use nfa::capture::CaptureFile;
use nfa::config::{Config, INTERFACE_DEFAULT};
use nfa::effect::Effect;
use nfa::engine::{Ended, Engine, Limits, Output, Reason};
use nfa::flow::Locality;
use nfa::interface::{Interface, Role};
use nfa::json::object;
use nfa::record;
use nfa::sorted::SortedMap;
use nfa::sys;
use nfa::time::Timestamp;
use nfa::wire;
use serde_json::Value;

use super::options::{Options, UsageError};
use super::summary::Summary;
use super::{Command, Failure, Outcome};

/// The command.
pub static REPLAY: Command = Command {
    name: "replay",
    doc: "reads captures, tells flows and the set changes they would cause",
    usage: "replay [--config FILE] [--summary] [--quiet] CAPTURE...",
    run,
};

/// Capture time between two looks at what is due: its resolution in a replay.
const TICK: Duration = Duration::from_millis(100);
/// Packets between two looks at the clock for the progress line.
const PROGRESS_PACKETS: u32 = 4096;
/// Milliseconds between two progress lines.
const PROGRESS_MS: u64 = 500;

/// Tells of a flow that has ended, in place of the usual lines.
pub type Tell = fn(&mut dyn Write, &Options, &Engine, &Ended) -> std::io::Result<()>;

struct Replay<'o> {
    options: &'o Options,
    catalogue: Arc<Catalogue>,
    out: BufWriter<std::io::StdoutLock<'static>>,
    summary: Summary,
    problems: bool,
    tell: Option<Tell>,
}

fn run(options: &Options) -> Result<Outcome, Failure> {
    if options.arguments.is_empty() {
        let what = "one or more captures; \"-\" is standard input";
        return Err(UsageError::Needs { command: "replay", what }.into());
    }
    replay(options, None)
}

/// Reads the captures that the options name; `tell` says what becomes of their flows, which else
/// are told with the set changes they would cause.
pub fn replay(options: &Options, tell: Option<Tell>) -> Result<Outcome, Failure> {
    let catalogue = super::load_catalogue(options, |line| eprintln!("nfa: {line}"));
    let mut replay = Replay {
        options,
        catalogue: Arc::new(catalogue),
        out: BufWriter::new(std::io::stdout().lock()),
        summary: Summary::default(),
        problems: false,
        tell,
    };
    for (number, path) in options.arguments.iter().enumerate() {
        // Every capture is a world of its own; only the first tells about the configuration.
        let config = replay.config(number == 0)?;
        replay.capture(path, config)?;
    }
    if options.summary {
        replay.summary.print(&mut replay.out)?;
    }
    replay.out.flush()?;
    Ok(if replay.problems { Outcome::Problems } else { Outcome::Fine })
}

/// An engine for flows of one interface: that of the options, else the configuration's first.
pub fn engine(
    options: &Options,
    catalogue: &Arc<Catalogue>,
    config: Config,
    keep_ended: bool,
) -> Engine {
    let lan = |name: &str| Interface { name: name.to_owned(), role: Role::Lan };
    let known = |name: &&String| config.interfaces.iter().find(|known| known.name == **name);
    let interface = match (&options.interface, config.interfaces.first()) {
        (Some(name), _) => known(&name).cloned().unwrap_or_else(|| lan(name)),
        (None, Some(interface)) => interface.clone(),
        (None, None) => lan(INTERFACE_DEFAULT),
    };
    let mut networks = config.local_networks.clone();
    networks.extend(&options.local);
    let mut limits = Limits::default();
    if let Some(flows_max) = options.max_flows.or(config.flows_max) {
        limits.flows_max = flows_max;
    }
    if let Some(endpoints_max) = config.bittorrent.endpoints_max {
        limits.endpoints_max = endpoints_max;
    }
    if options.no_expiry {
        limits.idle = None;
    }
    limits.keep_ended = keep_ended || !options.quiet || options.summary;
    let locality = Locality::new(networks);
    Engine::new(config, Arc::clone(catalogue), vec![interface], locality, limits)
}

impl Replay<'_> {
    fn config(&mut self, tell: bool) -> Result<Config, Failure> {
        let Some(path) = &self.options.config else { return Ok(Config::default()) };
        let config = super::load_config(path, &self.catalogue, |severity, line| {
            self.problems |= severity == nfa::config::Severity::Error;
            if tell {
                eprintln!("nfa: {line}");
            }
        });
        config.ok_or_else(|| Failure::Message("no usable configuration".to_owned()))
    }

    /// A capture that cannot be read, or not to its end, is told and the rest goes on.
    fn capture(&mut self, path: &Path, config: Config) -> Result<(), Failure> {
        let mut engine = engine(self.options, &self.catalogue, config, self.tell.is_some());
        let mut file = match CaptureFile::open(path) {
            Ok(file) => file,
            Err(error) => {
                self.problem(&error.to_string());
                return Ok(());
            }
        };
        let mut progress = Progress::new();
        let mut output = Output::default();
        let mut refused: SortedMap<&'static str, u32> = SortedMap::new();
        let (mut last, mut next_tick) = (Timestamp::ZERO, Timestamp::ZERO);
        let mut number = 0u64;
        loop {
            match file.next_frame() {
                Ok(Some(frame)) => {
                    number = number.saturating_add(1);
                    last = last.max(frame.at);
                    if last >= next_tick {
                        engine.tick(last, &mut output);
                        next_tick = last.after(TICK);
                    }
                    if engine.glance(frame.at, frame.link, frame.bytes, &mut output) {
                        progress.step(path, &file);
                        continue;
                    }
                    match wire::decode(frame.link, frame.bytes) {
                        Ok(packet) => engine.packet(frame.at, 0, &packet, &mut output),
                        Err(error) => {
                            refused.change(error.name(), |count: &mut u32| {
                                *count = count.saturating_add(1);
                            });
                            if matches!(error, wire::WireError::UnknownLink(_)) {
                                self.problem(&format!("{}: {error}", path.display()));
                                break;
                            }
                        }
                    }
                    output.questions.clear(); // a capture has no connection tracking
                    if !output.effects.is_empty() || !output.ended.is_empty() {
                        self.write(&engine, &mut output, last, number)?;
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    self.problem(&error.to_string());
                    break;
                }
            }
            progress.step(path, &file);
        }
        engine.finish(&mut output);
        self.write(&engine, &mut output, last, number)?;
        progress.clear();
        self.summary.add_capture(&engine, &refused);
        Ok(())
    }

    fn problem(&mut self, message: &str) {
        self.problems = true;
        eprintln!("nfa: {message}");
    }

    /// Tells what the capture's packet of this number, counted from 1, brought about.
    fn write(
        &mut self,
        engine: &Engine,
        output: &mut Output,
        now: Timestamp,
        number: u64,
    ) -> Result<(), Failure> {
        if let Some(tell) = self.tell {
            output.effects.clear();
            for ended in output.ended.drain(..) {
                tell(&mut self.out, self.options, engine, &ended)?;
            }
            return Ok(());
        }
        for effect in output.effects.drain(..) {
            if self.options.summary {
                self.summary.add_effect(engine, &effect);
            }
            if !self.options.quiet
                && let Some(mut line) = change(engine, &effect, now)
            {
                if let Value::Object(line) = &mut line {
                    line.insert("packet".to_owned(), number.into());
                }
                writeln!(self.out, "{line}")?;
            }
        }
        for ended in output.ended.drain(..) {
            let view = engine.view(&ended.flow);
            self.summary.add_flow(&view);
            if !self.options.quiet {
                let reason = match ended.reason {
                    Reason::Closed => "closed",
                    Reason::Expired => "expired",
                    Reason::Evicted => "evicted",
                };
                let line = object! {
                    "type": "flow",
                    "reason": reason,
                    "interface": view.interface.name,
                    "internal": view.interface.role == Role::Lan,
                    "flow": record::flow(&view),
                };
                writeln!(self.out, "{line}")?;
            }
        }
        Ok(())
    }
}

/// A change as a JSON line.
fn change(engine: &Engine, effect: &Effect, now: Timestamp) -> Option<Value> {
    let at = now.as_millis();
    let (change, set, element, timeout) = match effect {
        Effect::Add { set, element, timeout, .. } => ("add", set, element, *timeout),
        Effect::Refresh { set, element, timeout, .. } => ("refresh", set, element, Some(*timeout)),
        Effect::Remove { set, element } => ("remove", set, element, None),
        Effect::Label { flow, labels, mask, .. } => {
            let bits =
                |of: u128| -> Vec<u8> { (0..128).filter(|bit| of >> bit & 1 == 1).collect() };
            let (set, clear) = (bits(*labels), bits(mask & !labels));
            let flow = flow.to_string();
            return Some(
                object! {"type": "label", "at": at, "flow": flow, "set": set, "clear": clear},
            );
        }
        Effect::Mark { flow, mark, mask } => {
            let (mark, mask) = (format!("{mark:#010x}"), format!("{mask:#010x}"));
            let flow = flow.to_string();
            return Some(
                object! {"type": "mark", "at": at, "flow": flow, "mark": mark, "mask": mask},
            );
        }
        Effect::Record { stream, record } => {
            let stream = engine.streams().get(*stream)?.to_string();
            return Some(object! {"type": "record", "at": at, "stream": stream, "record": record});
        }
        Effect::Kill { flow } => {
            return Some(object! {"type": "kill", "at": at, "flow": flow.to_string()});
        }
    };
    let spec = engine.sets().get(*set)?;
    let mut line = object! {
        "type": "set",
        "at": at,
        "change": change,
        "set": spec.name,
        "element": spec.show(element),
    };
    if let (Some(timeout), Value::Object(line)) = (timeout, &mut line) {
        line.insert("timeout".to_owned(), timeout.as_secs().into());
    }
    Some(line)
}

/// A line on a terminal that tells how far a long file has been read.
struct Progress {
    shows: bool,
    shown: bool,
    packets: u32,
    at: Timestamp,
}

impl Progress {
    fn new() -> Self {
        let shows = std::io::stderr().is_terminal();
        Progress { shows, shown: false, packets: 0, at: sys::monotonic() }
    }

    #[inline]
    fn step(&mut self, path: &Path, file: &CaptureFile) {
        if self.shows {
            self.show(path, file);
        }
    }

    fn show(&mut self, path: &Path, file: &CaptureFile) {
        self.packets = self.packets.wrapping_add(1);
        if !self.packets.is_multiple_of(PROGRESS_PACKETS) {
            return;
        }
        let now = sys::monotonic();
        if now.as_millis().saturating_sub(self.at.as_millis()) < PROGRESS_MS {
            return;
        }
        (self.at, self.shown) = (now, true);
        let share = file.progress().map(|progress| {
            let percent = progress.position.saturating_mul(100) / progress.size.max(1);
            format!(", {percent} %")
        });
        eprint!(
            "\r{}: {} packets{}\x1b[K",
            path.display(),
            self.packets,
            share.unwrap_or_default()
        );
    }

    fn clear(&self) {
        if self.shown {
            eprint!("\r\x1b[K");
        }
    }
}
