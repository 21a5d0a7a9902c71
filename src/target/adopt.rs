//! Sets that ask by their names to be filled: `nfa.NAME.v4`, `nfa.NAME.client.v6`, ...
//!
//! NAME says of which flows, `.client` and `.port` which end of them, and the kernel's key type
//! what of that end. Who made the set is nobody's business here.

use std::time::Duration;

use super::Target;
use super::fill::Fill;
use super::set::{Dimension, Family, Home, SetSpec};
use crate::effect::{Life, SetId};
use crate::netlink::ipset::{self, Header, Kind};
use crate::netlink::nftables::{Field, SetInfo, TableFamily};

/// Most sets that are filled because of their names, and most that are refused by name.
pub const ADOPTED_MAX: usize = 256;

/// What the names begin with.
const PREFIX: &str = "nfa.";

/// A set that is to be filled because of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adoptable {
    /// Of which flows: the NAME in it.
    pub subject: String,
    /// The set.
    pub spec: SetSpec,
}

impl Adoptable {
    /// A target that fills it, once it has that number.
    pub fn target(&self, set: SetId) -> Box<dyn Target> {
        Box::new(Fill::only(set, Life { timeout: self.spec.timeout, ..Life::default() }))
    }
}

/// Sets found in the kernel by their names.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Found {
    /// Those that can be filled.
    pub sets: Vec<Adoptable>,
    /// What keeps others from being filled, a line each.
    pub refused: Vec<String>,
}

impl Found {
    /// Takes down a set, if its name is such a one.
    fn take(&mut self, read: Option<Result<Adoptable, String>>) {
        match read {
            Some(Ok(set)) if self.sets.len() < ADOPTED_MAX => self.sets.push(set),
            Some(Ok(set)) => {
                let why = format!("{ADOPTED_MAX} others are");
                self.take(Some(Err(refusal(&set.spec, &why))));
            }
            Some(Err(line)) if self.refused.len() < ADOPTED_MAX => self.refused.push(line),
            Some(Err(_)) | None => {}
        }
    }

    /// Of the sets of ipset.
    pub fn among_ipsets(headers: &[Header]) -> Found {
        let mut found = Found::default();
        headers.iter().for_each(|header| found.take(of_ipset(header)));
        found
    }

    /// Of the sets of nftables.
    pub fn among_nft_sets(infos: &[SetInfo]) -> Found {
        let mut found = Found::default();
        infos.iter().for_each(|info| found.take(of_nft(info)));
        found
    }

    /// Both together.
    pub fn and(&self, other: &Found) -> Found {
        let mut both = self.clone();
        other.sets.iter().for_each(|set| both.take(Some(Ok(set.clone()))));
        other.refused.iter().for_each(|line| both.take(Some(Err(line.clone()))));
        both
    }
}

/// What a name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Name<'a> {
    subject: &'a str,
    view: View,
    family: Family,
}

/// What of a flow its element holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    /// The far side's address; behind it, in a longer key, its port and the LAN side's address.
    Other,
    /// The LAN side's address comes first.
    Client,
    /// The far side's address and port.
    Port,
}

impl<'a> Name<'a> {
    /// `None`: no name that asks for anything.
    fn read(name: &'a str) -> Option<Self> {
        let rest = name.strip_prefix(PREFIX)?;
        let (rest, family) = [Family::V4, Family::V6]
            .into_iter()
            .find_map(|family| Some((rest.strip_suffix(family.suffix())?, family)))?;
        let (subject, view) = [(".client", View::Client), (".port", View::Port)]
            .into_iter()
            .find_map(|(suffix, view)| Some((rest.strip_suffix(suffix)?, view)))
            .unwrap_or((rest, View::Other));
        (!subject.is_empty()).then_some(Name { subject, view, family })
    }
}

/// A part of a set's key, as far as a shape depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Addr,
    Port,
    ProtoPort,
    Mac,
    /// What a flow has one of.
    Only(Dimension),
}

/// What goes into a key: the two addresses in the order that the view says; the far side's port
/// before the LAN side's; of hardware addresses the LAN side's first, since the other is a
/// router's. An error: nothing sensible.
fn shape(view: View, slots: &[Slot]) -> Result<Vec<Dimension>, &'static str> {
    let has = |wanted: &[Slot]| slots.iter().any(|slot| wanted.contains(slot));
    if view == View::Port && !(has(&[Slot::Addr]) && has(&[Slot::Port, Slot::ProtoPort])) {
        return Err("its key has no address and port");
    }
    let addresses = match view {
        View::Client => [Dimension::LocalAddr, Dimension::OtherAddr],
        View::Other | View::Port => [Dimension::OtherAddr, Dimension::LocalAddr],
    };
    let mut addresses = addresses.into_iter();
    let mut ports = [Dimension::OtherPort, Dimension::LocalPort].into_iter();
    let mut macs = [Dimension::LocalMac, Dimension::OtherMac].into_iter();
    let shape: Option<Vec<Dimension>> = slots
        .iter()
        .map(|slot| match slot {
            Slot::Addr => addresses.next(),
            Slot::Port => ports.next(),
            Slot::ProtoPort => Some(Dimension::OtherProtoPort),
            Slot::Mac => macs.next(),
            Slot::Only(dimension) => Some(*dimension),
        })
        .collect();
    shape.ok_or("its key has more parts of one kind than a flow has")
}

fn of_ipset(header: &Header) -> Option<Result<Adoptable, String>> {
    let name = Name::read(&header.name)?;
    let spec = spec(Home::Ipset, &header.name, name, header.maxelem, header.timeout);
    let (slots, expected) = match (Kind::of_elements(&header.type_name), name.family) {
        (Some(Kind::Mac), _) => (&[Slot::Mac][..], ipset::Family::None),
        (Some(kind), family) => {
            let slots = match kind {
                Kind::Ip => &[Slot::Addr][..],
                Kind::IpPort => &[Slot::Addr, Slot::ProtoPort],
                Kind::IpPortIp | Kind::Mac => &[Slot::Addr, Slot::ProtoPort, Slot::Addr],
            };
            let v6 = family == Family::V6;
            (slots, if v6 { ipset::Family::V6 } else { ipset::Family::V4 })
        }
        (None, _) => {
            let why = format!("its type is {}", header.type_name);
            return Some(Err(refusal(&spec, &why)));
        }
    };
    if header.family != expected {
        let why = format!("its family is {}, its name says {expected}", header.family);
        return Some(Err(refusal(&spec, &why)));
    }
    if header.masked {
        return Some(Err(refusal(&spec, "it cuts addresses down to networks")));
    }
    Some(complete(spec, name, slots))
}

fn of_nft(info: &SetInfo) -> Option<Result<Adoptable, String>> {
    let name = Name::read(&info.set.name)?;
    let home = Home::Nft(info.set.table.clone());
    let spec = spec(home, &info.set.name, name, info.size, info.timeout);
    if info.set.table.family == TableFamily::Arp {
        return Some(Err(refusal(&spec, "no flow comes by a table of that family")));
    }
    let Some(fields) = info.fields.as_deref().filter(|_| info.is_fillable()) else {
        let why = "it is a map, constant, of ranges, or has a key that nfa does not know";
        return Some(Err(refusal(&spec, why)));
    };
    let (own, stranger) = match name.family {
        Family::V6 => (Field::Ipv6Addr, Field::Ipv4Addr),
        Family::V4 | Family::Mac => (Field::Ipv4Addr, Field::Ipv6Addr),
    };
    if fields.contains(&stranger) {
        let why = format!("it holds {}, its name says {}", stranger.name(), own.name());
        return Some(Err(refusal(&spec, &why)));
    }
    let slot = |field: &Field| match field {
        Field::Ipv4Addr | Field::Ipv6Addr => Slot::Addr,
        Field::EtherAddr => Slot::Mac,
        Field::InetService => Slot::Port,
        Field::InetProto => Slot::Only(Dimension::Proto),
        Field::Mark => Slot::Only(Dimension::Mark),
        Field::IfName => Slot::Only(Dimension::Interface),
    };
    let slots: Vec<Slot> = fields.iter().map(slot).collect();
    Some(complete(spec, name, &slots))
}

/// As others made it; its shape is to be found.
fn spec(
    home: Home,
    whole_name: &str,
    name: Name<'_>,
    max_elements: Option<u32>,
    timeout: Option<Duration>,
) -> SetSpec {
    SetSpec {
        home,
        name: whole_name.to_owned(),
        family: name.family,
        shape: Vec::new(),
        max_elements: max_elements.unwrap_or(u32::MAX),
        timeout: timeout.filter(|timeout| !timeout.is_zero()),
        skbinfo: false,
        managed: false,
        flush_on_create: false,
        flush_on_destroy: false,
    }
}

fn complete(mut spec: SetSpec, name: Name<'_>, slots: &[Slot]) -> Result<Adoptable, String> {
    match shape(name.view, slots) {
        Ok(shape) => {
            spec.shape = shape;
            Ok(Adoptable { subject: name.subject.to_owned(), spec })
        }
        Err(why) => Err(refusal(&spec, why)),
    }
}

fn refusal(spec: &SetSpec, why: &str) -> String {
    format!("{spec} is not filled: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::nftables::{SetName, Table};

    #[test]
    fn names_are_prefix_subject_view_and_family() {
        let (v4, v6) = (Family::V4, Family::V6);
        for (text, expected) in [
            ("nfa.youtube.v4", Some(("youtube", View::Other, v4))),
            ("nfa.social-media.v6", Some(("social-media", View::Other, v6))),
            ("nfa.bittorrent.client.v4", Some(("bittorrent", View::Client, v4))),
            ("nfa.netify.youtube.port.v6", Some(("netify.youtube", View::Port, v6))),
            ("nfa.port.v4", Some(("port", View::Other, v4))),
            ("nfa.client.client.v4", Some(("client", View::Client, v4))),
            ("nfa..v4", None),
            ("nfa..client.v4", None),
            ("nfa.v4", None),
            ("nfa.youtube", None),
            ("nfa.youtube.V4", None),
            ("nfa.youtube.v4~", None),
            ("NFA.youtube.v4", None),
            ("blocked.v4", None),
        ] {
            let read = Name::read(text).map(|name| (name.subject, name.view, name.family));
            assert_eq!(read, expected, "{text}");
        }
    }

    fn header(name: &str, type_name: &str, family: ipset::Family) -> Header {
        Header {
            name: name.to_owned(),
            type_name: type_name.to_owned(),
            revision: 0,
            family,
            timeout: Some(Duration::from_secs(60)),
            maxelem: Some(100),
            hashsize: None,
            skbinfo: false,
            masked: false,
            references: 0,
            elements: None,
            memory_bytes: 0,
        }
    }

    #[test]
    fn the_type_of_an_ipset_says_what_it_holds() {
        use Dimension::{LocalAddr, LocalMac, OtherAddr, OtherProtoPort};
        use ipset::Family::{None as NoFamily, V4, V6};
        let shape = |name: &str, type_name: &str, family| {
            of_ipset(&header(name, type_name, family)).map(|read| read.map(|a| a.spec.shape))
        };
        for (name, type_name, expected) in [
            ("nfa.a.v4", "hash:ip", &[OtherAddr][..]),
            ("nfa.a.v4", "hash:net", &[OtherAddr]),
            ("nfa.a.v4", "hash:ip,port", &[OtherAddr, OtherProtoPort]),
            ("nfa.a.v4", "hash:ip,port,ip", &[OtherAddr, OtherProtoPort, LocalAddr]),
            ("nfa.a.v4", "hash:net,port,net", &[OtherAddr, OtherProtoPort, LocalAddr]),
            ("nfa.a.client.v4", "hash:ip", &[LocalAddr]),
            ("nfa.a.client.v4", "hash:ip,port", &[LocalAddr, OtherProtoPort]),
            ("nfa.a.client.v4", "hash:ip,port,ip", &[LocalAddr, OtherProtoPort, OtherAddr]),
            ("nfa.a.port.v4", "hash:net,port", &[OtherAddr, OtherProtoPort]),
        ] {
            assert_eq!(shape(name, type_name, V4), Some(Ok(expected.to_vec())), "{name}");
        }
        assert_eq!(shape("nfa.a.v6", "hash:mac", NoFamily), Some(Ok(vec![LocalMac])));
        for (name, type_name, family, why) in [
            ("nfa.a.port.v4", "hash:ip", V4, "its key has no address and port"),
            ("nfa.a.v4", "hash:ip", V6, "its family is inet6, its name says inet"),
            ("nfa.a.v6", "hash:ip,port", V4, "its family is inet, its name says inet6"),
            ("nfa.a.v4", "list:set", NoFamily, "its type is list:set"),
            ("nfa.a.v4", "bitmap:port", NoFamily, "its type is bitmap:port"),
        ] {
            let line = format!("ipset {name} is not filled: {why}");
            assert_eq!(shape(name, type_name, family), Some(Err(line)));
        }
        assert_eq!(shape("other.v4", "hash:ip", V4), None);
    }

    #[test]
    fn the_key_of_an_nft_set_says_what_it_holds() {
        use Field::{EtherAddr, IfName, InetProto, InetService, Ipv4Addr, Ipv6Addr, Mark};
        let set = |name: &str, family, fields: &[Field]| SetInfo {
            set: SetName { table: Table { family, name: "t".to_owned() }, name: name.to_owned() },
            fields: Some(fields.to_vec()),
            key_bytes: 0,
            timeout: None,
            size: None,
            flags: 0,
            key_type: 0,
        };
        let shape = |name: &str, fields: &[Field]| {
            of_nft(&set(name, TableFamily::Inet, fields)).map(|read| read.map(|a| a.spec.shape))
        };
        use Dimension::{
            Interface, LocalAddr, LocalMac, LocalPort, OtherAddr, OtherMac, OtherPort, Proto,
        };
        for (name, fields, expected) in [
            ("nfa.a.v4", &[Ipv4Addr][..], &[OtherAddr][..]),
            (
                "nfa.a.v4",
                &[Ipv4Addr, InetProto, InetService, Ipv4Addr],
                &[OtherAddr, Proto, OtherPort, LocalAddr],
            ),
            ("nfa.a.client.v6", &[Ipv6Addr, Ipv6Addr], &[LocalAddr, OtherAddr]),
            ("nfa.a.port.v4", &[InetService, Ipv4Addr], &[OtherPort, OtherAddr]),
            ("nfa.a.v4", &[InetService, InetService], &[OtherPort, LocalPort]),
            ("nfa.a.v4", &[EtherAddr, Mark, EtherAddr], &[LocalMac, Dimension::Mark, OtherMac]),
            ("nfa.a.v6", &[IfName], &[Interface]),
        ] {
            assert_eq!(shape(name, fields), Some(Ok(expected.to_vec())), "{name}");
        }
        let refused = |set: &SetInfo| of_nft(set).unwrap().unwrap_err();
        for (name, fields, why) in [
            ("nfa.a.v4", &[Ipv6Addr][..], "it holds ipv6_addr, its name says ipv4_addr"),
            ("nfa.a.port.v4", &[Ipv4Addr], "its key has no address and port"),
            ("nfa.a.v4", &[Ipv4Addr; 3], "its key has more parts of one kind than a flow has"),
        ] {
            let line = format!("nft set inet t {name} is not filled: {why}");
            assert_eq!(refused(&set(name, TableFamily::Inet, fields)), line);
        }
        let arp = set("nfa.a.v4", TableFamily::Arp, &[Ipv4Addr]);
        assert!(refused(&arp).ends_with("no flow comes by a table of that family"));
        let ranges = SetInfo { flags: 4, ..set("nfa.a.v4", TableFamily::Inet, &[Ipv4Addr]) };
        assert!(refused(&ranges).contains("of ranges"));
    }

    #[test]
    fn the_number_of_sets_is_bounded() {
        let headers: Vec<Header> = (0..2 * ADOPTED_MAX)
            .map(|n| header(&format!("nfa.a{n}.v4"), "hash:ip", ipset::Family::V4))
            .collect();
        let found = Found::among_ipsets(&headers);
        let both = found.and(&Found::among_ipsets(&headers));
        assert_eq!((both.sets.len(), both.refused.len()), (ADOPTED_MAX, ADOPTED_MAX));
        assert_eq!(both.refused[0], "ipset nfa.a256.v4 is not filled: 256 others are");
    }
}
