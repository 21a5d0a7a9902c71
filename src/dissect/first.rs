//! Which dissectors a flow's first packet is shown to: by its first byte, its fifth and its ports most
//! can tell at once that it is not theirs, and nearly two hundred calls to learn that cost more than
//! all that follows.
//!
//! A dissector that the tables do not name is always asked. In debug builds, which all tests are,
//! everybody who is passed over is asked all the same and must refuse.

use std::ops::RangeInclusive;

use super::{ALL, Dissector, Question};
use crate::bits::Numbers;
use crate::bytes::Stop;
use crate::net::Transport;
use crate::prefix::Prefix;
use crate::sorted::SortedMap;

type Bytes = &'static [RangeInclusive<u8>];

/// What the first byte that either end of a TCP connection sends may be.
#[rustfmt::skip]
static STREAMS: &[(&str, Bytes)] = &[
    ("http", &[b'A'..=b'Z']),
    ("netbios", &[0x81..=0x81]),
    ("sip", &[0x09..=0x0d, b' '..=b' ', b'A'..=b'Z']),
    ("mail", &[b'*'..=b'.', b'0'..=b'9', b'A'..=b'Z', b'a'..=b'z']),
    ("chat", &[b':'..=b'<', b'A'..=b'Z', b'a'..=b'z']),
    ("mqtt", &[0x10..=0x10, 0x30..=0x50, 0xc0..=0xd0]),
    ("telegram", &[0xee..=0xef]),
    ("spotify", &[0x00..=0x00]),
    ("whatsapp", &[b'E'..=b'W']),
    ("xiaomi", &[0xc2..=0xc2]),
    ("teamviewer", &[0x11..=0x17]),
    ("nomachine", &[b'N'..=b'N']),
    ("monero", &[0x01..=0x01]),
    ("mining", &[b'{'..=b'{']),
    ("jsonrpc", &[b'C'..=b'C', b'['..=b'[', b'{'..=b'{']),
    ("syncthing", &[0x9e..=0x9e]),
    ("edonkey", &[0xe3..=0xe3]),
    ("directconnect", &[b'$'..=b'$', b'C'..=b'C', b'H'..=b'I']),
    ("battlenet", &[0x01..=0x01, b'J'..=b'J']),
    ("icecast", &[b'I'..=b'I', b'S'..=b'S']),
    ("ookla", &[b'H'..=b'H']),
    ("alicloud", &[0xce..=0xce]),
    ("ripeatlas", &[b'M'..=b'M']),
    ("websocket", &[0x81..=0x81]),
    ("bfcp", &[0x20..=0x58]),
    ("h323", &[0x03..=0x03]),
    ("libp2p", &[0x13..=0x13]),
    ("msdo", &[0x0e..=0x0e]),
    ("spice", &[b'R'..=b'R']),
    ("x11", &[b'B'..=b'B', b'l'..=b'l']),
    ("citrix", &[0x1a..=0x1a, 0x7f..=0x7f]),
    ("smb", &[0x00..=0x00]),
    ("desktop", &[0x03..=0x03, b'R'..=b'R', 0xff..=0xff]),
    ("syslog", &[b'0'..=b'<']),
    ("ber", &[0x00..=0x00, 0x30..=0x30]),
    ("dnp3", &[0x05..=0x05]),
    ("iec104", &[0x68..=0x68]),
    ("ethernet_ip", &[0x04..=0x04, 0x63..=0x73]),
    ("hislip", &[b'H'..=b'H']),
    ("c37118", &[0xaa..=0xaa]),
    ("knx", &[0x06..=0x06]),
    ("dlms", &[0x00..=0x00, 0x7e..=0x7e]),
    ("c1222", &[0x60..=0x60]),
    ("tank_gauge", &[0x01..=0x01]),
    ("tpkt", &[0x03..=0x03]),
    ("dcerpc", &[0x05..=0x05]),
    ("fins", &[b'F'..=b'F']),
    ("slp", &[0x02..=0x02]),
    ("munin", &[b'#'..=b'#']),
    ("ldp", &[0x00..=0x00]),
    ("diameter", &[0x01..=0x01]),
    ("iscsi", &[0x43..=0x43]),
    ("fix", &[b'8'..=b'8']),
    ("raft", &[0x01..=0x01]),
    ("tinc", &[b'0'..=b'0']),
    ("gearman", &[0x00..=0x00]),
    ("haproxy", &[b'\r'..=b'\r', b'P'..=b'P']),
    ("amqp", &[b'A'..=b'A']),
    ("tds", &[0x04..=0x12]),
    ("zmq", &[0xff..=0xff]),
    ("nats", &[b'C'..=b'C', b'I'..=b'I']),
    ("zabbix", &[b'Z'..=b'Z']),
    ("checkmk", &[b'<'..=b'<']),
    ("lpd", &[0x02..=0x02]),
    ("kismet", &[b'*'..=b'*']),
    ("fastcgi", &[0x01..=0x01]),
    ("elastic", &[b'E'..=b'E']),
    ("z3950", &[0xb4..=0xb5]),
    ("corba", &[b'G'..=b'G']),
    ("nntp", &[b'2'..=b'2', b'C'..=b'C', b'G'..=b'G', b'M'..=b'M', b'm'..=b'm']),
    ("vmware", &[b'2'..=b'2']),
    ("sonic", &[b'H'..=b'H', b'O'..=b'O']),
    ("sap", &[0x00..=0x00]),
];

/// What the first byte of a flow's first UDP datagram may be.
#[rustfmt::skip]
static DATAGRAMS: &[(&str, Bytes)] = &[
    ("stun", &[0x00..=0x3f]),
    ("dtls", &[0x14..=0x17]),
    ("dhcp", &[0x01..=0x24]),
    ("ssdp", &[b'H'..=b'N']),
    ("wireguard", &[0x01..=0x04, b'T'..=b'T']),
    ("openvpn", &[0x08..=0x50]),
    ("sip", &[0x09..=0x0d, b' '..=b' ', b'A'..=b'Z']),
    ("discord", &[0x00..=0x00, 0x13..=0x13]),
    ("dropbox", &[b'{'..=b'{']),
    ("spotify", &[b'S'..=b'S']),
    ("teamviewer", &[0x00..=0x00]),
    ("teamspeak", &[b'T'..=b'T']),
    ("nomachine", &[0x01..=0x01]),
    ("agora", &[0x00..=0x00]),
    ("oicq", &[0x02..=0x02]),
    ("syncthing", &[0x2e..=0x2e]),
    ("edonkey", &[0xe4..=0xe4]),
    ("raknet", &[0x01..=0x08, 0x19..=0x1c]),
    ("enet", &[0x80..=0xff]),
    ("photon", &[0xff..=0xff]),
    ("zoom", &[0x00..=0x03]),
    ("mpegts", &[0x47..=0x47]),
    ("tivo", &[b'T'..=b'T']),
    ("ripeatlas", &[b'M'..=b'M']),
    ("eaq", &[0x00..=0x00]),
    ("crynet", &[0x3c..=0x3c]),
    ("activision", &[0x0d..=0x0d]),
    ("riot", &[0x01..=0x04]),
    ("amongus", &[0x08..=0x08]),
    ("genshin", &[0x00..=0x00]),
    ("nintendo", &[0x32..=0x32, 0xea..=0xea]),
    ("xbox", &[0xdd..=0xdd]),
    ("cdp", &[0x30..=0x30]),
    ("playstation", &[b'H'..=b'H', b'L'..=b'L', b'S'..=b'S', b'W'..=b'W']),
    ("ppstream", &[0x1c..=0x1c]),
    ("bfcp", &[0x20..=0x58]),
    ("iax", &[0x80..=0xff]),
    ("mgcp", &[b'A'..=b'R']),
    ("megaco", &[b'!'..=b'!', b'M'..=b'M']),
    ("mumble", &[0x00..=0x00]),
    ("srt", &[0x80..=0x80]),
    ("samp", &[b'S'..=b'S']),
    ("quake", &[0xff..=0xff]),
    ("roon", &[b'S'..=b'S']),
    ("teredo", &[0x00..=0x00, 0x60..=0x6f]),
    ("vxlan", &[0x08..=0x08]),
    ("syslog", &[b'<'..=b'<']),
    ("ber", &[0x30..=0x30, 0x6a..=0x6f, 0x7e..=0x7e]),
    ("tftp", &[0x00..=0x00]),
    ("radius", &[0x01..=0x05, 0x0b..=0x0d, 0x28..=0x2d]),
    ("coap", &[0x40..=0x7f]),
    ("netflow", &[0x00..=0x00]),
    ("sflow", &[0x00..=0x00]),
    ("bacnet", &[0x81..=0x81]),
    ("dnp3", &[0x05..=0x05]),
    ("ethernet_ip", &[0x02..=0x04, 0x63..=0x73]),
    ("hart_ip", &[0x01..=0x02]),
    ("c37118", &[0xaa..=0xaa]),
    ("knx", &[0x06..=0x06]),
    ("dlms", &[0x00..=0x00, 0x7e..=0x7e]),
    ("c1222", &[0x60..=0x60]),
    ("egd", &[0x0d..=0x0d]),
    ("ethersio", &[b'E'..=b'E']),
    ("dcerpc", &[0x04..=0x04]),
    ("slp", &[0x01..=0x02]),
    ("bjnp", &[b'B'..=b'M']),
    ("gtp", &[0x00..=0x5f]),
    ("hsrp", &[0x00..=0x02]),
    ("wsd", &[b'<'..=b'<']),
    ("collectd", &[0x00..=0x02]),
    ("lisp", &[0x30..=0x4f]),
    ("nat_pmp", &[0x00..=0x02]),
    ("capwap", &[0x00..=0x01]),
    ("ldp", &[0x00..=0x00]),
    ("uftp", &[0x30..=0x50]),
    ("meraki", &[0xfe..=0xfe]),
    ("pfcp", &[0x20..=0x27]),
    ("rtps", &[b'R'..=b'R']),
    ("cpha", &[0x1a..=0x1a]),
    ("tuya", &[0x00..=0x00]),
    ("xdmcp", &[0x00..=0x00]),
    ("rmcp", &[0x06..=0x06]),
    ("l2tp", &[0xc8..=0xc8]),
    ("ubnt", &[0x01..=0x02]),
    ("rip", &[0x01..=0x02]),
    ("stagelight", &[0x00..=0x00, b'A'..=b'A']),
    ("miio", &[0x21..=0x21]),
    ("bfd", &[0x20..=0x2f]),
    ("rtp", &[0x80..=0xbf]),
    ("shp", &[0xd0..=0xd0]),
];

/// What the fifth byte of that datagram may be, where there is one.
#[rustfmt::skip]
static FIFTHS: &[(&str, Bytes)] = &[
    ("dnscrypt", &[0x00..=0x00, b'v'..=b'v']),
    ("kcp", &[81..=84]),
    ("someip", &[0x00..=0x00]),
    ("zug", &[0x10..=0x10]),
    ("rpc", &[0x00..=0x00]),
    ("cnp_ip", &[0x00..=0x00]),
    ("trdp", &[0x01..=0x01]),
    ("mndp", &[0x00..=0x00]),
];

/// Ports without which they refuse, beside those whose question names them.
static STREAM_PORTS: &[(&str, &[u16])] = &[("llmnr", &[5355])];
/// The same over UDP.
static DATAGRAM_PORTS: &[(&str, &[u16])] =
    &[("fins", &[9600]), ("llmnr", &[5355]), ("mdns", &[5353])];

/// What tells who is to be asked over one transport.
struct Signs {
    first: &'static [(&'static str, Bytes)],
    fifth: &'static [(&'static str, Bytes)],
    ports: &'static [(&'static str, &'static [u16])],
}

static OF_STREAMS: Signs = Signs { first: STREAMS, fifth: &[], ports: STREAM_PORTS };
static OF_DATAGRAMS: Signs = Signs { first: DATAGRAMS, fifth: FIFTHS, ports: DATAGRAM_PORTS };

/// What stands in a table for a name.
fn named<T: Copy>(table: &[(&str, T)], name: &str) -> Option<T> {
    table.iter().find(|(known, _)| *known == name).map(|(_, found)| *found)
}

impl Signs {
    fn ports(&self, dissector: &Dissector) -> &'static [u16] {
        match dissector.question {
            Question::PartAt(ports, _) | Question::WhichAt(ports, _) => ports,
            _ => named(self.ports, dissector.name).unwrap_or_default(),
        }
    }
}

/// The dissectors of one kind of transport.
#[derive(Debug)]
struct Carried {
    all: Numbers,
    /// By the first byte of the first packet, but for those below; empty if that tells nothing.
    first: Vec<Numbers>,
    /// By its fifth; empty if that tells nothing.
    fifth: Vec<Numbers>,
    /// By port: those that refuse without theirs.
    at: SortedMap<u16, Numbers>,
}

impl Carried {
    fn new(carries: impl Fn(&Transport) -> bool, signs: &Signs) -> Self {
        let mut all = Numbers::default();
        let mut at = SortedMap::new();
        let mut movable = Numbers::default();
        for (number, dissector) in ALL.iter().enumerate() {
            if !dissector.over.iter().any(&carries) {
                continue;
            }
            all.note(number);
            let ports = signs.ports(dissector);
            if ports.is_empty() {
                movable.note(number);
            }
            for port in ports {
                at.change(*port, |numbers: &mut Numbers| numbers.note(number));
            }
        }
        let (first, fifth) = (by_byte(&movable, signs.first), by_byte(&movable, signs.fifth));
        Carried { all, first, fifth, at }
    }
}

/// For each value of a byte, those of `numbers` that it says nothing against.
fn by_byte(numbers: &Numbers, table: &[(&str, Bytes)]) -> Vec<Numbers> {
    let (mut any, mut some) = (Numbers::default(), Vec::new());
    for number in numbers.without(&Numbers::default()) {
        match ALL.get(number).and_then(|dissector| named(table, dissector.name)) {
            Some(ranges) => some.push((number, ranges)),
            None => any.note(number),
        }
    }
    let mut by_byte = vec![any; if table.is_empty() { 0 } else { 256 }];
    for (number, ranges) in some {
        for byte in ranges.iter().cloned().flatten() {
            if let Some(numbers) = by_byte.get_mut(usize::from(byte)) {
                numbers.note(number);
            }
        }
    }
    by_byte
}

/// Who is to be asked about what.
#[derive(Debug)]
pub struct Askable {
    tcp: Carried,
    udp: Carried,
    other: Carried,
}

impl Default for Askable {
    fn default() -> Self {
        Askable {
            tcp: Carried::new(|transport| *transport == Transport::Tcp, &OF_STREAMS),
            udp: Carried::new(|transport| *transport == Transport::Udp, &OF_DATAGRAMS),
            other: Carried::new(
                |transport| matches!(transport, Transport::Other(_)),
                &Signs { first: &[], fifth: &[], ports: &[] },
            ),
        }
    }
}

impl Askable {
    /// Who may say anything but no to that prefix. Of transports other than TCP and UDP: who knows
    /// one of them.
    pub fn about(&self, prefix: &Prefix<'_>) -> Numbers {
        let carried = self.carried(prefix.transport);
        let bytes = prefix.only().unwrap_or_default();
        let of = |table: &'_ [Numbers], byte: Option<&u8>| table.get(usize::from(*byte?)).copied();
        let Some(mut asked) = of(&carried.first, bytes.first()) else { return carried.all };
        if let Some(fitting) = of(&carried.fifth, bytes.get(4)) {
            asked.keep(&fitting);
        }
        for end in prefix.ends {
            if let Some(numbers) = carried.at.get(&end.port) {
                asked.note_all(numbers);
            }
        }
        asked
    }

    /// One more is asked about everything over TCP and UDP.
    #[cfg(test)]
    pub fn ask_also(&mut self, number: usize) {
        for carried in [&mut self.tcp, &mut self.udp] {
            carried.all.note(number);
            let rows = carried.first.iter_mut().chain(&mut carried.fifth);
            rows.for_each(|numbers| numbers.note(number));
        }
    }

    /// Asks everybody that is passed over, too: gives who does not refuse though the tables say so.
    pub fn wronged(&self, prefix: &Prefix<'_>) -> Option<&'static str> {
        let asked = self.about(prefix);
        let passed_over = self.carried(prefix.transport).all.without(&asked);
        let mut passed_over = passed_over.filter_map(|number| ALL.get(number));
        let wronged = passed_over.find(|dissector| {
            !matches!(dissector.dissect(prefix), Err(Stop::NotMine | Stop::Malformed))
        });
        wronged.map(|dissector| dissector.name)
    }

    const fn carried(&self, transport: Transport) -> &Carried {
        match transport {
            Transport::Tcp => &self.tcp,
            Transport::Udp => &self.udp,
            Transport::Other(_) => &self.other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bits::NUMBERS_MAX;

    #[test]
    fn the_tables_name_dissectors_that_there_are() {
        assert!(ALL.len() <= NUMBERS_MAX);
        for (transport, signs) in [(Transport::Tcp, &OF_STREAMS), (Transport::Udp, &OF_DATAGRAMS)] {
            let over = |name: &str| {
                ALL.iter().any(|known| known.name == name && known.over.contains(&transport))
            };
            let of_bytes = [signs.first, signs.fifth].map(|table| table.iter().map(|row| row.0));
            let of_ports = signs.ports.iter().map(|row| row.0).collect();
            for names in of_bytes.map(Vec::from_iter).into_iter().chain([of_ports]) {
                for (at, name) in names.iter().enumerate() {
                    assert!(over(name), "{name}");
                    assert!(!names[..at].contains(name), "{name} twice");
                }
            }
        }
        let askable = Askable::default();
        let few = |carried: &Carried| {
            carried.first.iter().all(|n| n.without(&Numbers::default()).count() < 75)
        };
        assert!(few(&askable.tcp) && few(&askable.udp));
    }
}
