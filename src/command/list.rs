//! `nfa fields`, `nfa protocols`, `nfa categories`, `nfa apps`: what criteria may name.

use std::fmt::Display;
use std::io::Write;

use nfa::app::{APPLICATION_CATEGORIES, PROTOCOL_CATEGORIES};
use nfa::criteria::Kind;
use nfa::policy::{protocols, schema};
use nfa::spelling;
use serde_json::{Map, Value};

use super::options::{Options, UsageError};
use super::{Command, Failure, Outcome};

/// Fields of criteria.
pub static FIELDS: Command = Command {
    name: "fields",
    doc: "lists the fields that criteria may use",
    usage: "fields [--json] [TEXT]",
    run: fields,
};
/// Protocols.
pub static PROTOCOLS: Command = Command {
    name: "protocols",
    doc: "lists the protocols that can be told",
    usage: "protocols [--json] [TEXT]",
    run: list_protocols,
};
/// Categories.
pub static CATEGORIES: Command = Command {
    name: "categories",
    doc: "lists the categories of applications and of protocols",
    usage: "categories [--json] [TEXT]",
    run: categories,
};
/// Applications.
pub static APPS: Command = Command {
    name: "apps",
    doc: "lists the applications; TEXT: those whose tag, name, category or number has it",
    usage: "apps [--json] [TEXT]",
    run: apps,
};

/// Blanks between two columns.
const GAP: usize = 2;

/// Rows under named columns.
struct Table {
    /// What a row is, for messages.
    noun: &'static str,
    columns: &'static [&'static str],
    rows: Vec<Vec<Value>>,
}

fn fields(options: &Options) -> Result<Outcome, Failure> {
    let row = |field: &nfa::criteria::Field| {
        vec![
            field.name.into(),
            type_of(field.kind).into(),
            if field.available { "yes" } else { "no" }.into(),
            field.aliases.iter().copied().collect(),
            field.doc.into(),
        ]
    };
    let table = Table {
        noun: "field",
        columns: &["field", "type", "available", "aliases", "meaning"],
        rows: schema().fields().iter().map(row).collect(),
    };
    table.show("fields", options, None)
}

/// One word, the same for all fields that are compared alike.
fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Number => "number",
        Kind::Text => "text",
        Kind::Address => "address",
        Kind::Mac => "mac",
        Kind::Flag => "flag",
        Kind::Constant(_) => "constant",
        Kind::Name(_) => "name",
        Kind::Id(_) => "id",
        Kind::Any => "any",
    }
}

fn list_protocols(options: &Options) -> Result<Outcome, Failure> {
    let mut known: Vec<_> = protocols().collect();
    known.sort_by_key(|protocol| protocol.id);
    known.dedup_by_key(|protocol| protocol.id);
    let row = |protocol: &&nfa::facts::Protocol| {
        vec![protocol.id.into(), protocol.name.into(), protocol.category.into()]
    };
    let table = Table {
        noun: "protocol",
        columns: &["id", "protocol", "category"],
        rows: known.iter().map(row).collect(),
    };
    table.show("protocols", options, None)
}

fn categories(options: &Options) -> Result<Outcome, Failure> {
    let row = |of: &'static str| {
        move |category: &nfa::app::Category| {
            vec![category.id.into(), category.tag.into(), of.into()]
        }
    };
    let of_applications = APPLICATION_CATEGORIES.iter().map(row("application"));
    let of_protocols = PROTOCOL_CATEGORIES.iter().map(row("protocol"));
    let table = Table {
        noun: "category",
        columns: &["id", "category", "of"],
        rows: of_applications.chain(of_protocols).collect(),
    };
    table.show("categories", options, None)
}

fn apps(options: &Options) -> Result<Outcome, Failure> {
    let catalogue = super::load_catalogue(options, |line| eprintln!("nfa: {line}"));
    let row = |app: nfa::app::App<'_>| {
        vec![app.id.into(), app.tag.into(), app.category.tag.into(), app.name.into()]
    };
    let mut rows: Vec<_> = catalogue.iter().map(row).collect();
    rows.sort_by_cached_key(|row| row.get(1).map(text));
    let table = Table { noun: "application", columns: &["id", "tag", "category", "name"], rows };
    let nearest = options.arguments.first().map(|wanted| wanted.to_string_lossy());
    let nearest = nearest.and_then(|wanted| super::nearest_app(&catalogue, &wanted));
    table.show("apps", options, nearest)
}

impl Table {
    /// Prints the rows that have the text of the argument, or says that none has and what comes
    /// closest: `nearest`, else the name (the first text of a row) with the fewest edits.
    fn show(
        mut self,
        command: &'static str,
        options: &Options,
        nearest: Option<String>,
    ) -> Result<Outcome, Failure> {
        if let Some(second) = options.arguments.get(1) {
            let argument = second.display().to_string();
            return Err(UsageError::OneArgument { command, argument }.into());
        }
        if let Some(wanted) = options.arguments.first() {
            let wanted = wanted.to_string_lossy();
            let names = self.rows.iter().flatten().filter_map(Value::as_str);
            let nearest = nearest.or_else(|| spelling::nearest(&wanted, names));
            self.rows.retain(|row| row.iter().any(|cell| has(cell, &wanted)));
            if self.rows.is_empty() {
                return Err(Failure::Message(unknown(self.noun, &wanted, nearest)));
            }
        }
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        if options.json {
            self.json(&mut out)?
        } else {
            self.text(&mut out)?
        }
        out.flush()?;
        Ok(Outcome::Fine)
    }

    /// One object a line.
    fn json(&self, out: &mut impl Write) -> std::io::Result<()> {
        for row in &self.rows {
            let columns = self.columns.iter().map(|name| (*name).to_owned());
            let object: Map<String, Value> = columns
                .zip(row.iter().cloned())
                .map(|(name, cell)| match (name.as_str(), &cell) {
                    ("available", Value::String(word)) => {
                        let yes = word == "yes";
                        (name, Value::Bool(yes))
                    }
                    _ => (name, cell),
                })
                .collect();
            writeln!(out, "{}", Value::Object(object))?;
        }
        Ok(())
    }

    /// Columns as wide as their widest cell; the last one is free.
    fn text(&self, out: &mut impl Write) -> std::io::Result<()> {
        let head: Vec<String> = self.columns.iter().map(|name| (*name).to_owned()).collect();
        let rows: Vec<Vec<String>> =
            self.rows.iter().map(|row| row.iter().map(text).collect()).collect();
        let mut widths: Vec<usize> = head.iter().map(String::len).collect();
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for row in std::iter::once(&head).chain(&rows) {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(&format!("{cell:<width$}{:GAP$}", ""));
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A cell for people: an empty list is a dash.
fn text(cell: &Value) -> String {
    match cell {
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// Numbers as a whole, texts by their parts.
fn has(cell: &Value, wanted: &str) -> bool {
    match cell {
        Value::Number(number) => number.to_string() == wanted,
        cell => text(cell).to_lowercase().contains(&wanted.to_lowercase()),
    }
}

/// The line for a name that is not there.
pub fn unknown(noun: impl Display, wanted: &str, nearest: Option<String>) -> String {
    match nearest {
        Some(nearest) => format!("no {noun} '{wanted}'; did you mean '{nearest}'?"),
        None => format!("no {noun} '{wanted}'"),
    }
}
