//! What records say of people: names of hosts and addresses of clients are kept, hashed or dropped.

use std::fs::File;
use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::sync::LazyLock;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::net::Mac;

/// What becomes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Treatment {
    /// It is written as it is.
    #[default]
    Keep,
    /// A stand-in is written, the same for the same value until the program ends.
    Hash,
    /// It is left out.
    Drop,
}

impl Treatment {
    /// As configurations name them.
    pub const WORDS: &'static [(&'static str, Treatment)] =
        &[("keep", Treatment::Keep), ("hash", Treatment::Hash), ("drop", Treatment::Drop)];
}

/// What becomes of what in the records of `log`, `sink` and telemetry, and in answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Privacy {
    /// Names of hosts, and what has them in it.
    pub hosts: Treatment,
    /// Addresses and hardware addresses of the LAN, and how its devices describe themselves.
    pub clients: Treatment,
    /// Answers of the control socket say no more than records do.
    pub answers: bool,
}

/// Keys of a flow's record, some inside a block.
type Keys = &'static [(Option<&'static str>, &'static str)];

const HOSTS: Keys = &[
    (None, "dns_host_name"),
    (None, "host_server_name"),
    (Some("ssl"), "client_sni"),
    (Some("ssl"), "server_cn"),
    (Some("ssl"), "subject_dn"),
    (Some("http"), "url"),
    (Some("mdns"), "answer"),
];
const CLIENTS: Keys = &[
    (None, "local_ip"),
    (None, "local_mac"),
    (Some("conntrack"), "reply_src_ip"),
    (Some("conntrack"), "reply_dst_ip"),
    (Some("http"), "user_agent"),
    (Some("dhcp"), "class_ident"),
    (Some("dhcp"), "fingerprint"),
    (Some("ssh"), "client"),
    (Some("stun"), "mapped"),
];
/// The other end is a client too where it is of the LAN.
const OTHERS: Keys = &[(None, "other_ip"), (None, "other_mac")];

/// Treats the record of a flow.
pub fn treat(record: &mut Map<String, Value>, privacy: Privacy) {
    let is_local = record.get("other_type").and_then(Value::as_str) == Some("local");
    let others = if is_local { OTHERS } else { &[] };
    for (keys, treatment) in
        [(HOSTS, privacy.hosts), (CLIENTS, privacy.clients), (others, privacy.clients)]
    {
        if treatment == Treatment::Keep {
            continue;
        }
        for (block, key) in keys {
            let holder = match block {
                None => Some(&mut *record),
                Some(block) => record.get_mut(*block).and_then(Value::as_object_mut),
            };
            if let Some(holder) = holder {
                replace(holder, key, treatment);
            }
        }
    }
}

fn replace(holder: &mut Map<String, Value>, key: &str, treatment: Treatment) {
    let stand_in = match (treatment, holder.get(key)) {
        (Treatment::Hash, Some(Value::String(text))) => hashed(text),
        _ => None,
    };
    match (stand_in, holder.get_mut(key)) {
        (Some(stand_in), Some(value)) => *value = stand_in.into(),
        _ => drop(holder.shift_remove(key)),
    }
}

/// What stands for something in a text.
pub fn stand_in(text: &str, treatment: Treatment) -> String {
    match treatment {
        Treatment::Keep => text.to_owned(),
        Treatment::Hash => hashed(text).unwrap_or_else(|| HIDDEN.to_owned()),
        Treatment::Drop => HIDDEN.to_owned(),
    }
}

/// What stands for something that is left out.
const HIDDEN: &str = "*";

/// A text for people with its clients' addresses treated: those that `is_client` says are some, and
/// all hardware addresses.
pub fn words(text: &str, treatment: Treatment, is_client: &dyn Fn(IpAddr) -> bool) -> String {
    if treatment == Treatment::Keep {
        return text.to_owned();
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || ".:[]".contains(c);
    let mut told = String::new();
    for piece in text.split_inclusive(|c: char| !is_part(c)) {
        let word = piece.trim_end_matches(|c: char| !is_part(c));
        // A sentence may end behind it.
        let bare = word.trim_end_matches(['.', ':']);
        told.push_str(&treated_word(bare, treatment, is_client).unwrap_or_else(|| bare.to_owned()));
        told.push_str(piece.strip_prefix(bare).unwrap_or_default());
    }
    told
}

/// `None`: it is no client.
fn treated_word(
    word: &str,
    treatment: Treatment,
    is_client: &dyn Fn(IpAddr) -> bool,
) -> Option<String> {
    if let Ok(addr) = word.parse::<IpAddr>() {
        return is_client(addr).then(|| stand_in(word, treatment));
    }
    if let Ok(end) = word.parse::<SocketAddr>() {
        let name = || stand_in(&end.ip().to_string(), treatment);
        return is_client(end.ip()).then(|| format!("{}:{}", name(), end.port()));
    }
    word.parse::<Mac>().ok().map(|_| stand_in(word, treatment))
}

/// 64 bits of a hash that nobody can compute without the key, which is forgotten with the process:
/// there are too few addresses for a hash without one. `None`: the system gives no random bytes.
fn hashed(text: &str) -> Option<String> {
    hex(text, 8)
}

/// A name of 160 bits for something, by the same kind of hash: it gives nothing away, and is another
/// one after the next start. `None`: the system gives no random bytes.
pub fn digest(text: &str) -> Option<String> {
    hex(text, 20)
}

fn hex(text: &str, bytes: usize) -> Option<String> {
    static KEY: LazyLock<Option<[u8; 32]>> = LazyLock::new(|| {
        let mut key = [0; 32];
        File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut key)).ok()?;
        Some(key)
    });
    let mut hasher = Sha256::new();
    hasher.update(KEY.as_ref()?);
    hasher.update(text.as_bytes());
    let digest = hasher.finalize();
    Some(digest.iter().take(bytes).map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn treated(hosts: Treatment, clients: Treatment, other_type: &str) -> Value {
        let mut record = json!({
            "local_ip": "192.168.1.9", "local_mac": "02:00:00:00:00:09", "other_ip": "10.0.0.1",
            "other_type": other_type, "host_server_name": "www.example.org",
            "ssl": {"version": "0x0303", "client_sni": "www.example.org"},
        });
        treat(record.as_object_mut().unwrap(), Privacy { hosts, clients, answers: false });
        record
    }

    #[test]
    fn clients_in_words_are_treated_and_others_stay() {
        let is_client = |addr: IpAddr| matches!(addr, IpAddr::V4(v4) if v4.is_private());
        let text =
            "udp 192.168.1.9:5060 > 203.0.113.1:5060; 192.168.1.9. 02:00:00:00:00:0a fd00::1";
        let told = words(text, Treatment::Drop, &is_client);
        assert_eq!(told, "udp *:5060 > 203.0.113.1:5060; *. * fd00::1");
        let hashed = words(text, Treatment::Hash, &is_client);
        assert!(!hashed.contains("192.168") && hashed.contains("203.0.113.1:5060"), "{hashed}");
        let name = stand_in("192.168.1.9", Treatment::Hash);
        assert_eq!((hashed.matches(&name).count(), name.len()), (2, 16), "{hashed}");
        assert_eq!(words(text, Treatment::Keep, &is_client), text);
    }

    #[test]
    fn names_and_clients_are_hashed_alike_or_left_out() {
        let kept = treated(Treatment::Keep, Treatment::Keep, "remote");
        assert_eq!(kept["ssl"]["client_sni"], "www.example.org");
        let hashed = treated(Treatment::Hash, Treatment::Keep, "remote");
        assert_eq!(hashed["host_server_name"], hashed["ssl"]["client_sni"]);
        assert_eq!(hashed["host_server_name"].as_str().map(str::len), Some(16));
        assert!(!hashed.to_string().contains("example"), "{hashed}");
        assert_eq!(hashed["local_ip"], "192.168.1.9");
        let dropped = treated(Treatment::Drop, Treatment::Drop, "remote");
        let left = json!({"other_ip": "10.0.0.1", "other_type": "remote",
            "ssl": {"version": "0x0303"}});
        assert_eq!(dropped, left);
        let local = treated(Treatment::Keep, Treatment::Hash, "local");
        assert!(!local.to_string().contains("10.0.0.1"), "{local}");
        assert_ne!(local["local_ip"], local["other_ip"]);
    }
}
