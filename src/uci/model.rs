//! A checked UCI file: what is asked for, in the terms of the daemon and of the firewall.

use crate::interface::Role;

/// In which kernel systems sets are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// nftables.
    Nft,
    /// ipset.
    Ipset,
    /// Both.
    Both,
}

impl Backend {
    /// Its words.
    pub const WORDS: &'static [(&'static str, Backend)] =
        &[("nft", Backend::Nft), ("ipset", Backend::Ipset), ("both", Backend::Both)];

    /// Whether sets are kept in nftables.
    pub const fn has_nft(self) -> bool {
        matches!(self, Backend::Nft | Backend::Both)
    }

    /// Whether sets are kept by ipset.
    pub const fn has_ipset(self) -> bool {
        matches!(self, Backend::Ipset | Backend::Both)
    }
}

/// The four classes of traffic that shapers know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// What can wait.
    Bulk,
    /// Everything else.
    BestEffort,
    /// Films and meetings seen.
    Video,
    /// Calls.
    Voice,
}

impl Class {
    /// Its words.
    pub const WORDS: &'static [(&'static str, Class)] = &[
        ("bulk", Class::Bulk),
        ("besteffort", Class::BestEffort),
        ("video", Class::Video),
        ("voice", Class::Voice),
    ];

    /// Its word.
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, class)| *class == self).map_or("", |(word, _)| word)
    }

    /// The six bits of the DS field (RFC 2474) by which cake's tins of diffserv3, 4 and 8 know it
    /// (tc-cake(8)): CS1, default, AF41 (RFC 2597), EF (RFC 3246).
    pub const fn dscp(self) -> u32 {
        match self {
            Class::Bulk => 8,
            Class::BestEffort => 0,
            Class::Video => 34,
            Class::Voice => 46,
        }
    }

    /// Their name in nft and iptables.
    pub const fn dscp_name(self) -> &'static str {
        match self {
            Class::Bulk => "cs1",
            Class::BestEffort => "cs0",
            Class::Video => "af41",
            Class::Voice => "ef",
        }
    }
}

/// What happens to packets of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Thrown away, and the sender is told.
    Reject,
    /// Thrown away.
    Drop,
}

impl Verdict {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Verdict::Reject => "reject",
            Verdict::Drop => "drop",
        }
    }
}

/// Bits of a connection's mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// None outside the mask.
    pub value: u32,
    /// Never zero.
    pub mask: u32,
}

/// Which bits of the connection mark are nfa's: six for the DSCP, and some for what else is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// Six bits side by side, of a connection that has a class.
    pub dscp: u32,
    /// Four bits or more.
    pub state: u32,
}

impl Marks {
    /// The bit of that number among those of `state`, from below.
    const fn bit(self, number: u32) -> u32 {
        let (mut left, mut at) = (self.state, 0);
        while at < number {
            left &= left.wrapping_sub(1);
            at = at.saturating_add(1);
        }
        left & left.wrapping_neg()
    }

    /// That a connection has a class: its six bits say which.
    pub fn class(self, class: Class) -> Mark {
        let classed = self.bit(0);
        let shifted = class.dscp().checked_shl(self.dscp.trailing_zeros()).unwrap_or(0);
        Mark { value: classed | shifted & self.dscp, mask: classed | self.dscp }
    }

    /// That it is to be cut.
    pub const fn verdict(self, verdict: Verdict) -> Mark {
        let bit = self.bit(match verdict {
            Verdict::Reject => 1,
            Verdict::Drop => 2,
        });
        Mark { value: bit, mask: bit }
    }

    /// That what is cut is logged.
    pub const fn log(self) -> Mark {
        let bit = self.bit(3);
        Mark { value: bit, mask: bit }
    }

    /// All of them.
    pub const fn all(self) -> u32 {
        self.dscp | self.state
    }
}

/// What a set's key is made of, in firewall4's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// `dest_ip`: the far end.
    Other,
    /// `dest_ip dest_port`.
    OtherPort,
    /// `src_ip dest_ip dest_port`.
    LocalOtherPort,
    /// `src_ip`: the LAN's end.
    Local,
    /// `src_mac`: the LAN's end.
    LocalMac,
}

impl Match {
    /// Its words.
    pub const WORDS: &'static [(&'static str, Match)] = &[
        ("dest_ip", Match::Other),
        ("dest_ip dest_port", Match::OtherPort),
        ("src_ip dest_ip dest_port", Match::LocalOtherPort),
        ("src_ip", Match::Local),
        ("src_mac", Match::LocalMac),
    ];

    /// In firewall4's words.
    pub fn words(self) -> &'static str {
        Self::WORDS.iter().find(|(_, this)| *this == self).map_or("", |(words, _)| words)
    }

    /// As `type` of an `ipset` target; `None`: ipset has none that nfa fills so.
    pub const fn ipset(self) -> Option<&'static str> {
        match self {
            Match::Other => Some("hash:ip"),
            Match::OtherPort => Some("hash:ip,port"),
            Match::LocalOtherPort => Some("hash:ip,port,ip"),
            Match::LocalMac => Some("hash:mac"),
            Match::Local => None,
        }
    }

    /// As `type` of an `nftset` target.
    pub const fn nft(self) -> &'static [&'static str] {
        match self {
            Match::Other => &["other_addr"],
            Match::OtherPort => &["other_addr", "other_port"],
            Match::LocalOtherPort => &["local_addr", "other_addr", "other_port"],
            Match::Local => &["local_addr"],
            Match::LocalMac => &["local_mac"],
        }
    }
}

/// Where a set of a user's own rules lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Home {
    /// ipset.
    Ipset,
    /// A table of family inet: firewall4's, or another that the user looks after.
    Nft(String),
}

/// A set that rules fill for the user's own use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnSet {
    /// Without suffix, with `nfa.` in front.
    pub name: String,
    /// Its key.
    pub key: Match,
    /// `*`, `ipv4` or `ipv6`.
    pub family: &'static str,
    /// Seconds an element stays behind its last flow.
    pub timeout: u32,
    /// Most elements.
    pub maxelem: u32,
    /// Where it is, once or twice.
    pub homes: Vec<Home>,
}

/// A rule.
#[derive(Debug, Clone, Default)]
pub struct Rule {
    /// Unique among rules.
    pub name: String,
    /// Unique among rules, of the characters that nft takes in names; at most 20.
    pub id: String,
    /// Off: checked, and that is all.
    pub enabled: bool,
    /// The alternatives of which one has to hold.
    pub criteria: Vec<String>,
    /// What keeps a flow out of it.
    pub exemptions: Vec<String>,
    /// JSON's interface filter.
    pub interface: Option<String>,
    /// Numbers of the setup's schedules.
    pub schedules: Vec<usize>,
    /// Lower ones first.
    pub priority: u32,
    /// No later rule is looked at.
    pub halt: bool,
    /// Its class.
    pub class: Option<Class>,
    /// What happens to its packets.
    pub verdict: Option<Verdict>,
    /// The user's own bits of the mark.
    pub mark: Option<Mark>,
    /// The routing table of new connections.
    pub table: Option<u32>,
    /// Matches are logged.
    pub log: bool,
    /// The kernel forgets the connection.
    pub kill: bool,
    /// New connections to where its flows went are treated alike from their first packet on.
    pub remember: bool,
    /// Numbers of the setup's sets.
    pub sets: Vec<usize>,
}

impl Rule {
    /// What new connections to remembered endpoints get.
    pub fn marks(&self, marks: Marks) -> Option<Mark> {
        let log = (self.log && self.verdict.is_some()).then(|| marks.log());
        let class = self.class.map(|class| marks.class(class));
        let parts = [class, self.verdict.map(|verdict| marks.verdict(verdict)), log, self.mark];
        parts
            .into_iter()
            .flatten()
            .reduce(|a, b| Mark { value: a.value & !b.mask | b.value, mask: a.mask | b.mask })
    }
}

/// `time_of_day` of rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Its name.
    pub name: String,
    /// `sun` to `sat`; empty: every day.
    pub days: Vec<&'static str>,
    /// `HH:MM`.
    pub start: String,
    /// `HH:MM`.
    pub end: String,
    /// Outside of it.
    pub inverse: bool,
}

/// What keeps flows out of every rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exemption(pub String);

/// The globals.
#[derive(Debug, Clone)]
pub struct Globals {
    /// nfa is to run.
    pub enabled: bool,
    /// Where sets are.
    pub backend: Backend,
    /// Most live flows.
    pub flows_max: Option<u32>,
    /// Of schedules.
    pub timezone: Option<String>,
    /// Fill any set called `nfa.*`.
    pub adopt: bool,
    /// Seconds.
    pub timeout: u32,
    /// Elements.
    pub maxelem: u32,
    /// The bits of the mark.
    pub marks: Marks,
    /// As nft writes it: `10/minute`.
    pub log_limit: String,
    /// Networks of the LAN.
    pub local_networks: Vec<String>,
    /// Records of all flows.
    pub telemetry: Option<Telemetry>,
    /// What is said of people.
    pub privacy: Privacy,
}

/// Records of all flows, to whoever reads the socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telemetry {
    /// Seconds between two records of one flow's counters; the daemon's own where it says nothing.
    pub interval: Option<u32>,
    /// Which records; all where there is none.
    pub records: Vec<&'static str>,
}

/// What records, and answers too, say of people: a word of [`crate::privacy::Treatment`] each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Privacy {
    /// Of names of hosts.
    pub hosts: Option<&'static str>,
    /// Of clients.
    pub clients: Option<&'static str>,
    /// Also in answers of the control socket.
    pub answers: bool,
}

/// A whole file, checked.
#[derive(Debug)]
pub struct Setup {
    /// The globals.
    pub globals: Globals,
    /// Devices that are captured, and of NFLOG groups how many packets of a connection nfa's own rule
    /// hands on, if there is to be one.
    pub interfaces: Vec<(String, Role, Option<u32>)>,
    /// Of every rule.
    pub exemptions: Vec<Exemption>,
    /// Those that rules name.
    pub schedules: Vec<Schedule>,
    /// Those that rules fill.
    pub sets: Vec<OwnSet>,
    /// In their order.
    pub rules: Vec<Rule>,
}
