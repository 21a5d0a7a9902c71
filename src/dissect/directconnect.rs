//! Direct Connect: the older protocol of its hubs (NMDC) and the newer one (ADC), over TCP.
//!
//! nmdc.sourceforge.io, NMDC.html, sections "$Lock" and "$MyNick"; adc.sourceforge.io, ADC.html,
//! section "SUP".

use crate::bytes::{Reader, Stop};
use crate::dissect::sides::contains;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Direct Connect.
pub static PROTOCOL: Protocol = Protocol {
    id: 50107,
    name: "DirectConnect",
    category: "file-sharing",
    ports: &[(Transport::Tcp, 411), (Transport::Tcp, 412)],
};

/// Openings of either side.
pub static DIRECTCONNECT: Dissector = Dissector {
    name: "directconnect",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// A lock and its key are short.
const LOCK_MAX: usize = 256;

fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    match part.bytes.first() {
        Some(b'$') => older(part.bytes),
        Some(b'H' | b'C' | b'I') => newer(part),
        _ => Err(Stop::NotMine),
    }
}

/// `$Lock ... Pk=` from whoever was called; a client that calls another says its name first: 2^-72.
fn older(side: &[u8]) -> Result<(), Stop> {
    let head = side.get(..LOCK_MAX).unwrap_or(side);
    let mut reader = Reader::stream(head);
    if head.get(1) == Some(&b'M') {
        reader.literal(b"$MyNick ")?;
    }
    let named = head.get(1) == Some(&b'M') && contains(head, b"|$Lock ");
    if !named && head.get(1) != Some(&b'M') {
        reader.literal(b"$Lock ")?;
    }
    if contains(head, b" Pk=") && (named || head.starts_with(b"$Lock ")) {
        return Ok(());
    }
    Err(if side.len() < LOCK_MAX { Stop::NeedMore } else { Stop::NotMine })
}

/// What is supported: `HSUP ADBASE`, `CSUP ADBAS0`, `ISUP ADBASE`, in any order: 2^-64.
fn newer(part: &mut Part<'_>) -> Result<(), Stop> {
    part.skip(1);
    part.literal(b"SUP AD")?;
    let head = part.bytes.get(..LOCK_MAX).unwrap_or(part.bytes);
    if contains(head, b" ADBAS") {
        return Ok(());
    }
    let open = part.bytes.len() < LOCK_MAX && !head.contains(&b'\n');
    Err(if open { Stop::NeedMore } else { Stop::NotMine })
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::tcp;

    #[test]
    fn locks_and_features_are_direct_connect() {
        tcp(40000, 411).reply("$Lock EXTENDEDPROTOCOLABCABC Pk=hub1.0|").survives("DirectConnect");
        tcp(40000, 412).original("$MyNick bob|$Lock EXTENDED Pk=DC++|").survives("DirectConnect");
        tcp(40000, 412).original("HSUP ADBASE ADTIGR\n").survives("DirectConnect");
        tcp(40000, 412).original("$MyNick bob|$Key x|").is_nobodys();
        tcp(40000, 412).original("HSUP ADTIGR\n").is_nobodys();
    }
}
