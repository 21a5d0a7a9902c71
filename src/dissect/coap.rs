//! CoAP (RFC 7252) over UDP.

use crate::bytes::{Reader, Stop};
use crate::dissect::{Dissector, Question};
use crate::facts::Protocol;
use crate::net::Transport;
use crate::prefix::Prefix;

/// CoAP.
pub static PROTOCOL: Protocol =
    Protocol { id: 27, name: "COAP", category: "infrastructure", ports: &[(Transport::Udp, PORT)] };

/// Requests and responses.
pub static COAP: Dissector = Dissector {
    name: "coap",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Flow(dissect),
    teach: None,
};

const PORT: u16 = 5683;
/// Options in one message.
const OPTIONS_MAX: usize = 32;

/// Version 1, a known code and options of known numbers that end where they should. Off the port
/// a response must return the request's token of at least two bytes or its message id.
fn dissect(prefix: &Prefix<'_>) -> Result<(), Stop> {
    let mut asked = None;
    for datagram in prefix.datagrams() {
        let message = message(datagram.bytes)?;
        if prefix.has_port(PORT) {
            return Ok(());
        }
        let back = datagram.direction.flipped();
        if message.request {
            if message.options > 0 {
                asked = Some((datagram.direction, message.id, message.token));
            }
        } else if let Some((direction, id, token)) = asked
            && direction == back
            && token == message.token
            && (token.len() >= 2 || id == message.id)
        {
            return Ok(());
        }
    }
    Err(Stop::NeedMore)
}

struct Message<'a> {
    request: bool,
    id: u16,
    token: &'a [u8],
    options: usize,
}

/// RFC 7252 section 3.
fn message(bytes: &[u8]) -> Result<Message<'_>, Stop> {
    let mut reader = Reader::datagram(bytes);
    let (first, code) = (reader.u8()?, reader.u8()?);
    let token_bytes = usize::from(first & 0x0f);
    let (class, detail) = (code >> 5, code & 0x1f);
    let known = match class {
        0 => detail <= 7,
        2 => (1..=5).contains(&detail) || detail == 31,
        4 => detail <= 31,
        5 => detail <= 8,
        _ => false,
    };
    // An empty message has nothing behind its id.
    if first >> 6 != 1 || token_bytes > 8 || !known || (code == 0 && bytes.len() != 4) {
        return Err(Stop::NotMine);
    }
    let id = reader.u16()?;
    let token = reader.take(token_bytes)?;
    let (mut number, mut options) = (0u32, 0usize);
    while let Some(byte) = reader.peek() {
        reader.skip(1)?;
        if byte == 0xff {
            // A payload marker with nothing behind it is an error (section 3).
            if reader.is_empty() {
                return Err(Stop::NotMine);
            }
            break;
        }
        let delta = extended(&mut reader, byte >> 4)?;
        let length = extended(&mut reader, byte & 0x0f)?;
        number = number.saturating_add(delta);
        reader.skip(usize::try_from(length).map_err(|_| Stop::NotMine)?)?;
        options = options.saturating_add(1);
        // Numbers of the IANA registry in use.
        let known = number <= 39 || matches!(number, 60 | 65 | 252 | 258 | 292 | 2048..=2053);
        if number == 0 || options > OPTIONS_MAX || !known {
            return Err(Stop::NotMine);
        }
    }
    Ok(Message { request: class == 0, id, token, options })
}

fn extended(reader: &mut Reader<'_>, nibble: u8) -> Result<u32, Stop> {
    Ok(match nibble {
        13 => u32::from(reader.u8()?).saturating_add(13),
        14 => u32::from(reader.u16()?).saturating_add(269),
        15 => return Err(Stop::NotMine),
        small => small.into(),
    })
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, udp};

    #[test]
    fn requests_are_told_on_the_port_or_with_their_response() {
        let get = hex("42 01 1234 abcd b474656d70 04 61626364");
        udp(40000, 5683).original(&get).survives("COAP");
        udp(40000, 9999).original(&get).is_nobodys();
        let content = hex("62 45 1234 abcd ff 32312e35");
        udp(40000, 9999).original(&get).reply(&content).survives("COAP");
        udp(40000, 5683).original(hex("42 01 1234 abcd bf")).is_nobodys();
        udp(40000, 5683).original(hex("49 01 1234 abcd")).is_nobodys();
    }
}
