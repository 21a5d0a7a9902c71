//! A module uses only modules of a lower rank (DESIGN section 2); the ranks stand in src/lib.rs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// `pub mod NAME; // rank N` lines of lib.rs.
fn ranks(lib: &str) -> BTreeMap<String, u32> {
    lib.lines()
        .filter_map(|line| line.strip_prefix("pub mod "))
        .map(|line| {
            let (name, rest) = line.split_once(';').unwrap();
            let rank = rest.trim().strip_prefix("// rank ").unwrap_or_else(|| {
                panic!("src/lib.rs: module {name} has no `// rank N` behind it");
            });
            (name.to_owned(), rank.trim().parse().unwrap())
        })
        .collect()
}

/// The first path segments after `crate::` in code, comments left out; groups are opened.
fn uses(source: &str) -> Vec<String> {
    let code: String =
        source.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n");
    let mut found = Vec::new();
    for rest in code.split("crate::").skip(1) {
        let group = rest.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let heads: Vec<&str> = match group {
            Some((inner, _)) => inner.split(',').collect(),
            None => vec![rest],
        };
        for head in heads {
            let name: String =
                head.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if !name.is_empty() {
                found.push(name);
            }
        }
    }
    found
}

#[test]
fn modules_use_only_lower_ranks() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let ranks = ranks(&fs::read_to_string(src.join("lib.rs")).unwrap());
    let mut files = Vec::new();
    sources(&src, &mut files);
    let mut wrong = Vec::new();
    for path in &files {
        let inside = path.strip_prefix(&src).unwrap();
        let module = inside.components().next().unwrap().as_os_str().to_str().unwrap();
        let module = module.trim_end_matches(".rs");
        if ["lib", "main", "command"].contains(&module) {
            continue;
        }
        let Some(&own) = ranks.get(module) else {
            wrong.push(format!("{}: src/lib.rs gives {module} no rank", inside.display()));
            continue;
        };
        for used in uses(&fs::read_to_string(path).unwrap()) {
            match ranks.get(&used) {
                Some(&rank) if rank < own || used == module => {}
                Some(rank) => wrong.push(format!(
                    "{}: rank {own} uses {used} of rank {rank}; only lower ranks may be used",
                    inside.display()
                )),
                None => wrong.push(format!("{}: uses unranked {used}", inside.display())),
            }
        }
    }
    assert!(!ranks.is_empty() && files.len() > ranks.len(), "nothing was looked at");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_check_sees_groups_and_paths() {
    let text = "use crate::bytes::Stop;\nuse crate::{net, facts::Facts};\n// crate::engine\nlet x = crate::time::Timestamp::ZERO;";
    assert_eq!(uses(text), ["bytes", "net", "facts", "time"]);
}

/// Where `unsafe` may stand (style.md section 5): the four that talk to the kernel. `sys` is one of
/// them, and has grown into a folder.
#[test]
fn unsafe_stays_in_the_files_that_talk_to_the_kernel() {
    let allowed = ["capture/ring.rs", "capture/filter.rs", "netlink/socket.rs", "sys.rs"];
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    for path in files {
        let inside = path.strip_prefix(&src).unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let uses_it = text.lines().any(|line| {
            let code = line.split("//").next().unwrap();
            code.contains("unsafe ") || code.contains("allow(unsafe_code)")
        });
        let is_allowed = allowed.contains(&inside.as_str()) || inside.starts_with("sys/");
        assert!(!uses_it || is_allowed, "{inside}: unsafe");
    }
}
