//! ONC RPC (RFC 5531) and the NFS it carries (RFC 1813, RFC 8881).

use crate::bytes::Stop;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// RPC of any other program.
pub static RPC: Protocol = Protocol {
    id: 127,
    name: "RPC",
    category: "infrastructure",
    ports: &[(Transport::Udp, 111), (Transport::Tcp, 111)],
};
/// NFS.
pub static NFS: Protocol = Protocol {
    id: 11,
    name: "NFS",
    category: "file-server",
    ports: &[(Transport::Udp, 2049), (Transport::Tcp, 2049)],
};

/// Calls.
pub static ONC_RPC: Dissector = Dissector {
    name: "rpc",
    over: &[Transport::Udp, Transport::Tcp],
    protocols: &[&RPC, &NFS],
    question: Question::Which(dissect),
    teach: None,
};

const CALL: u32 = 0;
const VERSION: u32 = 2;
const NFS_PROGRAM: u32 = 100_003;

fn dissect(part: &mut Part<'_>) -> Result<&'static Protocol, Stop> {
    if part.is_stream() {
        // RFC 5531 section 11: the top bit marks the last fragment.
        let length = part.u32() & 0x7fff_ffff;
        if !(40..=0x40_0000).contains(&length) || part.bytes.first() != Some(&0x80) {
            return Err(Stop::NotMine);
        }
    }
    call(part)
}

/// Section 9: a call of version 2 to an assigned program (section 13.3.1), credentials of a known
/// flavour and length: 2^-32 twice, 2^-19, 2^-30.
fn call(part: &mut Part<'_>) -> Result<&'static Protocol, Stop> {
    part.skip(4); // transaction
    if part.u32() != CALL || part.u32() != VERSION {
        return Err(Stop::NotMine);
    }
    let (program, version, procedure) = (part.u32(), part.u32(), part.u32());
    let (flavour, length) = (part.u32(), part.u32());
    let sane = version <= 16 && procedure <= 256 && matches!(flavour, 0..=7) && length <= 400;
    match program {
        NFS_PROGRAM if sane => Ok(&NFS),
        100_000..=100_500 | 300_000..=400_100 if sane => Ok(&RPC),
        _ => Err(Stop::NotMine),
    }
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp, udp};

    #[test]
    fn calls_are_told_by_their_program() {
        let call = |program: &str| {
            hex(&format!(
                "11223344 00000000 00000002 {program} 00000003 00000001 00000000 00000000 00000000 00000000"
            ))
        };
        udp(700, 2049).original(call("000186a3")).survives("NFS");
        udp(700, 111).original(call("000186a0")).survives("RPC");
        tcp(700, 2049).original(join(&[&hex("80000028"), &call("000186a3")])).survives("NFS");
        tcp(700, 2049).original(join(&[&hex("80000008"), &call("000186a3")])).is_nobodys();
        udp(700, 111).original(call("00000001")).is_nobodys();
    }
}
