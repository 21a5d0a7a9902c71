//! Ookla's speed test over TCP: its greeting.

use crate::bytes::{Reader, Stop};
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Question};
use crate::facts::Protocol;
use crate::net::Transport;
use crate::prefix::Prefix;

/// Ookla's speed test.
pub static PROTOCOL: Protocol =
    Protocol { id: 191, name: "OOKLA", category: "networking", ports: &[] };

/// Greetings.
pub static OOKLA: Dissector = Dissector {
    name: "ookla",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Flow(dissect),
    teach: None,
};

/// `HI` and a line end or a session's name from one side (2^-24); `HELLO 2.` from the other (2^-64).
fn dissect(prefix: &Prefix<'_>) -> Result<(), Stop> {
    let [original, reply] = prefix.both();
    let mut stop = Stop::NotMine;
    for (client, server) in [(original, reply), (reply, original)] {
        match ask(client).and_then(|()| Reader::stream(server).literal(b"HELLO 2.")) {
            Ok(()) => return Ok(()),
            Err(Stop::NeedMore) if !client.is_empty() => stop = Stop::NeedMore,
            Err(_) => {}
        }
    }
    Err(stop)
}

fn ask(client: &[u8]) -> Result<(), Stop> {
    let mut reader = Reader::stream(client);
    reader.literal(b"HI")?;
    require(matches!(reader.u8()?, b' ' | b'\r' | b'\n'))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::tcp;

    #[test]
    fn both_greetings_are_ookla() {
        tcp(40000, 8080).original("HI\n").reply("HELLO 2.9 (2.9.4) 2021\n").survives("OOKLA");
        tcp(40000, 8080).original("HI\n").reply("HELLO there\n").is_nobodys();
        tcp(40000, 8080).original("HIM\n").reply("HELLO 2.9\n").is_nobodys();
    }
}
