//! FastCGI 1.0: web servers and the programs behind them, over TCP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// FastCGI.
pub static PROTOCOL: Protocol = Protocol { id: 308, name: "FastCGI", category: "web", ports: &[] };

/// Its messages.
pub static FASTCGI: Dissector = Dissector {
    name: "fastcgi",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Section 5.1: the record that begins a request: version, type, length 8, no padding, a role of
/// three, one flag, zeros: 2^-16, 2^-32, 2^-14, 2^-47.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&[1, 1])?;
    part.skip(2);
    part.literal(&[0, 8, 0, 0, 0])?;
    let (role, flags) = (part.u8(), part.u8());
    require((1..=3).contains(&role) && flags <= 1)?;
    part.literal(&[0; 5])
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, tcp};

    #[test]
    fn requests_begin_with_a_role() {
        tcp(40000, 9000)
            .original(hex("01010001 00080000 0001 01 0000000000 0104"))
            .survives("FastCGI");
        tcp(40000, 9000).original(hex("01010001 00080000 0004 01 0000000000")).is_nobodys();
    }
}
