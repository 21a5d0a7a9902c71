//! NATS (docs.nats.io) over TCP.

use crate::bytes::Stop;

use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// NATS.
pub static PROTOCOL: Protocol =
    Protocol { id: 281, name: "NATS", category: "messaging", ports: &[(Transport::Tcp, 4222)] };

/// Its messages.
pub static NATS: Dissector = Dissector {
    name: "nats",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// The server speaks first; a client that is seen alone connects with a JSON object.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let openings: &[&[u8]] =
        &[b"INFO {\"server_id\":", b"CONNECT {\"verbose\":", b"INFO {\"server_name\":"];
    part.one_of(openings)
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
