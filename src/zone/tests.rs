//! Zones against tables; damaged files; where a zone is looked for.

use super::*;

const LORD_HOWE: &str = "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0";

fn block(times: &[(i64, u8)], types: &[i32], wide: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (at, _) in times {
        match i32::try_from(*at) {
            Ok(at) if !wide => bytes.extend(at.to_be_bytes()),
            _ => bytes.extend(at.to_be_bytes()),
        }
    }
    bytes.extend(times.iter().map(|(_, number)| number));
    for offset in types {
        bytes.extend(offset.to_be_bytes());
        bytes.extend([0, 0]);
    }
    bytes.extend(b"LMT\0");
    bytes
}

fn header(version: u8, times: usize, types: usize) -> Vec<u8> {
    let mut bytes = b"TZif".to_vec();
    bytes.push(version);
    bytes.extend([0; 15]);
    for count in [0, 0, 0, times, types, 4] {
        bytes.extend(u32::try_from(count).unwrap().to_be_bytes());
    }
    bytes
}

/// A file of version 2 or later.
fn file(times: &[(i64, u8)], types: &[i32], footer: &str) -> Vec<u8> {
    let narrow: Vec<(i64, u8)> =
        times.iter().copied().filter(|(at, _)| i32::try_from(*at).is_ok()).collect();
    let mut bytes = header(b'2', narrow.len(), types.len());
    bytes.extend(block(&narrow, types, false));
    bytes.extend(header(b'2', times.len(), types.len()));
    bytes.extend(block(times, types, true));
    bytes.extend(format!("\n{footer}\n").bytes());
    bytes
}

/// Lord Howe Island until 1986: an hour of daylight saving, then half an hour.
fn lord_howe() -> Vec<u8> {
    let times = [
        (-2_364_114_980, 1),
        (352_216_800, 2),
        (372_785_400, 3),
        (384_273_000, 2),
        (404_839_800, 3),
        (415_722_600, 2),
        (436_289_400, 3),
        (447_172_200, 2),
        (467_739_000, 3),
        (499_188_600, 4),
    ];
    file(&times, &[38_180, 36_000, 37_800, 41_400, 39_600], LORD_HOWE)
}

#[test]
fn offsets_of_a_file_and_of_the_string_at_its_end() {
    let zone = Zone::parse_tzif(&lord_howe()).unwrap();
    for (at, offset) in [
        (i64::MIN, 38_180),
        (-2_364_114_981, 38_180),
        (-2_364_114_980, 36_000),
        (0, 36_000),
        (352_216_799, 36_000),
        (352_216_800, 37_800),
        (372_785_400, 41_400),
        (499_188_600, 39_600),
        // October 2026 and April 2027: the string.
        (1_791_041_399, 37_800),
        (1_791_041_400, 39_600),
        (1_806_764_399, 39_600),
        (1_806_764_400, 37_800),
        (i64::MAX, zone.offset_at(i64::MAX)),
    ] {
        assert_eq!(zone.offset_at(at), offset, "{at}");
    }
    assert_eq!(zone.next_transition(0), Some(352_216_800));
    assert_eq!(zone.next_transition(1_791_041_399), Some(1_791_041_400));
}

#[test]
fn the_first_version_has_32_bits_and_no_string() {
    let mut bytes = header(0, 1, 2);
    bytes.extend(block(&[(1000, 1)], &[3600, 7200], false));
    let zone = Zone::parse_tzif(&bytes).unwrap();
    assert_eq!([999, 1000, i64::MAX].map(|at| zone.offset_at(at)), [3600, 7200, 7200]);
    assert_eq!((zone.next_transition(0), zone.next_transition(1000)), (Some(1000), None));
    // Later versions may have no string either.
    let zone = Zone::parse_tzif(&file(&[(1000, 1)], &[3600, 7200], "")).unwrap();
    assert_eq!(zone.offset_at(i64::MAX), 7200);
}

#[test]
fn a_file_that_ends_early_is_refused_wherever_it_ends() {
    let whole = lord_howe();
    for length in 0..whole.len() {
        let error = Zone::parse_tzif(&whole[..length]).unwrap_err();
        assert_eq!(error, TzifError::Truncated, "{length}");
    }
}

#[test]
fn damaged_files_are_refused_by_name_or_read_without_harm() {
    for (bytes, error) in [
        (b"TZiX".repeat(20), TzifError::Magic),
        (file(&[(1, 0), (1, 0)], &[0], ""), TzifError::Order),
        (file(&[(1, 1)], &[0], ""), TzifError::Type),
        (file(&[], &[], ""), TzifError::Type),
        (file(&[], &[100_000], ""), TzifError::Offset(100_000)),
        (file(&[], &[0], "Europe/Rome"), TzifError::Footer),
    ] {
        assert_eq!(Zone::parse_tzif(&bytes), Err(error));
    }
    let whole = lord_howe();
    for place in 0..whole.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut damaged = whole.clone();
            damaged[place] = value;
            if let Ok(zone) = Zone::parse_tzif(&damaged) {
                for at in [i64::MIN, -1, 0, 1_791_041_400, i64::MAX] {
                    zone.local_at(at);
                    zone.next_transition(at);
                }
            }
        }
    }
}

/// 2026-03-29 01:30 UTC was a Sunday everywhere but far in the west.
#[test]
fn clocks_on_walls() {
    for (name, weekday, hour, minute) in [
        ("UTC", 0, 1, 30),
        ("Europe/Rome", 0, 3, 30),
        ("America/New York", 6, 21, 30),
        ("Australia/Sydney", 0, 12, 30),
        ("Australia/Lord_Howe", 0, 12, 30),
        ("Asia/Kathmandu", 0, 7, 15),
        ("Pacific/Honolulu", 6, 15, 30),
    ] {
        let zone = Zone::find_in(name, Path::new("/nonexistent")).unwrap();
        let local = Local { weekday, minute: hour * 60 + minute, second: 7 };
        assert_eq!(zone.local_at(1_774_747_807), local, "{name}");
    }
    let local = Zone::default().local_at(-1);
    assert_eq!(local, Local { weekday: 3, minute: 1439, second: 59 });
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("nfa-zone-{name}-{}", std::process::id()));
        std::fs::create_dir_all(path.join("Europe")).unwrap();
        Folder(path)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

#[test]
fn a_file_wins_over_the_table_and_the_table_over_nothing() {
    let folder = Folder::new("find");
    let find = |text: &str| Zone::find_in(text, &folder.0);
    let error = |text: &str| {
        let message = find(text).unwrap_err().to_string();
        message.replace(&folder.0.display().to_string(), "ZONEINFO")
    };
    assert_eq!(find("Europe/Rome").unwrap().offset_at(0), 3600);
    folder.write("Europe/Rome", &file(&[], &[60], ""));
    assert_eq!(find("Europe/Rome").unwrap().offset_at(0), 60);
    folder.write("Europe/Rome", b"TZif");
    assert_eq!(find("Europe/Rome").unwrap().offset_at(0), 3600, "damaged: the table");
    folder.write("Europe/Nowhere", b"TZif");
    assert_eq!(error("Europe/Nowhere"), "ZONEINFO/Europe/Nowhere: shorter than it says");
    assert_eq!(
        error("Europe/Rom"),
        "no file ZONEINFO/Europe/Rom, and no built-in zone of that name; \
         did you mean \"Europe/Rome\"?"
    );
    for text in ["", "/etc/passwd", "../Rome", "Europe/../Rome", "Europe//Rome", "a\0b", ".", "è"]
    {
        assert_eq!(error(text), "neither a zone's name nor a TZ string", "{text:?}");
    }
    assert_eq!(error(&"x/".repeat(100)), "neither a zone's name nor a TZ string");
}

#[test]
fn the_systems_zone_is_the_first_that_says_something() {
    let folder = Folder::new("system");
    let (tz_file, localtime) = (folder.0.join("TZ"), folder.0.join("localtime"));
    let offset = |variable: Option<&str>| {
        Zone::system_of(variable, &tz_file, &localtime).offset_at(1_767_225_600)
    };
    assert_eq!(offset(None), 0);
    let path = folder.write("localtime", &file(&[], &[60], ""));
    assert_eq!(offset(None), 60);
    folder.write("TZ", b"CET-1CEST,M3.5.0,M10.5.0/3\n");
    assert_eq!(offset(None), 3600);
    assert_eq!(offset(Some("EST5")), -18_000);
    assert_eq!(offset(Some(&format!(":{}", path.display()))), 60);
    assert_eq!(offset(Some("")), 3600);
    folder.write("TZ", b"\n");
    assert_eq!(offset(Some("Not a zone")), 60);
}
