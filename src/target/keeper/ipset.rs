//! Sets of ipset: made, found, filled.

use super::{Kept, State, Unfit};
use crate::effect::{Element, Live, Part};
use crate::netlink::ipset::{self, Created, Entry, Header, Kind, MOST_NAME_BYTES, Shape, SkbInfo};
use crate::netlink::{Batch, Client, Error};
use crate::target::set::{Dimension, Family, SetSpec};

/// What is put behind a set's name while it is made anew. With it a name may be too long for the
/// kernel: the last characters of the set's own give way.
const SPARE_SUFFIX: &str = "~";

/// Makes or finds a set.
pub(super) fn prepare(client: &mut Client, spec: &SetSpec) -> Result<State, Unfit> {
    let shape = shape_of(spec).ok_or_else(|| format!("{spec} has a key no ipset has"))?;
    if spec.managed {
        return match ipset::create(client, &spec.name, &shape) {
            Ok(Created::New | Created::Same) => Ok(ready(&shape)),
            Ok(Created::Other(header)) => Ok(recreate(client, spec, &shape, &header)?),
            Err(error) => Err(error.into()),
        };
    }
    match ipset::header(client, &spec.name) {
        Ok(header) => Ok(adopt(spec, &shape, &header)?),
        Err(error) if error.is_missing() => Ok(State::Missing),
        Err(error) => Err(error.into()),
    }
}

/// How a set stands by its header, which was just read; an error if it is not as it should be.
pub(super) fn judge(spec: &SetSpec, header: &Header) -> Result<State, String> {
    let shape = shape_of(spec).ok_or_else(|| format!("{spec} has a key no ipset has"))?;
    adopt(spec, &shape, header)
}

/// Queues the addition of an element, or the renewal of its clock.
pub(super) fn add(
    batch: &mut Batch,
    spec: &SetSpec,
    live: &Live<'_>,
    kept: Kept,
) -> Result<(), Error> {
    let Some(entry) = entry_of(live.element) else { return Ok(()) };
    // A set made without timeouts takes none; one made with them wants 0 for "for ever".
    let timeout = kept.timeouts.then(|| live.timeout.unwrap_or_default());
    let skb = live.skb.filter(|_| kept.skbinfo).copied().unwrap_or_default();
    let skb = SkbInfo { mark: skb.mark, prio: skb.prio, queue: skb.queue };
    ipset::add(batch, &spec.name, &entry, timeout, &skb)
}

/// Queues the removal of an element.
pub(super) fn delete(batch: &mut Batch, spec: &SetSpec, element: &Element) -> Result<(), Error> {
    entry_of(element).map_or(Ok(()), |entry| ipset::delete(batch, &spec.name, &entry))
}

/// Gives a managed set the shape it should have. Rules that refer to it go on if its type and
/// family stay (the kernel swaps only those); else it must be free to be destroyed.
fn recreate(
    client: &mut Client,
    spec: &SetSpec,
    shape: &Shape,
    header: &Header,
) -> Result<State, String> {
    let name = spec.name.as_str();
    let differences = header.differences(shape).join(", ");
    let failed = |error: Error| {
        format!("{spec} has another shape ({differences}) and cannot be made anew: {error}")
    };
    if header.type_name == shape.kind.name() && header.family == shape.family {
        let spare = spare_name(name);
        if let Created::Other(_) = ipset::create(client, &spare, shape).map_err(failed)? {
            // Left behind by a run that was ended in between.
            ipset::destroy(client, &spare).map_err(failed)?;
            ipset::create(client, &spare, shape).map_err(failed)?;
        }
        ipset::flush(client, &spare).map_err(failed)?;
        ipset::swap(client, &spare, name).map_err(failed)?;
        ipset::destroy(client, &spare).map_err(failed)?;
    } else {
        ipset::destroy(client, name).map_err(failed)?;
        ipset::create(client, name, shape).map_err(failed)?;
    }
    Ok(ready(shape))
}

const fn ready(shape: &Shape) -> State {
    State::Ready(Kept { timeouts: shape.timeout.is_some(), skbinfo: shape.skbinfo })
}

/// A set that somebody else made: it must take our elements; its other options are its own.
fn adopt(spec: &SetSpec, shape: &Shape, header: &Header) -> Result<State, String> {
    let kind = Kind::of_elements(&header.type_name);
    if kind == Some(shape.kind) && header.family == shape.family {
        let (timeouts, skbinfo) = (header.timeout.is_some(), header.skbinfo);
        return Ok(State::Ready(Kept { timeouts, skbinfo }));
    }
    let (kind, family) = (&header.type_name, header.family);
    let (wanted, wanted_family) = (shape.kind.name(), shape.family);
    Err(format!(
        "{spec} is {kind} family {family}, expected {wanted} family {wanted_family}: not filled"
    ))
}

pub(super) fn entry_of(element: &Element) -> Option<Entry> {
    match *element.0 {
        [Part::Addr(addr)] => Some(Entry::Ip(addr)),
        [Part::Addr(addr), Part::ProtoPort(transport, port)] => {
            Some(Entry::IpPort(addr, transport, port))
        }
        [Part::Addr(addr), Part::ProtoPort(transport, port), Part::Addr(second)] => {
            Some(Entry::IpPortIp(addr, transport, port, second))
        }
        [Part::Mac(mac)] => Some(Entry::Mac(mac)),
        _ => None,
    }
}

fn shape_of(spec: &SetSpec) -> Option<Shape> {
    use Dimension::{LocalAddr, LocalMac, OtherAddr, OtherProtoPort};
    let kind = match *spec.shape {
        [OtherAddr | LocalAddr] => Kind::Ip,
        [OtherAddr | LocalAddr, OtherProtoPort] => Kind::IpPort,
        [OtherAddr, OtherProtoPort, LocalAddr] | [LocalAddr, OtherProtoPort, OtherAddr] => {
            Kind::IpPortIp
        }
        [LocalMac] => Kind::Mac,
        _ => return None,
    };
    let family = match spec.family {
        _ if !kind.has_family() => ipset::Family::None,
        Family::V4 => ipset::Family::V4,
        Family::V6 => ipset::Family::V6,
        Family::Mac => return None,
    };
    Some(Shape {
        kind,
        family,
        timeout: spec.timeout,
        maxelem: spec.max_elements,
        hashsize: None,
        skbinfo: spec.skbinfo,
    })
}

fn spare_name(name: &str) -> String {
    let room = MOST_NAME_BYTES.saturating_sub(SPARE_SUFFIX.len());
    let head = (0..=room).rev().find_map(|end| name.get(..end)).unwrap_or(name);
    format!("{head}{SPARE_SUFFIX}")
}
