//! What may be asked through the control socket: one table of methods, and the reader of a line.

use std::cell::RefCell;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde_json::Value;

use super::queries::{self, CatalogueQuery, MatchesQuery};
use crate::effect::FiveTuple;
use crate::engine::By;
use crate::flow::FlowId;
use crate::json::{Finding, Object, Problem, join};
use crate::net::{Endpoint, Mac, Transport};
use crate::spelling;

/// Longest request, in bytes, its line end left out. Criteria are the longest thing in one.
pub const REQUEST_BYTES_MAX: usize = 8 << 10;
/// Most rows of an answer.
pub const ROWS_MAX: u64 = 500;
/// Rows of an answer where the request does not say.
pub const ROWS_DEFAULT: usize = 50;

/// What can be asked for.
pub struct Method {
    /// Its name.
    pub name: &'static str,
    /// What it answers.
    pub doc: &'static str,
    /// Its keys beside `method`, each with what it takes.
    pub keys: &'static [(&'static str, &'static str)],
    /// It changes something: only root and the daemon's own user may ask for it.
    pub changes: bool,
    read: fn(&Object<'_>) -> Option<Request>,
}

const LIMIT: (&str, &str) = ("limit", "most rows, 1 to 500 (default: 50)");
const CURSOR: (&str, &str) = ("cursor", "`next` of the answer before: the rows after those");

/// Every method there is.
pub static METHODS: &[Method] = &[
    Method {
        name: "status",
        doc: "how the daemon is: interfaces, rates, flows, sets, rules, the last error",
        keys: &[],
        changes: false,
        read: |_| Some(Request::Status),
    },
    Method {
        name: "flows",
        doc: "live flows, newest first",
        keys: &[
            LIMIT,
            CURSOR,
            ("sort", "newest, seen, bytes or packets (default: newest); largest first"),
            ("client", "only those of this address or hardware address of the LAN"),
            ("rule", "only those that match this action"),
            ("text", "only those with this in host, application, protocol or an address"),
            ("criteria", "only those that match these criteria"),
        ],
        changes: false,
        read: flows,
    },
    Method {
        name: "sets",
        doc: "the kernel sets with their counts; the members of one with remaining time and why",
        keys: &[LIMIT, CURSOR, ("set", "the members of the sets of this name")],
        changes: false,
        read: |object| {
            Some(Request::Sets(SetsQuery {
                set: object.text("set").map(str::to_owned),
                cursor: object.number("cursor", 0, u32::MAX.into()),
                limit: limit(object),
            }))
        },
    },
    Method {
        name: "search",
        doc: "in which sets an address or a name is, since when, because of which flow and rule",
        keys: &[LIMIT, ("what", "an address, a host name, or an application or protocol")],
        changes: false,
        read: |object| {
            let what = needed(object, "what", "a text: an address, a host name or an application")?;
            Some(Request::Search { what: what.to_owned(), limit: limit(object) })
        },
    },
    Method {
        name: "why",
        doc: "which actions a live flow matches and which not, and what decided",
        keys: &[("flow", "`id` of a flow, or 'tcp 192.168.1.10:40000 203.0.113.9:443'")],
        changes: false,
        read: |object| {
            let text = needed(object, "flow", "a text: the id of a flow, or its two ends")?;
            let named = FlowName::parse(text);
            if named.is_none() {
                let expected = "the id of a flow such as \"17.3\", or its ends such as \
                                \"tcp 192.168.1.10:40000 203.0.113.9:443\"";
                object.unexpected("flow", expected, &format!("\"{text}\""));
            }
            Some(Request::Why(named?))
        },
    },
    Method {
        name: "top",
        doc: "volumes since the start by application, category, protocol or client, largest first",
        keys: &[
            LIMIT,
            ("by", "application, category, protocol or client (default: application)"),
            ("client", "only live flows of this address or hardware address of the LAN"),
        ],
        changes: false,
        read: |object| {
            let by = if object.value("by").is_some() {
                object.word("by", TopBy::WORDS)?
            } else {
                TopBy::Each(By::Application)
            };
            Some(Request::Top { by, client: client(object), limit: limit(object) })
        },
    },
    Method {
        name: "history",
        doc: "volumes of the last quarter of an hour, ten seconds each",
        keys: &[],
        changes: false,
        read: |_| Some(Request::History),
    },
    Method {
        name: "matches",
        doc: "which flows matched which actions, newest first",
        keys: &[
            LIMIT,
            CURSOR,
            ("rule", "only those of this action"),
            ("client", "only those of this address of the LAN"),
        ],
        changes: false,
        read: queries::matches,
    },
    Method {
        name: "catalogue",
        doc: "the names that rules may use: applications, categories, protocols",
        keys: &[
            LIMIT,
            CURSOR,
            ("kind", "application, category or protocol (default: all)"),
            ("text", "only those with this in tag, name or category"),
            ("category", "only those of this category"),
        ],
        changes: false,
        read: queries::catalogue,
    },
    Method {
        name: "findings",
        doc: "what is wrong in the configuration, and the newest errors and warnings",
        keys: &[LIMIT],
        changes: false,
        read: |object| Some(Request::Findings { limit: limit(object) }),
    },
    Method {
        name: "criteria",
        doc: "checks criteria against the configuration's lists and the catalogue",
        keys: &[("text", "the criteria")],
        changes: false,
        read: |object| {
            let text = needed(object, "text", "a text: criteria")?;
            Some(Request::Criteria { text: text.to_owned() })
        },
    },
    Method {
        name: "reload",
        doc: "reads the configuration again; one that cannot be used leaves the old one in force",
        keys: &[],
        changes: true,
        read: |_| Some(Request::Reload),
    },
];

/// A request, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// How the daemon is.
    Status,
    /// Live flows.
    Flows(FlowsQuery),
    /// Sets or members of them.
    Sets(SetsQuery),
    /// Where something is.
    Search {
        /// What.
        what: String,
        /// Most rows.
        limit: usize,
    },
    /// Why a flow matches.
    Why(FlowName),
    /// Volumes.
    Top {
        /// By what.
        by: TopBy,
        /// Live flows of this client only.
        client: Option<Client>,
        /// Most rows.
        limit: usize,
    },
    /// Volumes of the last minutes.
    History,
    /// What matched lately.
    Matches(MatchesQuery),
    /// Names.
    Catalogue(CatalogueQuery),
    /// What is wrong.
    Findings {
        /// Most rows of either list.
        limit: usize,
    },
    /// Whether criteria are right.
    Criteria {
        /// As written.
        text: String,
    },
    /// Read the configuration again.
    Reload,
}

/// Which flows, and in which order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowsQuery {
    /// Most rows.
    pub limit: usize,
    /// The last row before these: the value it is sorted by, and its id.
    pub cursor: Option<(u64, FlowId)>,
    /// By what they are sorted.
    pub sort: Sort,
    /// Of this client only.
    pub client: Option<Client>,
    /// Of this action only.
    pub rule: Option<String>,
    /// With this in them; lower case.
    pub text: Option<String>,
    /// Criteria that they match.
    pub criteria: Option<String>,
}

/// By what flows are sorted, the largest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// When they began.
    Newest,
    /// When they were last seen.
    Seen,
    /// Bytes of both ways.
    Bytes,
    /// Packets of both ways.
    Packets,
}

impl Sort {
    const WORDS: &'static [(&'static str, Sort)] = &[
        ("newest", Sort::Newest),
        ("seen", Sort::Seen),
        ("bytes", Sort::Bytes),
        ("packets", Sort::Packets),
    ];
}

/// A client of the LAN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// By its address.
    Addr(IpAddr),
    /// By its hardware address.
    Mac(Mac),
}

/// Which sets or members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetsQuery {
    /// Members of the sets of this name; `None`: all sets.
    pub set: Option<String>,
    /// The number of the last member before these.
    pub cursor: Option<u64>,
    /// Most rows.
    pub limit: usize,
}

/// How a flow is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlowName {
    /// By its place.
    Id(FlowId),
    /// By its ends, the first as written.
    Ends(FiveTuple),
}

impl FlowName {
    fn parse(text: &str) -> Option<Self> {
        if let Ok(id) = text.parse() {
            return Some(FlowName::Id(id));
        }
        let mut words = text.split_whitespace().filter(|word| !["->", ">"].contains(word));
        let transport = words.next()?.to_lowercase();
        let transport = (0..=u8::MAX).map(Transport::from).find(|t| t.to_string() == transport)?;
        let [source, destination] = [words.next()?, words.next()?].map(|word| {
            let end: SocketAddr = word.parse().ok()?;
            Some(Endpoint { addr: end.ip(), port: end.port() })
        });
        let (source, destination) = (source?, destination?);
        let ends = FiveTuple { transport, source, destination };
        words.next().is_none().then_some(FlowName::Ends(ends))
    }
}

/// By what volumes are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopBy {
    /// By what the engine counts.
    Each(By),
    /// By the category of the application.
    Category,
}

impl TopBy {
    const WORDS: &'static [(&'static str, TopBy)] = &[
        ("application", TopBy::Each(By::Application)),
        ("category", TopBy::Category),
        ("protocol", TopBy::Each(By::Protocol)),
        ("client", TopBy::Each(By::Client)),
    ];

    /// As it is asked for.
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, by)| *by == self).map_or("", |(word, _)| word)
    }
}

/// Why a request is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// JSON pointer to what is wrong in the request; empty: the whole.
    pub at: String,
    /// What is wrong, and what was expected.
    pub message: String,
}

impl Refusal {
    /// Something is wrong with the value of a key.
    pub fn of_key(key: &str, message: impl Into<String>) -> Self {
        Refusal { at: join("", key), message: message.into() }
    }

    /// Something is wrong with all of it.
    pub fn whole(message: impl Into<String>) -> Self {
        Refusal { at: String::new(), message: message.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.at.is_empty() {
            write!(f, "{}: ", self.at)?;
        }
        f.write_str(&self.message)
    }
}

/// Reads a request: a JSON object such as `{"method": "flows", "limit": 10}`.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn parse(line: &str) -> Result<(&'static Method, Request), Refusal> {
    if line.len() > REQUEST_BYTES_MAX {
        return Err(Refusal::whole(format!(
            "a request has {REQUEST_BYTES_MAX} bytes at most, this one has {}",
            line.len()
        )));
    }
    let value: Value = serde_json::from_str(line).map_err(|error| {
        Refusal::whole(format!(
            "expected a JSON object such as {{\"method\": \"status\"}}: {error}"
        ))
    })?;
    let findings = RefCell::default();
    let refusal = |findings: &RefCell<Vec<Finding>>| {
        let first = findings.borrow().first().cloned();
        first.map(|Finding { path, problem, .. }| Refusal { at: path, message: words(&problem) })
    };
    let nothing = || Refusal::whole("expected a JSON object such as {\"method\": \"status\"}");
    let Some(object) = Object::read(&value, "", &findings) else {
        return Err(refusal(&findings).unwrap_or_else(nothing));
    };
    let Some(name) = needed(&object, "method", "a text, such as \"status\"") else {
        return Err(refusal(&findings).unwrap_or_else(nothing));
    };
    let Some(method) = METHODS.iter().find(|method| method.name == name) else {
        let nearest = spelling::nearest(name, METHODS.iter().map(|method| method.name));
        let all: Vec<&str> = METHODS.iter().map(|method| method.name).collect();
        let hint = nearest.map_or_else(
            || format!("expected one of {}", all.join(", ")),
            |nearest| format!("did you mean '{nearest}'?"),
        );
        return Err(Refusal::of_key("method", format!("no method '{name}'; {hint}")));
    };
    let request = (method.read)(&object);
    object.report_unknown_keys();
    match (refusal(&findings), request) {
        (Some(refusal), _) => Err(refusal),
        (None, Some(request)) => Ok((method, request)),
        (None, None) => Err(nothing()),
    }
}

/// As configurations tell it, but that nothing is ignored here.
fn words(problem: &Problem) -> String {
    match problem {
        Problem::UnknownKey { nearest: Some(nearest) } => {
            format!("unknown key; did you mean \"{nearest}\"?")
        }
        Problem::UnknownKey { nearest: None } => "unknown key".to_owned(),
        other => other.to_string(),
    }
}

/// A text that must be there.
fn needed<'a>(object: &Object<'a>, key: &'static str, expected: &'static str) -> Option<&'a str> {
    if object.value(key).is_none() {
        object.missing(key, expected);
        return None;
    }
    object.text(key)
}

pub(super) fn limit(object: &Object<'_>) -> usize {
    let limit = object.number("limit", 1, ROWS_MAX);
    limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(ROWS_DEFAULT)
}

fn client(object: &Object<'_>) -> Option<Client> {
    object.text("client").and_then(|text| {
        let parsed = text
            .parse::<IpAddr>()
            .map(Client::Addr)
            .or_else(|_| text.parse::<Mac>().map(Client::Mac))
            .ok();
        if parsed.is_none() {
            let expected = "an address such as 192.168.1.10 or a hardware address";
            object.unexpected("client", expected, &format!("\"{text}\""));
        }
        parsed
    })
}

fn flows(object: &Object<'_>) -> Option<Request> {
    let cursor = object.text("cursor").and_then(|text| {
        let parsed = text
            .split_once(':')
            .and_then(|(value, id)| Some((value.parse::<u64>().ok()?, id.parse::<FlowId>().ok()?)));
        if parsed.is_none() {
            object.unexpected("cursor", "\"next\" of an answer before", &format!("\"{text}\""));
        }
        parsed
    });
    Some(Request::Flows(FlowsQuery {
        limit: limit(object),
        cursor,
        sort: object.word("sort", Sort::WORDS).unwrap_or(Sort::Newest),
        client: client(object),
        rule: object.text("rule").map(str::to_owned),
        text: object.text("text").map(str::to_lowercase),
        criteria: object.text("criteria").map(str::to_owned),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_and_mistakes_are_told_with_their_place() {
        let flows = parse(
            r#"{"method":"flows","limit":3,"sort":"bytes","cursor":"9:4.1","client":"10.0.0.1"}"#,
        );
        let Ok((_, Request::Flows(query))) = flows else { panic!("{:?}", flows.err()) };
        assert_eq!((query.limit, query.sort), (3, Sort::Bytes));
        assert_eq!(
            query.cursor.map(|(value, id)| (value, id.to_string())),
            Some((9, "4.1".into()))
        );
        assert_eq!(query.client, Some(Client::Addr([10, 0, 0, 1].into())));
        for (line, told) in [
            (
                "",
                "expected a JSON object such as {\"method\": \"status\"}: EOF while parsing a value at line 1 column 0",
            ),
            ("[]", "expected an object, found a list"),
            ("{}", "/method: missing; expected a text, such as \"status\""),
            (r#"{"method":"stauts"}"#, "/method: no method 'stauts'; did you mean 'status'?"),
            (r#"{"method":"flows","lmit":1}"#, "/lmit: unknown key; did you mean \"limit\"?"),
            (
                r#"{"method":"flows","limit":501}"#,
                "/limit: expected a whole number from 1 to 500, found 501",
            ),
            (
                r#"{"method":"flows","cursor":"x"}"#,
                "/cursor: expected \"next\" of an answer before, found \"x\"",
            ),
            (
                r#"{"method":"top","by":"color"}"#,
                "/by: expected \"application\" or \"category\" or \"protocol\" or \"client\", found \"color\"",
            ),
            (
                r#"{"method":"why"}"#,
                "/flow: missing; expected a text: the id of a flow, or its two ends",
            ),
            (r#"{"method":"reload","now":true}"#, "/now: unknown key; did you mean \"method\"?"),
        ] {
            let refused = parse(line).err().map(|refusal| refusal.to_string());
            let told = told.to_owned();
            if line.contains("\"now\"") {
                assert!(refused.is_some_and(|text| text.starts_with("/now: unknown key")));
            } else {
                assert_eq!(refused, Some(told), "{line}");
            }
        }
        let long = format!("{{\"method\":\"{}\"}}", "x".repeat(REQUEST_BYTES_MAX));
        assert!(parse(&long).is_err());
        let deep = "[".repeat(REQUEST_BYTES_MAX);
        assert!(parse(&deep).is_err(), "and the stack holds");
    }

    #[test]
    fn flows_are_named_by_place_or_by_ends() {
        let named = |text| FlowName::parse(text);
        assert!(matches!(named("17.3"), Some(FlowName::Id(_))));
        let ends = named("tcp 192.168.1.10:40000 -> [2001:db8::1]:443");
        assert!(matches!(ends, Some(FlowName::Ends(_))), "{ends:?}");
        for text in ["", "17", "17.", "tcp", "tcp 1.2.3.4:1", "tcp 1.2.3.4:1 5.6.7.8:2 x"] {
            assert_eq!(named(text), None, "{text}");
        }
    }
}
