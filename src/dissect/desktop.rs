//! Remote screens and terminals: RDP (MS-RDPBCGR 2.2.1.1), VNC (RFC 6143), Telnet (RFC 854).

use crate::bytes::{Reader, Stop};
use crate::dissect::inner::{Start, starttls};
use crate::dissect::sides::each;
use crate::dissect::{Dissector, Question};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// RDP.
pub static RDP: Protocol =
    Protocol { id: 88, name: "RDP", category: "remote-desktop", ports: &[(Transport::Tcp, 3389)] };
/// VNC.
pub static VNC: Protocol =
    Protocol { id: 89, name: "VNC", category: "remote-desktop", ports: &[(Transport::Tcp, 5900)] };
/// Telnet.
pub static TELNET: Protocol =
    Protocol { id: 77, name: "Telnet", category: "remote-desktop", ports: &[(Transport::Tcp, 23)] };

/// The three.
pub static DESKTOP: Dissector = Dissector {
    name: "desktop",
    over: &[Transport::Tcp],
    protocols: &[&RDP, &VNC, &TELNET],
    question: Question::Facts(dissect),
    teach: None,
};

/// Option negotiations in a row that make Telnet certain: 2^-13 each.
const OPTIONS_MIN: usize = 3;
const IAC: u8 = 0xff;

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    let facts = each(prefix, |side| {
        let protocol = match side.first() {
            Some(3) => rdp(side).map(|()| &RDP),
            Some(b'R') => vnc(side).map(|()| &VNC),
            Some(&IAC) => telnet(side).map(|()| &TELNET),
            Some(_) => Err(Stop::NotMine),
            None => Err(Stop::NeedMore),
        }?;
        Ok(Facts::of(protocol))
    })?;
    if *facts.protocol != RDP {
        return Ok(facts);
    }
    // MS-RDPBCGR 5.4.5: behind request and confirm comes TLS, if it was agreed on. A hello then
    // names the host; there is no other name for RDP in TLS.
    let starts = prefix.both().map(|side| match side {
        [3, 0, high, low, ..] => Start::of_tls(side, u16::from_be_bytes([*high, *low]).into()),
        _ => Start::Awaited,
    });
    Ok(starttls(prefix, facts, &RDP, starts))
}

/// TPKT, an X.224 connection request or confirm, and in it a cookie or the negotiation of RDP.
/// Without them it may be any user of X.224.
fn rdp(side: &[u8]) -> Result<(), Stop> {
    let mut reader = Reader::stream(side);
    reader.literal(&[3, 0])?;
    let length = usize::from(reader.u16()?);
    let inner = usize::from(reader.u8()?);
    if length != inner.saturating_add(5) || inner < 6 {
        return Err(Stop::NotMine);
    }
    let code = reader.u8()?;
    if !matches!(code, 0xe0 | 0xd0) {
        return Err(Stop::NotMine);
    }
    reader.skip(5)?; // references, class
    let variable = reader.take(inner.saturating_sub(6))?;
    let negotiation = variable.last_chunk::<8>().is_some_and(|last| {
        matches!(last, [kind, _, 8, 0, ..] if matches!((code, kind), (0xe0, 1) | (0xd0, 2 | 3)))
    });
    let cookie =
        variable.starts_with(b"Cookie: mstshash=") || variable.starts_with(b"Cookie: msts=");
    if negotiation || cookie { Ok(()) } else { Err(Stop::NotMine) }
}

/// RFC 6143 section 7.1.1: exactly 12 bytes.
fn vnc(side: &[u8]) -> Result<(), Stop> {
    let mut reader = Reader::stream(side);
    reader.literal(b"RFB ")?;
    match reader.array::<8>()? {
        [a, b, c, b'.', d, e, f, b'\n'] if [a, b, c, d, e, f].iter().all(u8::is_ascii_digit) => {
            Ok(())
        }
        _ => Err(Stop::NotMine),
    }
}

/// `IAC` and WILL, WONT, DO or DONT of an assigned option, three times; sub-negotiations between.
fn telnet(side: &[u8]) -> Result<(), Stop> {
    let mut reader = Reader::stream(side);
    let mut options = 0usize;
    while options < OPTIONS_MIN {
        if reader.u8()? != IAC {
            return Err(Stop::NotMine);
        }
        match reader.u8()? {
            0xfb..=0xfe => {
                if !matches!(reader.u8()?, 0..=49 | 138..=140 | 255) {
                    return Err(Stop::NotMine);
                }
                options = options.saturating_add(1);
            }
            0xfa => reader.until(&[IAC, 0xf0]).map(drop)?,
            _ => return Err(Stop::NotMine),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp};

    #[test]
    fn each_opens_in_its_own_way() {
        let request = hex("0300 0013 0e e0 0000 0000 00 01 00 0800 03000000");
        tcp(40000, 3389).original(&request).survives("RDP");
        let mut damaged = request;
        damaged[3] = 0x14;
        tcp(40000, 3389).original(damaged).is_nobodys();
        let cookie = join(&[&hex("0300 0021 1c e0 0000 0000 00"), b"Cookie: mstshash=bob\r\n"]);
        tcp(40000, 3389).original(cookie).survives("RDP");
        tcp(40000, 102)
            .original(hex("0300 0016 11 e0 0000 0001 00 c0010a c1020100 c2020102"))
            .is_nobodys();
        tcp(40000, 5900).reply("RFB 003.008\n").survives("VNC");
        tcp(40000, 23).reply(hex("fffd18 fffd20 fffd23 fffd27")).survives("Telnet");
        tcp(40000, 23).reply(hex("fffd18 fffd20")).is_nobodys();
        tcp(40000, 23).reply(hex("ffd8ffe000104a464946")).is_nobodys();
    }
}
