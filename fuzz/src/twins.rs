//! The same bytes get the same answer: engines that differ in their hash keys, and one that
//! decodes every frame where the others, as the daemon does, only glance at those of decided flows.
//!
//! The input is that of `engine.rs`.

use std::time::Duration;

use nfa::engine::{Engine, Output};
use nfa::time::Timestamp;
use nfa::wire;

use super::engine::{Record, fresh, limits, records, reload};

/// After so many packets full frames of BitTorrent are not read for lessons (`engine/frames.rs`),
/// which only a glance leaves out; so the one that decodes all takes part in shorter inputs.
const LESSONS_EVERYWHERE: usize = 64;

struct Twin {
    engine: Engine,
    output: Output,
    /// Whether frames of decided flows are only glanced at.
    glances: bool,
}

impl Twin {
    /// Takes one record.
    fn take(&mut self, record: &Record<'_>, link: wire::LinkType, now: Timestamp) {
        let (engine, output) = (&mut self.engine, &mut self.output);
        match *record {
            Record::Reload(choice) => reload(engine, choice, output),
            Record::Finish => engine.finish(output),
            Record::Clock(unix) => engine.set_wall_clock(now, unix),
            Record::Pass(_) | Record::End => {}
            Record::Frame(at, interface, frame) => {
                engine.tick(now, output);
                let known = self.glances && engine.glance(at, link, frame, output);
                if !known && let Ok(packet) = wire::decode(link, frame) {
                    engine.packet(at, interface, &packet, output);
                }
            }
        }
        engine.tick(now, output);
    }

    /// All that was said since it was last asked, and how things stand, but for what only the two
    /// ways of reading a frame know of each other.
    fn said(&mut self) -> (Vec<String>, String) {
        let output = std::mem::take(&mut self.output);
        let mut said: Vec<String> =
            output.effects.iter().map(|effect| format!("{effect:?}")).collect();
        said.extend(output.questions.iter().map(|question| format!("{question:?}")));
        said.extend(output.ended.into_iter().map(|mut ended| {
            ended.flow.settled = false;
            format!("{ended:?}")
        }));
        let engine = &self.engine;
        let state = format!(
            "{:?} {:?} {:?} {:?} {} {} {}",
            engine.next_deadline(),
            engine.counters(),
            engine.hints().counters(),
            engine.flows().len(),
            engine.hints().len(),
            engine.swarm().len(),
            engine.elements().len(),
        );
        (said, state)
    }
}

/// Runs a capture through all of them at once; gives how many things they said.
pub fn compare(data: &[u8]) -> usize {
    let (link, choice, all) = records(data);
    let all: Vec<Record<'_>> = all.collect();
    let twin = |glances| Twin { engine: fresh(limits(choice)), output: Output::default(), glances };
    let mut twins = vec![twin(true), twin(true)];
    if all.len() < LESSONS_EVERYWHERE {
        twins.push(twin(false));
    }
    let mut now = Timestamp::ZERO;
    let mut count = 0;
    for (number, record) in all.iter().enumerate() {
        match *record {
            Record::Pass(seconds) => now = now.after(Duration::from_secs(seconds.into())),
            Record::End => now = Timestamp::from_micros(u64::MAX),
            Record::Frame(at, ..) => now = now.max(at),
            _ => {}
        }
        twins.iter_mut().for_each(|twin| twin.take(record, link, now));
        count += agree(&mut twins, &format!("record {number}"));
    }
    twins.iter_mut().for_each(|twin| twin.engine.finish(&mut twin.output));
    count + agree(&mut twins, "at the end")
}

/// Compares what they say; gives how many things it is.
fn agree(twins: &mut [Twin], at: &str) -> usize {
    let [first, others @ ..] = twins else { return 0 };
    let (said, state) = first.said();
    for other in others {
        let way = if other.glances { "with another hash key" } else { "decoding all" };
        let (theirs, their_state) = other.said();
        assert_eq!(said, theirs, "{at}, {way}");
        assert_eq!(state, their_state, "{at}, {way}");
    }
    said.len()
}

/// Runs a capture.
pub fn twins(data: &[u8]) {
    compare(data);
}
