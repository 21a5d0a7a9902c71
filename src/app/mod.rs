//! Which application a flow belongs to: the catalogue of names, domains, networks and numbers.
//!
//! The catalogue is data (`files/usr/share/nfa/apps.d`, one file per category) compiled at load
//! into a few flat arrays. Look-ups allocate nothing.

pub mod category;
pub mod domain;
mod finding;
mod load;
pub mod network;
mod signature;

use std::mem::size_of;
use std::net::IpAddr;

pub use category::{APPLICATION_CATEGORIES, Category, PROTOCOL_CATEGORIES};
pub use domain::DomainIndex;
pub use finding::{Finding, Place, Problem};
pub use network::NetworkIndex;

/// Applications in one catalogue: their index is 16 bits.
const APPS_MAX: usize = 65_535;

/// An application of one catalogue. Means nothing to another one: after a reload, ask again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AppId(u16);

impl AppId {
    /// Position in the catalogue.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What an application was told by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// The name of the host.
    Host,
    /// A protocol that only this application speaks.
    Protocol,
    /// The far side's address.
    Address,
}

/// One application, as it is shown and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct App<'a> {
    /// Position in this catalogue.
    pub index: AppId,
    /// Number that criteria may use and records show; never changes.
    pub id: u32,
    /// Full name, such as `netify.youtube`; lower case.
    pub tag: &'a str,
    /// Name for people.
    pub name: &'a str,
    /// Its group.
    pub category: &'static Category,
}

impl<'a> App<'a> {
    /// The tag after its first dot: `youtube`.
    pub fn short_name(&self) -> &'a str {
        after_first_dot(self.tag)
    }
}

fn after_first_dot(tag: &str) -> &str {
    tag.split_once('.').map_or(tag, |(_, rest)| rest)
}

/// Every application known, and how to find it.
#[derive(Debug, Default)]
pub struct Catalogue {
    rows: Vec<Row>,
    /// Tags and names of the rows.
    pool: String,
    /// Sorted by short name.
    by_tag: Vec<AppId>,
    /// Sorted by number. An application that was renumbered stands here twice.
    by_number: Vec<(u32, AppId)>,
    /// Protocols that by themselves mean an application; few.
    twins: Vec<(Box<str>, AppId)>,
    domains: DomainIndex,
    networks: NetworkIndex,
}

/// An application; its tag and then its name start at `offset` in the pool.
#[derive(Debug, Clone, Copy)]
struct Row {
    id: u32,
    offset: u32,
    tag_bytes: u8,
    name_bytes: u8,
    /// Where the short name starts in the tag.
    short_at: u8,
    category: &'static Category,
}

impl Catalogue {
    /// A catalogue that knows nothing.
    pub fn empty() -> Self {
        Catalogue::default()
    }

    /// The application of the longest domain that `host` is or lies under. `host` is lower case
    /// and has no final dot.
    pub fn by_host(&self, host: &str) -> Option<AppId> {
        self.domains.longest(host).map(AppId)
    }

    /// The application of the longest prefix that holds `addr`.
    pub fn by_address(&self, addr: IpAddr) -> Option<AppId> {
        self.networks.longest(addr).map(AppId)
    }

    /// The application that a protocol, given by its display name, is spoken by alone.
    pub fn by_protocol(&self, protocol: &str) -> Option<AppId> {
        let twin = self.twins.iter().find(|(name, _)| name.eq_ignore_ascii_case(protocol));
        twin.map(|(_, app)| *app)
    }

    /// The best name for a flow: its host's application, its protocol's, its address's. What only
    /// carries the services of others (CDN, hosting) comes after all that, in the same order.
    pub fn identify(
        &self,
        host: Option<&str>,
        protocol: Option<&str>,
        other: IpAddr,
    ) -> Option<AppId> {
        self.identify_by(host, protocol, other).map(|(app, _)| app)
    }

    /// The same, with what decided.
    pub fn identify_by(
        &self,
        host: Option<&str>,
        protocol: Option<&str>,
        other: IpAddr,
    ) -> Option<(AppId, Basis)> {
        let by_host = host.and_then(|host| self.by_host(host)).map(|app| (app, Basis::Host));
        if by_host.is_some_and(|(app, _)| !self.is_infrastructure(app)) {
            return by_host;
        }
        if let Some(twin) = protocol.and_then(|protocol| self.by_protocol(protocol)) {
            return Some((twin, Basis::Protocol));
        }
        let by_address = self.by_address(other).map(|app| (app, Basis::Address));
        match by_address {
            Some((app, _)) if !self.is_infrastructure(app) => by_address,
            _ => by_host.or(by_address),
        }
    }

    /// Whether it only carries the services of others.
    pub fn is_infrastructure(&self, app: AppId) -> bool {
        self.rows.get(app.index()).is_some_and(|row| row.category.is_infrastructure())
    }

    /// The application of that name: its full tag, else the part after its first dot. Case does
    /// not matter; of several with one short name the newest counts.
    pub fn resolve(&self, name: &str) -> Option<AppId> {
        let name = name.to_ascii_lowercase();
        self.by_full_tag(&name).or_else(|| {
            let same = self.with_short_name(&name);
            same.iter().max().copied()
        })
    }

    /// The application of that number.
    pub fn by_number(&self, id: u32) -> Option<AppId> {
        let position = self.by_number.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        self.by_number.get(position).map(|(_, app)| *app)
    }

    /// The application itself; `None` for an index of another, larger catalogue.
    pub fn app(&self, index: AppId) -> Option<App<'_>> {
        let row = self.rows.get(index.index())?;
        let start = row.offset as usize;
        let middle = start.checked_add(row.tag_bytes.into())?;
        let end = middle.checked_add(row.name_bytes.into())?;
        Some(App {
            index,
            id: row.id,
            tag: self.pool.get(start..middle)?,
            name: self.pool.get(middle..end)?,
            category: row.category,
        })
    }

    /// Every application, in the order they were loaded.
    pub fn iter(&self) -> impl Iterator<Item = App<'_>> {
        (0..u16::MAX).map_while(|index| self.app(AppId(index)))
    }

    /// Applications in it.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it knows nothing.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The domains of all applications; values are indices as in [`AppId::index`].
    pub fn domains(&self) -> &DomainIndex {
        &self.domains
    }

    /// The networks of all applications.
    pub fn networks(&self) -> &NetworkIndex {
        &self.networks
    }

    /// Heap bytes it keeps.
    pub fn resident_bytes(&self) -> usize {
        let twin_text: usize = self.twins.iter().map(|(name, _)| name.len()).sum();
        [
            self.rows.capacity().saturating_mul(size_of::<Row>()),
            self.pool.capacity(),
            self.by_tag.capacity().saturating_mul(size_of::<AppId>()),
            self.by_number.capacity().saturating_mul(size_of::<(u32, AppId)>()),
            self.twins.capacity().saturating_mul(size_of::<(Box<str>, AppId)>()),
            twin_text,
            self.domains.resident_bytes(),
            self.networks.resident_bytes(),
        ]
        .iter()
        .fold(0, |sum, part| usize::saturating_add(sum, *part))
    }

    fn tag(&self, app: AppId) -> &str {
        self.app(app).map_or("", |app| app.tag)
    }

    /// The part of the tag that [`Self::by_tag`] is sorted by.
    fn short(&self, app: AppId) -> &str {
        let text = || {
            let row = self.rows.get(app.index())?;
            let tag = row.offset as usize;
            let start = tag.checked_add(row.short_at.into())?;
            self.pool.get(start..tag.checked_add(row.tag_bytes.into())?)
        };
        text().unwrap_or_default()
    }

    fn by_full_tag(&self, tag: &str) -> Option<AppId> {
        let same = self.with_short_name(after_first_dot(tag));
        same.iter().copied().find(|app| self.tag(*app) == tag)
    }

    fn with_short_name(&self, name: &str) -> &[AppId] {
        let first = self.by_tag.partition_point(|app| self.short(*app) < name);
        let rest = self.by_tag.get(first..).unwrap_or_default();
        let same = rest.iter().take_while(|app| self.short(**app) == name).count();
        rest.get(..same).unwrap_or_default()
    }

    /// A new application, or one whose tag was known with new details.
    fn put(
        &mut self,
        id: u32,
        tag: &str,
        name: &str,
        category: &'static Category,
    ) -> Result<AppId, Problem> {
        const LENGTH: Problem = Problem::Expected("tag and name of at most 255 bytes each");
        let full = Problem::Full("applications");
        let short = after_first_dot(tag);
        let row = Row {
            id,
            offset: u32::try_from(self.pool.len()).map_err(|_| Problem::Full("names"))?,
            tag_bytes: u8::try_from(tag.len()).map_err(|_| LENGTH)?,
            short_at: u8::try_from(tag.len().saturating_sub(short.len())).map_err(|_| LENGTH)?,
            name_bytes: u8::try_from(name.len()).map_err(|_| LENGTH)?,
            category,
        };
        let known = self.by_full_tag(tag);
        let app = match known {
            Some(app) => app,
            None if self.rows.len() >= APPS_MAX => return Err(full),
            None => AppId(u16::try_from(self.rows.len()).map_err(|_| full)?),
        };
        self.pool.push_str(tag);
        self.pool.push_str(name);
        match self.rows.get_mut(app.index()) {
            Some(old) => *old = row,
            None => {
                let at = self.by_tag.partition_point(|other| self.short(*other) < short);
                self.rows.push(row);
                self.by_tag.insert(at, app);
            }
        }
        match self.by_number.binary_search_by_key(&id, |(id, _)| *id) {
            Ok(at) => {
                if let Some(entry) = self.by_number.get_mut(at) {
                    entry.1 = app;
                }
            }
            Err(at) => self.by_number.insert(at, (id, app)),
        }
        Ok(app)
    }

    /// Gives back what growth left over.
    fn shrink(&mut self) {
        self.rows.shrink_to_fit();
        self.pool.shrink_to_fit();
        self.by_tag.shrink_to_fit();
        self.by_number.shrink_to_fit();
        self.twins.shrink_to_fit();
        self.domains.shrink();
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::category::UNCLASSIFIED;
    use super::*;

    fn catalogue() -> Catalogue {
        let mut catalogue = Catalogue::empty();
        let findings = catalogue.add_signatures(
            Path::new("test"),
            "app:1:netify.video\napp:2:netify.cloud\ndom:1:video.example\ndom:2:cloud.example\n\
             net:1:192.0.2.0/24\nnet:2:198.51.100.0/24\n",
        );
        assert!(findings.is_empty(), "{findings:?}");
        let hosting = category::application_category("hosting").unwrap();
        catalogue.put(2, "netify.cloud", "Cloud", hosting).unwrap();
        let chat = catalogue.put(3, "netify.chat", "Chat", &UNCLASSIFIED).unwrap();
        catalogue.twins.push(("Chat/Call".into(), chat));
        catalogue
    }

    #[test]
    fn names_and_numbers_resolve() {
        let catalogue = catalogue();
        let video = catalogue.resolve("netify.video").unwrap();
        assert_eq!(catalogue.resolve("VIDEO"), Some(video));
        assert_eq!(catalogue.resolve("Netify.Video"), Some(video));
        assert_eq!(catalogue.by_number(1), Some(video));
        for unknown in ["vid", "netify.", "netify", "", "other.video", "netify.netify.video"] {
            assert_eq!(catalogue.resolve(unknown), None, "{unknown}");
        }
        assert_eq!(catalogue.by_number(0), None);
        assert_eq!(catalogue.app(video).unwrap().short_name(), "video");
        assert_eq!(catalogue.iter().count(), 3);
        assert_eq!(catalogue.app(AppId(3)), None);
    }

    #[test]
    fn infrastructure_is_the_last_resort() {
        let catalogue = catalogue();
        let (video, cloud, chat) = ("video.example", "cloud.example", Some("chat/call"));
        for (host, protocol, addr, expected) in [
            (Some(video), chat, "198.51.100.1", Some("video")),
            (Some(cloud), None, "192.0.2.1", Some("video")),
            (Some(cloud), chat, "198.51.100.1", Some("chat")),
            (Some(cloud), None, "203.0.113.1", Some("cloud")),
            (None, Some("TLS"), "198.51.100.1", Some("cloud")),
            (Some("other.example"), None, "192.0.2.1", Some("video")),
            (None, None, "203.0.113.1", None),
        ] {
            let found = catalogue.identify(host, protocol, addr.parse().unwrap());
            let found = found.map(|app| catalogue.app(app).unwrap().short_name());
            assert_eq!(found, expected, "{host:?} {protocol:?} {addr}");
        }
    }

    #[test]
    fn what_an_application_was_told_by() {
        let catalogue = catalogue();
        let basis = |host, protocol, addr: &str| {
            let told = catalogue.identify_by(host, protocol, addr.parse().unwrap());
            told.map(|(_, basis)| basis)
        };
        assert_eq!(basis(Some("video.example"), None, "203.0.113.1"), Some(Basis::Host));
        assert_eq!(basis(None, Some("chat/call"), "192.0.2.1"), Some(Basis::Protocol));
        assert_eq!(basis(Some("cloud.example"), None, "192.0.2.1"), Some(Basis::Address));
        assert_eq!(basis(None, None, "203.0.113.1"), None);
    }
}
