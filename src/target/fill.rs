//! What `ipset` and `nftset` have in common: options, names of sets, and what a match wants.

use std::time::Duration;

use super::set::{Dimension, Family, Home, SetSpec, Sets};
use super::{Target, Want};
use crate::effect::{Hit, Life, SetId};
use crate::interface::InterfaceFilter;
use crate::json::Object;

/// Most elements a set may be made for; the kernel rounds its hash up to a power of two.
pub const MAX_ELEMENTS_MOST: u64 = 1 << 24;
/// Members when nothing is configured.
const MAX_ELEMENTS_DEFAULT: u32 = 65536;

const FAMILIES: &[(&str, &[Family])] =
    &[("*", &[Family::V4, Family::V6]), ("ipv4", &[Family::V4]), ("ipv6", &[Family::V6])];

/// Fills its sets with the endpoints of matching flows.
#[derive(Debug)]
pub struct Fill {
    interface: InterfaceFilter,
    sets: Vec<SetId>,
    life: Life,
}

impl Fill {
    /// Of flows of all interfaces, into one set.
    pub fn only(set: SetId, life: Life) -> Self {
        Fill { interface: InterfaceFilter::default(), sets: vec![set], life }
    }
}

impl Target for Fill {
    fn apply(&self, hit: &Hit<'_>, sets: &Sets, wants: &mut Vec<Want>) {
        if !self.interface.holds(hit.interface) {
            return;
        }
        wants.extend(self.sets.iter().filter_map(|&set| {
            let element = sets.get(set)?.element(hit)?;
            Some(Want::Member { set, element, life: self.life.clone() })
        }));
    }
}

/// The options as they stand in the configuration.
#[derive(Debug)]
pub struct Options<'a> {
    /// Flows of these interfaces only.
    pub interface: InterfaceFilter,
    /// Without suffix.
    pub name: Option<&'a str>,
    /// `None`: refused.
    pub families: Option<&'static [Family]>,
    /// Life of an element.
    pub life: Life,
    /// Most elements, when nfa creates the set.
    pub max_elements: u32,
    /// See [`SetSpec::managed`].
    pub managed: bool,
    /// See [`SetSpec::flush_on_create`].
    pub flush_on_create: bool,
    /// See [`SetSpec::flush_on_destroy`].
    pub flush_on_destroy: bool,
}

impl<'a> Options<'a> {
    /// Reads them; what is wrong is reported. `ttl_most`: the longest timeout in seconds that the
    /// kernel's sets of this kind take. `max_elements`: the key of that number.
    pub fn read(object: &Object<'a>, ttl_most: u64, max_elements: &'static str) -> Self {
        let seconds =
            |key| object.number(key, 0, ttl_most).filter(|ttl| *ttl > 0).map(Duration::from_secs);
        let families = match object.value("set_family") {
            None => FAMILIES.first().map(|(_, families)| *families),
            Some(_) => object.word("set_family", FAMILIES),
        };
        let name = object.text("set_name");
        if object.value("set_name").is_none() {
            object.missing("set_name", "the name of the set, to which .v4 or .v6 is added");
        }
        let max_elements = object.number(max_elements, 1, MAX_ELEMENTS_MOST);
        let max_elements = max_elements.and_then(|most| u32::try_from(most).ok());
        Options {
            interface: object.text("interface").map(InterfaceFilter::parse).unwrap_or_default(),
            name,
            families,
            life: Life {
                timeout: seconds("ttl"),
                linger: seconds("linger").unwrap_or_default(),
                skb: None,
            },
            max_elements: max_elements.unwrap_or(MAX_ELEMENTS_DEFAULT),
            managed: object.flag("managed", false),
            flush_on_create: object.flag("flush_on_create", false),
            flush_on_destroy: object.flag("flush_on_destroy", false),
        }
    }

    /// Registers a set for each family and makes the target. `None`: refused, which was reported.
    pub fn fill(
        self,
        object: &Object<'_>,
        home: &Home,
        shape: &[Dimension],
        name_most: usize,
        sets: &mut Sets,
    ) -> Option<Box<dyn Target>> {
        let only_macs =
            |dimension| matches!(dimension, &Dimension::LocalMac | &Dimension::OtherMac);
        let families =
            if shape.iter().all(only_macs) { &[Family::Mac][..] } else { self.families? };
        let name = self.name?;
        let ids: Option<Vec<SetId>> = families
            .iter()
            .map(|&family| {
                let spec = SetSpec {
                    home: home.clone(),
                    name: format!("{name}{}", family.suffix()),
                    family,
                    shape: shape.to_vec(),
                    max_elements: self.max_elements,
                    timeout: self.life.timeout,
                    skbinfo: self.life.skb.is_some(),
                    managed: self.managed,
                    flush_on_create: self.flush_on_create,
                    flush_on_destroy: self.flush_on_destroy,
                };
                register(object, spec, name_most, sets)
            })
            .collect();
        let Options { interface, life, .. } = self;
        Some(Box::new(Fill { interface, sets: ids?, life }))
    }
}

/// Registers a set, or reports why its name cannot stand.
fn register(
    object: &Object<'_>,
    spec: SetSpec,
    name_most: usize,
    sets: &mut Sets,
) -> Option<SetId> {
    let name = spec.name.clone();
    if !is_name(&name) {
        object.unexpected("set_name", "a name without blanks", &format!("{name:?}"));
        return None;
    }
    if name.len() > name_most {
        let found = format!("\"{name}\", which has {}", name.len());
        let expected = format!("a set name of at most {name_most} characters with its suffix");
        object.unexpected("set_name", expected, &found);
        return None;
    }
    match sets.intern(spec) {
        Ok(id) => Some(id),
        Err(_) => {
            let found = format!("\"{name}\", which another target fills with another type");
            object.unexpected("set_name", "a set of one type only", &found);
            None
        }
    }
}

/// Whether sets and tables may be called so.
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control())
}
