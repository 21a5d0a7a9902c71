//! Dropbox's LAN sync: announcements in JSON over UDP (the transfer itself is TLS).

use crate::bytes::Stop;
use crate::dissect::sides::{contains, require};
use crate::dissect::{Dissector, Part, Question};
use crate::facts::Protocol;
use crate::net::Transport;

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
    question: Question::Part(dissect),
    teach: None,
};

/// An object with three members by name: more than 2^-200.
fn dissect(part: &mut Part<'_>) -> Result<(), Stop> {
    part.literal(b"{\"")?;
    let members: &[&[u8]] = &[b"\"host_int\":", b"\"version\":", b"\"displayname\":"];
    require(members.iter().all(|member| contains(part.bytes, member)))
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
