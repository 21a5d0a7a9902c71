//! Address groups: files `NN-TAG.conf` with one IP address, network or MAC address a line.

use std::path::Path;
use std::sync::Arc;

use super::file::{Lines, sources};
use super::finding::{Finding, Problem, Report, shown};
use super::line::without_remark;
use crate::criteria::Group;
use crate::json::Severity;
use crate::net::{AddressError, Mac, Network};
use crate::sorted::SortedMap;

/// Members of all groups together: each costs up to 34 bytes, so 2.2 MB at most.
pub const MEMBERS_MAX: usize = 65_536;

/// Address groups by tag. Their members are shared with the criteria that name them.
#[derive(Debug, Default)]
pub struct Groups(SortedMap<String, Arc<Group>>);

impl FromIterator<(String, Arc<Group>)> for Groups {
    fn from_iter<I: IntoIterator<Item = (String, Arc<Group>)>>(groups: I) -> Self {
        Groups(groups.into_iter().collect())
    }
}

impl Groups {
    /// Reads every group of a folder.
    pub fn load(dir: &Path, findings: &mut Vec<Finding>) -> Self {
        let mut members: SortedMap<String, (Vec<Network>, Vec<Mac>)> = SortedMap::new();
        let mut room = MEMBERS_MAX;
        for source in sources(dir, "10-kids.conf", findings) {
            members.change(source.tag.clone(), |_| {});
            let Some((networks, macs)) = members.get_mut(&source.tag) else { continue };
            let mut report = Report::new(&source.path, Severity::Error, findings);
            let mut lines = match Lines::open(&source.path) {
                Ok(lines) => lines,
                Err(problem) => {
                    report.file(Severity::Error, problem);
                    continue;
                }
            };
            while let Some((number, line)) = lines.next() {
                let text = match line {
                    Ok(line) => without_remark(line),
                    Err(problem) => {
                        report.line(number, problem);
                        continue;
                    }
                };
                if text.is_empty() {
                    continue;
                }
                if room == 0 {
                    report.line(number, Problem::Full("members of groups", MEMBERS_MAX));
                    break;
                }
                match member(text) {
                    Ok(Member::Network(network)) => networks.push(network),
                    Ok(Member::Mac(mac)) => macs.push(mac),
                    Err(problem) => {
                        report.line(number, problem);
                        continue;
                    }
                }
                room = room.saturating_sub(1);
            }
            report.finish();
        }
        let groups = members.into_iter();
        Groups(groups.map(|(tag, (nets, macs))| (tag, Arc::new(Group::new(nets, macs)))).collect())
    }

    /// The group of that tag; case matters.
    pub fn get(&self, tag: &str) -> Option<Arc<Group>> {
        self.0.get(tag).cloned()
    }

    /// The tags of all groups, sorted.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

enum Member {
    Network(Network),
    Mac(Mac),
}

fn member(text: &str) -> Result<Member, Problem> {
    if let Ok(mac) = text.parse() {
        return Ok(Member::Mac(mac));
    }
    match text.parse() {
        Ok(network) => Ok(Member::Network(network)),
        Err(error @ AddressError::PrefixLength) => Err(Problem::Network(shown(text), error)),
        Err(_) => Err(Problem::Member(shown(text))),
    }
}
