//! iQIYI's peer-to-peer delivery (once PPStream) over UDP.

use crate::bytes::{Reader, Stop};
use crate::dissect::sides::answered;
use crate::dissect::{Dissector, Question};
use crate::facts::Protocol;
use crate::net::Transport;
use crate::prefix::Prefix;

/// PPStream.
pub static PROTOCOL: Protocol =
    Protocol { id: 54, name: "PPStream", category: "media", ports: &[] };

/// A message and its answer.
pub static PPSTREAM: Dissector = Dissector {
    name: "ppstream",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Flow(dissect),
    teach: None,
};

/// The kind of an answer is the question's with its highest bit (2^-16 for both), each knows its length
/// (2^-32), seven bytes of a session return and a file's number of sixteen with its tag (2^-192).
fn dissect(prefix: &Prefix<'_>) -> Result<(), Stop> {
    answered(
        prefix,
        |bytes| numbers(bytes, ASKS),
        |asked, bytes| numbers(bytes, ASKS | 0x80).as_ref() == Some(asked),
    )
}

const ASKS: u8 = 0x1c;
/// In front of a file's number.
const FILE: u8 = 0x14;

fn numbers(bytes: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    let mut reader = Reader::datagram(bytes);
    reader.literal(&[kind]).ok()?;
    reader.skip(1).ok()?;
    let length = usize::from(reader.u16_le().ok()?);
    let (session, file) = (bytes.get(8..15)?, bytes.get(23..40)?);
    let random = file.iter().filter(|&&byte| byte != 0).count() >= 8;
    (length == bytes.len() && file.first() == Some(&FILE) && random).then_some((session, file))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, udp};

    #[test]
    fn numbers_return() {
        let session = hex("a4f82bb73007f4");
        let file = hex("14 97dd4e606c726562b35e12690ee3e1c9");
        let ask = join(&[&hex("1c403000 4474717a"), &session, &[2; 8], &file, &[0; 8]]);
        let answer = join(&[&hex("9c603400 5575177a"), &session, &[3; 8], &file, &[0; 12]]);
        udp(50412, 16600).original(&ask).reply(&answer).survives("PPStream");
        udp(50412, 16600).original(&ask).is_nobodys();
        udp(50412, 16600).original(&ask).reply(&answer[..51]).is_nobodys();
    }
}
