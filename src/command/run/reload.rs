//! The configuration in force and the next one, and the sets that are filled because of their names.

use std::sync::Arc;

use nfa::effect::SetId;
use nfa::interface::Interface;
use nfa::netlink::nftables::Feed;
use nfa::sys;
use nfa::target::ADOPTED_MAX;

use super::source::Source;
use super::{Daemon, interfaces, load};
use crate::command::log::Level;

/// Most lines about sets that ask in vain to be filled: as many as there can be at a time.
const REFUSED_MAX: usize = 2 * ADOPTED_MAX;

impl Daemon {
    /// Looks for sets that ask by their names to be filled, if the configuration wants it.
    pub(super) fn search(&mut self) {
        let (adopts, log) = (self.engine.config().adopts, &mut self.log);
        if let Some(keeper) = &mut self.keeper {
            keeper.search(adopts, log.at(Level::Warning));
        }
    }

    /// Takes what the search has found, if it is not what was found before.
    pub(super) fn adopt_sets(&mut self) {
        let Some(keeper) = &mut self.keeper else { return };
        let Some(found) = keeper.news() else { return };
        if !self.engine.config().adopted.are(&found.sets) {
            let before = self.engine.live_sets().to_vec();
            self.engine.adopt_sets(found.sets, &mut self.output);
            let (sets, log) = (self.engine.sets(), &mut self.log);
            // A set that has gone takes no changes; one that has come must be known before it does.
            keeper.retire(sets, self.engine.live_sets(), log.at(Level::Warning));
            let live = self.engine.live_sets().iter();
            let new: Vec<SetId> = live.filter(|id| !before.contains(id)).copied().collect();
            for spec in new.iter().filter_map(|id| sets.get(*id)) {
                log.write(Level::Info, &format!("{spec} is filled because of its name"));
            }
            keeper.prepare(sets, &new, log.at(Level::Error));
            self.send();
        }
        let of_names = self.engine.config().adopted.refused().iter();
        for line in found.refused.iter().chain(of_names) {
            if self.refused.len() < REFUSED_MAX && self.refused.insert(line.clone()) {
                self.log.write(Level::Warning, line);
            }
        }
    }

    pub(super) fn prepare(&mut self) {
        let (clock, log) = (self.clock(), &mut self.log);
        let (streams, live) = (self.engine.streams(), self.engine.live_streams());
        self.recorder.prepare(streams, live, clock, log.at(Level::Error));
        let Some(keeper) = &mut self.keeper else { return };
        keeper.prepare(self.engine.sets(), self.engine.live_sets(), log.at(Level::Error));
        let captured = |feed: &Feed| {
            let name = format!("nflog:{}", feed.group);
            self.sources.iter().any(|source| source.interface.name == name)
        };
        let feeds = self.engine.config().feeds.iter().filter(|feed| captured(feed));
        keeper.feed(feeds.copied().collect(), log.at(Level::Info));
    }

    /// A configuration that cannot be used leaves the old one in force.
    pub(super) fn reload(&mut self) {
        let (log, findings) = (&mut self.log, &mut self.findings);
        let Some((mut config, catalogue)) = load(&self.options, &self.path, log, findings) else {
            self.log.write(Level::Error, "the old configuration stays in force");
            return;
        };
        if let Some(keeper) = &mut self.keeper {
            let log = &mut self.log;
            keeper.search(config.adopts, log.at(Level::Warning));
            // Those that nfa made for targets go with them.
            let mut found = keeper.found().sets;
            found.retain(|set| !self.engine.config().sets.makes(&set.spec));
            config.adopt(found, &catalogue);
        }
        self.refused.clear();
        let interfaces = interfaces(&self.options, &config);
        self.engine.reload(config, Arc::new(catalogue), interfaces.clone(), &mut self.output);
        self.take_interfaces(&interfaces);
        // New sets must be there before their elements; old ones are emptied by the same changes.
        self.prepare();
        self.send();
        if let Some(keeper) = &mut self.keeper {
            let log = &mut self.log;
            keeper.retire(self.engine.sets(), self.engine.live_sets(), log.at(Level::Warning));
        }
        self.loaded = sys::monotonic();
        self.log.clients = self.engine.config().privacy.clients;
        self.log.write(Level::Info, &format!("{}: reloaded", self.path.display()));
    }

    /// Captures that go on are not interrupted.
    fn take_interfaces(&mut self, interfaces: &[Interface]) {
        let mut old = std::mem::take(&mut self.sources);
        self.sources = interfaces
            .iter()
            .map(|interface| {
                let same = old.iter().position(|source| source.interface.name == interface.name);
                let mut source =
                    same.map_or_else(|| Source::new(interface), |at| old.swap_remove(at));
                source.interface = interface.clone();
                source
            })
            .collect();
    }
}
