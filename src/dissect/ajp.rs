//! AJP 1.3 (Apache Tomcat connectors): web servers and what they front, over TCP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// AJP.
pub static PROTOCOL: Protocol =
    Protocol { id: 139, name: "AJP", category: "web", ports: &[(Transport::Tcp, 8009)] };

/// Its messages.
pub static AJP: Dissector = Dissector {
    name: "ajp",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Its mark in each direction, a length, a known code: towards the container a ping (2^-40), or a
/// request whose method and first length are known (2^-16, 2^-8, 2^-4, 2^-8); from it 2^-16, 2^-3,
/// 2^-6 and a length that fits a code.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let mark = part.array::<2>();
    require(matches!(mark, [0x12, 0x34] | [b'A', b'B']))?;
    let (length, code) = (part.u16(), part.u8());
    if mark == [b'A', b'B'] {
        return match (code, length) {
            (9, 1) | (5, 2) => Ok(()),
            // A response: status 100 to 599, then its text.
            (4, 8..=8192) => {
                let status = part.u16();
                require((100..600).contains(&status))
            }
            _ => Err(Stop::NotMine),
        };
    }
    match (code, length) {
        (10, 1) => Ok(()),
        (2, 16..=8192) => {
            let (method, version) = (part.u8(), part.u16());
            require((1..=27).contains(&method) && version == 8)?;
            part.literal(b"HTTP/1.")
        }
        _ => Err(Stop::NotMine),
    }
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
