//! Music in the house: the daemon of MPD and the players of Squeezebox, over TCP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

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
    dissect,
    teach: None,
};

/// The greeting of MPD's protocol; a player's HELO, whose length is that of its fields
/// (wiki.slimdevices.com, SlimProto): 2^-32, 2^-24, 2^-4.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        let mut reader = Reader::stream(side);
        match side.first() {
            Some(b'O') => reader.literal(b"OK MPD 0.").map(|()| &MPD),
            Some(_) => {
                reader.literal(b"HELO")?;
                let (length, device) = (reader.u32()?, reader.u8()?);
                require((10..256).contains(&length) && device <= 12)?;
                Ok(&SLIM)
            }
            None => Err(Stop::NeedMore),
        }
    })
    .map(Facts::of)
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
