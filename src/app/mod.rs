//! Which application a flow belongs to: the catalogue of names, domains, networks and numbers.
//!
//! The catalogue is data (`files/usr/share/nfa/apps.d`, one file per category) compiled at load
//! into a few flat arrays. Look-ups allocate nothing.

pub mod category;
mod certificate;
pub mod domain;
mod finding;
mod load;
pub mod network;
mod pattern;
mod signature;

use std::mem::size_of;
use std::net::IpAddr;

pub use category::{APPLICATION_CATEGORIES, Category, PROTOCOL_CATEGORIES};
pub use certificate::Certificate;
pub use domain::DomainIndex;
pub use finding::{Finding, Place, Problem};
pub use network::NetworkIndex;
pub use pattern::PatternIndex;

/// Applications in one catalogue: their index is 16 bits.
const APPS_MAX: usize = 65_535;

/// Calls and tunnels: at a rented machine they are of whoever rents it, so that the address of a
/// carrier alone does not name them.
const PRIVATE_PROTOCOLS: [&str; 9] =
    ["STUN", "DTLS", "RTP", "RTCP", "SRTP", "WireGuard", "OpenVPN", "IPSEC", "TINC"];

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
    /// The server's certificate.
    Certificate,
    /// A protocol that only this application speaks.
    Protocol,
    /// The far side's address.
    Address,
}

/// What is known of a flow that may tell its application.
#[derive(Debug, Clone, Copy)]
pub struct Clues<'a> {
    /// The host that the client asked for, or a DNS answer had: lower case, no final dot.
    pub host: Option<&'a str>,
    /// The server's certificate, if it was seen.
    pub certificate: Option<Certificate<'a>>,
    /// Display name of the protocol.
    pub protocol: Option<&'a str>,
    /// The far side.
    pub other: IpAddr,
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
    /// Protocols that by themselves mean an application; few, the shortest name first.
    twins: Vec<(Box<str>, AppId)>,
    /// Common names of certificates, other than hosts, that mean an application; few.
    certificates: Vec<(Box<str>, AppId)>,
    domains: DomainIndex,
    patterns: PatternIndex,
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

    /// The application of the longest domain that `host` is or lies under, or of a longer pattern
    /// that it fits. `host` is lower case and has no final dot.
    pub fn by_host(&self, host: &str) -> Option<AppId> {
        let (mut longest, mut pattern) = (None, None);
        domain::each_suffix(host, |suffix| {
            if let Some(app) = self.domains.alone(&suffix).or_else(|| self.domains.under(&suffix)) {
                longest = Some((suffix.bytes.len(), app));
            }
            if let Some(found) = self.patterns.before(host, &suffix) {
                pattern = Some(found);
            }
        });
        let covered = longest.map_or(0, |(bytes, _)| bytes);
        let pattern = pattern.filter(|(bytes, _)| *bytes > covered);
        pattern.or(longest).map(|(_, app)| AppId(app))
    }

    /// The application of the longest prefix that holds `addr`.
    pub fn by_address(&self, addr: IpAddr) -> Option<AppId> {
        self.networks.longest(addr).map(AppId)
    }

    /// The application that a protocol, given by its display name, is spoken by alone.
    pub fn by_protocol(&self, protocol: &str) -> Option<AppId> {
        let first = self.twins.partition_point(|(name, _)| name.len() < protocol.len());
        let longer = self.twins.get(first..).unwrap_or_default().iter();
        let of_that_length = longer.take_while(|(name, _)| name.len() == protocol.len());
        let mut twins = of_that_length.filter(|(name, _)| name.eq_ignore_ascii_case(protocol));
        twins.next().map(|(_, app)| *app)
    }

    /// The best name for a flow, and what decided: its host's application, its certificate's, its
    /// protocol's, its address's. What only carries the services of others (CDN, hosting) comes
    /// after all that, in the same order.
    pub fn identify(&self, clues: &Clues<'_>) -> Option<(AppId, Basis)> {
        let &Clues { host, certificate, protocol, other } = clues;
        let by_host = host.and_then(|host| self.by_host(host)).map(|app| (app, Basis::Host));
        let specific =
            |found: Option<(AppId, Basis)>| found.filter(|(app, _)| !self.is_infrastructure(*app));
        if let Some(found) = specific(by_host) {
            return Some(found);
        }
        let certificate = certificate.as_ref();
        let by_own = certificate.and_then(|shown| self.by_certificate(host, shown));
        let unasked = certificate.filter(|_| host.is_none());
        let by_names = || unasked.and_then(|shown| self.by_certified_hosts(shown));
        if let Some(app) = by_own.or_else(by_names) {
            return Some((app, Basis::Certificate));
        }
        if let Some(twin) = protocol.and_then(|protocol| self.by_protocol(protocol)) {
            return Some((twin, Basis::Protocol));
        }
        let by_address = self.by_address(other).map(|app| (app, Basis::Address));
        let carrier = unasked.and_then(|shown| shown.host).and_then(|host| self.by_host(host));
        let carrier = by_host.or(carrier.map(|app| (app, Basis::Certificate)));
        let private = protocol.is_some_and(|protocol| PRIVATE_PROTOCOLS.contains(&protocol));
        specific(by_address).or(carrier).or(by_address.filter(|_| !private))
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

    /// Its names with a `*`; values likewise.
    pub fn patterns(&self) -> &PatternIndex {
        &self.patterns
    }

    /// The networks of all applications.
    pub fn networks(&self) -> &NetworkIndex {
        &self.networks
    }

    /// Heap bytes it keeps.
    pub fn resident_bytes(&self) -> usize {
        let pairs = || self.twins.iter().chain(&self.certificates);
        let pair_text: usize = pairs().map(|(name, _)| name.len()).sum();
        let pair_count = self.twins.capacity().saturating_add(self.certificates.capacity());
        [
            self.rows.capacity().saturating_mul(size_of::<Row>()),
            self.pool.capacity(),
            self.by_tag.capacity().saturating_mul(size_of::<AppId>()),
            self.by_number.capacity().saturating_mul(size_of::<(u32, AppId)>()),
            pair_count.saturating_mul(size_of::<(Box<str>, AppId)>()),
            pair_text,
            self.domains.resident_bytes(),
            self.patterns.resident_bytes(),
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
        self.twins.sort_by_key(|(name, _)| name.len());
        self.twins.shrink_to_fit();
        self.certificates.shrink_to_fit();
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
            (None, Some("WireGuard"), "198.51.100.1", None),
            (None, Some("WireGuard"), "192.0.2.1", Some("video")),
            (Some("other.example"), None, "192.0.2.1", Some("video")),
            (None, None, "203.0.113.1", None),
        ] {
            let other = addr.parse().unwrap();
            let found = catalogue.identify(&Clues { host, certificate: None, protocol, other });
            let found = found.map(|(app, _)| catalogue.app(app).unwrap().short_name());
            assert_eq!(found, expected, "{host:?} {protocol:?} {addr}");
        }
    }

    #[test]
    fn what_an_application_was_told_by() {
        let catalogue = catalogue();
        let basis = |host, protocol, addr: &str| {
            let other = addr.parse().unwrap();
            let told = catalogue.identify(&Clues { host, certificate: None, protocol, other });
            told.map(|(_, basis)| basis)
        };
        assert_eq!(basis(Some("video.example"), None, "203.0.113.1"), Some(Basis::Host));
        assert_eq!(basis(None, Some("chat/call"), "192.0.2.1"), Some(Basis::Protocol));
        assert_eq!(basis(Some("cloud.example"), None, "192.0.2.1"), Some(Basis::Address));
        assert_eq!(basis(None, None, "203.0.113.1"), None);
    }

    #[test]
    fn a_certificate_tells_what_nobody_asked_for() {
        let mut catalogue = catalogue();
        let desk = catalogue.put(4, "netify.desk", "Desk", &UNCLASSIFIED).unwrap();
        catalogue.certificates.push(("Desk Relay".into(), desk));
        let shown = |host, common_name, common_host, further| {
            let certificate = Certificate {
                common_name: Some(common_name),
                host: common_host,
                further,
                ..Certificate::default()
            };
            let other = "203.0.113.1".parse().unwrap();
            let certificate = Some(certificate);
            let told = catalogue.identify(&Clues { host, certificate, protocol: None, other });
            told.map(|(app, basis)| (catalogue.app(app).unwrap().short_name(), basis))
        };
        let (own, host) = (Basis::Certificate, Basis::Host);
        for (asked, name, common, further, expected) in [
            (None, "desk relay", None, "", Some(("desk", own))),
            (Some("other.example"), "Desk Relay", None, "", Some(("desk", own))),
            (Some("video.example"), "Desk Relay", None, "", Some(("video", host))),
            (None, "*.video.example", Some("video.example"), "", Some(("video", own))),
            (None, "?", None, "a.test,video.example,b.video.example", Some(("video", own))),
            // Of the carrier's many customers, the ones we know must be one.
            (
                None,
                "sni.cloud.example",
                Some("sni.cloud.example"),
                "x.test,video.example",
                Some(("video", own)),
            ),
            (None, "sni.cloud.example", Some("sni.cloud.example"), "x.test", Some(("cloud", own))),
            // It answers for many; the client asked for one that nobody knows.
            (Some("a.test"), "a.test", None, "a.test,video.example", None),
        ] {
            assert_eq!(shown(asked, name, common, further), expected, "{asked:?} {name} {further}");
        }
    }

    #[test]
    fn certificates_for_several_applications_tell_none() {
        let mut catalogue = catalogue();
        catalogue.add_signatures(Path::new("test"), "dom:3:chat.example\n");
        let certificate =
            Certificate { further: "video.example,chat.example", ..Default::default() };
        assert_eq!(catalogue.by_certified_hosts(&certificate), None);
    }

    #[test]
    fn a_pattern_is_longer_than_the_domain_around_it_and_shorter_than_one_inside() {
        let mut catalogue = catalogue();
        let findings = catalogue.add_signatures(
            Path::new("test"),
            "dom:1:video-*.cloud.example\ndom:3:video-9.cloud.example\ndom:3:x.video-1.cloud.example\n",
        );
        assert!(findings.is_empty(), "{findings:?}");
        for (host, expected) in [
            ("video-1.cloud.example", "video"),
            ("a.video-1.cloud.example", "video"),
            ("x.video-1.cloud.example", "chat"),
            ("video-9.cloud.example", "chat"),
            ("video.cloud.example", "cloud"),
        ] {
            let found = catalogue.by_host(host).and_then(|app| catalogue.app(app));
            assert_eq!(found.map(|app| app.short_name()), Some(expected), "{host}");
        }
    }
}
