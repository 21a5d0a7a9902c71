//! What the configuration says of kernel sets: names, key shapes, options.

use std::fmt;
use std::time::Duration;

use crate::effect::{Element, Hit, Part, SetId};
use crate::net::Transport;
use crate::netlink::nftables::Table;

/// One dimension of a set's key, as a place in a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// Address of the LAN side.
    LocalAddr,
    /// Address of the far side.
    OtherAddr,
    /// Transport and port of the far side: one dimension to ipset.
    OtherProtoPort,
    /// Transport.
    Proto,
    /// Port of the LAN side.
    LocalPort,
    /// Port of the far side.
    OtherPort,
    /// Hardware address of the LAN side.
    LocalMac,
    /// Hardware address of the far side.
    OtherMac,
    /// Conntrack mark.
    Mark,
    /// Interface the flow was seen on.
    Interface,
}

/// Whose addresses a set holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
    /// Hardware addresses only: no family.
    Mac,
}

impl Family {
    /// What is put behind the configured name.
    pub const fn suffix(self) -> &'static str {
        match self {
            Family::V4 => ".v4",
            Family::V6 => ".v6",
            Family::Mac => ".mac",
        }
    }
}

/// In which kernel system a set lives.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Home {
    /// ipset.
    Ipset,
    /// nftables, in this table.
    Nft(Table),
}

/// A kernel set as the configuration wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetSpec {
    /// Where it lives.
    pub home: Home,
    /// Its name, suffix included.
    pub name: String,
    /// Whose addresses it holds.
    pub family: Family,
    /// The key, dimension by dimension.
    pub shape: Vec<Dimension>,
    /// Most elements, when nfa creates it.
    pub max_elements: u32,
    /// Life of an element without its flow; `None`: for ever.
    pub timeout: Option<Duration>,
    /// Its elements carry what packets get ([`crate::effect::Skb`]).
    pub skbinfo: bool,
    /// nfa creates it if it is missing.
    pub managed: bool,
    /// nfa empties it at start.
    pub flush_on_create: bool,
    /// nfa empties it at the end.
    pub flush_on_destroy: bool,
}

impl fmt::Display for SetSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.home {
            Home::Ipset => write!(f, "ipset {}", self.name),
            Home::Nft(table) => write!(f, "nft set {table} {}", self.name),
        }
    }
}

impl SetSpec {
    /// Whether both name the same kernel object.
    pub fn is_same_set(&self, other: &SetSpec) -> bool {
        self.home == other.home && self.name == other.name
    }

    /// The member that stands for a flow; `None` if the flow is of the other family or lacks a
    /// dimension (a hardware address on a link that has none).
    pub fn element(&self, hit: &Hit<'_>) -> Option<Element> {
        let v4 = hit.other.addr.is_ipv4();
        if self.family == (if v4 { Family::V6 } else { Family::V4 }) {
            return None;
        }
        let mut parts = Vec::with_capacity(self.shape.len()); // as many as there will be
        for dimension in &self.shape {
            parts.push(self.part(*dimension, hit)?);
        }
        Some(Element(parts.into()))
    }

    /// The member as its home's tool prints it.
    pub fn show(&self, element: &Element) -> String {
        match self.home {
            Home::Ipset => element.to_string(),
            Home::Nft(_) => {
                let parts: Vec<String> = element.0.iter().map(Part::to_string).collect();
                parts.join(" . ")
            }
        }
    }

    fn part(&self, dimension: Dimension, hit: &Hit<'_>) -> Option<Part> {
        let addr = |addr| (self.family != Family::Mac).then_some(Part::Addr(addr));
        Some(match dimension {
            Dimension::LocalAddr => return addr(hit.local.addr),
            Dimension::OtherAddr => return addr(hit.other.addr),
            Dimension::OtherProtoPort => {
                Part::ProtoPort(hit.transport, kernel_port(hit.transport, hit.other.port))
            }
            Dimension::Proto => Part::Proto(hit.transport),
            Dimension::LocalPort => Part::Port(kernel_port(hit.transport, hit.local.port)),
            Dimension::OtherPort => Part::Port(kernel_port(hit.transport, hit.other.port)),
            Dimension::LocalMac => Part::Mac(hit.local_mac?),
            Dimension::OtherMac => Part::Mac(hit.other_mac?),
            Dimension::Mark => Part::Mark(hit.mark),
            Dimension::Interface => Part::Interface(hit.interface.name.as_str().into()),
        })
    }
}

/// The "port" that the kernel compares a packet of that transport with: type and code of an echo
/// request for ICMP (ip_set_getport.c), 0 for transports without ports.
fn kernel_port(transport: Transport, port: u16) -> u16 {
    match transport {
        Transport::ICMP => 8 << 8,
        Transport::ICMPV6 => 128 << 8,
        Transport::Tcp | Transport::Udp | Transport::Other(132 | 136) => port,
        Transport::Other(_) => 0,
    }
}

/// Every set that some target fills, each once.
#[derive(Debug, Default)]
pub struct Sets {
    /// `None`: a set of the same name but another key has taken its place.
    specs: Vec<Option<SetSpec>>,
}

impl Sets {
    /// The number of that set. Two targets may fill one set if they agree on its key; options are
    /// those of the first, but one that wants a timeout, to manage or to flush it gets its way.
    ///
    /// # Errors
    /// The key the set has already, if it is another.
    pub fn intern(&mut self, spec: SetSpec) -> Result<SetId, Vec<Dimension>> {
        for (id, known) in (0..).map(SetId).zip(&mut self.specs) {
            let Some(known) = known.as_mut().filter(|known| known.is_same_set(&spec)) else {
                continue;
            };
            if known.shape != spec.shape {
                return Err(known.shape.clone());
            }
            known.timeout = known.timeout.max(spec.timeout);
            known.skbinfo |= spec.skbinfo;
            known.managed |= spec.managed;
            known.flush_on_create |= spec.flush_on_create;
            known.flush_on_destroy |= spec.flush_on_destroy;
            return Ok(id);
        }
        Ok(self.push(spec))
    }

    /// Takes the sets of a new configuration. Gives each one's number here, in their order: a set
    /// known before keeps its number, one that has another key now gets a new one. `live`: those
    /// of the configuration before; numbers of sets that were out of use already in its time are
    /// given again.
    pub fn adopt(&mut self, new: &Sets, live: &[SetId]) -> Vec<SetId> {
        let position = |spec: &SetSpec| {
            self.specs.iter().position(|known| known.as_ref().is_some_and(|k| k.is_same_set(spec)))
        };
        let known: Vec<Option<usize>> = new.iter().map(|(_, spec)| position(spec)).collect();
        let mut unused = (0..self.specs.len())
            .filter(|at| !known.contains(&Some(*at)) && !live.contains(&number(*at)))
            .collect::<Vec<usize>>()
            .into_iter();
        let adopted = new.iter().zip(known).map(|((_, spec), known)| {
            if let Some((at, slot)) = known.and_then(|at| Some((at, self.specs.get_mut(at)?))) {
                if slot.as_ref().is_some_and(|known| known.shape == spec.shape) {
                    *slot = Some(spec.clone());
                    return number(at);
                }
                *slot = None;
            }
            match unused.next().and_then(|at| Some((at, self.specs.get_mut(at)?))) {
                Some((at, slot)) => {
                    *slot = Some(spec.clone());
                    number(at)
                }
                None => self.push(spec.clone()),
            }
        });
        adopted.collect()
    }

    /// Whether that set is among them, whatever its key.
    pub fn holds(&self, spec: &SetSpec) -> bool {
        self.iter().any(|(_, known)| known.is_same_set(spec))
    }

    /// Whether that set is among them and nfa makes it.
    pub fn makes(&self, spec: &SetSpec) -> bool {
        self.iter().any(|(_, known)| known.managed && known.is_same_set(spec))
    }

    /// Takes out the newest, so that `most` are left.
    pub fn truncate(&mut self, most: usize) {
        self.specs.truncate(most);
    }

    /// How many numbers there are.
    pub const fn len(&self) -> usize {
        self.specs.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.specs.is_empty()
    }

    /// The set of that number, unless another has taken its place.
    pub fn get(&self, id: SetId) -> Option<&SetSpec> {
        self.specs.get(usize::from(id.0))?.as_ref()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (SetId, &SetSpec)> {
        (0..).map(SetId).zip(&self.specs).filter_map(|(id, spec)| Some((id, spec.as_ref()?)))
    }

    fn push(&mut self, spec: SetSpec) -> SetId {
        // Each set needs a target of its own, so their number stays far below the bound.
        let id = number(self.specs.len());
        self.specs.push(Some(spec));
        id
    }
}

fn number(at: usize) -> SetId {
    SetId(u16::try_from(at).unwrap_or(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface::{Interface, Role};
    use crate::net::{Direction, Endpoint};

    fn spec(family: Family, shape: &[Dimension]) -> SetSpec {
        SetSpec {
            home: Home::Ipset,
            name: format!("nfa.test{}", family.suffix()),
            family,
            shape: shape.to_vec(),
            max_elements: 10,
            timeout: None,
            skbinfo: false,
            managed: true,
            flush_on_create: false,
            flush_on_destroy: false,
        }
    }

    #[test]
    fn elements_follow_shape_and_family() {
        let interface = Interface { name: "br-lan".to_owned(), role: Role::Lan };
        let end = |addr: &str, port| Endpoint { addr: addr.parse().unwrap(), port };
        let mut hit = Hit {
            transport: Transport::Udp,
            local: end("192.168.1.50", 40000),
            other: end("203.0.113.9", 5060),
            local_mac: None,
            other_mac: None,
            local_direction: Direction::Original,
            interface: &interface,
            mark: 0,
            application: None,
            protocol: None,
        };
        use Dimension::{LocalAddr, LocalMac, OtherAddr, OtherPort, OtherProtoPort, Proto};
        let text = |family, shape: &[Dimension], hit: &Hit<'_>| {
            spec(family, shape).element(hit).map(|element| element.to_string())
        };
        let classic = [OtherAddr, OtherProtoPort, LocalAddr];
        assert_eq!(
            text(Family::V4, &classic, &hit).as_deref(),
            Some("203.0.113.9,udp:5060,192.168.1.50")
        );
        assert_eq!(text(Family::V6, &classic, &hit), None, "a flow goes to its family's set only");
        assert_eq!(text(Family::Mac, &[LocalMac], &hit), None, "no hardware address known");
        let nft = [LocalAddr, Proto, OtherPort, OtherAddr];
        assert_eq!(
            text(Family::V4, &nft, &hit).as_deref(),
            Some("192.168.1.50,udp,5060,203.0.113.9")
        );
        hit.transport = Transport::ICMP;
        hit.other.port = 77; // an echo identifier, not a port
        assert_eq!(
            text(Family::V4, &[OtherAddr, OtherProtoPort], &hit).as_deref(),
            Some("203.0.113.9,icmp:2048")
        );
    }

    #[test]
    fn a_set_has_one_shape_and_the_widest_options() {
        let mut sets = Sets::default();
        let first = sets.intern(spec(Family::V4, &[Dimension::OtherAddr])).unwrap();
        let mut longer = spec(Family::V4, &[Dimension::OtherAddr]);
        longer.timeout = Some(Duration::from_secs(60));
        longer.flush_on_destroy = true;
        assert_eq!(sets.intern(longer), Ok(first));
        let merged = sets.get(first).unwrap();
        assert_eq!(merged.timeout, Some(Duration::from_secs(60)));
        assert!(merged.flush_on_destroy);
        let other = spec(Family::V4, &[Dimension::OtherAddr, Dimension::OtherProtoPort]);
        assert_eq!(sets.intern(other), Err(vec![Dimension::OtherAddr]));
        assert_eq!(sets.intern(spec(Family::V6, &[Dimension::OtherAddr])), Ok(SetId(1)));
    }
    #[test]
    fn numbers_outlive_a_reload_unless_the_key_changes() {
        let sets = |specs: &[SetSpec]| {
            let mut sets = Sets::default();
            specs.iter().for_each(|spec| drop(sets.intern(spec.clone())));
            sets
        };
        let v4 = spec(Family::V4, &[Dimension::OtherAddr]);
        let v6 = spec(Family::V6, &[Dimension::OtherAddr]);
        let wider = spec(Family::V4, &[Dimension::OtherAddr, Dimension::OtherProtoPort]);
        let (mut known, mut live) = (Sets::default(), Vec::new());
        let mut adopt = |specs: &[SetSpec]| {
            live = known.adopt(&sets(specs), &live);
            let gone: Vec<bool> = (0..3).map(|id| known.get(SetId(id)).is_none()).collect();
            (live.iter().map(|id| id.0).collect::<Vec<u16>>(), gone)
        };
        let only = std::slice::from_ref;
        assert_eq!(adopt(&[v4.clone(), v6.clone()]), (vec![0, 1], vec![false, false, true]));
        assert_eq!(adopt(&[wider.clone(), v6.clone()]), (vec![2, 1], vec![true, false, false]));
        assert_eq!(adopt(only(&v6)), (vec![1], vec![true, false, false]), "still to be emptied");
        assert_eq!(adopt(&[v6.clone(), wider]), (vec![1, 2], vec![true, false, false]));
        // Numbers of long ago are given again.
        assert_eq!(adopt(only(&v6)), (vec![1], vec![true, false, false]));
        let other = |n: u32| SetSpec { name: format!("other{n}"), ..v4.clone() };
        assert_eq!(adopt(&[other(0), v6.clone()]).0, [0, 1]);
        for n in 1..100 {
            assert!(adopt(&[other(n), v6.clone()]).0[0] <= 2);
        }
    }
}
