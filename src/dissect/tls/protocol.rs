//! What TLS carries: the protocols themselves, and how ALPN and port refine TLS to one of them.

use crate::facts::Protocol;
use crate::net::Transport::Tcp;
use crate::prefix::Prefix;

/// TLS that carries nobody knows what.
pub static TLS: Protocol = Protocol { id: 91, name: "TLS", category: "networking", ports: &[] };
/// The encrypted web.
pub static HTTPS: Protocol =
    Protocol { id: 196, name: "HTTP/S", category: "web", ports: &[(Tcp, 443)] };
/// DNS over TLS, RFC 7858.
pub static DOT: Protocol =
    Protocol { id: 260, name: "DoT", category: "infrastructure", ports: &[(Tcp, 853)] };
/// IMAP in TLS from the first byte, RFC 8314.
pub static IMAPS: Protocol =
    Protocol { id: 51, name: "IMAP/S", category: "mail", ports: &[(Tcp, 993)] };
/// POP3 in TLS from the first byte, RFC 8314.
pub static POP3S: Protocol =
    Protocol { id: 23, name: "POP3/S", category: "mail", ports: &[(Tcp, 995)] };
/// Mail submission in TLS from the first byte, RFC 8314.
pub static SMTPS: Protocol =
    Protocol { id: 29, name: "SMTP/S", category: "mail", ports: &[(Tcp, 465)] };
/// FTP control in TLS from the first byte.
pub static FTPS: Protocol =
    Protocol { id: 21, name: "FTP/S", category: "file-server", ports: &[(Tcp, 990)] };
/// NNTP in TLS from the first byte, RFC 8143.
pub static NNTPS: Protocol =
    Protocol { id: 259, name: "NNTP/S", category: "file-sharing", ports: &[(Tcp, 563)] };
/// XMPP in TLS from the first byte, XEP-0368. No port is registered for it, and what uses 5223 is
/// nearly always something else, so ALPN alone tells it.
pub static XMPPS: Protocol =
    Protocol { id: 322, name: "XMPP/S", category: "messaging", ports: &[] };
/// MQTT in TLS.
pub static MQTTS: Protocol =
    Protocol { id: 258, name: "MQTT/S", category: "messaging", ports: &[(Tcp, 8883)] };
/// IRC in TLS, RFC 7194.
pub static IRCS: Protocol =
    Protocol { id: 279, name: "IRC/S", category: "messaging", ports: &[(Tcp, 6697)] };
/// SIP in TLS, RFC 3261 section 26.2.
pub static SIPS: Protocol =
    Protocol { id: 257, name: "SIP/S", category: "voip", ports: &[(Tcp, 5061)] };
/// Syslog in TLS, RFC 5425.
pub static SYSLOGS: Protocol =
    Protocol { id: 302, name: "SYSLOG/S", category: "infrastructure", ports: &[(Tcp, 6514)] };
/// Apple's push service; ALPN alone tells it too.
pub static APPLE_PUSH: Protocol =
    Protocol { id: 238, name: "Apple/Push", category: "messaging", ports: &[] };

/// Every protocol this dissector can answer.
pub static ALL: &[&Protocol] = &[
    &TLS,
    &HTTPS,
    &DOT,
    &IMAPS,
    &POP3S,
    &SMTPS,
    &FTPS,
    &NNTPS,
    &XMPPS,
    &MQTTS,
    &IRCS,
    &SIPS,
    &SYSLOGS,
    &APPLE_PUSH,
];

/// Identifiers of IANA's ALPN registry, RFC 7301 section 6, and a few seen without registration.
const BY_ALPN: &[(&[u8], &Protocol)] = &[
    (b"dot", &DOT),
    (b"imap", &IMAPS),
    (b"pop3", &POP3S),
    (b"smtp", &SMTPS),
    (b"ftp", &FTPS),
    (b"nntp", &NNTPS),
    (b"nnsp", &NNTPS),
    (b"xmpp-client", &XMPPS),
    (b"xmpp-server", &XMPPS),
    (b"mqtt", &MQTTS),
    (b"x-amzn-mqtt-ca", &MQTTS),
    (b"irc", &IRCS),
    (b"sip/2", &SIPS),
];

/// Beginnings that stand for a family of versions: HTTP 1 to 3 and the drafts between.
const BY_ALPN_FAMILY: &[(&[u8], &Protocol)] = &[
    (b"http/", &HTTPS),
    (b"h2", &HTTPS),
    (b"h3", &HTTPS),
    (b"spdy/", &HTTPS),
    (b"apns-", &APPLE_PUSH),
];

fn by_alpn(name: &[u8]) -> Option<&'static Protocol> {
    let exact = BY_ALPN.iter().find(|(known, _)| *known == name);
    let family = || BY_ALPN_FAMILY.iter().find(|(start, _)| name.starts_with(start));
    exact.or_else(family).map(|(_, protocol)| *protocol)
}

/// What this TLS flow carries: the server's choice of ALPN, else the first of the client's list
/// that is known, else the registered port. A list of strangers keeps port 443 from being the web.
pub fn refine<'a>(
    prefix: &Prefix<'_>,
    chosen: Option<&[u8]>,
    mut offered: impl Iterator<Item = &'a [u8]>,
) -> &'static Protocol {
    if let Some(protocol) = chosen.and_then(by_alpn) {
        return protocol;
    }
    let mut strangers = chosen.is_some();
    let first_known = offered.find_map(|name| {
        strangers = true;
        by_alpn(name)
    });
    let by_port = || {
        let registered =
            |protocol: &&&Protocol| protocol.ports.iter().any(|(_, port)| prefix.has_port(*port));
        ALL.iter().find(registered).copied().filter(|found| !strangers || **found != HTTPS)
    };
    first_known.or_else(by_port).unwrap_or(&TLS)
}
