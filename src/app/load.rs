//! The catalogue's files: JSON, one per category, an object from short name to application; and
//! texts of signatures (`*.conf`), which a user may keep beside them.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::category::{Category, application_category};
use super::finding::{Finding, Place, Problem};
use super::{APPS_MAX, AppId, Catalogue};
use crate::net::Network;
use crate::sorted::SortedSet;

/// The largest file read, in bytes: ours are a tenth of it at most, all together.
const FILE_MAX: u64 = 2_000_000;
/// What stands before the short name in every tag of the catalogue's own files.
const TAG_PREFIX: &str = "netify.";

impl Catalogue {
    /// Loads every `*.json` of a folder. What is wrong is left out and reported.
    pub fn load(dir: &Path) -> (Self, Vec<Finding>) {
        let mut catalogue = Catalogue::empty();
        let findings = catalogue.add_folder(dir);
        (catalogue, findings)
    }

    /// Adds a user's own: a folder, or one file. It overrides what was there before.
    pub fn add(&mut self, path: &Path) -> Vec<Finding> {
        if path.is_dir() {
            return self.add_folder(path);
        }
        let is_text = path.extension().is_some_and(|extension| extension == "conf");
        if is_text {
            self.add_texts(vec![path.to_owned()])
        } else {
            self.add_files(path, Ok(vec![path.to_owned()]))
        }
    }

    /// Adds every `*.json` of a folder as one source, then every `*.conf` as one of its own.
    pub fn add_folder(&mut self, dir: &Path) -> Vec<Finding> {
        let mut findings = self.add_files(dir, files(dir, "json"));
        // A folder that cannot be read was reported once.
        findings.extend(self.add_texts(files(dir, "conf").unwrap_or_default()));
        findings
    }

    fn add_files(&mut self, path: &Path, files: std::io::Result<Vec<PathBuf>>) -> Vec<Finding> {
        if let Ok(paths) = &files {
            self.reserve(paths);
        }
        let mut adder = Adder::new(self, path);
        match files {
            Ok(paths) => {
                for path in paths {
                    adder.path = path;
                    adder.file();
                }
            }
            Err(error) => adder.report(At::Whole, Problem::Read(error)),
        }
        adder.finish()
    }

    /// Room for what files of that size hold, in the proportions of ours; a little too much is given
    /// back in the end.
    fn reserve(&mut self, paths: &[PathBuf]) {
        const APP_BYTES: usize = 175;
        const DOMAIN_BYTES: usize = 29;
        let sizes = paths.iter().filter_map(|path| path.metadata().ok()).map(|file| file.len());
        // However much lies in the folder, no more is asked for than one file may hold.
        let bytes = sizes.fold(0, u64::saturating_add).min(FILE_MAX);
        let bytes = usize::try_from(bytes).unwrap_or(0);
        let apps = (bytes / APP_BYTES).min(APPS_MAX);
        self.rows.reserve(apps);
        self.by_tag.reserve(apps);
        self.by_number.reserve(apps);
        self.pool.reserve(bytes / 6);
        self.domains.reserve(bytes / DOMAIN_BYTES, bytes / 2);
    }

    fn add_texts(&mut self, paths: Vec<PathBuf>) -> Vec<Finding> {
        let added = paths.into_iter().map(|path| match text(&path) {
            Ok(text) => self.add_signatures(&path, &text),
            Err(problem) => vec![Finding::new(&path, Place::Whole, problem)],
        });
        added.flatten().collect()
    }
}

impl Catalogue {
    /// Adds what a file called `path` would add if it had that text. For the fuzzer.
    #[doc(hidden)]
    pub fn add_json(&mut self, path: &Path, text: &str) -> Vec<Finding> {
        let mut adder = Adder::new(self, path);
        match (adder.category(), serde_json::from_str(text)) {
            (Some(category), Ok(value)) => adder.applications(&value, category),
            (None, _) => adder.report(At::Whole, Problem::FileName),
            (_, Err(error)) => adder.report(At::Whole, Problem::Json(error)),
        }
        adder.finish()
    }
}

/// Sorted, so that what is loaded does not depend on the file system.
fn files(dir: &Path, kind: &str) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == kind) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Result<Value, Problem> {
    serde_json::from_str(&text(path)?).map_err(Problem::Json)
}

fn text(path: &Path) -> Result<String, Problem> {
    let mut text = String::new();
    let file = File::open(path).map_err(Problem::Read)?;
    file.take(FILE_MAX.saturating_add(1)).read_to_string(&mut text).map_err(Problem::Read)?;
    if u64::try_from(text.len()).is_ok_and(|bytes| bytes > FILE_MAX) {
        return Err(Problem::TooLarge(FILE_MAX));
    }
    Ok(text)
}

/// A place in a source; written out only where something is wrong there.
#[derive(Debug, Clone, Copy)]
pub(super) enum At<'a> {
    /// All of the file.
    Whole,
    /// A line.
    Line(usize),
    /// An application.
    App(&'a str),
    /// A key of an application.
    Key(&'a str, &'a str),
    /// A text under a key of an application.
    Item(&'a str, &'a str, usize),
}

impl At<'_> {
    fn place(self) -> Place {
        // RFC 6901 section 3: "~" and "/" are written "~0" and "~1".
        let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
        match self {
            At::Whole => Place::Whole,
            At::Line(line) => Place::Line(line),
            At::App(app) => Place::Pointer(format!("/{}", escaped(app))),
            At::Key(app, key) => Place::Pointer(format!("/{}/{}", escaped(app), escaped(key))),
            At::Item(app, key, position) => {
                Place::Pointer(format!("/{}/{}/{position}", escaped(app), escaped(key)))
            }
        }
    }
}

/// Adds the content of one source, all of one folder or one text, to a catalogue. Inside a source
/// nothing may be said twice; between sources the later one overrides.
pub(super) struct Adder<'a> {
    pub(super) catalogue: &'a mut Catalogue,
    pub(super) path: PathBuf,
    findings: Vec<Finding>,
    networks: Vec<(Network, u16)>,
    domains_before: usize,
    patterns_before: usize,
    twins_before: usize,
    certificates_before: usize,
    /// New ones come in order; putting in one that was known moves 4 kB of the catalogue's, and 128 kB
    /// if there are as many as can be.
    added: SortedSet<AppId>,
}

impl<'a> Adder<'a> {
    pub(super) fn new(catalogue: &'a mut Catalogue, path: &Path) -> Self {
        Adder {
            domains_before: catalogue.domains.len(),
            patterns_before: catalogue.patterns.len(),
            twins_before: catalogue.twins.len(),
            certificates_before: catalogue.certificates.len(),
            catalogue,
            path: path.to_owned(),
            findings: Vec::new(),
            networks: Vec::new(),
            added: SortedSet::new(),
        }
    }

    pub(super) fn finish(mut self) -> Vec<Finding> {
        if self.catalogue.networks.extend(&self.networks) > 0 {
            self.report(At::Whole, Problem::Full("networks"));
        }
        self.catalogue.shrink();
        self.findings
    }

    pub(super) fn report(&mut self, at: At<'_>, problem: Problem) {
        self.findings.push(Finding::new(&self.path, at.place(), problem));
    }

    /// One file, dropped again before the next one is read.
    fn file(&mut self) {
        let Some(category) = self.category() else {
            return self.report(At::Whole, Problem::FileName);
        };
        match read(&self.path) {
            Ok(value) => self.applications(&value, category),
            Err(problem) => self.report(At::Whole, problem),
        }
    }

    /// What the file's name says.
    fn category(&self) -> Option<&'static Category> {
        application_category(self.path.file_stem()?.to_str()?)
    }

    fn applications(&mut self, value: &Value, category: &'static Category) {
        let Value::Object(apps) = value else {
            let problem = Problem::Expected("an object from short names to applications");
            return self.report(At::Whole, problem);
        };
        for (short, app) in apps {
            match app {
                Value::Object(app) => self.application(short, app, category),
                _ => self.report(
                    At::App(short),
                    Problem::Expected("an application: an object with id and name"),
                ),
            }
        }
    }

    fn application(&mut self, short: &str, app: &Map<String, Value>, category: &'static Category) {
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if short.is_empty() || !short.bytes().all(legal) {
            let problem = Problem::Expected("a short name of a-z, 0-9 and -");
            return self.report(At::App(short), problem);
        }
        let id = app.get("id").and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok());
        let Some(id) = id.filter(|id| *id > 0) else {
            let problem = Problem::Expected("a whole number over zero, used by no other");
            return self.report(At::Key(short, "id"), problem);
        };
        let Some(name) = app.get("name").and_then(Value::as_str) else {
            let problem = Problem::Expected("a name for people, as text");
            return self.report(At::Key(short, "name"), problem);
        };
        let tag = format!("{TAG_PREFIX}{short}");
        let Some(row) = self.put(At::App(short), id, &tag, name, category) else { return };
        for (key, value) in app {
            let add = match key.as_str() {
                "id" | "name" => continue,
                "domains" => Self::domain,
                "networks" => Self::network,
                "protocols" => Self::twin,
                "certificates" => Self::certificate,
                _ => {
                    self.report(At::Key(short, key), Problem::UnknownKey);
                    continue;
                }
            };
            let Some(values) = value.as_array() else {
                self.report(At::Key(short, key), Problem::Expected("an array of texts"));
                continue;
            };
            for (position, value) in values.iter().enumerate() {
                let at = At::Item(short, key, position);
                match value.as_str() {
                    Some(text) => add(self, at, text, row),
                    None => self.report(at, Problem::Expected("a text")),
                }
            }
        }
    }

    /// Enters an application; one of this source has its name or number for itself.
    pub(super) fn put(
        &mut self,
        at: At<'_>,
        id: u32,
        tag: &str,
        name: &str,
        category: &'static Category,
    ) -> Option<AppId> {
        let known = self.catalogue.by_full_tag(tag);
        if known.is_some_and(|app| self.added.contains(&app)) {
            self.report(at, Problem::Taken("name", tag.to_owned()));
            return None;
        }
        if let Some(owner) = self.catalogue.by_number(id).filter(|owner| Some(*owner) != known) {
            let owner_tag = self.catalogue.tag(owner).to_owned();
            if self.added.contains(&owner) {
                self.report(at, Problem::Taken("number", owner_tag));
                return None;
            }
            self.report(at, Problem::Renumbered(id, owner_tag));
        }
        match self.catalogue.put(id, tag, name, category) {
            Ok(app) => {
                self.added.insert(app);
                Some(app)
            }
            Err(problem) => {
                self.report(at, problem);
                None
            }
        }
    }

    /// A domain, or a pattern with a `*` in its first label.
    pub(super) fn domain(&mut self, at: At<'_>, text: &str, app: AppId) {
        let is_pattern = text.contains('*') && !text.starts_with("*.");
        let before = if is_pattern { self.patterns_before } else { self.domains_before };
        let catalogue = &mut *self.catalogue;
        let mut insert = |app: u16| match is_pattern {
            true => catalogue.patterns.insert(text, app),
            false => catalogue.domains.insert(text, app),
        };
        match insert(app.0) {
            Err(error) => self.report(at, Problem::Domain(text.to_owned(), error)),
            Ok(Some(replaced)) if replaced.position >= before => {
                // The first one keeps it: what it was replaced by goes out again.
                if insert(replaced.value).is_ok() {
                    let owner = self.catalogue.tag(AppId(replaced.value)).to_owned();
                    self.report(at, Problem::Taken("domain", owner));
                }
            }
            Ok(_) => {}
        }
    }

    pub(super) fn network(&mut self, at: At<'_>, text: &str, app: AppId) {
        match text.parse() {
            Ok(network) => self.networks.push((network, app.0)),
            Err(error) => self.report(at, Problem::Network(text.to_owned(), error)),
        }
    }

    fn twin(&mut self, at: At<'_>, protocol: &str, app: AppId) {
        let before = self.twins_before;
        let owner = put_pair(&mut self.catalogue.twins, before, protocol, app);
        self.tell_taken(at, "protocol", owner);
    }

    fn certificate(&mut self, at: At<'_>, common_name: &str, app: AppId) {
        let before = self.certificates_before;
        let owner = put_pair(&mut self.catalogue.certificates, before, common_name, app);
        self.tell_taken(at, "certificate", owner);
    }

    fn tell_taken(&mut self, at: At<'_>, what: &'static str, owner: Option<AppId>) {
        if let Some(owner) = owner {
            let owner = self.catalogue.tag(owner).to_owned();
            self.report(at, Problem::Taken(what, owner));
        }
    }
}

/// Enters a text that means an application, in place of an older one from before `before`. A newer
/// one stays, and its owner is returned.
fn put_pair(
    pairs: &mut Vec<(Box<str>, AppId)>,
    before: usize,
    text: &str,
    app: AppId,
) -> Option<AppId> {
    let same = |(known, _): &(Box<str>, AppId)| known.eq_ignore_ascii_case(text);
    match pairs.iter().position(same) {
        None => pairs.push((text.into(), app)),
        Some(position) => {
            let pair = pairs.get_mut(position)?;
            if position >= before {
                return Some(pair.1);
            }
            pair.1 = app;
        }
    }
    None
}
