//! FastCGI 1.0: web servers and the programs behind them, over TCP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// FastCGI.
pub static PROTOCOL: Protocol = Protocol { id: 308, name: "FastCGI", category: "web", ports: &[] };

/// Its messages.
pub static FASTCGI: Dissector = Dissector {
    name: "fastcgi",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// Section 5.1: the record that begins a request: version, type, length 8, no padding, a role of
/// three, one flag, zeros: 2^-16, 2^-32, 2^-14, 2^-47.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        let mut reader = Reader::stream(side);
        reader.literal(&[1, 1])?;
        reader.skip(2)?;
        reader.literal(&[0, 8, 0, 0, 0])?;
        let (role, flags) = (reader.u8()?, reader.u8()?);
        require((1..=3).contains(&role) && flags <= 1)?;
        reader.literal(&[0; 5])
    })
    .map(|()| Facts::of(&PROTOCOL))
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
