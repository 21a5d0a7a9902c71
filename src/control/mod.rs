//! The control channel: what people and LuCI may ask the daemon, and its answers.
//!
//! A request is a line with a JSON object, an answer is a line with a JSON object. Answers are a
//! function of the engine and of [`Health`]; only [`Server`] knows sockets.

mod catalogue;
mod flows;
mod health;
mod lately;
mod queries;
mod request;
mod search;
mod server;
mod sets;
mod status;
mod telemetry;
mod top;
mod veil;
mod why;

pub use health::{
    Entry, Findings, Health, Journal, Moment, Pace, Rates, Sample, SetHealth, Source, Usage, hint,
};
pub use queries::{CatalogueQuery, Kind, MatchesQuery};
pub use request::{
    Client, FlowName, FlowsQuery, METHODS, Method, REQUEST_BYTES_MAX, ROWS_MAX, Refusal, Request,
    SetsQuery, Sort, TopBy, parse,
};
pub use server::{Rights, SOCKET_DEFAULT, Server};
pub use telemetry::{Teller, telemetry_stream};
pub use why::{explanation, reason, seen_on};

use serde_json::Value;

use crate::criteria::{self, Criteria};
use crate::engine::Engine;
use crate::json::object;
use crate::policy::{Vocabularies, schema};
use crate::time::Timestamp;

/// Longest answer, in bytes: 500 flows with long names are half of that.
pub const ANSWER_BYTES_MAX: usize = 1 << 20;

/// The answer to a request that changes nothing.
///
/// # Errors
/// The request means nothing at present.
pub fn answer(
    request: &Request,
    engine: &Engine,
    now: Timestamp,
    health: &Health<'_>,
) -> Result<Value, Refusal> {
    let mut answer = plain(request, engine, now, health)?;
    veil::veil(&mut answer, engine);
    Ok(answer)
}

fn plain(
    request: &Request,
    engine: &Engine,
    now: Timestamp,
    health: &Health<'_>,
) -> Result<Value, Refusal> {
    match request {
        Request::Status => Ok(status::answer(engine, now, health)),
        Request::Flows(query) => flows::answer(engine, now, query),
        Request::Sets(query) => sets::answer(engine, now, query, health),
        Request::Search { what, limit } => search::answer(engine, now, what, *limit),
        Request::Why(name) => why::answer(engine, name),
        Request::Top { by, client, limit } => Ok(top::answer(engine, *by, *client, *limit)),
        Request::History => Ok(lately::history(engine, health)),
        Request::Matches(query) => Ok(lately::matches(engine, now, query)),
        Request::Catalogue(query) => Ok(catalogue::answer(engine, query)),
        Request::Findings { limit } => Ok(status::findings(engine, now, health, *limit)),
        Request::Criteria { text } => Ok(check_criteria(engine, text)),
        Request::Reload => Err(Refusal::whole("reload is done by the daemon itself")),
    }
}

/// The line that goes out.
pub fn line(method: Option<&Method>, answer: Result<Value, Refusal>) -> String {
    let method = method.map(|method| method.name);
    let line = match answer {
        Ok(result) => object! {"nfa": VERSION, "method": method, "result": result},
        Err(Refusal { at, message }) => {
            object! {"nfa": VERSION, "method": method, "error": object! {"at": at, "message": message}}
        }
    };
    let line = line.to_string();
    if line.len() > ANSWER_BYTES_MAX {
        let message = format!(
            "the answer would have {} bytes, {ANSWER_BYTES_MAX} is the most: ask for fewer rows",
            line.len()
        );
        let error = object! {"at": "/limit", "message": message};
        return object! {"nfa": VERSION, "method": method, "error": error}.to_string();
    }
    line
}

/// The version of the program, in every answer.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Unix time of a moment of the engine's, in milliseconds.
fn unix_ms(engine: &Engine, at: Timestamp) -> u64 {
    engine.unix_millis(at)
}

/// How long ago something was, in whole seconds; 0 if it lies ahead.
fn seconds_since(now: Timestamp, earlier: Timestamp) -> u64 {
    now.since(earlier).as_secs()
}

/// Compiles criteria that somebody asks with.
fn compile(engine: &Engine, text: &str) -> Result<Criteria, Vec<criteria::Error>> {
    let config = engine.config();
    let names = Vocabularies { catalogue: engine.catalogue(), lists: &config.lists };
    criteria::compile(text, schema(), &names).criteria
}

fn check_criteria(engine: &Engine, text: &str) -> Value {
    let config = engine.config();
    let names = Vocabularies { catalogue: engine.catalogue(), lists: &config.lists };
    let compiled = criteria::compile(text, schema(), &names);
    let warnings: Vec<String> = compiled.warnings.iter().map(ToString::to_string).collect();
    let (matches, errors) = match compiled.criteria {
        Ok(criteria) => {
            let flows = engine.flows().iter();
            let matching = flows.filter(|(_, flow)| criteria.matches(&engine.view(flow)));
            (Some(matching.count()), Vec::new())
        }
        Err(errors) => (None, errors.iter().map(ToString::to_string).collect()),
    };
    object! {"valid": matches.is_some(), "errors": errors, "warnings": warnings,
    "live_flows": matches}
}

#[cfg(test)]
mod tests;
