//! Syslog: RFC 5424 and RFC 3164 messages in datagrams, and over TCP as RFC 6587 frames them.

use crate::bytes::Stop;
use crate::dissect::sides::{each, starts_with_any};
use crate::dissect::{Dissector, Question};
use crate::facts::Protocol;
use crate::net::Transport;
use crate::prefix::Prefix;

/// Syslog.
pub static PROTOCOL: Protocol = Protocol {
    id: 17,
    name: "SYSLOG",
    category: "infrastructure",
    ports: &[(Transport::Udp, PORT), (Transport::Tcp, PORT), (Transport::Tcp, 601)],
};

/// Messages that start with a priority.
pub static SYSLOG: Dissector = Dissector {
    name: "syslog",
    over: &[Transport::Udp, Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Flow(dissect),
    teach: None,
};

const PORT: u16 = 514;
/// Facility 23, severity 7 (RFC 5424 section 6.2.1).
const PRIORITY_MAX: u32 = 191;
const MONTHS: &[&[u8]] = &[
    b"Jan ", b"Feb ", b"Mar ", b"Apr ", b"May ", b"Jun ", b"Jul ", b"Aug ", b"Sep ", b"Oct ",
    b"Nov ", b"Dec ",
];

fn dissect(prefix: &Prefix<'_>) -> Result<(), Stop> {
    let home = prefix.has_port(PORT) || prefix.has_port(601);
    let stream = prefix.transport == Transport::Tcp;
    each(prefix, |part| {
        let message = if stream { unframed(part) } else { part };
        let Some((priority, body)) = priority(message) else {
            return Err(if stream && part.len() < 12 && message.is_empty() {
                Stop::NeedMore
            } else {
                Stop::NotMine
            });
        };
        let dated = is_version_1(body) || starts_with_any(body, MONTHS);
        // Routers leave the date out or put a counter in front: on its port, text will do.
        let text = body.iter().take(32).all(|&byte| (b' '..0x7f).contains(&byte) || byte >= 0x80);
        if priority <= PRIORITY_MAX && (dated || (home && text && body.len() >= 8)) {
            Ok(())
        } else {
            Err(Stop::NotMine)
        }
    })
}

/// Without the octet count of RFC 6587 section 3.4.1; empty while the count goes on.
fn unframed(stream: &[u8]) -> &[u8] {
    let digits = stream.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = stream.get(digits..).unwrap_or_default();
    match rest.split_first() {
        Some((b' ', message)) if (1..=6).contains(&digits) => message,
        None => &[],
        _ => stream,
    }
}

/// `<34>` and what follows.
fn priority(message: &[u8]) -> Option<(u32, &[u8])> {
    let rest = message.strip_prefix(b"<")?;
    let digits = rest.iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
    let value = rest
        .get(..digits)?
        .iter()
        .fold(0u32, |value, byte| value.saturating_mul(10).saturating_add(u32::from(byte & 0x0f)));
    let body = rest.get(digits..)?.strip_prefix(b">")?;
    (1..=3).contains(&digits).then_some((value, body))
}

/// `1 2025-` or `1 - `: version and timestamp of RFC 5424 section 6.2.
fn is_version_1(body: &[u8]) -> bool {
    match body {
        [b'1', b' ', a, b, c, d, b'-', ..] => [a, b, c, d].iter().all(|byte| byte.is_ascii_digit()),
        [b'1', b' ', b'-', b' ', ..] => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::{tcp, udp};

    #[test]
    fn messages_have_a_priority_and_a_date_or_the_port() {
        let dated = "<34>Oct 11 22:14:15 host su: failed";
        udp(40000, 5140).original(dated).survives("SYSLOG");
        udp(40000, 5140).original("<165>1 2025-10-11T22:14:15Z host app - - -").survives("SYSLOG");
        tcp(40000, 601).original(format!("{} {dated}", dated.len())).survives("SYSLOG");
        udp(40000, 514).original("<189>kernel: eth0 up").survives("SYSLOG");
        udp(40000, 5140).original("<189>kernel: eth0 up").is_nobodys();
        udp(40000, 514).original("<192>kernel: eth0 up").is_nobodys();
        udp(40000, 514).original("<1890>kernel").is_nobodys();
    }
}
