//! `nfa top`: who and what has how much of the traffic, live on a terminal.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use nfa::control::ROWS_MAX;
use serde_json::Value;

use super::ask::ask;
use super::options::Options;
use super::show::{Page, bytes, list, number, text};
use super::{Command, Failure, Outcome};

/// The command.
pub static TOP: Command = Command {
    name: "top",
    doc: "volumes by application, category, protocol or client; live on a terminal, the busiest \
          first, until Ctrl-C",
    usage: "top [--json] [--once] [--by application|category|protocol|client] [--limit N] \
            [--client ADDRESS]",
    run,
};

/// Between two screens.
const INTERVAL: Duration = Duration::from_secs(2);
/// Rows of a screen where nothing is said.
const ROWS: u64 = 20;

fn run(options: &Options) -> Result<Outcome, Failure> {
    options.no_arguments("top")?;
    let live = std::io::stdout().is_terminal() && !options.json && !options.once;
    let wanted = options.query.iter().find(|(key, _)| *key == "limit");
    let wanted = wanted.and_then(|(_, limit)| limit.as_u64()).unwrap_or(ROWS);
    // What is most at present may have little in sum: live, all rows are asked for.
    let mut options = options.clone();
    if live {
        options.query.retain(|(key, _)| *key != "limit");
    }
    let has_limit = options.query.iter().any(|(key, _)| *key == "limit");
    let most = if live { ROWS_MAX } else { ROWS };
    let limit = (!has_limit).then_some(("limit", Value::from(most)));
    let shown = usize::try_from(wanted).unwrap_or(usize::MAX);
    let mut before: HashMap<String, u64> = HashMap::new();
    loop {
        let answer = ask(&options, "top", limit.as_slice())?;
        let mut page = Page::new();
        if options.json {
            writeln!(std::io::stdout(), "{answer}")?;
            return Ok(Outcome::Fine);
        }
        let mut rows: Vec<&Value> = list(&answer, "rows").iter().collect();
        let pace = |row: &Value| {
            let before = before.get(&text(row, "name")).copied();
            before.map_or(0, |before| number(row, "bytes").saturating_sub(before))
        };
        rows.sort_by_key(|row| Reverse((pace(row), number(row, "bytes"))));
        let rows = rows.into_iter().take(shown);
        let rows: Vec<Vec<String>> = rows.map(|row| cells(row, &answer, &before)).collect();
        let by = text(&answer, "by");
        let tag = match by.as_str() {
            "application" => "category",
            "client" => "hardware address",
            _ => "",
        };
        // What happens now is a difference to the screen before.
        let now = if live { "now" } else { "" };
        page.rows(&[&by, "share", "bytes", now, "flows", "live", tag], &rows);
        // To the corner, and clear what is below.
        let clear = if live { "\x1b[H\x1b[J" } else { "" };
        std::io::stdout().write_all((clear.to_owned() + page.text()).as_bytes())?;
        if !live {
            return Ok(Outcome::Fine);
        }
        before = list(&answer, "rows")
            .iter()
            .map(|row| (text(row, "name"), number(row, "bytes")))
            .collect();
        std::thread::sleep(INTERVAL);
    }
}

fn cells(row: &Value, answer: &Value, before: &HashMap<String, u64>) -> Vec<String> {
    let (name, amount) = (text(row, "name"), number(row, "bytes"));
    let total = answer.get("total").map_or(0, |total| number(total, "bytes"));
    let share = match amount.saturating_mul(100).checked_div(total).unwrap_or(0) {
        0 if amount > 0 => "<1".to_owned(),
        share => share.to_string(),
    };
    let now = before.get(&name).map_or_else(String::new, |before| {
        bytes(amount.saturating_sub(*before) / INTERVAL.as_secs()) + "/s"
    });
    let tag = if row.get("category").is_some() { "category" } else { "mac" };
    let tag = if row.get(tag).is_some() { text(row, tag) } else { String::new() };
    let (flows, live) = (text(row, "flows"), text(row, "live"));
    vec![name, format!("{share} %"), bytes(amount), now, flows, live, tag]
}
