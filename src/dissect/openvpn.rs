//! OpenVPN's reliability layer (protocol overview in its source, `ssl_pkt.h`; wire draft
//! draft-openvpn-wire-protocol), over UDP, and over TCP with a length in front.

use crate::bytes::{Reader, Stop, be_u32_at};
use crate::dissect::sides::{contains, require};
use crate::dissect::{Dissector, Question};
use crate::facts::Protocol;
use crate::net::Transport;
use crate::prefix::Prefix;

/// OpenVPN.
pub static PROTOCOL: Protocol = Protocol {
    id: 159,
    name: "OpenVPN",
    category: "vpn",
    ports: &[(Transport::Udp, 1194), (Transport::Tcp, 1194)],
};

/// Openings of a control channel.
pub static OPENVPN: Dissector = Dissector {
    name: "openvpn",
    over: &[Transport::Udp, Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Flow(dissect),
    teach: None,
};

/// Opcode in the upper five bits, key id 0 in the lower three: a client's reset, versions 1 to 3,
/// and a server's, versions 1 and 2.
const CLIENT_RESETS: [u8; 3] = [0x08, 0x38, 0x50];
const SERVER_RESETS: [u8; 2] = [0x10, 0x40];
/// Opcode, session id, no acknowledgement, packet id.
const BARE_BYTES: usize = 14;
/// The longest reset: tls-crypt-v2 carries a wrapped key of up to 1 KiB.
const RESET_MAX: usize = 1500;
/// The most an HMAC of a reset has (SHA-512), with packet id, time and acknowledgement behind it.
const ACK_WITHIN: usize = 100;
/// Clocks of both ends, where both send the time: a day.
const CLOCKS_APART_MAX_S: u32 = 86_400;

/// A client's reset alone is one random session id: not certain. Certain is the server's reset
/// that acknowledges that session id (2^-64), or, where tls-crypt hides it, one with the same
/// first packet id and a clock less than a day away (2^-32 and 2^-14, on top of 2^-16 of opcodes).
fn dissect(prefix: &Prefix<'_>) -> Result<(), Stop> {
    let stop = if prefix.transport == Transport::Tcp { Stop::NeedMore } else { Stop::NotMine };
    let mut openings: [Option<&[u8]>; 2] = [None; 2];
    for (slot, side) in openings.iter_mut().zip(first_messages(prefix)) {
        let Some(side) = side else { continue };
        let message = if prefix.transport == Transport::Tcp {
            let mut reader = Reader::stream(side);
            let length = usize::from(reader.u16()?);
            if !(BARE_BYTES..=RESET_MAX).contains(&length) || !is_reset(reader.peek()) {
                return Err(if side.len() < 3 { stop } else { Stop::NotMine });
            }
            reader.take(length)?
        } else {
            side
        };
        if message.len() < BARE_BYTES
            || message.len() > RESET_MAX
            || !is_reset(message.first().copied())
        {
            return Err(Stop::NotMine);
        }
        *slot = Some(message);
    }
    let [Some(a), Some(b)] = openings else {
        let known = prefix.transport == Transport::Udp && continues(prefix);
        return if known { Ok(()) } else { Err(Stop::NeedMore) };
    };
    let (client, server) = if is_client(a) { (a, b) } else { (b, a) };
    require(is_client(client) && !is_client(server) && belongs(client, server))
}

/// One side alone, over UDP: its reset and behind it an acknowledgement or control message of the
/// same session (2^-64, and 2^-16 for both opcodes).
fn continues(prefix: &Prefix<'_>) -> bool {
    let mut resets: [Option<&[u8]>; 2] = [None; 2];
    for datagram in prefix.datagrams() {
        let (first, session) = (datagram.bytes.first().copied(), datagram.bytes.get(1..9));
        let Some(reset) = resets.get_mut(datagram.direction.index()) else { continue };
        match *reset {
            None if is_reset(first) => *reset = session,
            Some(_) if matches!(first, Some(0x20 | 0x28)) && *reset == session => {
                return session.is_some_and(|id| id.iter().filter(|&&byte| byte == 0).count() < 4);
            }
            _ => {}
        }
    }
    false
}

fn first_messages<'a>(prefix: &Prefix<'a>) -> [Option<&'a [u8]>; 2] {
    use crate::net::Direction::{Original, Reply};
    [Original, Reply].map(|direction| {
        if prefix.transport == Transport::Tcp {
            Some(prefix.sent(direction)).filter(|side| !side.is_empty())
        } else {
            prefix.first(direction).map(|datagram| datagram.bytes)
        }
    })
}

fn is_reset(first: Option<u8>) -> bool {
    first.is_some_and(|first| CLIENT_RESETS.contains(&first) || SERVER_RESETS.contains(&first))
}

fn is_client(message: &[u8]) -> bool {
    message.first().is_some_and(|first| CLIENT_RESETS.contains(first))
}

fn belongs(client: &[u8], server: &[u8]) -> bool {
    let session = client.get(1..9).unwrap_or_default();
    let zeros = session.iter().filter(|&&byte| byte == 0).count();
    let head = server.get(9..).unwrap_or_default();
    let head = head.get(..ACK_WITHIN).unwrap_or(head);
    if zeros < 4 && contains(head, session) {
        return true;
    }
    // tls-crypt: packet id and time stand behind the session id, the rest is encrypted.
    let stamp = |message: &[u8]| (be_u32_at(message, 9), be_u32_at(message, 13));
    let ((client_id, client_s), (server_id, server_s)) = (stamp(client), stamp(server));
    let first = |id: u32| id == 1 || id == 0x0f00_0001; // with early negotiation
    first(client_id)
        && first(server_id)
        && client_s > 0x4000_0000
        && client_s.abs_diff(server_s) < CLOCKS_APART_MAX_S
        && client.len() >= 54
        && server.len() >= 54
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{hex, join, tcp, udp};

    const CLIENT: &str = "38 a1a2a3a4a5a6a7a8 00 00000000";
    const SERVER: &str = "40 b1b2b3b4b5b6b7b8 01 00000000 a1a2a3a4a5a6a7a8 00000000";

    #[test]
    fn a_reset_must_be_answered_for_its_session() {
        udp(40000, 1194).original(hex(CLIENT)).is_nobodys();
        udp(40000, 1194).original(hex(CLIENT)).reply(hex(SERVER)).survives("OpenVPN");
        let foreign = SERVER.replace("a1a2", "a1a3");
        udp(40000, 1194).original(hex(CLIENT)).reply(hex(&foreign)).is_nobodys();
        let framed = |text: &str| {
            let message = hex(text);
            join(&[&[0, u8::try_from(message.len()).unwrap()], &message])
        };
        tcp(40000, 1194).original(framed(CLIENT)).reply(framed(SERVER)).survives("OpenVPN");
        let mut lying = framed(SERVER);
        lying[1] = 5;
        tcp(40000, 1194).original(framed(CLIENT)).reply(lying).is_nobodys();
    }

    #[test]
    fn one_side_alone_goes_on_with_its_session() {
        let acknowledged = hex("28 a1a2a3a4a5a6a7a8 01 00000000 b1b2b3b4b5b6b7b8");
        let alone = udp(40000, 1194).original(hex(CLIENT));
        alone.clone().original(&acknowledged).survives("OpenVPN");
        let mut foreign = acknowledged;
        foreign[1] = 0xff;
        alone.original(foreign).is_nobodys();
    }

    #[test]
    fn hidden_acknowledgements_leave_id_and_clock() {
        let client = join(&[&hex("38 a1a2a3a4a5a6a7a8 00000001 65000000"), &[9; 37]]);
        let server = join(&[&hex("40 b1b2b3b4b5b6b7b8 00000001 65000002"), &[8; 49]]);
        udp(40000, 1194).original(&client).reply(&server).survives("OpenVPN");
        let late = join(&[&hex("40 b1b2b3b4b5b6b7b8 00000001 66000002"), &[8; 49]]);
        udp(40000, 1194).original(&client).reply(late).is_nobodys();
    }
}
