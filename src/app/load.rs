//! The catalogue's files: JSON, one per category, an object from short name to application.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::category::{Category, application_category};
use super::finding::{Finding, Place, Problem};
use super::{AppId, Catalogue};
use crate::net::Network;

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

    /// Adds every `*.json` of a folder, such as a user's own; it overrides what was there before.
    pub fn add_folder(&mut self, dir: &Path) -> Vec<Finding> {
        let mut adder = Adder::new(self, dir);
        match json_files(dir) {
            Ok(paths) => {
                for path in paths {
                    adder.path = path;
                    adder.file();
                }
            }
            Err(error) => adder.report(Place::Whole, Problem::Read(error)),
        }
        adder.finish()
    }
}

/// Sorted, so that what is loaded does not depend on the file system.
fn json_files(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Result<Value, Problem> {
    let mut text = String::new();
    let file = File::open(path).map_err(Problem::Read)?;
    file.take(FILE_MAX.saturating_add(1)).read_to_string(&mut text).map_err(Problem::Read)?;
    if u64::try_from(text.len()).is_ok_and(|bytes| bytes > FILE_MAX) {
        return Err(Problem::TooLarge(FILE_MAX));
    }
    serde_json::from_str(&text).map_err(Problem::Json)
}

/// Adds the content of one source, all of one folder or one text, to a catalogue. Inside a source
/// nothing may be said twice; between sources the later one overrides.
pub(super) struct Adder<'a> {
    pub(super) catalogue: &'a mut Catalogue,
    pub(super) path: PathBuf,
    findings: Vec<Finding>,
    networks: Vec<(Network, u16)>,
    domains_before: usize,
    twins_before: usize,
    added: BTreeSet<AppId>,
}

impl<'a> Adder<'a> {
    pub(super) fn new(catalogue: &'a mut Catalogue, path: &Path) -> Self {
        Adder {
            domains_before: catalogue.domains.len(),
            twins_before: catalogue.twins.len(),
            catalogue,
            path: path.to_owned(),
            findings: Vec::new(),
            networks: Vec::new(),
            added: BTreeSet::new(),
        }
    }

    pub(super) fn finish(mut self) -> Vec<Finding> {
        if self.catalogue.networks.extend(&self.networks) > 0 {
            self.report(Place::Whole, Problem::Full("networks"));
        }
        self.catalogue.shrink();
        self.findings
    }

    pub(super) fn report(&mut self, place: Place, problem: Problem) {
        self.findings.push(Finding::new(&self.path, place, problem));
    }

    /// One file, dropped again before the next one is read.
    fn file(&mut self) {
        let stem = self.path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let Some(category) = application_category(stem) else {
            return self.report(Place::Whole, Problem::FileName);
        };
        match read(&self.path) {
            Err(problem) => self.report(Place::Whole, problem),
            Ok(Value::Object(apps)) => {
                for (short, app) in &apps {
                    let at = format!("/{}", short.replace('~', "~0").replace('/', "~1"));
                    match app {
                        Value::Object(app) => self.application(&at, short, app, category),
                        _ => self.report(
                            Place::Pointer(at),
                            Problem::Expected("an application: an object with id and name"),
                        ),
                    }
                }
            }
            Ok(_) => self.report(
                Place::Whole,
                Problem::Expected("an object from short names to applications"),
            ),
        }
    }

    fn application(
        &mut self,
        at: &str,
        short: &str,
        app: &Map<String, Value>,
        category: &'static Category,
    ) {
        let inside = |key: &str| Place::Pointer(format!("{at}/{key}"));
        let lower = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
        if short.is_empty() || !short.bytes().all(lower) {
            let problem = Problem::Expected("a short name of a-z, 0-9 and -");
            return self.report(Place::Pointer(at.to_owned()), problem);
        }
        let id = app.get("id").and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok());
        let Some(id) = id.filter(|id| *id > 0) else {
            let problem = Problem::Expected("a whole number over zero, used by no other");
            return self.report(inside("id"), problem);
        };
        let Some(name) = app.get("name").and_then(Value::as_str) else {
            return self.report(inside("name"), Problem::Expected("a name for people, as text"));
        };
        let tag = format!("{TAG_PREFIX}{short}");
        let place = Place::Pointer(at.to_owned());
        let Some(row) = self.put(place, id, &tag, name, category) else { return };
        for key in app.keys() {
            match key.as_str() {
                "id" | "name" => {}
                "domains" => self.each(at, app, key, |adder, place, text| {
                    adder.domain(place, text, row);
                }),
                "networks" => self.each(at, app, key, |adder, place, text| {
                    adder.network(place, text, row);
                }),
                "protocols" => self.each(at, app, key, |adder, place, text| {
                    adder.twin(place, text, row);
                }),
                _ => self.report(inside(key), Problem::UnknownKey),
            }
        }
    }

    fn each(
        &mut self,
        at: &str,
        app: &Map<String, Value>,
        key: &str,
        mut add: impl FnMut(&mut Self, Place, &str),
    ) {
        let Some(values) = app.get(key).and_then(Value::as_array) else {
            let problem = Problem::Expected("an array of texts");
            return self.report(Place::Pointer(format!("{at}/{key}")), problem);
        };
        for (position, value) in values.iter().enumerate() {
            let place = || Place::Pointer(format!("{at}/{key}/{position}"));
            match value.as_str() {
                Some(text) => add(self, place(), text),
                None => self.report(place(), Problem::Expected("a text")),
            }
        }
    }

    /// Enters an application; one of this source has its name or number for itself.
    pub(super) fn put(
        &mut self,
        place: Place,
        id: u32,
        tag: &str,
        name: &str,
        category: &'static Category,
    ) -> Option<AppId> {
        let known = self.catalogue.by_full_tag(tag);
        if known.is_some_and(|app| self.added.contains(&app)) {
            self.report(place, Problem::Taken("name", tag.to_owned()));
            return None;
        }
        if let Some(owner) = self.catalogue.by_number(id).filter(|owner| Some(*owner) != known) {
            let owner_tag = self.catalogue.tag(owner).to_owned();
            if self.added.contains(&owner) {
                self.report(place, Problem::Taken("number", owner_tag));
                return None;
            }
            self.report(place.clone(), Problem::Renumbered(id, owner_tag));
        }
        match self.catalogue.put(id, tag, name, category) {
            Ok(app) => {
                self.added.insert(app);
                Some(app)
            }
            Err(problem) => {
                self.report(place, problem);
                None
            }
        }
    }

    pub(super) fn domain(&mut self, place: Place, text: &str, app: AppId) {
        match self.catalogue.domains.insert(text, app.0) {
            Err(error) => self.report(place, Problem::Domain(text.to_owned(), error)),
            Ok(Some(replaced)) if replaced.position >= self.domains_before => {
                // The first one keeps it: what it was replaced by goes out again.
                if self.catalogue.domains.insert(text, replaced.value).is_ok() {
                    let owner = self.catalogue.tag(AppId(replaced.value)).to_owned();
                    self.report(place, Problem::Taken("domain", owner));
                }
            }
            Ok(_) => {}
        }
    }

    pub(super) fn network(&mut self, place: Place, text: &str, app: AppId) {
        match text.parse() {
            Ok(network) => self.networks.push((network, app.0)),
            Err(error) => self.report(place, Problem::Network(text.to_owned(), error)),
        }
    }

    fn twin(&mut self, place: Place, protocol: &str, app: AppId) {
        let same = |(name, _): &(Box<str>, AppId)| name.eq_ignore_ascii_case(protocol);
        match self.catalogue.twins.iter().position(same) {
            None => self.catalogue.twins.push((protocol.into(), app)),
            Some(at) => {
                let owner = self.catalogue.by_protocol(protocol).map(|app| self.catalogue.tag(app));
                if at >= self.twins_before {
                    let problem = Problem::Taken("protocol", owner.unwrap_or_default().to_owned());
                    self.report(place, problem);
                } else if let Some(twin) = self.catalogue.twins.get_mut(at) {
                    twin.1 = app;
                }
            }
        }
    }
}
