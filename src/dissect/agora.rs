//! Agora's SD-RTN over UDP: hellos to its edge servers name them.

use crate::bytes::{Reader, Stop};
use crate::dissect::sides::each;
use crate::dissect::{Dissector, Question};
use crate::facts::{Facts, Protocol, host_name};
use crate::net::Transport;
use crate::prefix::Prefix;

/// Agora's network for calls inside applications.
pub static PROTOCOL: Protocol = Protocol { id: 294, name: "SD/RTN", category: "voip", ports: &[] };

/// Hellos.
pub static AGORA: Dissector = Dissector {
    name: "agora",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Facts(dissect),
    teach: None,
};

/// Four bytes, nine fixed ones (2^-72), the tag `SNI` (2^-32) and a name of the length that stands
/// before it.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |bytes| {
        let mut reader = Reader::datagram(bytes);
        reader.literal(&[0])?;
        reader.skip(3)?;
        reader.literal(&[0, 0, 0x21, 0, 0, 0, 0, 0, 4])?;
        reader.literal(b"SNI\0")?;
        let length = usize::from(reader.u16_le()?);
        let host = host_name(reader.take(length)?).ok_or(Stop::NotMine)?;
        Ok(Facts { host: Some(host), ..Facts::of(&PROTOCOL) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissect::sample::{hex, join, udp};

    #[test]
    fn a_hello_names_its_server() {
        let head = hex("005a384c 0000210000000000 04 534e4900 0c00");
        let hello = join(&[&head, b"edge.example", b"PDMD", &[0; 30]]);
        let flow = udp(35778, 8130).original(&hello);
        flow.survives("SD/RTN");
        assert_eq!(flow.ask(&AGORA).unwrap().host.as_deref(), Some("edge.example"));
        let mut damaged = hello;
        damaged[18] = 1;
        udp(35778, 8130).original(damaged).is_nobodys();
    }
}
