//! Among Us over UDP: the hello of its client.
//!
//! roobscoob/among-us-protocol, "Hello" (a reliable packet of the library Hazel).

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::each;
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// Among Us.
pub static PROTOCOL: Protocol =
    Protocol { id: 263, name: "AmongUs", category: "games", ports: &[(Transport::Udp, 22023)] };

/// Hellos.
pub static AMONGUS: Dissector = Dissector {
    name: "amongus",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// Year times 25,000, month times 1,800, day times 50: 2018 to 2039.
const VERSIONS: std::ops::Range<u32> = 50_450_000..51_000_000;

/// A hello, the first of its client (2^-32), a version (2^-12), a name that fits (2^-8): 2^-52.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |bytes| {
        let mut reader = Reader::datagram(bytes);
        reader.literal(&[8, 0, 1, 0])?;
        let version = reader.u32_le()?;
        let length = usize::from(reader.u8()?);
        let name = reader.take(length)?;
        if VERSIONS.contains(&version) && (1..=40).contains(&length) && str::from_utf8(name).is_ok()
        {
            Ok(Facts::of(&PROTOCOL))
        } else {
            Err(Stop::NotMine)
        }
    })
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
