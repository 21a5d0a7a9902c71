//! Music in the house: the daemon of MPD and the players of Squeezebox, over TCP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Music Player Daemon.
pub static MPD: Protocol = Protocol { id: 50243, name: "MPD", category: "media", ports: &[] };
/// Squeezebox.
pub static SLIM: Protocol =
    Protocol { id: 50244, name: "SlimProto", category: "media", ports: &[(Transport::Tcp, 3483)] };

/// Its messages.
pub static SONIC: Dissector = Dissector {
    name: "sonic",
    over: &[Transport::Tcp],
    protocols: &[&MPD, &SLIM],
    question: Question::Which(dissect),
    teach: None,
};

/// The greeting of MPD's protocol; a player's HELO, whose length is that of its fields
/// (wiki.slimdevices.com, SlimProto): 2^-32, 2^-24, 2^-4.
fn dissect(part: &mut Part<'_>) -> Result<&'static Protocol, Stop> {
    match part.bytes.first() {
        Some(b'O') => part.literal(b"OK MPD 0.").map(|()| &MPD),
        Some(_) => {
            part.literal(b"HELO")?;
            let (length, device) = (part.u32(), part.u8());
            require((10..256).contains(&length) && device <= 12)?;
            Ok(&SLIM)
        }
        None => Err(Stop::NeedMore),
    }
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp};

    #[test]
    fn greetings() {
        tcp(40000, 6600).reply("OK MPD 0.23.5\n").survives("MPD");
        tcp(40000, 3483)
            .original(hex("48454c4f 00000024 0c 00 001122334455"))
            .survives("SlimProto");
        tcp(40000, 3483).original(hex("48454c4f 00000024 20 00 001122334455")).is_nobodys();
    }
}
