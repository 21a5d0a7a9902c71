//! The remote shell of BSD (rshd) over TCP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// rsh.
pub static PROTOCOL: Protocol =
    Protocol { id: 293, name: "RSH", category: "remote-desktop", ports: &[(Transport::Tcp, 514)] };

/// Its messages.
pub static RSH: Dissector = Dissector {
    name: "rsh",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::PartAt(&[PORT], dissect),
    teach: None,
};

const PORT: u16 = 514;
/// Longest user name and command.
const NAME_MAX: usize = 32;
const COMMAND_MAX: usize = 1024;

/// On the registered port: digits of a second port, two names, a command, each visible and ended by
/// a zero: 2^-20 and 2^-8 for each end.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    let port = text(part, 5)?;
    require(port.iter().all(u8::is_ascii_digit))?;
    let (local, remote) = (text(part, NAME_MAX)?, text(part, NAME_MAX)?);
    require(!local.is_empty() && !remote.is_empty())?;
    require(!text(part, COMMAND_MAX)?.is_empty())
}

/// Visible characters up to a zero.
fn text<'a>(part: &mut Part<'a>, max: usize) -> Result<&'a [u8], Stop> {
    let rest = part.rest();
    let end = rest.iter().take(max.saturating_add(1)).position(|byte| !matches!(byte, b' '..=b'~'));
    match end.and_then(|end| rest.get(end).map(|byte| (end, *byte))) {
        Some((end, 0)) => {
            let text = part.take(end);
            part.skip(1);
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
