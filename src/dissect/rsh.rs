//! The remote shell of BSD (rshd) over TCP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// rsh.
pub static PROTOCOL: Protocol =
    Protocol { id: 293, name: "RSH", category: "remote-desktop", ports: &[(Transport::Tcp, 514)] };

/// Its messages.
pub static RSH: Dissector = Dissector {
    name: "rsh",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

const PORT: u16 = 514;
/// Longest user name and command.
const NAME_MAX: usize = 32;
const COMMAND_MAX: usize = 1024;

/// On the registered port: digits of a second port, two names, a command, each visible and ended by
/// a zero: 2^-20 and 2^-8 for each end.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    require(prefix.has_port(PORT))?;
    each(prefix, |side| {
        let mut reader = Reader::stream(side);
        let port = text(&mut reader, 5)?;
        require(port.iter().all(u8::is_ascii_digit))?;
        let (local, remote) = (text(&mut reader, NAME_MAX)?, text(&mut reader, NAME_MAX)?);
        require(!local.is_empty() && !remote.is_empty())?;
        require(!text(&mut reader, COMMAND_MAX)?.is_empty())
    })
    .map(|()| Facts::of(&PROTOCOL))
}

/// Visible characters up to a zero.
fn text<'a>(reader: &mut Reader<'a>, max: usize) -> Result<&'a [u8], Stop> {
    let rest = reader.rest();
    let end = rest.iter().take(max.saturating_add(1)).position(|byte| !matches!(byte, b' '..=b'~'));
    match end.and_then(|end| rest.get(end).map(|byte| (end, *byte))) {
        Some((end, 0)) => {
            let text = reader.take(end)?;
            reader.skip(1)?;
            Ok(text)
        }
        None if rest.len() <= max => Err(Stop::NeedMore),
        _ => Err(Stop::NotMine),
    }
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::tcp;

    #[test]
    fn names_and_a_command() {
        tcp(1023, 514).original("1022\0lns\0root\0mkdir test\0").survives("RSH");
        tcp(1023, 515).original("1022\0lns\0root\0mkdir test\0").is_nobodys();
        tcp(1023, 514).original("10x2\0lns\0root\0mkdir test\0").is_nobodys();
    }
}
