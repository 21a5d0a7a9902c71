//! NATS (docs.nats.io) over TCP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, first_yes};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// NATS.
pub static PROTOCOL: Protocol =
    Protocol { id: 281, name: "NATS", category: "messaging", ports: &[(Transport::Tcp, 4222)] };

/// Its messages.
pub static NATS: Dissector = Dissector {
    name: "nats",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// The server speaks first; a client that is seen alone connects with a JSON object.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        let openings =
            [&b"INFO {\"server_id\":"[..], b"CONNECT {\"verbose\":", b"INFO {\"server_name\":"];
        first_yes(openings.iter().map(|opening| Reader::stream(side).literal(opening)))
    })
    .map(|()| Facts::of(&PROTOCOL))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::tcp;

    #[test]
    fn servers_introduce_themselves() {
        tcp(40000, 4222).reply("INFO {\"server_id\":\"NA\"} \r\n").survives("NATS");
        tcp(40000, 4222).original("CONNECT {\"verbose\":false}\r\n").survives("NATS");
        tcp(40000, 4222).reply("INFO {}").is_nobodys();
    }
}
