//! `nfa uci`: makes the daemon's configuration out of a router's own configuration file.

use std::fs::File;
use std::io::{Read as _, Write};
use std::path::Path;

use nfa::json::Severity;
use nfa::lists::{Folders, Lists};
use nfa::uci::{self, Backend, Context, Setup};

use super::options::{Options, UsageError};
use super::{Command, Failure, Outcome};

/// The command.
pub static UCI: Command = Command {
    name: "uci",
    doc: "makes the configuration (JSON) out of /etc/config/nfa",
    usage: "uci [--output FILE] [--backend NAME] [--device NAME=DEVICE] FILE",
    run,
};

fn run(options: &Options) -> Result<Outcome, Failure> {
    let (setup, outcome) = read(options, "uci")?;
    let Some(setup) = setup else { return Ok(Outcome::Problems) };
    let text = serde_json::to_string_pretty(&setup.json())
        .map_err(|error| Failure::Message(format!("JSON: {error}")))?;
    match &options.output {
        None => writeln!(std::io::stdout().lock(), "{text}")?,
        Some(path) => write_whole(path, &format!("{text}\n"))
            .map_err(|error| Failure::Message(format!("{}: {error}", path.display())))?,
    }
    Ok(outcome)
}

/// Whoever reads the file never sees half of it, and what is on the disk outlives a power cut.
pub fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".part");
    let written = File::create(&new).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.and_then(|()| std::fs::rename(&new, path)).inspect_err(|_| {
        let _ = std::fs::remove_file(&new); // the first failure is the one to tell
    })
}

/// Reads the file that the arguments name. Findings go to standard error, a line each.
pub fn read(options: &Options, command: &'static str) -> Result<(Option<Setup>, Outcome), Failure> {
    let path = match options.arguments.as_slice() {
        [path] => path,
        [] => {
            return Err(
                UsageError::Needs { command, what: "a file, such as /etc/config/nfa" }.into()
            );
        }
        [_, second, ..] => {
            let argument = second.display().to_string();
            return Err(UsageError::OneArgument { command, argument }.into());
        }
    };
    let failed = |error| Failure::Message(format!("{}: {error}", path.display()));
    let mut text = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(uci::TEXT_BYTES_MAX.saturating_add(1)).read_to_end(&mut text).map_err(failed)?;
    if u64::try_from(text.len()).is_ok_and(|bytes| bytes > uci::TEXT_BYTES_MAX) {
        let most = uci::TEXT_BYTES_MAX >> 20;
        return Err(Failure::Message(format!("{}: larger than {most} MiB", path.display())));
    }
    // UCI knows bytes only; a name in another encoding is not worth a refusal.
    let text = String::from_utf8_lossy(&text);
    let catalogue = super::load_catalogue(options, |line| eprintln!("nfa: {line}"));
    let (lists, of_lists) = Lists::load(&Folders::new(None, None));
    for finding in of_lists {
        eprintln!("{finding}");
    }
    let context = Context {
        catalogue: &catalogue,
        lists: &lists,
        backend: options.backend.unwrap_or(Backend::Nft),
        devices: &options.devices,
        offload: options.offload,
    };
    let uci::Read { setup, findings } = uci::read(&text, &context);
    for finding in &findings {
        eprintln!("{}:{finding}", path.display());
    }
    if setup.is_none() {
        eprintln!("{}: nothing of it is used until this is mended", path.display());
    }
    let errors = findings.iter().any(|finding| finding.severity == Severity::Error);
    Ok((setup, if errors { Outcome::Problems } else { Outcome::Fine }))
}
