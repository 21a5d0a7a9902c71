//! What IP carries besides TCP and UDP: named by the protocol number alone (IANA registry).

use crate::bytes::Stop;
use crate::dissect::{Dissector, Question};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

const fn protocol(id: u16, name: &'static str, category: &'static str) -> Protocol {
    Protocol { id, name, category, ports: &[] }
}

/// ICMP for IPv4.
pub static ICMP: Protocol = protocol(81, "ICMP", "networking");
/// ICMP for IPv6.
pub static ICMPV6: Protocol = protocol(102, "ICMPv6", "networking");
/// Group membership.
pub static IGMP: Protocol = protocol(82, "IGMP", "networking");
/// An IP packet in another that the reader of packets left closed.
pub static IP_IN_IP: Protocol = protocol(86, "IPinIP", "vpn");
/// Exterior gateway protocol.
pub static EGP: Protocol = protocol(83, "EGP", "networking");
/// Generic routing encapsulation.
pub static GRE: Protocol = protocol(80, "GRE", "vpn");
/// ESP and AH.
pub static IPSEC: Protocol = protocol(79, "IPSEC", "vpn");
/// Open shortest path first.
pub static OSPF: Protocol = protocol(85, "OSPF", "networking");
/// Protocol independent multicast.
pub static PIM: Protocol = protocol(299, "PIM", "networking");
/// Virtual router redundancy.
pub static VRRP: Protocol = protocol(73, "VRRP", "networking");
/// Pragmatic general multicast.
pub static PGM: Protocol = protocol(298, "PGM", "networking");
/// Stream control transmission.
pub static SCTP: Protocol = protocol(84, "SCTP", "networking");

/// Number in the IP header, and what it stands for.
static TABLE: &[(u8, &Protocol)] = &[
    (1, &ICMP),
    (2, &IGMP),
    (4, &IP_IN_IP),
    (8, &EGP),
    (41, &IP_IN_IP),
    (47, &GRE),
    (50, &IPSEC),
    (51, &IPSEC),
    (58, &ICMPV6),
    (89, &OSPF),
    (103, &PIM),
    (112, &VRRP),
    (113, &PGM),
    (132, &SCTP),
];

/// One question for all of them.
pub static IP: Dissector = Dissector {
    name: "ip",
    over: &[
        Transport::Other(1),
        Transport::Other(2),
        Transport::Other(4),
        Transport::Other(8),
        Transport::Other(41),
        Transport::Other(47),
        Transport::Other(50),
        Transport::Other(51),
        Transport::Other(58),
        Transport::Other(89),
        Transport::Other(103),
        Transport::Other(112),
        Transport::Other(113),
        Transport::Other(132),
    ],
    protocols: &[
        &ICMP, &ICMPV6, &IGMP, &IP_IN_IP, &EGP, &GRE, &IPSEC, &OSPF, &PIM, &VRRP, &PGM, &SCTP,
    ],
    question: Question::Facts(dissect),
    teach: None,
};

fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    let number = prefix.transport.number();
    TABLE
        .iter()
        .find(|(known, _)| *known == number)
        .map(|(_, protocol)| Facts::of(protocol))
        .ok_or(Stop::NotMine)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissect::sample::Sample;

    #[test]
    fn every_number_asked_about_is_in_the_table() {
        for transport in IP.over {
            let flow = Sample::new(*transport, 0, 0).original([0]);
            let named = flow.ask(&IP).unwrap().protocol;
            assert!(IP.protocols.contains(&named), "{transport}");
        }
        assert_eq!(IP.over.len(), TABLE.len());
        let other = Sample::new(Transport::Other(200), 0, 0).original([0]);
        assert_eq!(other.ask(&IP), Err(Stop::NotMine));
    }
}
