//! Zabbix agents and servers over TCP.

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{each, require};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

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
    dissect,
    teach: None,
};

/// The header: `ZBXD`, flags, a length: 2^-32, 2^-5.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |side| {
        let mut reader = Reader::stream(side);
        reader.literal(b"ZBXD")?;
        let flags = reader.u8()?;
        require((1..=7).contains(&flags))
    })
    .map(|()| Facts::of(&PROTOCOL))
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
