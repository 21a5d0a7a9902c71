//! Texts that people and programs write: criteria, configurations, catalogues, lists, zones.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use nfa::app::{Catalogue, Certificate, Clues};
use nfa::config;
use nfa::criteria::{
    self, Error, FieldId, Group, Kind, MEMBERS_MAX, Names, Subject, TEXT_BYTES_MAX, Value,
};
use nfa::facts::HOST_MAX;
use nfa::lists::{CategoryLists, FINDINGS_MAX, Folders, Lists};
use nfa::net::{Mac, Network};
use nfa::policy::{Vocabularies, schema};
use nfa::zone::Zone;

use super::frames::scratch;
use super::input::Input;

/// The catalogue as shipped. The crate that this module is part of stands in the project's root or
/// in its `fuzz`.
pub static CATALOGUE: LazyLock<Arc<Catalogue>> = LazyLock::new(|| {
    let inside = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let roots = [inside.clone(), inside.join("..")];
    let folders = roots.map(|root| root.join("files/usr/share/nfa/apps.d"));
    let folder = folders.iter().find(|folder| folder.is_dir()).unwrap();
    let (catalogue, findings) = Catalogue::load(folder);
    assert!(findings.is_empty(), "{findings:?}");
    Arc::new(catalogue)
});

/// A subject whose every value follows from one number.
struct Toy(u8);

impl Toy {
    fn number(&self, field: FieldId) -> u32 {
        let mixed = (u32::from(self.0) + 1).wrapping_mul(u32::from(field.0) + 7);
        mixed.wrapping_mul(2_654_435_761) >> 20
    }
}

impl Subject for Toy {
    fn any(&self, field: FieldId, test: &mut dyn FnMut(Value<'_>) -> bool) -> bool {
        let number = self.number(field);
        let Some(kind) = schema().field(field).map(|field| field.kind) else { return false };
        (0..number % 3).any(|n| {
            let number = number / 3 + n;
            let byte = number as u8;
            test(match kind {
                Kind::Number => Value::Number(u64::from(number)),
                Kind::Text => {
                    Value::Text(["", "www.example.org", "\u{e9}\u{1f600}"][byte as usize % 3])
                }
                Kind::Address if n == 0 => Value::Address([192, 168, 1, byte].into()),
                Kind::Address => {
                    Value::Address(IpAddr::from([byte.into(), 0, 0, 0, 0, 0, 0, 1_u16]))
                }
                Kind::Mac => Value::Mac(Mac([0, 1, 2, 3, 4, byte])),
                Kind::Flag => Value::Flag(byte & 1 == 0),
                Kind::Constant(_) => Value::Constant(u32::from(byte % 8)),
                Kind::Name(_) | Kind::Id(_) | Kind::Any => Value::Id(number % 256),
            })
        })
    }
}

/// The first byte says how to compile, and what to evaluate on.
pub fn criteria(data: &[u8]) {
    static LISTS: LazyLock<Lists> = LazyLock::new(|| {
        let networks = ["10.0.0.0/8", "192.168.1.128/25", "2001:db8::/32"];
        let networks = networks.into_iter().map(|network| network.parse::<Network>().unwrap());
        let group = Group::new(networks, [Mac([0, 1, 2, 3, 4, 5])]);
        let groups = [("printers".to_owned(), Arc::new(group))].into_iter().collect();
        Lists { groups, categories: CategoryLists::default() }
    });
    let names = Vocabularies { catalogue: &CATALOGUE, lists: &LISTS };
    let mut input = Input(data);
    let head = input.u8();
    let text = String::from_utf8_lossy(input.0);
    let texts: Vec<&str> = match head & 3 {
        0 => text.split('\n').collect(),
        _ => vec![&text],
    };
    let compiled = match head & 3 {
        0 => criteria::compile_any(&texts, schema(), &names),
        1 => criteria::compile_exemption(&text, schema(), &names),
        _ => criteria::compile(&text, schema(), &names),
    };
    compiled.warnings.iter().for_each(|error| check_error(error, &texts));
    let criteria = match compiled.criteria {
        Ok(criteria) => criteria,
        Err(errors) => {
            assert!(!errors.is_empty());
            return errors.iter().for_each(|error| check_error(error, &texts));
        }
    };
    assert!(texts.len() <= MEMBERS_MAX && texts.iter().all(|text| text.len() <= TEXT_BYTES_MAX));
    assert!(criteria.texts().eq(texts.iter().copied()));
    for seed in [head, head ^ 0x55, 0] {
        let subject = Toy(seed);
        let matched = criteria.matches(&subject);
        let explanation = criteria.explain(&subject);
        assert_eq!(matched, explanation.matched, "explained otherwise: {texts:?}");
        assert!(!explanation.to_string().is_empty());
    }
    assert!(criteria.fields().iter().all(|field| schema().field(*field).is_some()));
    check_names(&names, &text);
}

fn check_names(names: &Vocabularies<'_>, text: &str) {
    let tag = text.split('@').nth(1).unwrap_or_default();
    assert!(names.group(tag).is_none() || tag == "printers");
}

fn check_error(error: &Error, texts: &[&str]) {
    let printed = error.to_string();
    assert!(printed.len() < 8192, "{} bytes of message", printed.len());
    let text = texts.get(error.member).copied().unwrap_or_default();
    let span = error.span;
    assert!(span.start <= span.end && span.end <= text.len(), "{span:?} of {}", text.len());
    assert!(text.is_char_boundary(span.start) && text.is_char_boundary(span.end), "{span:?}");
}

/// The text of a configuration.
pub fn config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (config, findings) =
        match config::parse(&text, Path::new("fuzz.json"), &CATALOGUE, Lists::default()) {
            Ok(parsed) => parsed,
            Err(error) => return assert!(!error.to_string().is_empty()),
        };
    let lines: Vec<&str> = text.split('\n').collect();
    for finding in &findings {
        assert!(finding.to_string().len() < 16 * text.len() + 8192, "a very long message");
        let line = finding.position.line.checked_sub(1).and_then(|line| lines.get(line));
        let columns = line.map_or(0, |line| line.chars().count());
        assert!((1..=columns + 1).contains(&finding.position.column), "{finding}");
    }
    for action in &config.policy.actions {
        assert!(action.targets.iter().all(|target| *target < config.targets.len()));
    }
}

/// The first byte chooses between JSON and lines; what was taken is then asked for.
pub fn catalogue(data: &[u8]) {
    let mut input = Input(data);
    let as_json = input.u8() & 1 == 1;
    let text = String::from_utf8_lossy(input.0);
    let mut catalogue = Catalogue::empty();
    let findings = if as_json {
        catalogue.add_json(Path::new("games.json"), &text)
    } else {
        catalogue.add_signatures(Path::new("fuzz"), &text)
    };
    assert!(findings.iter().all(|finding| !finding.to_string().is_empty()));
    for app in catalogue.iter() {
        assert!(app.id > 0 && !app.tag.is_empty());
        let resolved = catalogue.resolve(app.tag).and_then(|id| catalogue.app(id)).unwrap();
        assert_eq!(resolved.tag, app.tag);
        assert!(catalogue.by_number(app.id).is_some());
        assert!(catalogue.resolve(app.short_name()).is_some());
    }
    for (domain, exact, value) in catalogue.domains().iter() {
        assert!(usize::from(value) < catalogue.len());
        assert!(catalogue.by_host(domain).is_some(), "{domain}");
        let under = format!("x.{domain}");
        let counts = !exact && under.len() <= HOST_MAX;
        assert!(!counts || catalogue.by_host(&under).is_some(), "{under}");
    }
    for word in text.split(|c: char| !c.is_alphanumeric() && !"-_.:".contains(c)) {
        let addr = word.parse().unwrap_or(IpAddr::from([10, 0, 0, 1]));
        let some = Some(word);
        let certificate = Certificate { common_name: some, host: some, ..Certificate::default() };
        let certificate = Some(certificate);
        let _ = catalogue.identify(&Clues { host: some, certificate, protocol: some, other: addr });
        let _ = catalogue.identify(&Clues { host: None, certificate, protocol: None, other: addr });
        let _ = catalogue.by_address(addr);
        let _ = catalogue.resolve(word);
    }
}

/// A file of an address group or, by the first byte, of a category; then look-ups of its words.
pub fn lists(data: &[u8]) {
    let mut input = Input(data);
    let as_category = input.u8() & 1 == 1;
    let folder = scratch();
    let name = ["10-printers.conf", "10-games.conf"][usize::from(as_category)];
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name), input.0).unwrap();
    let some = Some(folder.clone());
    let (groups, categories) = if as_category { (None, some) } else { (some, None) };
    let (lists, findings) = Lists::load(&Folders { groups, categories });
    fs::remove_dir_all(&folder).unwrap();
    assert!(findings.len() <= FINDINGS_MAX + 2, "{} findings", findings.len());
    for finding in &findings {
        let printed = finding.to_string();
        assert!(printed.len() < 1024 && !printed.contains(char::is_control), "{printed:?}");
    }
    let text = String::from_utf8_lossy(input.0);
    for word in text.split(|c: char| !c.is_alphanumeric() && !"-_.:".contains(c)) {
        let mut found = lists.categories.of_host(word).into_vec();
        found.dedup();
        assert_eq!(found.len(), lists.categories.of_host(word).len(), "a category twice");
        if let Ok(addr) = word.parse::<IpAddr>() {
            let _ = lists.categories.any_of_addr(addr, |_| false);
            let _ = lists.groups.get("printers").is_some_and(|group| group.has_addr(addr));
        }
    }
}

/// A time zone: by the first byte a TZ string or a compiled file; then its clocks, far and near.
pub fn zone(data: &[u8]) {
    let mut input = Input(data);
    let zone = if input.u8() & 1 == 1 {
        Zone::parse_tzif(input.0).ok()
    } else {
        Zone::parse_posix(&String::from_utf8_lossy(input.0))
    };
    let Some(zone) = zone else { return };
    let years = [i64::MIN, -1 << 40, -1, 0, 1_700_000_000, 4_000_000_000, 1 << 40, i64::MAX];
    for mut at in years {
        for _ in 0..8 {
            let local = zone.local_at(at);
            assert!(local.minute < 24 * 60 && local.second < 60 && local.weekday < 7, "{local:?}");
            let Some(next) = zone.next_transition(at) else { break };
            assert!(next > at, "time stands still at {at}");
            // That nothing changes before `next` holds only of rules whose halves of the year do
            // not overlap, unlike those of `EST0EDT,0,365/50`; the zones' own tests hold it there.
            let between = at.saturating_add(next.saturating_sub(at) / 2);
            let _ = (zone.offset_at(at), zone.offset_at(between), zone.offset_at(next - 1));
            at = next;
        }
    }
}
