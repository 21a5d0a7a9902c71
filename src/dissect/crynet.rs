//! CryEngine's network layer over UDP: the opening of a connection.

use crate::bytes::Stop;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// CryNetwork.
pub static PROTOCOL: Protocol =
    Protocol { id: 307, name: "CryNetwork", category: "games", ports: &[] };

/// The opening.
pub static CRYNET: Dissector = Dissector {
    name: "crynet",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Where the datagram counts its bytes from.
const HEAD_BYTES: usize = 10;

/// Message `3c`, a build, eleven zeros, and little-endian 1, 7, 3: 24 fixed bytes and a length.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    match part.bytes {
        [length @ 0x3c, 0, 0, _, _, rest @ ..]
            if part.bytes.len() == usize::from(*length).saturating_add(HEAD_BYTES)
                && rest.starts_with(&[0; 11])
                && rest.get(11..20) == Some(&[1, 0, 0, 0, 7, 0, 0, 0, 3]) =>
        {
            Ok(())
        }
        _ => Err(Stop::NotMine),
    }
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, udp};

    #[test]
    fn an_opening_is_crynetwork() {
        let head = hex("3c000008ed 0000000000000000000000 01000000 07000000 03 07000000");
        let opening = join(&[&head, &[0x44; 41]]);
        udp(61837, 25383).original(&opening).survives("CryNetwork");
        udp(61837, 25383).original(&opening[..69]).is_nobodys();
    }
}
