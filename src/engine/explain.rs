//! What the engine would do about a flow, and why, without doing it.

use super::{Engine, classify, hit_of};
use crate::flow::Flow;
use crate::policy::{self, View};
use crate::target::Want;

/// What comes of one action for a flow.
#[derive(Debug)]
pub struct Explained<'e> {
    /// Whether it matches, and what decided.
    pub outcome: policy::Explained<'e>,
    /// Its targets, if it matches.
    pub fires: Vec<Fired<'e>>,
}

/// A target that an action fires.
#[derive(Debug)]
pub struct Fired<'e> {
    /// The target's key in the configuration.
    pub target: &'e str,
    /// What it wants for the flow, in words; nothing where the flow is none of its interface or
    /// family.
    pub wants: Vec<String>,
}

impl Engine {
    /// Every action in the order of evaluation, with what comes of it for a flow.
    pub fn explain<'e>(&'e self, view: &View<'e>) -> Vec<Explained<'e>> {
        let hit = hit_of(view);
        let mut wants = Vec::new();
        let explained =
            self.config.policy.explain(view, &self.timetable).into_iter().map(|outcome| {
                let mut fires = Vec::new();
                if outcome.obstacle.is_none() {
                    let targets = outcome.action.targets.iter();
                    for target in targets.filter_map(|number| self.config.targets.get(*number)) {
                        target.kind.apply(&hit, &self.config.sets, &mut wants);
                        let wants = wants.drain(..).map(|want| self.words(&want)).collect();
                        fires.push(Fired { target: &target.name, wants });
                    }
                }
                Explained { outcome, fires }
            });
        explained.collect()
    }

    /// Names what nobody has named: the protocol by its registered port, then the application.
    pub fn conclude(&self, flow: &mut Flow) {
        if flow.detection.facts.is_none() {
            self.detector.give_up(flow);
        }
        classify(flow, &self.catalogue, &self.config.lists.categories);
    }

    /// A want of the present configuration's targets.
    fn words(&self, want: &Want) -> String {
        match want {
            Want::Member { set, element, life } => {
                let set = self.config.sets.get(*set).map(ToString::to_string).unwrap_or_default();
                let mut words = format!("{element} in {set}");
                if let Some(timeout) = life.timeout {
                    words.push_str(&format!(", timeout {} s", timeout.as_secs()));
                }
                if !life.linger.is_zero() {
                    words.push_str(&format!(", linger {} s", life.linger.as_secs()));
                }
                words
            }
            Want::Labels { labels, .. } => {
                let bits: Vec<String> = (0..128)
                    .filter(|bit| labels >> bit & 1 == 1)
                    .map(|bit| bit.to_string())
                    .collect();
                format!("conntrack label bits {}", bits.join(", "))
            }
            Want::Mark { mark, mask } => format!("conntrack mark {mark:#x} under mask {mask:#x}"),
            Want::Kill => "its conntrack entry deleted, once".to_owned(),
            Want::Record { stream } => {
                let stream = self.config.streams.get(*stream).map(ToString::to_string);
                format!("a record to {}", stream.unwrap_or_default())
            }
        }
    }
}
