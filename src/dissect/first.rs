//! Which dissectors a flow's first packet is shown to: by its first byte most can tell at once that
//! it is not theirs, and nearly two hundred calls to learn that cost more than all that follows.
//!
//! A dissector that the tables do not name is always asked. In debug builds, which all tests are,
//! everybody who is passed over is asked all the same and must refuse.

use std::ops::RangeInclusive;

use super::ALL;
use crate::bits::Numbers;
use crate::bytes::Stop;
use crate::net::Transport;
use crate::prefix::Prefix;

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
];

/// The dissectors of one kind of transport.
#[derive(Debug)]
struct Carried {
    all: Numbers,
    /// By the first byte of the first packet; empty if that tells nothing.
    first: Vec<Numbers>,
}

impl Carried {
    fn new(carries: impl Fn(&Transport) -> bool, table: &[(&str, Bytes)]) -> Self {
        let mut all = Numbers::default();
        let mut first = vec![Numbers::default(); if table.is_empty() { 0 } else { 256 }];
        for (number, dissector) in ALL.iter().enumerate() {
            if !dissector.over.iter().any(&carries) {
                continue;
            }
            all.note(number);
            let named = table.iter().find(|(name, _)| *name == dissector.name);
            let ranges = named.map_or(&[0x00..=u8::MAX][..], |(_, ranges)| ranges);
            for byte in ranges.iter().cloned().flatten() {
                if let Some(numbers) = first.get_mut(usize::from(byte)) {
                    numbers.note(number);
                }
            }
        }
        Carried { all, first }
    }
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
            tcp: Carried::new(|transport| *transport == Transport::Tcp, STREAMS),
            udp: Carried::new(|transport| *transport == Transport::Udp, DATAGRAMS),
            other: Carried::new(|transport| matches!(transport, Transport::Other(_)), &[]),
        }
    }
}

impl Askable {
    /// Who may say anything but no to that prefix. Of transports other than TCP and UDP: who knows
    /// one of them.
    pub fn about(&self, prefix: &Prefix<'_>) -> &Numbers {
        let carried = self.carried(prefix.transport);
        let first = prefix.only().and_then(|bytes| bytes.first());
        first.and_then(|byte| carried.first.get(usize::from(*byte))).unwrap_or(&carried.all)
    }

    /// One more is asked about everything over TCP and UDP.
    #[cfg(test)]
    pub fn ask_also(&mut self, number: usize) {
        for carried in [&mut self.tcp, &mut self.udp] {
            carried.all.note(number);
            carried.first.iter_mut().for_each(|numbers| numbers.note(number));
        }
    }

    /// Asks everybody that is passed over, too: gives who does not refuse though the tables say so.
    pub fn wronged(&self, prefix: &Prefix<'_>) -> Option<&'static str> {
        let asked = self.about(prefix);
        let passed_over = self.carried(prefix.transport).all.without(asked);
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
        for (transport, table) in [(Transport::Tcp, STREAMS), (Transport::Udp, DATAGRAMS)] {
            let over = |name: &str| {
                ALL.iter().any(|known| known.name == name && known.over.contains(&transport))
            };
            for (at, (name, _)) in table.iter().enumerate() {
                assert!(over(name), "{name}");
                assert!(table[..at].iter().all(|(other, _)| other != name), "{name} twice");
            }
        }
        let askable = Askable::default();
        let few = |carried: &Carried| {
            carried.first.iter().all(|n| n.without(&Numbers::default()).count() < 75)
        };
        assert!(few(&askable.tcp) && few(&askable.udp));
    }
}
