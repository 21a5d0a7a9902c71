//! Games on id Tech engines (Quake III and its many heirs) over UDP: queries out of connection.
//!
//! ioquake3, code/server/sv_main.c and the dpmaster protocol documentation.

use crate::bytes::Stop;
use crate::dissect::sides::{require, starts_with_any};
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Quake III and its heirs.
pub static PROTOCOL: Protocol =
    Protocol { id: 50123, name: "Quake", category: "games", ports: &[(Transport::Udp, 27960)] };

/// Queries and answers.
pub static QUAKE: Dissector = Dissector {
    name: "quake",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Four bytes of ones and a word of seven letters or more: 2^-88.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let words: &[&[u8]] = &[
        b"getinfo",
        b"getstatus",
        b"getservers",
        b"infoResponse\n",
        b"statusResponse\n",
        b"getserversResponse",
        b"getserversExtResponse",
        b"challengeResponse ",
        b"connectResponse",
    ];
    let message = part.bytes.strip_prefix(&[0xff; 4]).ok_or(Stop::NotMine)?;
    require(starts_with_any(message, words))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{join, udp};

    #[test]
    fn queries_and_answers_are_quake() {
        udp(50000, 27960).original(join(&[&[0xff; 4], b"getinfo xxx"])).survives("Quake");
        udp(50000, 27960).reply(join(&[&[0xff; 4], b"statusResponse\n\\a\\b"])).survives("Quake");
        udp(50000, 27960).original(join(&[&[0xff; 4], b"hello"])).is_nobodys();
    }
}
