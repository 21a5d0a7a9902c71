//! What the certificate of a server (TLS up to 1.2) tells of the application, where no name that
//! the client asked for does.

use super::{AppId, Catalogue};

/// Whom a certificate is for and who says so.
#[derive(Debug, Clone, Copy, Default)]
pub struct Certificate<'a> {
    /// Common name of the subject, as written.
    pub common_name: Option<&'a str>,
    /// The same as a host, if it is one; lower case, of a wildcard its domain.
    pub host: Option<&'a str>,
    /// Further hosts (subjectAltName), likewise, joined by commas.
    pub further: &'a str,
    /// The subject, as `CN=...` and so on joined by commas.
    pub subject: &'a str,
    /// The issuer, likewise.
    pub issuer: &'a str,
}

/// The name under which the catalogue lists the application that shows itself by the shape of its
/// certificates alone.
const TOR: &str = "Tor";

impl Catalogue {
    /// The application whose own certificate this is: one with a common name that is no host's, or
    /// of a shape of its own. `asked` is the host that the client asked for.
    pub(super) fn by_certificate(
        &self,
        asked: Option<&str>,
        certificate: &Certificate<'_>,
    ) -> Option<AppId> {
        let same = |name: &str| {
            let known =
                self.certificates.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            known.map(|(_, app)| *app)
        };
        certificate.common_name.and_then(same).or_else(|| {
            let is_tor = asked.is_some_and(|asked| is_tor(asked, certificate));
            is_tor.then(|| self.by_protocol(TOR)).flatten()
        })
    }

    /// The application of the hosts that the certificate names, where none but it names any: that
    /// of the common name, else the one on which all further hosts that belong to any agree. What
    /// carries the services of others has certificates for them, so it does not count.
    pub(super) fn by_certified_hosts(&self, certificate: &Certificate<'_>) -> Option<AppId> {
        let specific = |host: &str| self.by_host(host).filter(|app| !self.is_infrastructure(*app));
        certificate.host.and_then(specific).or_else(|| {
            let mut apps = certificate.further.split(',').filter_map(specific);
            let first = apps.next()?;
            apps.all(|app| app == first).then_some(first)
        })
    }
}

/// Whether this is a relay of Tor: until it came to speak TLS 1.3, client and relay made up a name
/// each for whom to ask for, who answers and who certifies it (`tor_tls_new`,
/// `tor_tls_context_init_one` in tor's src/lib/tls), of 4 to 25, 8 to 20 and 8 to 20 characters of
/// base32. All three must be so, each another, and no words: one digit at least.
fn is_tor(asked: &str, certificate: &Certificate<'_>) -> bool {
    let common = |name: &'_ str| name.strip_prefix("CN=").map(str::to_owned);
    let (Some(subject), Some(issuer)) = (common(certificate.subject), common(certificate.issuer))
    else {
        return false;
    };
    let middles = [
        made_up(asked, ".com", 4, 25),
        made_up(&subject, ".net", 8, 20),
        made_up(&issuer, ".com", 8, 20),
    ];
    let [Some(asked), Some(subject), Some(issuer)] = middles else { return false };
    let differ = asked != subject && subject != issuer && issuer != asked;
    differ && [asked, subject, issuer].iter().any(|text| text.bytes().any(|b| b.is_ascii_digit()))
}

/// What stands between `www.` and `end`, if it can be base32 (RFC 4648 section 6, small letters).
fn made_up<'a>(name: &'a str, end: &str, least: usize, most: usize) -> Option<&'a str> {
    let middle = name.strip_prefix("www.")?.strip_suffix(end)?;
    let legal = middle.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'));
    (legal && (least..=most).contains(&middle.len())).then_some(middle)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELAY: Certificate<'_> = Certificate {
        common_name: Some("www.g6ghvisevf3ibuu5.net"),
        host: Some("www.g6ghvisevf3ibuu5.net"),
        further: "",
        subject: "CN=www.g6ghvisevf3ibuu5.net",
        issuer: "CN=www.xkgk7fdx362yyyxib.com",
    };

    #[test]
    fn a_relay_needs_three_made_up_names() {
        assert!(is_tor("www.ct7ctrgb6cr7.com", &RELAY));
        for asked in ["www.ct7ctrgb6cr7.org", "ct7ctrgb6cr7.com", "www.abc.com", "www.c-t7c.com"] {
            assert!(!is_tor(asked, &RELAY), "{asked}");
        }
        for (subject, issuer) in [
            ("CN=www.example.net", "CN=www.authority.com"), // too short
            ("CN=www.somewhere.net", "CN=www.authority.com"), // words
            ("CN=www.g6ghvisevf3ibuu5.net", "CN=R3, O=Let's Encrypt"),
            ("CN=www.g6ghvisevf3ibuu5.net, O=Somebody", "CN=www.xkgk7fdx362yyyxib.com"),
            ("CN=www.g6ghvisevf3ibuu5.com", "CN=www.xkgk7fdx362yyyxib.com"),
            ("CN=www.g6ghvisevf3ibuu5.net", "CN=www.g6ghvisevf3ibuu5.com"),
            ("", ""),
        ] {
            let certificate = Certificate { subject, issuer, ..RELAY };
            assert!(!is_tor("www.example.com", &certificate), "{subject} {issuer}");
        }
    }
}
