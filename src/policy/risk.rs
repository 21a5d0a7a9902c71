//! Risks that the facts of a flow show by themselves. Numbers and names are those of the public list
//! (spec section 4.6); what takes more than facts (payload heuristics, reputation) is left out.

use super::view::View;
use crate::facts::Detail;

/// A risk and how it is told.
#[derive(Debug)]
pub struct Risk {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: &'static str,
    /// What it weighs.
    pub score: Score,
    shows: fn(&View<'_>) -> bool,
}

/// How much a risk weighs, split between those who can do something about it: the numbers of nDPI
/// (`ndpi_known_risks` and `ndpi_risk2score` in its sources), where a client's part of 90 % says that
/// it need not have agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Score {
    /// The client's part.
    pub client: u16,
    /// The server's part.
    pub server: u16,
}

impl Score {
    /// Of a risk that weighs 50, half and half.
    const MEDIUM: Score = Score { client: 25, server: 25 };
    /// Of a risk that weighs 100, nearly all of it the client's.
    const HIGH: Score = Score { client: 90, server: 10 };

    /// The sum over the risks that a flow shows.
    pub fn of(view: &View<'_>) -> Score {
        risks(view).fold(Score::default(), |sum, risk| Score {
            client: sum.client.saturating_add(risk.score.client),
            server: sum.server.saturating_add(risk.score.server),
        })
    }

    /// Both parts together.
    pub const fn total(self) -> u16 {
        self.client.saturating_add(self.server)
    }
}

/// TLS 1.1. RFC 8996 forbids it and what came before.
const TLS_1_1: u16 = 0x0302;
/// DTLS 1.0, which RFC 8996 forbids too; versions of DTLS count down (RFC 6347 section 4.1).
const DTLS_1_0: u16 = 0xfeff;

/// Cipher suites of the IANA registry, first and last of each run, that encrypt nothing, use RC4
/// (RFC 7465), DES, 3DES or an export cipher (RFC 9325 section 4.1), or authenticate nobody.
const WEAK_CIPHERS: &[(u16, u16)] = &[
    (0x0000, 0x002e), // NULL, RC4, DES, 3DES, export; KRB5 with them
    (0x0034, 0x0034), // DH_anon with AES
    (0x003a, 0x003b),
    (0x0046, 0x0046), // DH_anon with Camellia
    (0x006c, 0x006d),
    (0x0089, 0x0089),
    (0x008a, 0x008b), // PSK with RC4, 3DES
    (0x008e, 0x008f),
    (0x0092, 0x0093),
    (0x00a6, 0x00a7),
    (0x00b0, 0x00b1), // PSK with NULL
    (0x00b4, 0x00b5),
    (0x00b8, 0x00b9),
    (0xc001, 0xc003), // ECDH with NULL, RC4, 3DES
    (0xc006, 0xc008),
    (0xc00b, 0xc00d),
    (0xc010, 0xc012),
    (0xc015, 0xc019), // ECDH_anon
    (0xc01a, 0xc01c), // SRP with 3DES
    (0xc033, 0xc034), // ECDHE_PSK with RC4, 3DES
    (0xc039, 0xc03b), // ECDHE_PSK with NULL
];

/// Every risk that can be told.
pub static RISKS: &[Risk] = &[
    Risk {
        id: 16,
        name: "Known Protocol on Non-standard Port",
        score: Score::MEDIUM,
        shows: is_off_port,
    },
    Risk { id: 35, name: "TLS SNI Extension Not Found", score: Score::MEDIUM, shows: lacks_sni },
    Risk { id: 36, name: "Obsolete TLS (v1.1 or older)", score: Score::HIGH, shows: is_obsolete },
    Risk { id: 37, name: "Self-signed Certificate", score: Score::HIGH, shows: is_self_signed },
    Risk { id: 41, name: "Weak TLS Cipher", score: Score::HIGH, shows: is_weak },
];

/// The risks that a flow shows.
pub fn risks<'v>(view: &'v View<'_>) -> impl Iterator<Item = &'static Risk> + use<'v> {
    RISKS.iter().filter(|risk| (risk.shows)(view))
}

/// The protocol has registered ports and shows itself, but on none of them. Either end will do: of
/// a flow that was picked up in its middle nobody knows which called.
fn is_off_port(view: &View<'_>) -> bool {
    let transport = view.flow.key.transport();
    let (Some(protocol), Some(ports)) = (view.protocol(), view.ports()) else { return false };
    let mut registered = protocol.ports.iter().filter(|(over, _)| *over == transport).peekable();
    !view.flow.detection.guessed
        && registered.peek().is_some()
        && !registered.any(|(_, port)| ports.contains(port))
}

/// A whole hello without a name, and none encrypted either.
fn lacks_sni(view: &View<'_>) -> bool {
    let read = view.detail(|detail| matches!(detail, Detail::TlsJa4(_)).then_some(()));
    let encrypted = view.detail(|detail| matches!(detail, Detail::TlsEch(_)).then_some(()));
    read.is_some() && encrypted.is_none() && view.facts().is_some_and(|facts| facts.host.is_none())
}

fn is_obsolete(view: &View<'_>) -> bool {
    let version = view.detail(|detail| match detail {
        Detail::TlsVersion(version) => Some(*version),
        _ => None,
    });
    version.is_some_and(|version| version <= TLS_1_1 || version == DTLS_1_0)
}

/// Issuer and subject are one, as RFC 5280 section 3.2 says of self-issued certificates.
fn is_self_signed(view: &View<'_>) -> bool {
    let issuer = view.detail(|detail| match detail {
        Detail::TlsIssuerDn(name) => Some(name),
        _ => None,
    });
    let subject = view.detail(|detail| match detail {
        Detail::TlsSubjectDn(name) => Some(name),
        _ => None,
    });
    issuer.is_some_and(|issuer| !issuer.is_empty()) && issuer == subject
}

fn is_weak(view: &View<'_>) -> bool {
    let cipher = view.detail(|detail| match detail {
        Detail::TlsCipher(cipher) => Some(*cipher),
        _ => None,
    });
    cipher.is_some_and(|cipher| {
        WEAK_CIPHERS.iter().any(|(first, last)| (*first..=*last).contains(&cipher))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Catalogue;
    use crate::facts::{Facts, Protocol};
    use crate::flow::{Flow, Locality};
    use crate::interface::{Interface, Role};
    use crate::lists::Lists;
    use crate::net::Transport;
    use crate::time::Timestamp;

    static WEB: Protocol =
        Protocol { id: 196, name: "HTTP/S", category: "web", ports: &[(Transport::Tcp, 443)] };
    static GAME: Protocol =
        Protocol { id: 1, name: "Game", category: "games", ports: &[(Transport::Udp, 7)] };

    /// The risks of a flow to port 443.
    fn told(protocol: &'static Protocol, host: Option<&str>, details: Vec<Detail>) -> Vec<u32> {
        told_of(protocol, host, details, false)
    }

    fn told_of(
        protocol: &'static Protocol,
        host: Option<&str>,
        details: Vec<Detail>,
        guessed: bool,
    ) -> Vec<u32> {
        let packet = crate::flow::tests::packet(Transport::Tcp, 5000);
        let mut flow = Flow::new(&packet, Timestamp::ZERO, 0, &Locality::default());
        let mut facts = Facts::of(protocol);
        facts.host = host.map(Into::into);
        facts.details = details;
        flow.detection.facts = Some(Box::new(facts));
        flow.detection.guessed = guessed;
        let (catalogue, lists) = (Catalogue::empty(), Lists::default());
        let interface = Interface { name: "br-lan".to_owned(), role: Role::Lan };
        let view = View {
            flow: &flow,
            catalogue: &catalogue,
            lists: &lists,
            interface: &interface,
            unix_ahead_us: 0,
        };
        risks(&view).map(|risk| risk.id).collect()
    }

    #[test]
    fn facts_show_risks() {
        use Detail::{TlsCipher, TlsEch, TlsIssuerDn, TlsJa4, TlsSubjectDn, TlsVersion};
        let ja4 = || TlsJa4("t13d1812h2_85036bcba153_d41ae481755e".into());
        let host = Some("www.example.org");
        assert_eq!(told(&WEB, host, vec![TlsVersion(0x0304), TlsCipher(0x1301), ja4()]), [0; 0]);
        assert_eq!(told(&WEB, None, vec![TlsVersion(0x0303), ja4()]), [35]);
        assert_eq!(told(&WEB, None, vec![ja4(), TlsEch(0xfe0d)]), [0; 0], "its name is encrypted");
        assert_eq!(told(&WEB, None, vec![TlsVersion(0x0303)]), [0; 0], "no hello was read");
        for (version, old) in
            [(2, true), (0x0300, true), (0x0302, true), (0xfeff, true), (0xfefd, false)]
        {
            assert_eq!(told(&WEB, host, vec![TlsVersion(version)]).contains(&36), old, "{version}");
        }
        let names = |issuer: &str, subject: &str| {
            vec![TlsIssuerDn(issuer.into()), TlsSubjectDn(subject.into())]
        };
        assert_eq!(told(&WEB, host, names("CN=box", "CN=box")), [37]);
        assert_eq!(told(&WEB, host, names("CN=ca", "CN=box")), [0; 0]);
        assert_eq!(told(&WEB, host, names("", "")), [0; 0]);
        // RC4-SHA, 3DES, ECDHE-RSA-RC4; AES128-SHA, ECDHE-RSA-AES128-GCM, CHACHA20.
        for (cipher, weak) in [
            (0x0005, true),
            (0x000a, true),
            (0xc011, true),
            (0x002f, false),
            (0xc02f, false),
            (0xcca8, false),
        ] {
            assert_eq!(told(&WEB, host, vec![TlsCipher(cipher)]).contains(&41), weak, "{cipher}");
        }
    }

    #[test]
    fn a_port_is_unusual_only_where_one_is_usual() {
        static SHELL: Protocol =
            Protocol { id: 92, name: "SSH", category: "x", ports: &[(Transport::Tcp, 22)] };
        static FREE: Protocol = Protocol { id: 37, name: "BitTorrent", category: "x", ports: &[] };
        assert_eq!(told(&SHELL, None, vec![]), [16]);
        assert_eq!(told_of(&SHELL, None, vec![], true), [0; 0], "a guess by the port");
        assert_eq!(told(&FREE, None, vec![]), [0; 0]);
        assert_eq!(told(&GAME, None, vec![]), [0; 0], "registered for the other transport");
    }

    #[test]
    fn tables_are_in_order() {
        assert!(RISKS.is_sorted_by(|a, b| a.id < b.id));
        assert!(WEAK_CIPHERS.iter().all(|(first, last)| first <= last));
        assert!(WEAK_CIPHERS.is_sorted_by(|(_, last), (first, _)| last < first));
    }
}
