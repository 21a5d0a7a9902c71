//! Values for people: tables, amounts, times, colours on a terminal.

use std::io::{IsTerminal, Write};

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

/// Rows under named columns, each as wide as its widest cell; the last one is free.
pub fn table(
    out: &mut dyn Write,
    paint: Paint,
    head: &[&str],
    rows: &[Vec<String>],
) -> std::io::Result<()> {
    let mut widths: Vec<usize> = head.iter().map(|name| name.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count().min(WIDTH_MAX));
        }
    }
    let line = |row: &mut dyn Iterator<Item = &str>| {
        let mut line = String::new();
        for (number, (cell, width)) in row.zip(&widths).enumerate() {
            let last = number.saturating_add(1) == head.len();
            let cell: String =
                if last { cell.to_owned() } else { cell.chars().take(WIDTH_MAX).collect() };
            line.push_str(&format!("{cell:<width$}{:GAP$}", ""));
        }
        line.trim_end().to_owned()
    };
    writeln!(out, "{}", paint.head(&line(&mut head.iter().copied())))?;
    for row in rows {
        writeln!(out, "{}", line(&mut row.iter().map(String::as_str)))?;
    }
    Ok(())
}

/// The text of a key; a dash where there is none. What comes from the network cannot steer a
/// terminal.
pub fn text(value: &Value, key: &str) -> String {
    let found = match value.get(key) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) if items.is_empty() => "-".to_owned(),
        Some(Value::Array(items)) => {
            items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")
        }
        Some(other) => other.to_string(),
    };
    found.replace(|c: char| c.is_control(), "?")
}

/// The number of a key; 0 where there is none.
pub fn number(value: &Value, key: &str) -> u64 {
    value.get(key).and_then(Value::as_u64).unwrap_or(0)
}

/// The list of a key.
pub fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
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
        let cells = ["name", "none", "rules"].map(|key| text(&row, key)).to_vec();
        let mut out = Vec::new();
        table(&mut out, Paint(false), &["name", "none", "rules"], &[cells]).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "name     none  rules\na?[2Jb   -     x,y\n"
                .replace("a?[2Jb   ", "a?[2Jb  ")
                .replace("name     ", "name    ")
        );
        assert_eq!(Paint(true).bad("x"), "\x1b[31mx\x1b[0m");
    }
}
