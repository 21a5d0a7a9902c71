//! Zabbix agents and servers over TCP.

use crate::bytes::Stop;
use crate::dissect::sides::require;
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

/// Zabbix.
pub static PROTOCOL: Protocol = Protocol {
    id: 288,
    name: "Zabbix",
    category: "infrastructure",
    ports: &[(Transport::Tcp, 10050), (Transport::Tcp, 10051)],
};

/// Its messages.
pub static ZABBIX: Dissector = Dissector {
    name: "zabbix",
    over: &[Transport::Tcp],
    protocols: &[&PROTOCOL],
    question: Question::Part(dissect),
    teach: None,
};

/// The header: `ZBXD`, flags, a length: 2^-32, 2^-5.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(b"ZBXD")?;
    let flags = part.u8();
    require((1..=7).contains(&flags))
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::tcp;

    #[test]
    fn headers_begin_with_the_mark() {
        tcp(40000, 10051).original("ZBXD\x01\x05\0\0\0\0\0\0\0hello").survives("Zabbix");
        tcp(40000, 10051).original("ZBXD hello").is_nobodys();
    }
}
