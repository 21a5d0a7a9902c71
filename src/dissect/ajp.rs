//! AJP 1.3 (Apache Tomcat connectors): web servers and what they front, over TCP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// AJP.
pub static PROTOCOL: Protocol =
    Protocol { id: 139, name: "AJP", category: "web", ports: &[(Transport::Tcp, 8009)] };

/// Its messages.
pub static AJP: Dissector = Dissector {
    name: "ajp",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// Its mark in each direction, a length, a known code: towards the container a ping (2^-40), or a
/// request whose method and first length are known (2^-16, 2^-8, 2^-4, 2^-8); from it 2^-16, 2^-3,
/// 2^-6 and a length that fits a code.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        let mut reader = Reader::stream(side);
        let mark = reader.array::<2>()?;
        require(matches!(mark, [0x12, 0x34] | [b'A', b'B']))?;
        let (length, code) = (reader.u16()?, reader.u8()?);
        if mark == [b'A', b'B'] {
            return match (code, length) {
                (9, 1) | (5, 2) => Ok(()),
                // A response: status 100 to 599, then its text.
                (4, 8..=8192) => {
                    let status = reader.u16()?;
                    require((100..600).contains(&status))
                }
                _ => Err(Stop::NotMine),
            };
        }
        match (code, length) {
            (10, 1) => Ok(()),
            (2, 16..=8192) => {
                let (method, version) = (reader.u8()?, reader.u16()?);
                require((1..=27).contains(&method) && version == 8)?;
                reader.literal(b"HTTP/1.")
            }
            _ => Err(Stop::NotMine),
        }
    })
    .map(|()| Facts::of(&PROTOCOL))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp};

    #[test]
    fn pings_and_requests() {
        tcp(40000, 8009).original(hex("123400010a")).survives("AJP");
        tcp(40000, 8009).reply(hex("4142000109")).survives("AJP");
        let request = join(&[&hex("12340040 02 02 0008"), b"HTTP/1.1\0", &hex("00012f00")]);
        tcp(40000, 8009).original(request).survives("AJP");
        tcp(40000, 8009).original(hex("123400020a")).is_nobodys();
    }
}
