//! `time_of_day` of an action: from JSON to a schedule (spec section 1.5).

use nom::bytes::complete::take_while_m_n;
use nom::character::complete::char;
use nom::combinator::{all_consuming, map_res};
use nom::sequence::separated_pair;
use nom::{IResult, Parser};
use serde_json::Value;

use crate::json::{self, Object, Severity};
use crate::policy::{DAYS, Inside, Schedule, Window};

/// Most entries of one action.
const ENTRIES_MAX: usize = 64;
/// Minutes of a day.
const DAY: u16 = 24 * 60;
/// The vendor's format has no 24:00: there, the last minute means the end of the day.
const LAST_MINUTE: u16 = DAY - 1;
const POLICIES: &[(&str, Inside)] =
    &[("inclusive", Inside::Inclusive), ("exclusive", Inside::Exclusive)];

/// The schedule of an action. `None` if any of it is not understood, which is reported: an action
/// with half a schedule would be in force when it must not be, so it is refused.
pub(super) fn read(action: &Object<'_>) -> Option<Option<Schedule>> {
    let Some(entries) = action.objects("time_of_day") else { return Some(None) };
    if entries.len() > ENTRIES_MAX {
        let expected = format!("at most {ENTRIES_MAX} entries");
        action.unexpected("time_of_day", expected, &entries.len().to_string());
        return None;
    }
    // Every entry is looked at, whatever became of the ones before.
    let windows: Vec<Option<Window>> =
        entries.into_iter().map(|entry| entry.and_then(|entry| window(&entry))).collect();
    let windows: Vec<Window> = windows.into_iter().collect::<Option<_>>()?;
    Some(Some(Schedule::new(&windows)))
}

/// One entry. Whatever is absent says nothing: every day, from its beginning, to its end.
fn window(entry: &Object<'_>) -> Option<Window> {
    let days = days(entry);
    let start = time(entry, "time_start", 0, LAST_MINUTE);
    let end = time(entry, "time_end", DAY, DAY);
    let inside = match entry.value("policy") {
        None => Some(Inside::Inclusive),
        Some(_) => entry.word("policy", POLICIES),
    };
    entry.report_unknown_keys();
    let (start, end) = (start?, end?);
    let end = if end == LAST_MINUTE && start != end { DAY } else { end };
    Some(Window { days: days?, start, end, inside: inside? })
}

fn days(entry: &Object<'_>) -> Option<[bool; 7]> {
    let Some((value, _)) = entry.value("day") else { return Some([true; 7]) };
    let names = entry.texts("day");
    let mut complete = match value {
        Value::Array(items) if items.is_empty() => {
            entry.unexpected("day", "at least one day", "an empty list");
            false
        }
        Value::Array(items) => items.len() == names.len(),
        other => other.is_string(),
    };
    let mut days = [false; 7];
    for (name, path) in names {
        let known = DAYS.iter().position(|day| day.eq_ignore_ascii_case(name));
        if let Some(day) = known.and_then(|position| days.get_mut(position)) {
            *day = true;
        } else {
            let days: Vec<String> = DAYS.iter().map(|day| format!("\"{day}\"")).collect();
            let (expected, found) = (days.join(" or "), format!("\"{name}\""));
            entry.report(Severity::Error, path, json::Problem::Value { expected, found });
            complete = false;
        }
    }
    complete.then_some(days)
}

/// A minute of the day.
fn time(entry: &Object<'_>, key: &'static str, default: u16, most: u16) -> Option<u16> {
    if entry.value(key).is_none() {
        return Some(default);
    }
    let text = entry.text(key)?;
    let minute = hours_and_minutes(text).filter(|minute| *minute <= most);
    if minute.is_none() {
        let last = if most == DAY { "24:00" } else { "23:59" };
        let expected = format!("a time from \"00:00\" to \"{last}\"");
        entry.unexpected(key, expected, &format!("\"{text}\""));
    }
    minute
}

/// `HH:MM` or `H:MM`.
fn hours_and_minutes(text: &str) -> Option<u16> {
    let number = |least| {
        let digits = take_while_m_n(least, 2, |c: char| c.is_ascii_digit());
        map_res(digits, |digits: &str| digits.parse::<u16>())
    };
    let parsed: IResult<&str, (u16, u16), ()> =
        all_consuming(separated_pair(number(1), char(':'), number(2))).parse(text);
    let (_, (hours, minutes)) = parsed.ok()?;
    let whole = hours.saturating_mul(60).saturating_add(minutes);
    (minutes < 60).then_some(whole)
}
