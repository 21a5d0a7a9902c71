//! What the daemon tells of itself through the control socket.

use nfa::control::{
    self, Health, Method, Moment, Refusal, Request, Rights, Sample, SetHealth, Usage,
};
use nfa::engine::{By, Volume};
use nfa::json::object;
use nfa::sys;
use nfa::time::Timestamp;
use serde_json::Value;

use super::{Daemon, FlowFilter, Keeper};

impl Daemon {
    /// Hears and answers whoever is at the control socket.
    pub(super) fn serve_control(&mut self) {
        let Some(mut server) = self.control.take() else { return };
        server.serve(sys::monotonic(), &mut |line, rights| self.answer_line(line, rights));
        self.control = Some(server);
    }

    /// Makes the socket, if there is none; drops clients that are too slow.
    pub(super) fn open_control(&mut self) {
        let log = &mut self.log;
        if let Some(server) = &mut self.control {
            server.tick(sys::monotonic(), log.at(super::Level::Warning));
        }
    }

    /// What is to be done about once a second.
    pub(super) fn tick_control(&mut self, now: Timestamp) {
        self.open_control();
        if self.rates.is_due(now) {
            let counters = self.engine.counters();
            // Only differences count, so the low half is enough.
            let filtered = u32::try_from(self.filtered() & u64::from(u32::MAX)).unwrap_or(0);
            let packets = counters.packets.wrapping_add(filtered);
            let cpu_centis = Usage::own().cpu_centis;
            self.rates.push(Sample { at: now, packets, flows: counters.flows, cpu_centis });
        }
        if self.rates.is_moment(now) {
            let mut total = Volume::default();
            let shares = self.engine.shares(By::Protocol);
            shares.iter().for_each(|(_, volume)| total.add(volume));
            let flows = self.engine.flows().len();
            self.rates.remember(Moment { at: now, bytes: total.bytes, flows });
        }
    }

    pub(super) fn filtered(&self) -> u64 {
        self.filter.as_ref().map_or(0, FlowFilter::dropped)
    }

    fn answer_line(&mut self, line: &str, rights: Rights) -> String {
        match control::parse(line) {
            Ok((method, request)) => {
                let answer = self.answer(method, &request, rights);
                control::line(Some(method), answer)
            }
            Err(refusal) => control::line(None, Err(refusal)),
        }
    }

    fn answer(
        &mut self,
        method: &Method,
        request: &Request,
        rights: Rights,
    ) -> Result<Value, Refusal> {
        if method.changes && rights != Rights::Change {
            let message = format!("{} is for root and the daemon's own user only", method.name);
            return Err(Refusal::of_key("method", message));
        }
        let now = sys::monotonic();
        if *request == Request::Reload {
            self.reload();
            let findings = Request::Findings { limit: 100 };
            let interfaces = self.interfaces();
            let told = control::answer(&findings, &self.engine, now, &self.health(interfaces))?;
            let found = told.get("config").cloned().unwrap_or_default();
            return Ok(object! {"in_force": !self.findings.failed, "config": found});
        }
        let interfaces = self.interfaces();
        let health = self.health(interfaces);
        control::answer(request, &self.engine, now, &health)
    }

    fn interfaces(&mut self) -> Vec<control::Source> {
        let interfaces = self.sources.iter_mut().map(|source| {
            let stats = source.capture.as_mut().and_then(|capture| capture.stats().ok());
            let stats = stats.unwrap_or_default();
            control::Source {
                name: source.interface.name.clone(),
                role: source.interface.role,
                trouble: source.capture.is_none().then(|| source.told.clone()),
                filter: source.filter.clone(),
                frames: [stats.received, stats.dropped, stats.interface_dropped],
            }
        });
        interfaces.collect()
    }

    fn health(&self, interfaces: Vec<control::Source>) -> Health<'_> {
        let sets = self.engine.live_sets().iter().filter_map(|id| {
            let spec = self.engine.sets().get(*id)?;
            let (standing, refused) = self.keeper.as_ref()?.standing(*id, spec);
            let refused = refused.map(|(what, count)| (what.to_owned(), count)).collect();
            Some((*id, SetHealth { standing, refused }))
        });
        let sets = sets.collect();
        Health {
            started: self.started,
            pid: std::process::id(),
            config_path: &self.path_text,
            loaded: self.loaded,
            findings: &self.findings,
            interfaces,
            rates: &self.rates,
            filtered: self.filtered(),
            undecodable: self.undecodable,
            usage: Usage::own(),
            sets,
            has_netfilter: self.keeper.is_some(),
            refused: self.keeper.as_ref().map_or(0, Keeper::failures),
            journal: &self.log.journal,
            lost: self.losses.counters(),
        }
    }
}
