//! A flow described in words: `tcp 192.168.1.10:40000 203.0.113.9:443 host=www.youtube.com`.
//!
//! Transport, originator, destination, then facts as `name=value`. The names are those of
//! criteria fields, with `host`, `interface` and `mac` as short forms; quotes hold blanks.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use nfa::app::{AppId, Catalogue};
use nfa::engine::Engine;
use nfa::facts::{Detail, Facts, Protocol, host_name};
use nfa::flow::{Flow, Locality, Stage};
use nfa::interface::{Interface, Role};
use nfa::net::{Endpoint, Mac, Transport};
use nfa::policy::{protocols, schema};
use nfa::spelling;
use nfa::time::Timestamp;
use nfa::wire::Packet;
use nom::branch::alt;
use nom::bytes::complete::{is_not, tag, take_until};
use nom::character::complete::multispace0;
use nom::combinator::opt;
use nom::multi::many0;
use nom::sequence::{delimited, preceded, terminated};
use nom::{IResult, Parser};

use super::options::{Options, UsageError};

/// What may be told, by its criteria field.
const FACTS: &[&str] = &[
    "protocol",
    "application",
    "detected_hostname",
    "dns_hostname",
    "iface",
    "src_mac",
    "dst_mac",
    "vlan_id",
    "ip_dscp",
    "tls_version",
    "tls_cipher",
    "tls_ech",
    "tls_alpn",
    "tls_alpn_server",
    "tls_ja4",
    "tls_server_cn",
    "tls_issuer_dn",
    "tls_subject_dn",
    "http_url",
    "http_user_agent",
    "bt_info_hash",
    "ssh_client_agent",
    "ssh_server_agent",
    "dhcp_class_ident",
    "dhcp_fingerprint",
    "mdns_domain_name",
];
/// Short forms.
const SHORT: &[(&str, &str)] =
    &[("host", "detected_hostname"), ("interface", "iface"), ("mac", "src_mac")];

/// What was told of a flow.
#[derive(Debug)]
pub struct Told {
    text: String,
    transport: Transport,
    ends: [Endpoint; 2],
    protocol: Option<&'static Protocol>,
    app: Option<AppId>,
    host: Option<Box<str>>,
    hint: Option<Box<str>>,
    interface: Option<String>,
    macs: [Option<Mac>; 2],
    vlan: Option<u16>,
    dscp: u8,
    details: Vec<Detail>,
}

/// Why words describe no flow.
#[derive(Debug)]
enum ToldError {
    /// Fewer than three words, or one that is no fact.
    Shape,
    Transport(String),
    End(String),
    Families,
    Fact {
        name: String,
        nearest: Option<String>,
    },
    Value {
        name: &'static str,
        value: String,
        expected: &'static str,
        nearest: Option<String>,
    },
    /// A host or detail belongs to a protocol.
    NoProtocol,
}

impl fmt::Display for ToldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape => f.write_str(
                "expected a transport, two ends and facts, such as \
                 tcp 192.168.1.10:40000 203.0.113.9:443 host=www.youtube.com",
            ),
            Self::Transport(word) => {
                write!(f, "expected tcp, udp, icmp or a protocol number, found '{word}'")
            }
            Self::End(word) => write!(
                f,
                "expected an address and port such as 192.168.1.10:40000 or [2001:db8::1]:443, \
                 found '{word}'"
            ),
            Self::Families => f.write_str("expected both ends to be IPv4 or both IPv6"),
            Self::Fact { name, nearest } => {
                write!(f, "no fact '{name}'")?;
                match nearest {
                    Some(nearest) => write!(f, "; did you mean '{nearest}'?"),
                    None => write!(f, "; there are host, {}", FACTS.join(", ")),
                }
            }
            Self::Value { name, value, expected, nearest } => {
                write!(f, "{name}: expected {expected}, found '{value}'")?;
                match nearest {
                    Some(nearest) => write!(f, "; did you mean '{nearest}'?"),
                    None => Ok(()),
                }
            }
            Self::NoProtocol => f.write_str(
                "no protocol is registered for these ports: name it, such as protocol=http/s",
            ),
        }
    }
}

/// A word, or `name=value` with the value perhaps in quotes.
fn word(text: &str) -> IResult<&str, (&str, Option<&str>)> {
    let quoted = |quote: &'static str| delimited(tag(quote), take_until(quote), tag(quote));
    let value = alt((quoted("'"), quoted("\""), is_not(" \t\r\n"), tag("")));
    let word = (is_not("= \t\r\n"), opt(preceded(tag("="), value)));
    terminated(word, multispace0).parse(text)
}

impl Told {
    /// Reads a description.
    pub fn parse(text: &str, catalogue: &Catalogue) -> Result<Self, UsageError> {
        read(text, catalogue).map_err(|error| usage(text, &error))
    }

    /// The flow.
    pub fn flow(&self, engine: &Engine, options: &Options) -> Result<Flow, UsageError> {
        let mut networks = engine.config().local_networks.clone();
        networks.extend(&options.local);
        let [source, destination] = self.ends;
        let packet = Packet {
            source_mac: self.macs[0],
            destination_mac: self.macs[1],
            vlan: self.vlan,
            source: source.addr,
            destination: destination.addr,
            transport: self.transport,
            source_port: source.port,
            destination_port: destination.port,
            dscp: self.dscp,
            tcp: None,
            payload: &[],
            payload_len: 0,
            ip_len: 0,
        };
        let mut flow = Flow::new(&packet, Timestamp::ZERO, 0, &Locality::new(networks));
        flow.detection.packets = 1;
        flow.detection.hint.clone_from(&self.hint);
        if let Some(protocol) = self.protocol {
            flow.detection.stage = Stage::Decided;
            flow.detection.facts = Some(Box::new(Facts::of(protocol)));
        }
        engine.conclude(&mut flow);
        match &mut flow.detection.facts {
            Some(facts) => {
                facts.host.clone_from(&self.host);
                facts.details = self.details.clone().into();
            }
            None if self.host.is_some() || !self.details.is_empty() => {
                return Err(usage(&self.text, &ToldError::NoProtocol));
            }
            None => {}
        }
        engine.conclude(&mut flow); // the host names the application
        flow.detection.app = self.app.or(flow.detection.app);
        Ok(flow)
    }

    /// Where it was seen: as told, else as captures are replayed.
    pub fn interface(&self, engine: &Engine, options: &Options) -> Interface {
        let known = &engine.config().interfaces;
        let name = self.interface.as_ref().or(options.interface.as_ref());
        match (name, known.first()) {
            (None, Some(first)) => first.clone(),
            (None, None) => {
                Interface { name: nfa::config::INTERFACE_DEFAULT.to_owned(), role: Role::Lan }
            }
            (Some(name), _) => {
                let same = known.iter().find(|interface| interface.name == *name);
                let new = || Interface { name: name.clone(), role: Role::Lan };
                same.cloned().unwrap_or_else(new)
            }
        }
    }

    fn set(&mut self, name: &str, value: &str, catalogue: &Catalogue) -> Result<(), ToldError> {
        let full = SHORT.iter().find(|(short, _)| *short == name).map_or(name, |(_, full)| full);
        let field = schema().find(full).map(|(_, field)| field.name);
        let Some(field) = field.filter(|field| FACTS.contains(field)) else {
            let shorts = SHORT.iter().map(|(short, _)| *short);
            let nearest = spelling::nearest(name, FACTS.iter().copied().chain(shorts));
            return Err(ToldError::Fact { name: name.to_owned(), nearest });
        };
        let wrong = |expected, nearest| ToldError::Value {
            name: field,
            value: value.to_owned(),
            expected,
            nearest,
        };
        let number = || {
            let hex = value.strip_prefix("0x").map(|digits| u16::from_str_radix(digits, 16));
            let number = hex.unwrap_or_else(|| value.parse());
            number.map_err(|_| wrong("a number such as 0x0304", None))
        };
        let mac = || value.parse::<Mac>().map_err(|_| wrong("a MAC address", None));
        let text = || Box::<str>::from(value);
        let host = || host_name(value.as_bytes()).ok_or_else(|| wrong("a host name", None));
        match field {
            "protocol" => {
                let id = value.parse::<u16>().ok();
                let same = |p: &&Protocol| p.name.eq_ignore_ascii_case(value) || Some(p.id) == id;
                let found = protocols().find(|protocol| same(protocol));
                self.protocol = Some(found.ok_or_else(|| {
                    let nearest = spelling::nearest(value, protocols().map(|p| p.name));
                    wrong("a protocol, see nfa protocols", nearest)
                })?);
            }
            "application" => {
                let number = value.parse().ok().and_then(|id| catalogue.by_number(id));
                let found = number.or_else(|| catalogue.resolve(value));
                self.app = Some(found.ok_or_else(|| {
                    wrong("an application, see nfa apps", super::nearest_app(catalogue, value))
                })?);
            }
            "detected_hostname" => self.host = Some(host()?),
            "dns_hostname" => self.hint = Some(host()?),
            "iface" => self.interface = Some(value.to_owned()),
            "src_mac" => self.macs[0] = Some(mac()?),
            "dst_mac" => self.macs[1] = Some(mac()?),
            "vlan_id" => self.vlan = Some(number()?),
            "ip_dscp" => {
                let dscp = u8::try_from(number()?).ok().filter(|dscp| *dscp < 64);
                self.dscp = dscp.ok_or_else(|| wrong("a number from 0 to 63", None))?;
            }
            "tls_version" => self.details.push(Detail::TlsVersion(number()?)),
            "tls_cipher" => self.details.push(Detail::TlsCipher(number()?)),
            "tls_ech" => self.details.push(Detail::TlsEch(number()?)),
            "tls_alpn" => self.details.push(Detail::TlsAlpn(text().into())),
            "tls_alpn_server" => self.details.push(Detail::TlsAlpnServer(text().into())),
            "tls_ja4" => self.details.push(Detail::TlsJa4(text())),
            "tls_server_cn" => self.details.push(Detail::TlsServerCn(text())),
            "tls_issuer_dn" => self.details.push(Detail::TlsIssuerDn(text())),
            "tls_subject_dn" => self.details.push(Detail::TlsSubjectDn(text())),
            "http_url" => self.details.push(Detail::HttpUrl(text())),
            "http_user_agent" => self.details.push(Detail::HttpUserAgent(text())),
            "ssh_client_agent" => self.details.push(Detail::SshClient(text())),
            "ssh_server_agent" => self.details.push(Detail::SshServer(text())),
            "dhcp_class_ident" => self.details.push(Detail::DhcpClass(text())),
            "dhcp_fingerprint" => self.details.push(Detail::DhcpFingerprint(text())),
            "mdns_domain_name" => self.details.push(Detail::MdnsName(text())),
            _ => {
                let hash = info_hash(value).ok_or_else(|| wrong("40 hexadecimal digits", None))?;
                self.details.push(Detail::BtInfoHash(hash));
            }
        }
        Ok(())
    }
}

fn usage(text: &str, error: &ToldError) -> UsageError {
    UsageError::Value { option: "--flow", found: text.to_owned(), expected: error.to_string() }
}

fn read(text: &str, catalogue: &Catalogue) -> Result<Told, ToldError> {
    let words = preceded(multispace0, many0(word)).parse(text);
    let Ok(("", words)) = words else { return Err(ToldError::Shape) };
    let mut words = words.into_iter();
    let mut plain = || words.next().filter(|(_, value)| value.is_none()).map(|(word, _)| word);
    let (Some(transport), Some(source), Some(destination)) = (plain(), plain(), plain()) else {
        return Err(ToldError::Shape);
    };
    let transport = transport_of(transport)?;
    let ends = [end(source)?, end(destination)?];
    if ends[0].addr.is_ipv4() != ends[1].addr.is_ipv4() {
        return Err(ToldError::Families);
    }
    let mut told = Told {
        text: text.to_owned(),
        transport,
        ends,
        protocol: None,
        app: None,
        host: None,
        hint: None,
        interface: None,
        macs: [None; 2],
        vlan: None,
        dscp: 0,
        details: Vec::new(),
    };
    for (name, value) in words {
        told.set(name, value.ok_or(ToldError::Shape)?, catalogue)?;
    }
    Ok(told)
}

fn transport_of(word: &str) -> Result<Transport, ToldError> {
    let lower = word.to_ascii_lowercase();
    let found = (0..=u8::MAX).map(Transport::from).find(|transport| {
        transport.to_string() == lower || transport.number().to_string() == lower
    });
    found.ok_or_else(|| ToldError::Transport(word.to_owned()))
}

/// A port left out is 0.
fn end(word: &str) -> Result<Endpoint, ToldError> {
    if let Ok(end) = SocketAddr::from_str(word) {
        return Ok(Endpoint { addr: end.ip(), port: end.port() });
    }
    let addr = IpAddr::from_str(word).map_err(|_| ToldError::End(word.to_owned()))?;
    Ok(Endpoint { addr, port: 0 })
}

fn info_hash(text: &str) -> Option<[u8; 20]> {
    let mut hash = [0; 20];
    if text.len() != 40 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (number, byte) in hash.iter_mut().enumerate() {
        let at = number.saturating_mul(2);
        *byte = u8::from_str_radix(text.get(at..at.saturating_add(2))?, 16).ok()?;
    }
    Some(hash)
}
