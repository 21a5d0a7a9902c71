//! Microsoft's Connected Devices Platform over UDP: Windows looks for devices nearby.
//!
//! [MS-CDP] sections 2.2.2.1.1 and 2.2.2.2: a signature, the message's length, version 3, a type.

use crate::bytes::Stop;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Connected Devices Platform.
pub static PROTOCOL: Protocol = Protocol {
    id: 50116,
    name: "MS-CDP",
    category: "infrastructure",
    ports: &[(Transport::Udp, 5050), (Transport::Tcp, 5040)],
};

/// Presence requests and answers.
pub static CDP: Dissector = Dissector {
    name: "cdp",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// Signature, length, version, type: 2^-48; and no sequence, one fragment: 2^-64 more.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(&[0x30, 0x30])?;
    if usize::from(part.u16()) != part.bytes.len() {
        return Err(Stop::NotMine);
    }
    part.literal(&[3, 1])?;
    part.skip(2); // flags
    part.literal(&[0; 4])?; // sequence
    part.skip(8); // request
    part.literal(&[0, 0, 0, 1])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, udp};

    #[test]
    fn presence_requests_are_told() {
        let ask = join(&[&hex("3030 002b 03 01 0000"), &[0; 14], &hex("0001"), &[0; 19]]);
        udp(5050, 5050).original(&ask).survives("MS-CDP");
        udp(5050, 5050).original(&ask[..42]).is_nobodys();
    }
}
