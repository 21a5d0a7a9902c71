//! Dropbox's LAN sync: announcements in JSON over UDP (the transfer itself is TLS).

use crate::bytes::{Reader, Stop};
use crate::dissect::Dissector;
use crate::dissect::sides::{contains, each};
use crate::facts::{Facts, Protocol};
use crate::net::Transport;
use crate::prefix::Prefix;

/// Dropbox LAN sync (IANA: db-lsp-disc).
pub static PROTOCOL: Protocol = Protocol {
    id: 121,
    name: "Dropbox",
    category: "file-sharing",
    ports: &[(Transport::Udp, 17500)],
};

/// Announcements.
pub static DROPBOX: Dissector = Dissector {
    name: "dropbox",
    over: &[Transport::Udp],
    protocols: &[&PROTOCOL],
    dissect,
    teach: None,
};

/// An object with three members by name: more than 2^-200.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |bytes| {
        Reader::datagram(bytes).literal(b"{\"")?;
        let members = [&b"\"host_int\":"[..], b"\"version\":", b"\"displayname\":"];
        if members.iter().all(|member| contains(bytes, member)) {
            Ok(Facts::of(&PROTOCOL))
        } else {
            Err(Stop::NotMine)
        }
    })
}

#[cfg(test)]
mod tests {
    use crate::dissect::sample::udp;

    #[test]
    fn an_announcement_is_dropbox() {
        let text = "{\"host_int\": 1, \"version\": [2, 0], \"displayname\": \"\", \"port\": 17500, \
            \"namespaces\": [2]}";
        udp(17500, 17500).original(text).survives("Dropbox");
        let newer =
            "{\"version\": [2, 0], \"port\": 17500, \"host_int\": 1, \"displayname\": \"\"}";
        udp(17500, 17500).original(newer).survives("Dropbox");
        udp(17500, 17500).original("{\"host_int\": 1, \"version\": 3}").is_nobodys();
    }
}
