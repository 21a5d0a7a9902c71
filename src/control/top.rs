//! Volumes since the start: who and what has how much of the traffic.

use std::cmp::Reverse;
use std::collections::HashMap;

use serde_json::Value;

use super::flows::is_of;
use super::request::{Client, TopBy};
use crate::engine::{By, Engine, Share, Volume};
use crate::json::{insert, list, object};
use crate::net::Mac;
use crate::policy::protocols;
use crate::sorted::SortedMap;

pub(super) fn answer(engine: &Engine, by: TopBy, client: Option<Client>, limit: usize) -> Value {
    let (rows, total) = largest(engine, by, client, limit);
    object! {
        "by": by.word(),
        "total": volume(&total),
        "rows": list(rows.iter().map(|(name, tag, row)| {
            let mut value = volume(row);
            insert(&mut value, "name", name);
            if let Some((key, tag)) = tag {
                insert(&mut value, key, tag);
            }
            value
        })),
    }
}

/// A row: its name, one thing more about it, its volume.
type Row = (String, Option<(&'static str, Value)>, Volume);

/// The largest by bytes, and the sum of all.
pub(super) fn largest(
    engine: &Engine,
    by: TopBy,
    client: Option<Client>,
    limit: usize,
) -> (Vec<Row>, Volume) {
    let shares = |by| match client {
        None => engine.shares(by),
        Some(client) => engine.live_shares(by, |flow| is_of(flow, client)),
    };
    let mut total = Volume::default();
    let mut rows: Vec<(String, Share, Volume)> = match by {
        TopBy::Each(by) => {
            let shares = shares(by);
            shares.iter().map(|(share, v)| (name_of(engine, by, share), share, *v)).collect()
        }
        TopBy::Category => {
            let mut sums: SortedMap<&str, Volume> = SortedMap::new();
            for (share, volume) in shares(By::Application).iter() {
                let category = match share {
                    Share::Number(number) => category_of(engine, number),
                    _ => "unclassified",
                };
                sums.change(category, |sum| sum.add(volume));
            }
            sums.into_iter().map(|(tag, v)| (tag.to_owned(), Share::Rest, v)).collect()
        }
    };
    rows.iter().for_each(|(_, _, volume)| total.add(volume));
    rows.sort_by(|a, b| (Reverse(a.2.total()), &a.0).cmp(&(Reverse(b.2.total()), &b.0)));
    rows.truncate(limit);
    let macs = if by == TopBy::Each(By::Client) { macs(engine) } else { HashMap::new() };
    let rows = rows.into_iter().map(|(name, share, volume)| {
        let tag = match (by, share) {
            (TopBy::Each(By::Application), Share::Number(number)) => {
                Some(("category", category_of(engine, number).into()))
            }
            (_, Share::Client(addr)) => macs.get(&addr).map(|mac| ("mac", mac.to_string().into())),
            _ => None,
        };
        (name, tag, volume)
    });
    (rows.collect(), total)
}

/// Hardware addresses of the clients whose flows live.
fn macs(engine: &Engine) -> HashMap<std::net::IpAddr, Mac> {
    let flows = engine.flows().iter();
    flows.filter_map(|(_, flow)| Some((flow.local().addr, flow.local_mac()?))).collect()
}

fn category_of(engine: &Engine, number: u32) -> &str {
    let catalogue = engine.catalogue();
    let app = catalogue.by_number(number).and_then(|app| catalogue.app(app));
    app.map_or("unclassified", |app| app.category.tag)
}

fn name_of(engine: &Engine, by: By, share: Share) -> String {
    match share {
        Share::Client(addr) => addr.to_string(),
        Share::Rest => "others".to_owned(),
        Share::Number(number) if by == By::Protocol => {
            protocol_name(number).unwrap_or("unknown").to_owned()
        }
        Share::Number(number) => {
            application_tag(engine, number).unwrap_or("netify.unclassified").to_owned()
        }
    }
}

/// The name of the protocol of that public number.
pub(super) fn protocol_name(number: u32) -> Option<&'static str> {
    protocols().find(|protocol| u32::from(protocol.id) == number).map(|protocol| protocol.name)
}

/// The tag of the application of that public number.
pub(super) fn application_tag(engine: &Engine, number: u32) -> Option<&str> {
    let catalogue = engine.catalogue();
    catalogue.by_number(number).and_then(|app| catalogue.app(app)).map(|app| app.tag)
}

/// A volume as an object.
pub(super) fn volume(volume: &Volume) -> Value {
    object! {
        "flows": volume.flows,
        "live": volume.live,
        "packets": volume.packets,
        "local_bytes": volume.bytes[0],
        "other_bytes": volume.bytes[1],
        "bytes": volume.total(),
    }
}
