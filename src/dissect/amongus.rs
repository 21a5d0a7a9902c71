//! Among Us over UDP: the hello of its client.
//!
//! roobscoob/among-us-protocol, "Hello" (a reliable packet of the library Hazel).

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Among Us.
pub static PROTOCOL: Protocol =
    Protocol { id: 263, name: "AmongUs", category: "games", ports: &[(Transport::Udp, 22023)] };

/// Hellos.
pub static AMONGUS: Dissector = Dissector {
    name: "amongus",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Year times 25,000, month times 1,800, day times 50: 2018 to 2039.
const VERSIONS: std::ops::Range<u32> = 50_450_000..51_000_000;

/// A hello, the first of its client (2^-32), a version (2^-12), a name that fits (2^-8): 2^-52.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&[8, 0, 1, 0])?;
    let version = part.u32_le();
    let length = usize::from(part.u8());
    let name = part.take(length);
    require(
        VERSIONS.contains(&version) && (1..=40).contains(&length) && str::from_utf8(name).is_ok(),
    )
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, udp};

    #[test]
    fn a_hello_has_a_version_and_a_name() {
        let hello = hex("08000100 80d90203 06 414141414141");
        udp(64260, 22023).original(&hello).survives("AmongUs");
        let mut damaged = hello;
        damaged[8] = 7;
        udp(64260, 22023).original(damaged).is_nobodys();
    }
}
