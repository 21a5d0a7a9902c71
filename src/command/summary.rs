//! The table at the end of a replay, for people.

use std::collections::HashSet;
use std::io::Write;

use nfa::effect::{Effect, Element};
use nfa::engine::Engine;
use nfa::policy::View;
use nfa::sorted::SortedMap;

/// Rows of applications that are shown; the rest is one row.
const APPLICATIONS_SHOWN: usize = 30;

#[derive(Default)]
struct Row {
    flows: u32,
    guessed: u32,
    packets: u64,
    bytes: u64,
}

#[derive(Default)]
struct SetRow {
    adds: u32,
    refreshes: u32,
    removes: u32,
    /// At most one string each; a replay is not a router.
    members: HashSet<Element>,
}

/// What a replay has seen, over all its captures.
#[derive(Default)]
pub struct Summary {
    protocols: SortedMap<&'static str, Row>,
    applications: SortedMap<String, Row>,
    sets: SortedMap<String, SetRow>,
    others: SortedMap<&'static str, u32>,
    learned: SortedMap<&'static str, u32>,
    packets: u64,
    flows: u64,
    refused: SortedMap<&'static str, u32>,
}

impl Summary {
    /// A capture is at its end.
    pub fn add_capture(&mut self, engine: &Engine, refused: &SortedMap<&'static str, u32>) {
        let counters = engine.counters();
        self.packets = self.packets.saturating_add(counters.packets.into());
        self.flows = self.flows.saturating_add(counters.flows.into());
        let known = engine.swarm().counters();
        for (what, count) in [
            ("DNS answers learned", engine.hints().counters().inserted),
            ("BitTorrent endpoints told", known.told),
            ("BitTorrent endpoints proven", known.proven),
            ("BitTorrent ports of clients", known.ports),
            ("BitTorrent endpoints evicted", known.evicted),
            ("BitTorrent endpoints expired", known.expired),
            ("flows named by the swarm", counters.by_swarm),
            ("flows inferred", counters.inferred),
            ("of those contradicted later", counters.contradicted),
        ] {
            if count > 0 {
                self.learned.change(what, |sum| *sum = sum.saturating_add(count));
            }
        }
        for (error, count) in refused {
            self.refused.change(error, |sum| *sum = sum.saturating_add(*count));
        }
    }

    /// A flow has ended.
    pub fn add_flow(&mut self, view: &View<'_>) {
        let name = view.protocol().map_or("Unknown", |protocol| protocol.name);
        self.protocols.change(name, |row| add(row, view));
        if let Some(app) = view.app() {
            self.applications.change(app.tag.to_owned(), |row| add(row, view));
        }
    }

    /// A set or a connection would change.
    pub fn add_effect(&mut self, engine: &Engine, effect: &Effect) {
        let what = match effect {
            Effect::Label { .. } => "changes of labels",
            Effect::Mark { .. } => "changes of marks",
            Effect::Kill { .. } => "connections killed",
            Effect::Record { .. } => "records",
            _ => "",
        };
        let Some(spec) = effect.set().and_then(|set| engine.sets().get(set)) else {
            return self.others.change(what, |count| *count = count.saturating_add(1));
        };
        self.sets.change(spec.to_string(), |row| match effect {
            Effect::Add { element, .. } => {
                row.adds = row.adds.saturating_add(1);
                row.members.insert(element.clone());
            }
            Effect::Refresh { .. } => row.refreshes = row.refreshes.saturating_add(1),
            _ => row.removes = row.removes.saturating_add(1),
        });
    }

    /// Writes it.
    pub fn print(&self, out: &mut impl Write) -> std::io::Result<()> {
        writeln!(out, "{} packets, {} flows", self.packets, self.flows)?;
        for (error, count) in &self.refused {
            writeln!(out, "  {count} frames left out: {error}")?;
        }
        table(out, "protocol", &rows(&self.protocols), usize::MAX)?;
        table(out, "application", &rows(&self.applications), APPLICATIONS_SHOWN)?;
        if !self.sets.is_empty() {
            writeln!(
                out,
                "\n{:<32} {:>8} {:>8} {:>9} {:>8}",
                "set", "members", "adds", "refreshes", "removes"
            )?;
            for (name, row) in &self.sets {
                let (members, adds) = (row.members.len(), row.adds);
                let (refreshes, removes) = (row.refreshes, row.removes);
                writeln!(out, "{name:<32} {members:>8} {adds:>8} {refreshes:>9} {removes:>8}")?;
            }
        }
        for (position, (what, count)) in self.others.iter().enumerate() {
            let above = if position == 0 { "\n" } else { "" };
            writeln!(out, "{above}{what:<32} {count:>8}")?;
        }
        for (position, (what, count)) in self.learned.iter().enumerate() {
            let above = if position == 0 { "\n" } else { "" };
            writeln!(out, "{above}{what:<32} {count:>8}")?;
        }
        Ok(())
    }
}

fn add(row: &mut Row, view: &View<'_>) {
    let flow = view.flow;
    row.flows = row.flows.saturating_add(1);
    row.guessed = row.guessed.saturating_add(flow.detection.guessed.into());
    for packets in flow.packets {
        row.packets = row.packets.saturating_add(packets.into());
    }
    for bytes in flow.bytes {
        row.bytes = row.bytes.saturating_add(bytes);
    }
}

/// Most flows first.
fn rows<K: AsRef<str> + Ord>(map: &SortedMap<K, Row>) -> Vec<(&str, &Row)> {
    let mut rows: Vec<(&str, &Row)> = map.iter().map(|(name, row)| (name.as_ref(), row)).collect();
    rows.sort_by_key(|(_, row)| std::cmp::Reverse(row.flows));
    rows
}

fn table(
    out: &mut impl Write,
    title: &str,
    rows: &[(&str, &Row)],
    shown: usize,
) -> std::io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\n{title:<32} {:>8} {:>8} {:>10} {:>14}",
        "flows", "guessed", "packets", "bytes"
    )?;
    for (name, Row { flows, guessed, packets, bytes }) in rows.iter().take(shown) {
        writeln!(out, "{name:<32} {flows:>8} {guessed:>8} {packets:>10} {bytes:>14}")?;
    }
    if let Some(rest) = rows.len().checked_sub(shown).filter(|rest| *rest > 0) {
        writeln!(out, "and {rest} more")?;
    }
    Ok(())
}
