//! Where an address or a name is: in which sets, since when, because of which flow of which client.

use std::collections::HashSet;
use std::net::IpAddr;

use serde_json::Value;

use super::flows::{self, host};
use super::request::Refusal;
use super::sets::member;
use crate::app::Catalogue;
use crate::effect::{Element, Part};
use crate::engine::{Engine, Stay};
use crate::flow::FlowId;
use crate::json::{Shown, insert, list, object};
use crate::net::Mac;
use crate::policy::{View, protocols};
use crate::time::Timestamp;

/// What is looked for.
enum What {
    Addr(IpAddr),
    Mac(Mac),
    Name(String),
}

impl What {
    fn of(text: &str) -> Self {
        let addr = text.parse().map(What::Addr);
        let mac = || text.parse().map(What::Mac);
        addr.or_else(|_| mac()).unwrap_or_else(|_| What::Name(text.to_lowercase()))
    }

    /// Whether a member of a set has it.
    fn is_in(&self, element: &Element) -> bool {
        element.0.iter().any(|part| match (self, part) {
            (What::Addr(addr), Part::Addr(of)) => addr == of,
            (What::Mac(mac), Part::Mac(of)) => mac == of,
            _ => false,
        })
    }

    /// Whether a flow is to, from or for it.
    fn is_of(&self, view: &View<'_>) -> bool {
        match self {
            What::Addr(addr) => view.addrs().contains(addr),
            What::Mac(mac) => view.flow.macs.contains(&Some(*mac)),
            What::Name(name) => {
                host(view).is_some_and(|host| is_under(host, name))
                    || view.app().is_some_and(|app| app.tag == name || app.short_name() == name)
                    || view
                        .protocol()
                        .is_some_and(|protocol| protocol.name.eq_ignore_ascii_case(name))
            }
        }
    }
}

/// Whether a host is that name or below it.
fn is_under(host: &str, name: &str) -> bool {
    let name = name.trim_matches('.');
    host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

pub(super) fn answer(
    engine: &Engine,
    now: Timestamp,
    text: &str,
    limit: usize,
) -> Result<Value, Refusal> {
    let text = text.trim();
    if text.is_empty() {
        let message = "expected an address, a host name, an application or a protocol";
        return Err(Refusal::of_key("what", message));
    }
    let what = What::of(text);
    let (mut found, mut held) = (Vec::<FlowId>::new(), HashSet::<u32>::new());
    let mut count = 0_usize;
    for (id, flow) in engine.flows().iter() {
        if what.is_of(&engine.view(flow)) {
            count = count.saturating_add(1);
            held.extend(flow.stakes.held());
            if found.len() < limit {
                found.push(id);
            }
        }
    }
    let by_name = matches!(what, What::Name(_));
    let numbers = Numbers::of(engine.catalogue(), text);
    let (mut members, mut in_sets) = (Vec::new(), 0_usize);
    for stay in engine.elements().stays() {
        // An address is asked for as a member; of a name the members are those of its flows.
        let is_meant = if by_name {
            held.contains(&stay.number) || numbers.caused(&stay)
        } else {
            what.is_in(stay.element)
        };
        if is_meant {
            in_sets = in_sets.saturating_add(1);
            if members.len() < limit {
                let told = members.len() < TOLD_MAX;
                members.push(with_flows(engine, now, &stay, told));
            }
        }
    }
    let rows = found
        .iter()
        .filter_map(|id| engine.flows().get(*id).map(|flow| flows::row(engine, now, *id, flow)));
    Ok(object! {
        "what": text,
        "kind": match what {
            What::Addr(_) => "address",
            What::Mac(_) => "mac",
            What::Name(_) => "name",
        },
        "in_sets": in_sets,
        "members": members,
        "live_flows": count,
        "flows": list(rows),
        "catalogue": catalogue(engine.catalogue(), &what),
    })
}

/// What the catalogue says of it.
fn catalogue(catalogue: &Catalogue, what: &What) -> Value {
    let app = match what {
        What::Addr(addr) => catalogue.by_address(*addr),
        What::Name(name) => catalogue.resolve(name).or_else(|| catalogue.by_host(name)),
        What::Mac(_) => None,
    };
    let app = app.and_then(|app| catalogue.app(app));
    app.map_or(
        Value::Null,
        |app| object! {"application": app.tag, "category": app.category.tag, "id": app.id},
    )
}

/// The application and the protocol of a name, by which members know their cause.
struct Numbers {
    application: Option<u32>,
    protocol: Option<u16>,
}

impl Numbers {
    fn of(catalogue: &Catalogue, name: &str) -> Self {
        let app = catalogue.resolve(name).and_then(|app| catalogue.app(app));
        let protocol = protocols().find(|protocol| protocol.name.eq_ignore_ascii_case(name));
        Numbers {
            application: app.map(|app| app.id),
            protocol: protocol.map(|protocol| protocol.id),
        }
    }

    fn caused(&self, stay: &Stay<'_>) -> bool {
        stay.cause.is_some_and(|cause| {
            self.application == Some(cause.application) || self.protocol == Some(cause.protocol)
        })
    }
}

/// Members whose flows are looked for, which takes a walk through all flows for each.
const TOLD_MAX: usize = 20;
/// Most flows that are told of one member.
const HOLDERS_MAX: usize = 5;

/// A member with the live flows that hold it.
fn with_flows(engine: &Engine, now: Timestamp, stay: &Stay<'_>, told: bool) -> Value {
    let mut value = member(engine, now, stay);
    if !told || stay.holders == 0 {
        return value;
    }
    let holders =
        engine.flows().iter().filter(|(_, flow)| flow.stakes.held().contains(&stay.number));
    let holders = holders.take(HOLDERS_MAX).map(|(id, flow)| {
        let view = engine.view(flow);
        object! {
            "id": Shown(id),
            "client": Shown(flow.local().addr),
            "other": Shown(flow.other()),
            "application": view.app().map(|app| app.tag),
            "protocol": view.protocol().map(|protocol| protocol.name),
            "host": host(&view),
            "rules": flows::rules(engine, flow),
        }
    });
    insert(&mut value, "flows", &list(holders));
    value
}
