//! `nfa stream`: the records of a socket of the daemon's, as they come, for pipes.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::options::{Options, UsageError};
use super::{Command, Failure, Outcome};

/// The command.
pub static STREAM: Command = Command {
    name: "stream",
    doc: "prints the records of telemetry, or of another sink, as they come",
    usage: "stream [SINK|/PATH]",
    run,
};

/// Where sinks have their sockets.
const FOLDER: &str = "/var/run/nfa";
/// The sink of telemetry where nothing else was configured.
const DEFAULT: &str = "telemetry";

fn run(options: &Options) -> Result<Outcome, Failure> {
    if let Some(second) = options.arguments.get(1) {
        let argument = second.display().to_string();
        return Err(UsageError::OneArgument { command: "stream", argument }.into());
    }
    let name = options.arguments.first().map_or_else(|| Path::new(DEFAULT), |name| name.as_path());
    let path = if name.is_absolute() {
        name.to_path_buf()
    } else {
        Path::new(FOLDER).join(format!("{}.sock", name.display()))
    };
    let stream = UnixStream::connect(&path).map_err(|error| {
        Failure::NoDaemon(format!(
            "{}: {error}; is \"telemetry\" (or the sink) in the daemon's configuration?",
            path.display()
        ))
    })?;
    let mut out = std::io::stdout().lock();
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line);
        match read {
            Ok(0) => break,
            Ok(_) => {
                out.write_all(&line)?;
                // A line at a time: whoever follows wants it now.
                out.flush()?;
            }
            Err(error) => {
                return Err(Failure::NoDaemon(format!("{}: {error}", path.display())));
            }
        }
    }
    Err(Failure::NoDaemon(format!("{}: the daemon has closed it", path.display())))
}
