//! Lustre networking (LNet) over TCP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// LNet.
pub static PROTOCOL: Protocol =
    Protocol { id: 50221, name: "Lustre", category: "file-server", ports: &[] };

/// Its messages.
pub static LUSTRE: Dissector = Dissector {
    name: "lustre",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Process number of every Lustre service.
const SERVICE: [u8; 4] = [0x39, 0x30, 0, 0];

/// What opens a connection has a mark and a version (2^-64); a message between two services carries
/// their process numbers (2^-96). lnet/include/uapi/linux/lnet of Lustre.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    match part.array::<4>() {
        // The acceptor's request, version 1; a hello of the socket driver, version 1 to 4.
        [0x00, 0x71, 0xce, 0xac] => part.literal(&[1, 0, 0, 0]),
        [0x63, 0x69, 0x72, 0x45] => {
            let version = part.u32_le();
            require((1..=4).contains(&version))
        }
        [0xc1, 0, 0, 0] => {
            part.skip(20 + 16); // checksum, cookies; both nodes
            part.literal(&SERVICE)?;
            part.literal(&SERVICE)
        }
        _ => Err(Stop::NotMine),
    }
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp};

    #[test]
    fn openings_and_messages() {
        tcp(1023, 988).original(hex("0071ceac 01000000 8358a8c000000200")).survives("Lustre");
        tcp(1023, 988).reply(hex("63697245 03000000")).survives("Lustre");
        let message =
            join(&[&hex("c1000000"), &[0; 20], &[7; 16], &hex("39300000 39300000 01000000")]);
        tcp(1023, 988).original(message).survives("Lustre");
        tcp(1023, 988).original(hex("0071ceac 02000000")).is_nobodys();
    }
}
