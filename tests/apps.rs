//! The shipped catalogue as data: its tables of expectations and the rules its files keep.
//! To add an application: an object in `files/usr/share/nfa/apps.d`, its number in
//! `tests/apps/ids.toml`, a few rows in `tests/apps/names.toml`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use nfa::app::{APPLICATION_CATEGORIES, Catalogue, Finding, domain};
use nfa::net::Network;
use serde_json::Value;

/// All files of the catalogue together: flash is 16 MB on the routers we mean.
const FILES_MAX_BYTES: u64 = 150_000;
/// What the loaded catalogue may keep in memory; with what the allocator leaves unused around it the
/// program grew by 320 kB, of the 400 kB that are planned.
const RESIDENT_MAX_BYTES: usize = 250_000;
/// Top-level domains with one owner.
const OWNED_TOP_LEVELS: [&str; 4] = ["goog", "google", "gov", "mil"];
/// Numbers from here on are ours to give.
const OWN_IDS: u32 = 50_000;

fn root(inside: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(inside)
}

fn folder() -> PathBuf {
    root("files/usr/share/nfa/apps.d")
}

fn shipped() -> Catalogue {
    let (catalogue, findings) = Catalogue::load(&folder());
    let findings: Vec<_> = findings.iter().map(Finding::to_string).collect();
    assert!(findings.is_empty(), "{}", findings.join("\n"));
    catalogue
}

/// `key = "value"` lines, the only TOML these tables use.
fn table(name: &str) -> Vec<(String, String)> {
    let text = fs::read_to_string(root("tests/apps").join(name)).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (key, value) = line.split_once(" = ").unwrap_or_else(|| panic!("{name}: {line}"));
            let plain = |text: &str| text.trim_matches('"').to_owned();
            (plain(key), plain(value))
        })
        .collect()
}

/// The files as written: name and text.
fn files() -> Vec<(String, String)> {
    let mut files: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    files.sort();
    files
}

/// Calls `see` with file, short name and the texts under `key`, for every application that has it.
fn each(key: &str, mut see: impl FnMut(&str, &str, Vec<String>)) {
    for (file, text) in files() {
        let json: Value = serde_json::from_str(&text).unwrap();
        for (short, app) in json.as_object().unwrap() {
            if let Some(values) = app.get(key) {
                let values = values.as_array().unwrap().iter();
                see(&file, short, values.map(|v| v.as_str().unwrap().to_owned()).collect());
            }
        }
    }
}

fn name_of(catalogue: &Catalogue, host: &str) -> String {
    let app = catalogue.by_host(host).and_then(|app| catalogue.app(app));
    app.map_or(String::new(), |app| app.short_name().to_owned())
}

#[test]
fn hosts_get_their_names() {
    let catalogue = shipped();
    let rows = table("names.toml");
    let wrong: Vec<_> = rows
        .iter()
        .map(|(host, expected)| (host, expected, name_of(&catalogue, host)))
        .filter(|(_, expected, found)| *expected != found)
        .map(|(host, expected, found)| format!("{host}: expected {expected:?}, found {found:?}"))
        .collect();
    assert!(wrong.is_empty(), "{} rows\n{}", wrong.len(), wrong.join("\n"));
    assert!(rows.len() >= 1_000, "{} rows", rows.len());
    assert_eq!(rows.iter().collect::<BTreeSet<_>>().len(), rows.len(), "a row stands twice");
}

#[test]
fn addresses_get_their_names() {
    let catalogue = shipped();
    for (addr, expected) in table("addresses.toml") {
        let app = catalogue.by_address(addr.parse().unwrap()).and_then(|app| catalogue.app(app));
        let found = app.map_or("", |app| app.short_name());
        assert_eq!(found, expected, "{addr}");
    }
}

#[test]
fn protocols_that_are_applications_get_their_names() {
    let catalogue = shipped();
    for (protocol, expected) in table("twins.toml") {
        let app = catalogue.by_protocol(&protocol).and_then(|app| catalogue.app(app));
        assert_eq!(app.map_or("", |app| app.short_name()), expected, "{protocol}");
    }
    let mut twins = 0;
    each("protocols", |_, _, protocols| twins += protocols.len());
    assert_eq!(table("twins.toml").iter().filter(|(_, app)| !app.is_empty()).count(), twins);
}

#[test]
fn numbers_never_change() {
    let catalogue = shipped();
    let given: BTreeMap<u32, String> =
        table("ids.toml").into_iter().map(|(id, name)| (id.parse().unwrap(), name)).collect();
    let next = given.keys().max().unwrap() + 1;
    for app in catalogue.iter() {
        assert_eq!(
            given.get(&app.id).map(String::as_str),
            Some(app.short_name()),
            "{} has number {}, which tests/apps/ids.toml gives to another or to none; free: {next}",
            app.tag,
            app.id
        );
        assert_eq!(catalogue.by_number(app.id), Some(app.index));
        assert_eq!(catalogue.resolve(app.tag), Some(app.index));
        assert_eq!(catalogue.resolve(app.short_name()), Some(app.index));
    }
    assert_eq!(given.len(), table("ids.toml").len(), "a number stands twice");
    for (id, short) in [
        (119, "facebook"),
        (120, "twitter"),
        (124, "youtube"),
        (133, "netflix"),
        (156, "spotify"),
        (201, "instagram"),
        (202, "microsoft"),
        (206, "cloudflare"),
        (10_091, "amazon-aws"),
        (10_287, "discord"),
        (10_302, "tiktok"),
        (10_910, "google-chat"),
        (11_354, "tailscale"),
    ] {
        assert_eq!(given.get(&id).map(String::as_str), Some(short));
    }
    let public = given.keys().filter(|id| **id < OWN_IDS).count();
    assert_eq!(public, 13, "the public list's numbers are not ours to give");
}

#[test]
fn the_catalogue_is_large_in_content_and_small_in_bytes() {
    let catalogue = shipped();
    let bytes: u64 = files().iter().map(|(_, text)| text.len() as u64).sum();
    println!(
        "{} applications, {} domains, {} networks, {} bytes of files, {} bytes resident",
        catalogue.len(),
        catalogue.domains().len(),
        catalogue.networks().len(),
        bytes,
        catalogue.resident_bytes()
    );
    assert!(catalogue.len() >= 600 && catalogue.domains().len() >= 4_000);
    assert!(bytes <= FILES_MAX_BYTES, "{bytes} bytes of files");
    assert!(catalogue.resident_bytes() <= RESIDENT_MAX_BYTES, "{}", catalogue.resident_bytes());
}

#[test]
fn every_category_has_applications() {
    let catalogue = shipped();
    for category in APPLICATION_CATEGORIES.iter().filter(|category| category.id > 1) {
        let members = catalogue.iter().filter(|app| app.category == category).count();
        let least = if category.tag == "malware" { 1 } else { 3 };
        assert!(members >= least, "{}: {members} applications", category.tag);
    }
}

#[test]
fn files_are_sorted() {
    for (file, text) in files() {
        let keys: Vec<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix('"')?.split_once("\": {"))
            .map(|(key, _)| key)
            .collect();
        for pair in keys.windows(2) {
            assert!(pair[0] < pair[1], "{file}: {:?} stands before {:?}", pair[0], pair[1]);
        }
        let json: Value = serde_json::from_str(&text).unwrap();
        let count = json.as_object().unwrap().len();
        assert_eq!(keys.len(), count, "{file}: each application starts its own line");
        for line in text.lines() {
            assert!(line.chars().count() <= 120, "{file}: over 120 columns: {line}");
        }
    }
    each("domains", |file, short, domains| {
        for pair in domains.windows(2) {
            assert!(pair[0] < pair[1], "{file}: {short}: {:?} before {:?}", pair[0], pair[1]);
        }
    });
}

#[test]
fn domains_are_domains_and_no_public_suffixes() {
    let text = fs::read_to_string(root("tests/apps/public-suffixes.txt")).unwrap();
    let public: BTreeSet<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    each("domains", |file, short, domains| {
        for entry in domains {
            // What a * stands for is a part of one label; the loader refuses it elsewhere.
            let name = entry.strip_prefix('=').unwrap_or(&entry).replacen('*', "x", 1);
            let name = name.as_str();
            assert_eq!(domain::check(name), Ok(()), "{file}: {short}: {entry}");
            assert!(!public.contains(name), "{file}: {short}: {name} is everybody's");
            let single = !name.contains('.') && !OWNED_TOP_LEVELS.contains(&name);
            assert!(!single, "{file}: {short}: {name} is a whole top-level domain");
        }
    });
}

/// No domain twice, none needless beside its own parent; and where one application's domain lies
/// under another's, somebody has looked at it: the pair stands in nested.toml.
#[test]
fn nested_domains_are_reviewed() {
    let mut owners: BTreeMap<String, String> = BTreeMap::new();
    each("domains", |file, short, domains| {
        for entry in domains {
            let other = owners.insert(entry.clone(), short.to_owned());
            assert_eq!(other, None, "{file}: {short}: {entry}");
        }
    });
    let mut nested = Vec::new();
    for (entry, owner) in &owners {
        let mut rest = entry.trim_start_matches('=');
        while let Some((_, parent)) = rest.split_once('.') {
            if let Some(outer) = owners.get(parent) {
                assert_ne!(owner, outer, "{entry} is needless beside {parent}");
                nested.push((entry.clone(), format!("{owner} < {outer}")));
                break;
            }
            rest = parent;
        }
    }
    let reviewed = table("nested.toml");
    let missing: Vec<_> = nested
        .iter()
        .filter(|pair| !reviewed.contains(pair))
        .map(|(entry, pair)| format!("\"{entry}\" = \"{pair}\""))
        .collect();
    assert!(missing.is_empty(), "if these are meant, add to nested.toml:\n{}", missing.join("\n"));
    let stale: Vec<_> = reviewed.iter().filter(|pair| !nested.contains(pair)).collect();
    assert!(stale.is_empty(), "nested.toml has what is no longer so: {stale:?}");
}

#[test]
fn networks_are_written_as_networks_and_have_one_owner() {
    let mut owners: BTreeMap<String, String> = BTreeMap::new();
    each("networks", |file, short, networks| {
        for text in networks {
            let network: Network = text.parse().unwrap_or_else(|e| panic!("{file}: {text}: {e}"));
            assert_eq!(network.to_string(), text, "{file}: {short}");
            let least = if network.addr().is_ipv4() { 8 } else { 22 };
            assert!(network.prefix_bits() >= least, "{file}: {short}: {text} is too wide");
            let other = owners.insert(text.clone(), short.to_owned());
            assert_eq!(other, None, "{file}: {short}: {text}");
        }
    });
}

/// Files full of mistakes: each is reported with its place, and what is right is in force.
#[test]
fn mistakes_are_reported_and_the_rest_loads() {
    let dir = root("tests/apps/broken");
    let (catalogue, findings) = Catalogue::load(&dir);
    let found: Vec<_> = findings
        .iter()
        .map(|finding| finding.to_string().replace(&format!("{}/", dir.display()), ""))
        .collect();
    let expected = fs::read_to_string(root("tests/apps/broken.txt")).unwrap();
    assert_eq!(found.join("\n"), expected.trim_end(), "\n{}", found.join("\n"));
    assert_eq!(name_of(&catalogue, "www.good.example"), "good");
    assert_eq!(name_of(&catalogue, "half.example"), "half-good");

    let (catalogue, findings) = Catalogue::load(&root("tests/apps/absent"));
    assert!(catalogue.is_empty() && catalogue.by_host("example.org").is_none());
    assert_eq!(findings.len(), 1);
}

/// A user's own text wins over the files, and only where it says so.
#[test]
fn own_signatures_win() {
    let mut catalogue = shipped();
    let text = "app:60000:home.nas\ndom:60000:nas.example\ndom:60000:music.youtube.com\n\
                dom:124:video.example\nnet:60000:157.240.1.0/24\n";
    let findings = catalogue.add_signatures(Path::new("own.conf"), text);
    assert!(findings.is_empty(), "{}", findings[0]);
    assert_eq!(name_of(&catalogue, "box.nas.example"), "nas");
    assert_eq!(name_of(&catalogue, "music.youtube.com"), "nas");
    assert_eq!(name_of(&catalogue, "www.youtube.com"), "youtube");
    assert_eq!(name_of(&catalogue, "www.video.example"), "youtube");
    let nas = catalogue.resolve("home.nas");
    assert!(nas.is_some());
    assert_eq!(catalogue.resolve("NAS"), nas);
    assert_eq!(catalogue.by_address("157.240.1.1".parse().unwrap()), nas);
    assert_eq!(catalogue.by_address("157.240.2.1".parse().unwrap()), catalogue.resolve("facebook"));
}
