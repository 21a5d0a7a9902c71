//! TiVo's discovery over UDP (TiVo Connect Automatic Machine Discovery Protocol 1.5).

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::each;
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// TiVo Connect (IANA: tivoconnect).
pub static PROTOCOL: Protocol =
    Protocol { id: 313, name: "TiVo/Connect", category: "media", ports: &[(Transport::Udp, 2190)] };

/// Beacons.
pub static TIVO: Dissector = Dissector {
    name: "tivo",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// Twelve bytes of text: 2^-96.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |bytes| {
        Reader::datagram(bytes).literal(b"TiVoConnect=").map(|()| Facts::of(&PROTOCOL))
    })
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
