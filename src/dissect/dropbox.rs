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

/// Twelve bytes of text at the start, and two more members: 2^-96 and more.
fn dissect(prefix: &Prefix<'_>) -> Result<Facts, Stop> {
    each(prefix, |bytes| {
        Reader::datagram(bytes).literal(b"{\"host_int\":")?;
        if contains(bytes, b"\"version\":") && contains(bytes, b"\"namespaces\":") {
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
        udp(17500, 17500).original("{\"host_int\": 1, \"version\": 3}").is_nobodys();
    }
}
