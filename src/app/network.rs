//! Networks to values, found by the longest prefix of an address.
//!
//! Rows are sorted by their first address, wider ones first; each knows the row that encloses it.
//! A look-up is one binary search and a few steps outwards.

use std::mem::size_of;
use std::net::IpAddr;

use crate::net::Network;

/// Networks in one index.
pub const NETWORKS_MAX: usize = 200_000;
/// Enclosing networks a look-up steps through: IPv6 has 129 prefix lengths.
const DEPTH_MAX: usize = 129;
/// No network encloses the row.
const OUTERMOST: u32 = u32::MAX;

/// A map from networks to small numbers.
#[derive(Debug, Clone, Default)]
pub struct NetworkIndex {
    v4: Vec<Row<u32>>,
    v6: Vec<Row<u128>>,
}

#[derive(Debug, Clone, Copy)]
struct Row<A> {
    first: A,
    last: A,
    outer: u32,
    value: u16,
}

impl NetworkIndex {
    /// Adds networks; one that was there gets the new value. Says how many found no room.
    pub fn extend(&mut self, networks: &[(Network, u16)]) -> usize {
        let room = NETWORKS_MAX.saturating_sub(self.len());
        for (network, value) in networks.iter().take(room) {
            match network.addr() {
                IpAddr::V4(addr) => {
                    let first = u32::from(addr);
                    let hosts = u32::MAX.checked_shr(network.prefix_bits().into()).unwrap_or(0);
                    self.v4.push(row(first, first | hosts, *value));
                }
                IpAddr::V6(addr) => {
                    let first = u128::from(addr);
                    let hosts = u128::MAX.checked_shr(network.prefix_bits().into()).unwrap_or(0);
                    self.v6.push(row(first, first | hosts, *value));
                }
            }
        }
        link(&mut self.v4);
        link(&mut self.v6);
        networks.len().saturating_sub(room)
    }

    /// The value of the longest prefix that holds `addr`. An IPv4 address mapped into IPv6 is
    /// taken for what it is.
    pub fn longest(&self, addr: IpAddr) -> Option<u16> {
        match addr.to_canonical() {
            IpAddr::V4(addr) => around(&self.v4, u32::from(addr)).next(),
            IpAddr::V6(addr) => around(&self.v6, u128::from(addr)).next(),
        }
    }

    /// Whether `test` passes the value of a network that holds `addr`; the longest prefix comes
    /// first, and the rest is not looked at once one has passed.
    pub fn any(&self, addr: IpAddr, test: impl FnMut(u16) -> bool) -> bool {
        match addr.to_canonical() {
            IpAddr::V4(addr) => around(&self.v4, u32::from(addr)).any(test),
            IpAddr::V6(addr) => around(&self.v6, u128::from(addr)).any(test),
        }
    }

    /// The longest prefix that holds `addr`, for people.
    pub fn around(&self, addr: IpAddr) -> Option<Network> {
        self.longest(addr)?;
        let addr = addr.to_canonical();
        let longest = if addr.is_ipv4() { 32 } else { 128 };
        let holds = |network: &Network| match network.addr() {
            IpAddr::V4(first) => {
                let hosts = u32::MAX.checked_shr(network.prefix_bits().into()).unwrap_or(0);
                has(&self.v4, u32::from(first), u32::from(first) | hosts)
            }
            IpAddr::V6(first) => {
                let hosts = u128::MAX.checked_shr(network.prefix_bits().into()).unwrap_or(0);
                has(&self.v6, u128::from(first), u128::from(first) | hosts)
            }
        };
        (0..=longest).rev().filter_map(|bits| Network::new(addr, bits).ok()).find(holds)
    }

    /// Networks in it.
    pub fn len(&self) -> usize {
        self.v4.len().saturating_add(self.v6.len())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// Heap bytes it keeps.
    pub fn resident_bytes(&self) -> usize {
        let v4 = self.v4.capacity().saturating_mul(size_of::<Row<u32>>());
        let v6 = self.v6.capacity().saturating_mul(size_of::<Row<u128>>());
        v4.saturating_add(v6)
    }
}

/// Whether there is a row of exactly those ends.
fn has<A: Copy + Ord>(rows: &[Row<A>], first: A, last: A) -> bool {
    let at = rows.partition_point(|row| (row.first, last) < (first, row.last));
    rows.get(at).is_some_and(|row| row.first == first && row.last == last)
}

fn row<A>(first: A, last: A, value: u16) -> Row<A> {
    Row { first, last, outer: OUTERMOST, value }
}

/// The values of the rows that hold `addr`, from the innermost outwards.
fn around<A: Copy + Ord>(rows: &[Row<A>], addr: A) -> impl Iterator<Item = u16> {
    let after = rows.partition_point(|row| row.first <= addr);
    let innermost = after.checked_sub(1).and_then(|at| rows.get(at));
    // `outer` of the outermost is past the end.
    std::iter::successors(innermost, |row| rows.get(row.outer as usize))
        .take(DEPTH_MAX)
        .filter(move |row| addr <= row.last)
        .map(|row| row.value)
}

/// Sorts, keeps the newest of equals, and notes for each row the one that encloses it. Networks
/// nest or lie apart, so the enclosing ones of a row are a stack.
fn link<A: Copy + Ord>(rows: &mut Vec<Row<A>>) {
    rows.sort_by(|one, two| one.first.cmp(&two.first).then(two.last.cmp(&one.last)));
    rows.dedup_by(|newer, older| {
        let equal = newer.first == older.first && newer.last == older.last;
        if equal {
            older.value = newer.value;
        }
        equal
    });
    rows.shrink_to_fit();
    let mut open: Vec<(u32, A)> = Vec::new();
    for (position, row) in rows.iter_mut().enumerate() {
        while open.last().is_some_and(|(_, last)| *last < row.first) {
            open.pop();
        }
        row.outer = open.last().map_or(OUTERMOST, |(outer, _)| *outer);
        open.push((u32::try_from(position).unwrap_or(OUTERMOST), row.last));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(rows: &[(&str, u16)]) -> NetworkIndex {
        let rows: Vec<_> =
            rows.iter().map(|(network, value)| (network.parse().unwrap(), *value)).collect();
        let mut index = NetworkIndex::default();
        assert_eq!(index.extend(&rows), 0);
        index
    }

    #[test]
    fn the_longest_prefix_wins() {
        let index = index(&[
            ("10.0.0.0/8", 1),
            ("10.1.0.0/16", 2),
            ("10.1.1.0/24", 3),
            ("10.1.1.7", 4),
            ("10.3.0.0/16", 5),
            ("2001:db8::/32", 6),
            ("2001:db8:1::/48", 7),
        ]);
        for (addr, value) in [
            ("9.255.255.255", None),
            ("10.0.0.0", Some(1)),
            ("10.1.0.1", Some(2)),
            ("10.1.1.6", Some(3)),
            ("10.1.1.7", Some(4)),
            ("10.1.1.8", Some(3)),
            ("10.1.2.0", Some(2)),
            ("10.2.0.0", Some(1)),
            ("10.3.0.1", Some(5)),
            ("10.255.255.255", Some(1)),
            ("11.0.0.0", None),
            ("::ffff:10.3.0.1", Some(5)),
            ("2001:db8:1:ffff::", Some(7)),
            ("2001:db8:2::", Some(6)),
            ("2001:db9::", None),
            ("::", None),
        ] {
            assert_eq!(index.longest(addr.parse().unwrap()), value, "{addr}");
        }
        let around = |addr: &str| index.around(addr.parse().unwrap()).map(|n| n.to_string());
        assert_eq!(around("10.1.1.7").as_deref(), Some("10.1.1.7"));
        assert_eq!(around("10.1.0.9").as_deref(), Some("10.1.0.0/16"));
        assert_eq!(around("::ffff:10.9.0.1").as_deref(), Some("10.0.0.0/8"));
        assert_eq!(around("2001:db8:1::9").as_deref(), Some("2001:db8:1::/48"));
        assert_eq!(around("11.0.0.0"), None);
    }

    #[test]
    fn every_network_around_an_address_is_visited_innermost_first() {
        let index = index(&[("10.0.0.0/8", 1), ("10.1.0.0/16", 2), ("10.1.1.0/24", 3)]);
        let visited = |addr: &str| {
            let mut visited = Vec::new();
            let passed = index.any(addr.parse().unwrap(), |value| {
                visited.push(value);
                value == 2
            });
            (passed, visited)
        };
        assert_eq!(visited("10.1.1.1"), (true, vec![3, 2]));
        assert_eq!(visited("10.1.2.1"), (true, vec![2]));
        assert_eq!(visited("10.2.0.1"), (false, vec![1]));
        assert_eq!(visited("11.0.0.1"), (false, vec![]));
    }

    #[test]
    fn everything_and_the_ends_of_the_address_space() {
        let index = index(&[("0.0.0.0/0", 1), ("255.255.255.255", 2), ("::/0", 3)]);
        assert_eq!(index.longest("0.0.0.0".parse().unwrap()), Some(1));
        assert_eq!(index.longest("255.255.255.254".parse().unwrap()), Some(1));
        assert_eq!(index.longest("255.255.255.255".parse().unwrap()), Some(2));
        assert_eq!(index.longest("ffff::1".parse().unwrap()), Some(3));
    }

    #[test]
    fn a_later_value_replaces() {
        let mut index = index(&[("10.0.0.0/8", 1), ("10.0.0.0/8", 2), ("10.4.0.0/14", 3)]);
        assert_eq!(index.longest("10.0.0.1".parse().unwrap()), Some(2));
        index.extend(&[("10.0.0.0/8".parse().unwrap(), 9)]);
        assert_eq!(index.longest("10.0.0.1".parse().unwrap()), Some(9));
        assert_eq!(index.longest("10.5.0.1".parse().unwrap()), Some(3));
        assert_eq!(index.len(), 2);
    }
}
