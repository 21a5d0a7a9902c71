//! Megaco (H.248.1, annex B: the text form) over UDP.

use crate::bytes::Stop;
use crate::dissect::sides::{contains_any, require};
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Megaco.
pub static PROTOCOL: Protocol =
    Protocol { id: 181, name: "Megaco", category: "voip", ports: &[(Transport::Udp, 2944)] };

/// Messages.
pub static MEGACO: Dissector = Dissector {
    name: "megaco",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// A transaction and its parts stand in braces near the start.
const HEAD_MAX: usize = 160;

/// The protocol's name, long or short, with a version (2^-20 at least), who sends in brackets (2^-8),
/// then a transaction, a reply or an error, long or short, and a brace (2^-16): 2^-44.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let rest = part.bytes.strip_prefix(b"!/").or_else(|| part.bytes.strip_prefix(b"MEGACO/"));
    let Some([b'1'..=b'9', b' ' | b'\r' | b'\n', rest @ ..]) = rest else {
        return Err(Stop::NotMine);
    };
    let head = rest.get(..HEAD_MAX).unwrap_or(rest);
    let sender = matches!(head.trim_ascii_start().first(), Some(b'<' | b'['));
    let parts: &[&[u8]] =
        &[b"T=", b"P=", b"ER=", b"K{", b"Transaction", b"Reply", b"Error", b"PN=", b"Pending"];
    let known = contains_any(head, parts) && head.contains(&b'{');
    require(sender && known)
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::udp;

    #[test]
    fn long_and_short_messages_are_megaco() {
        udp(2944, 2944).original("!/1 <gw>\nT=5{C=-{AV=DS/1/5{AT{M}}}}").survives("Megaco");
        udp(2944, 2944)
            .original("MEGACO/1 [192.0.2.1]:2944\nTransaction = 9998 {\nContext = - {}}")
            .survives("Megaco");
        udp(2944, 2944).original("!/1 hello").is_nobodys();
    }
}
