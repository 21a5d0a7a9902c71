//! Values for people: tables, amounts, times, colours on a terminal.

use std::io::IsTerminal;

use serde_json::Value;

/// Blanks between two columns.
const GAP: usize = 2;
/// Widest column, in characters; what is longer is cut.
const WIDTH_MAX: usize = 48;

/// Colours, where they are wanted: on a terminal, and unless `NO_COLOR` is set to something
/// (no-color.org).
#[derive(Debug, Clone, Copy)]
pub struct Paint(bool);

impl Paint {
    /// For standard output.
    pub fn new() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Paint(std::io::stdout().is_terminal() && !refused)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Something is wrong.
    pub fn bad(self, text: &str) -> String {
        self.with("31", text)
    }

    /// Something is doubtful.
    pub fn doubtful(self, text: &str) -> String {
        self.with("33", text)
    }

    /// All is well.
    pub fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    /// A heading.
    pub fn head(self, text: &str) -> String {
        self.with("1", text)
    }
}

/// What is shown for people, built up line by line.
pub struct Page {
    text: String,
    pub paint: Paint,
}

/// A column of a table of values.
pub struct Column {
    pub head: &'static str,
    pub cell: Cell,
}

/// What stands in the cells of a column.
pub enum Cell {
    /// What [`filled`] makes of it.
    Filled(&'static str),
    /// What this makes of the row.
    Made(fn(&Value) -> String),
}

impl Page {
    /// Nothing yet; with colours if standard output is a terminal.
    pub fn new() -> Self {
        Page { text: String::new(), paint: Paint::new() }
    }

    /// All of it, lines with their ends.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Adds a line.
    pub fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Adds a line that is filled from a value, as [`filled`] does.
    pub fn fill(&mut self, line: &str, value: &Value) {
        self.line(&filled(line, value));
    }

    /// Adds rows under named columns, each as wide as its widest cell; the last one is free.
    pub fn rows(&mut self, head: &[&str], rows: &[Vec<String>]) {
        let mut widths: Vec<usize> = head.iter().map(|name| name.chars().count()).collect();
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count().min(WIDTH_MAX));
            }
        }
        let head: Vec<String> = head.iter().map(|name| (*name).to_owned()).collect();
        self.line(&self.paint.head(&row_line(&head, &widths)));
        for row in rows {
            self.line(&row_line(row, &widths));
        }
    }

    /// Adds a table of values.
    pub fn table(&mut self, columns: &[Column], values: &[Value]) {
        let mut rows = Vec::new();
        for value in values {
            let mut row = Vec::new();
            for column in columns {
                row.push(match column.cell {
                    Cell::Filled(template) => filled(template, value),
                    Cell::Made(make) => make(value),
                });
            }
            rows.push(row);
        }
        let head: Vec<&str> = columns.iter().map(|column| column.head).collect();
        self.rows(&head, &rows);
    }
}

fn row_line(cells: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (number, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let most = if number.saturating_add(1) == widths.len() { usize::MAX } else { WIDTH_MAX };
        let cell: String = cell.chars().take(most).collect();
        line.push_str(&format!("{cell:<width$}{:GAP$}", ""));
    }
    line.truncate(line.trim_end().len());
    line
}

/// A text with what a value has at the places that stand in braces. A colon and a word behind a
/// place say how it is told: `{pid:n}` as a number, 0 where there is none; `{age_s:ago}` as a
/// length of time; `{bytes:bytes}` as an amount; `{flows.live}`, with neither, as [`text`] does.
pub fn filled(template: &str, value: &Value) -> String {
    let mut filled = String::new();
    let mut pieces = template.split('{');
    filled.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let (place, rest) = piece.split_once('}').unwrap_or((piece, ""));
        let (place, how) = place.split_once(':').unwrap_or((place, ""));
        filled.push_str(&match how {
            "n" => number(value, place).to_string(),
            "ago" => ago(number(value, place)),
            "bytes" => bytes(number(value, place)),
            _ => text(value, place),
        });
        filled.push_str(rest);
    }
    filled
}

/// What a value has at a place, such as `flows.live`; null where there is nothing.
pub fn at<'v>(value: &'v Value, place: &str) -> &'v Value {
    let mut found = value;
    for key in place.split('.') {
        found = found.get(key).unwrap_or(&Value::Null);
    }
    found
}

/// Whether there is `true` at a place.
pub fn is_true(value: &Value, place: &str) -> bool {
    *at(value, place) == Value::Bool(true)
}

/// The text at a place; a dash where there is none. What comes from the network cannot steer a
/// terminal.
pub fn text(value: &Value, place: &str) -> String {
    let found = match at(value, place) {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => words(items).join(","),
        other => other.to_string(),
    };
    found.replace(|c: char| c.is_control(), "?")
}

/// Those of some values that are texts.
pub fn words(values: &[Value]) -> Vec<&str> {
    values.iter().filter_map(Value::as_str).collect()
}

/// The number at a place; 0 where there is none.
pub fn number(value: &Value, place: &str) -> u64 {
    at(value, place).as_u64().unwrap_or(0)
}

/// The list at a place.
pub fn list<'v>(value: &'v Value, place: &str) -> &'v [Value] {
    at(value, place).as_array().map_or(&[], Vec::as_slice)
}

/// An amount of bytes: 999 B, 1.2 kB, 34 MB, powers of 1000 as on boxes.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let (mut whole, mut rest) = (bytes, 0);
    for (number, unit) in UNITS.iter().enumerate() {
        if whole < 1000 || number.saturating_add(1) == UNITS.len() {
            let tenth = rest / 100;
            let small = whole < 10 && number > 0;
            return if small {
                format!("{whole}.{tenth} {unit}")
            } else {
                format!("{whole} {unit}")
            };
        }
        (whole, rest) = (whole / 1000, whole % 1000);
    }
    String::new()
}

/// A length of time: 12 s, 3 min, 4 h 5 min, 6 d 7 h.
pub fn ago(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn amounts_and_times_are_short() {
        for (amount, shown) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (1999, "1.9 kB"),
            (12_345_678, "12 MB"),
            (u64::MAX, "18446 PB"),
        ] {
            assert_eq!(bytes(amount), shown);
        }
        assert_eq!([59, 60, 3660, 90_000].map(ago), ["59 s", "1 min", "1 h 1 min", "1 d 1 h"]);
    }

    #[test]
    fn tables_line_up_and_hostile_names_cannot_steer_a_terminal() {
        let row = json!({"name": "a\u{1b}[2Jb", "none": null, "rules": ["x", "y"]});
        let cell = |head, template| Column { head, cell: Cell::Filled(template) };
        let columns = [cell("name", "{name}"), cell("none", "{none}"), cell("rules", "{rules}")];
        let mut page = Page { text: String::new(), paint: Paint(false) };
        page.table(&columns, &[row]);
        assert_eq!(
            page.text,
            "name     none  rules\na?[2Jb   -     x,y\n"
                .replace("a?[2Jb   ", "a?[2Jb  ")
                .replace("name     ", "name    ")
        );
        assert_eq!(Paint(true).bad("x"), "\x1b[31mx\x1b[0m");
    }

    #[test]
    fn texts_are_filled_from_the_places_of_a_value() {
        let value = json!({"pace": {"cpu": 0.5}, "pid": 7, "age_s": 61, "sum": 1500});
        let text = "{pace.cpu} % of {pid:n}, {age_s:ago}, {sum:bytes}; {none}, {no.ne:n} }";
        assert_eq!(filled(text, &value), "0.5 % of 7, 1 min, 1.5 kB; -, 0 }");
        assert_eq!(filled("{pid", &value), "7");
    }
}
