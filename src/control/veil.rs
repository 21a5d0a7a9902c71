//! Answers that say no more of people than records do, where the configuration wants it so.

use std::net::IpAddr;

use serde_json::{Map, Value};

use crate::engine::Engine;
use crate::privacy::{self, Privacy, Treatment};
use crate::sorted::SortedSet;

/// Keys whose texts are names of hosts.
const HOSTS: &[&str] = &["host", "host_server_name", "dns_host_name", "client_sni"];

/// Hides names of hosts and addresses of clients in an answer, in keys of their own and in words.
pub(super) fn veil(answer: &mut Value, engine: &Engine) {
    let privacy = engine.config().privacy;
    if !privacy.answers {
        return;
    }
    // Each is looked for in every text of the answer, in order: finding its place is the least of it.
    let mut hosts = SortedSet::new();
    names(answer, &mut hosts);
    hide(answer, privacy, &hosts, &|addr| engine.locality().is_local(addr));
}

fn names(value: &Value, found: &mut SortedSet<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| match value {
            Value::String(name) if HOSTS.contains(&key.as_str()) => {
                found.insert(name.clone());
            }
            _ => names(value, found),
        }),
        Value::Array(items) => items.iter().for_each(|item| names(item, found)),
        _ => {}
    }
}

fn hide(
    value: &mut Value,
    privacy: Privacy,
    hosts: &SortedSet<String>,
    is_client: &dyn Fn(IpAddr) -> bool,
) {
    match value {
        Value::Object(fields) => {
            // The record of a flow, as sinks get it.
            if fields.contains_key("ip_version") {
                privacy::treat(fields, privacy);
            } else {
                fields_of_row(fields, privacy);
            }
            for (key, value) in fields.iter_mut() {
                if !HOSTS.contains(&key.as_str()) {
                    hide(value, privacy, hosts, is_client);
                }
            }
        }
        Value::Array(items) => {
            items.iter_mut().for_each(|item| hide(item, privacy, hosts, is_client));
        }
        Value::String(text) => {
            if privacy.hosts != Treatment::Keep {
                for host in hosts {
                    if text.contains(host.as_str()) {
                        let stand_in = privacy::stand_in(host, privacy.hosts);
                        *text = text.replace(host.as_str(), &stand_in);
                    }
                }
            }
            *text = privacy::words(text, privacy.clients, is_client);
        }
        _ => {}
    }
}

/// A key that is always there is `null` where its value is left out.
fn fields_of_row(fields: &mut Map<String, Value>, privacy: Privacy) {
    for key in HOSTS {
        let Some(value) = fields.get_mut(*key) else { continue };
        *value = match (&*value, privacy.hosts) {
            (Value::String(name), Treatment::Hash) => {
                privacy::stand_in(name, Treatment::Hash).into()
            }
            (Value::String(_), Treatment::Drop) => Value::Null,
            (kept, _) => kept.clone(),
        };
    }
}
