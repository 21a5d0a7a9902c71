//! An address group, `@tag`: networks and hardware addresses, searched in logarithmic time.

use std::net::IpAddr;

use crate::net::{Mac, Network};

/// Members of one address group. Hardware addresses match only fields of that kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    /// First and last address of each network; sorted, none inside another.
    ranges: Box<[(IpAddr, IpAddr)]>,
    /// Sorted.
    macs: Box<[Mac]>,
}

impl Group {
    /// A group of these members, in any order; duplicates and nested networks are fine.
    pub fn new(
        networks: impl IntoIterator<Item = Network>,
        macs: impl IntoIterator<Item = Mac>,
    ) -> Self {
        let mut networks: Vec<Network> = networks.into_iter().collect();
        networks.sort_unstable(); // a wider network stands before those it holds
        let mut ranges: Vec<(IpAddr, IpAddr)> = Vec::with_capacity(networks.len());
        for network in networks {
            let last = last_addr(network);
            // Networks are nested or apart: what starts inside the range before ends there too.
            if ranges.last().is_none_or(|(_, end)| network.addr() > *end) {
                ranges.push((network.addr(), last));
            }
        }
        let mut macs: Vec<Mac> = macs.into_iter().collect();
        macs.sort_unstable();
        macs.dedup();
        Group { ranges: ranges.into(), macs: macs.into() }
    }

    /// Whether one of its networks holds `addr`.
    pub fn has_addr(&self, addr: IpAddr) -> bool {
        let after = self.ranges.partition_point(|(first, _)| *first <= addr);
        let candidate = after.checked_sub(1).and_then(|position| self.ranges.get(position));
        candidate.is_some_and(|(_, last)| addr <= *last)
    }

    /// Whether `mac` is one of its hardware addresses.
    pub fn has_mac(&self, mac: Mac) -> bool {
        self.macs.binary_search(&mac).is_ok()
    }
}

fn last_addr(network: Network) -> IpAddr {
    let prefix_bits = u32::from(network.prefix_bits());
    match network.addr() {
        IpAddr::V4(first) => {
            let hosts = u32::MAX.checked_shr(prefix_bits).unwrap_or(0);
            IpAddr::V4((u32::from(first) | hosts).into())
        }
        IpAddr::V6(first) => {
            let hosts = u128::MAX.checked_shr(prefix_bits).unwrap_or(0);
            IpAddr::V6((u128::from(first) | hosts).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_of_both_families_nested_or_not() {
        let networks =
            ["10.0.0.0/8", "10.1.0.0/16", "10.0.0.0/24", "192.168.1.9", "fe80::/10", "::1"];
        let group = Group::new(networks.map(|text| text.parse().unwrap()), []);
        for (addr, inside) in [
            ("10.0.0.0", true),
            ("10.255.255.255", true),
            ("11.0.0.0", false),
            ("9.255.255.255", false),
            ("192.168.1.9", true),
            ("192.168.1.10", false),
            ("::1", true),
            ("::2", false),
            ("febf::1", true),
            ("fec0::", false),
        ] {
            assert_eq!(group.has_addr(addr.parse().unwrap()), inside, "{addr}");
        }
        assert!(!Group::default().has_addr("10.0.0.1".parse().unwrap()));
        let all = Group::new(["0.0.0.0/0".parse().unwrap()], []);
        assert!(all.has_addr("255.255.255.255".parse().unwrap()));
        assert!(!all.has_addr("::".parse().unwrap()));
    }

    #[test]
    fn hardware_addresses() {
        let macs = ["00:11:22:aa:bb:cc", "00:11:22:aa:bb:cc"].map(|text| text.parse().unwrap());
        let group = Group::new([], macs);
        assert!(group.has_mac(Mac([0, 0x11, 0x22, 0xaa, 0xbb, 0xcc])));
        assert!(!group.has_mac(Mac([0; 6])));
    }
}
