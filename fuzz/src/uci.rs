//! A router's own configuration file: read, checked, and what it makes is checked again by those
//! who read it.

use std::path::Path;

use nfa::config;
use nfa::json::Severity;
use nfa::lists::Lists;
use nfa::uci::{self, Backend, Context, syntax};

use super::texts::CATALOGUE;

/// The text of a file. Whatever is accepted the daemon accepts too.
pub fn uci(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let lines = text.split('\n').count();
    let document = syntax::read(&text);
    assert!(document.mistakes.iter().all(|(line, _)| (1..=lines).contains(line)));
    let lists = Lists::default();
    let devices = [("lan".to_owned(), "br-lan".to_owned())];
    for (backend, offload) in [(Backend::Both, true), (Backend::Ipset, false)] {
        let context =
            Context { catalogue: &CATALOGUE, lists: &lists, backend, devices: &devices, offload };
        let uci::Read { setup, findings } = uci::read(&text, &context);
        for finding in &findings {
            assert!((1..=lines).contains(&finding.line), "{finding}");
            assert!(finding.to_string().len() < 16 * text.len() + 8192, "a very long message");
        }
        let Some(setup) = setup else {
            assert!(!findings.is_empty(), "refused without a word");
            continue;
        };
        let json = setup.json().to_string();
        let parsed = config::parse(&json, Path::new("uci.json"), &CATALOGUE, Lists::default());
        let (_, findings) = parsed.unwrap();
        let errors = findings.iter().find(|finding| finding.severity == Severity::Error);
        assert!(errors.is_none(), "{}\n{json}", errors.unwrap());
    }
}
