//! Automatic tank gauges (Veeder-Root, serial interface manual 576013-635) over TCP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Tank gauges.
pub static PROTOCOL: Protocol =
    Protocol { id: 50207, name: "ATG", category: "infrastructure", ports: &[] };

/// Its messages.
pub static TANK_GAUGE: Dissector = Dissector {
    name: "tank_gauge",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// SOH, `I` or `S` in either case, five digits or letters of which the first is a digit, and an end
/// of line: 2^-8, 2^-6, 2^-22, 2^-7.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&[1])?;
    let mode = part.u8();
    require(matches!(mode, b'I' | b'i' | b'S' | b's'))?;
    let function = part.array::<5>();
    require(function.iter().all(u8::is_ascii_digit))?;
    let end = part.u8();
    require(matches!(end, b'\r' | b'\n'))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::tcp;

    #[test]
    fn commands_are_short() {
        tcp(40000, 10001).original("\x01I20100\r\n").survives("ATG");
        tcp(40000, 10001).original("\x01I2010A\r\n").is_nobodys();
    }
}
