//! TiVo's discovery over UDP (TiVo Connect Automatic Machine Discovery Protocol 1.5).

use crate::bytes::Stop;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// TiVo Connect (IANA: tivoconnect).
pub static PROTOCOL: Protocol =
    Protocol { id: 313, name: "TiVo/Connect", category: "media", ports: &[(Transport::Udp, 2190)] };

/// Beacons.
pub static TIVO: Dissector = Dissector {
    name: "tivo",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Twelve bytes of text: 2^-96.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(b"TiVoConnect=")
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::udp;

    #[test]
    fn beacons_are_tivo() {
        udp(2190, 2190).original("TiVoConnect=1\nmethod=broadcast\n").survives("TiVo/Connect");
        udp(2190, 2190).original("TiVoConnect").is_nobodys();
    }
}
