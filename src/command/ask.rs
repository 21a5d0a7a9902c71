//! One request to the daemon's control socket, and its answer.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nfa::control::{ANSWER_BYTES_MAX, METHODS};
use serde_json::{Map, Value};

use super::Failure;
use super::options::{Options, UsageError};

/// How long an answer may take: far longer than the daemon needs on the slowest router.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks for `method` with what the command line says beside `more`; gives the result.
pub fn ask(
    options: &Options,
    method: &'static str,
    more: &[(&'static str, Value)],
) -> Result<Value, Failure> {
    let mut request = Map::new();
    request.insert("method".to_owned(), method.into());
    let known = METHODS.iter().find(|known| known.name == method).map_or(&[][..], |m| m.keys);
    for (key, value) in options.query.iter().chain(more) {
        if !known.iter().any(|(known, _)| known == key) {
            let (command, option) = (method.to_owned(), format!("--{key}"));
            return Err(UsageError::NotForCommand { command, option }.into());
        }
        request.insert((*key).to_owned(), value.clone());
    }
    let mut answer = exchange(options, &Value::Object(request))?;
    if let Some(error) = answer.get("error") {
        let text = |key| error.get(key).and_then(Value::as_str).unwrap_or_default();
        return Err(UsageError::Refused {
            at: text("at").trim_start_matches('/').to_owned(),
            message: text("message").to_owned(),
        }
        .into());
    }
    Ok(answer.get_mut("result").map(Value::take).unwrap_or_default())
}

/// The line of an answer, as an object.
fn exchange(options: &Options, request: &Value) -> Result<Value, Failure> {
    let path = options.socket_path();
    let failed = |error: std::io::Error| {
        let hint = match error.kind() {
            ErrorKind::PermissionDenied => "run this as root, or as a member of its group",
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
                "is it running (/etc/init.d/nfa start, or nfa run --config FILE)? --socket names \
                 another place"
            }
            _ => "is it busy, or is that another program?",
        };
        Failure::NoDaemon(format!("no daemon answers at {}: {error}; {hint}", path.display()))
    };
    let mut stream = UnixStream::connect(&path).map_err(failed)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(failed)?;
    stream.write_all(format!("{request}\n").as_bytes()).map_err(failed)?;
    let most = u64::try_from(ANSWER_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(4096);
    let mut line = String::new();
    BufReader::new(stream.take(most)).read_line(&mut line).map_err(failed)?;
    serde_json::from_str(&line).map_err(|error| failed(std::io::Error::other(error)))
}
