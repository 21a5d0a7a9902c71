//! ZMTP, the transport of ZeroMQ (rfc.zeromq.org/spec/23), over TCP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// ZMTP.
pub static PROTOCOL: Protocol =
    Protocol { id: 177, name: "ZMQ", category: "messaging", ports: &[] };

/// Its messages.
pub static ZMQ: Dissector = Dissector {
    name: "zmq",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// The greeting: 0xff, eight bytes, 0x7f, version 3, and the name of a mechanism: 2^-24, 2^-32.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        let mut reader = Reader::stream(side);
        reader.literal(&[0xff])?;
        reader.skip(8)?;
        reader.literal(&[0x7f, 3])?;
        reader.skip(1)?;
        let mechanism = reader.array::<5>()?;
        require(matches!(&mechanism, b"NULL\0" | b"PLAIN" | b"CURVE" | b"GSSAP"))
    })
    .map(|()| Facts::of(&PROTOCOL))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp};

    #[test]
    fn greetings_name_a_mechanism() {
        let greeting = join(&[&hex("ff 0000000000000001 7f 03 00"), b"NULL\0\0\0"]);
        tcp(40000, 5555).original(&greeting).survives("ZMQ");
        tcp(40000, 5555).original(&greeting[..10]).is_nobodys();
    }
}
