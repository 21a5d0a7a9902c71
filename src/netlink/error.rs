//! What went wrong between nfa and the kernel: the operation, its object, the error number with
//! its name and meaning, and the kernel's own text.

use std::fmt;

use super::message::Subsystem;

/// A failed operation. Printed as one line in the words of the command that would do the same:
/// `ipset add nfa.video.v4 10.0.0.1: ENOENT: no set has that name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Whom it was asked of.
    pub subsystem: Subsystem,
    /// What was asked.
    pub operation: Operation,
    /// Of what: set, table, element, connection; as its command line tool writes it.
    pub object: String,
    /// Why it failed.
    pub cause: Cause,
}

/// What was asked of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Open the netlink socket.
    Open,
    /// Join a multicast group.
    Join,
    /// Receive events.
    Receive,
    /// Ask for protocol version or type revisions.
    Negotiate,
    /// Make a set or a table.
    Create,
    /// Remove a set or a table.
    Destroy,
    /// Remove all elements.
    Flush,
    /// Give a set another name.
    Rename,
    /// Exchange the content of two sets.
    Swap,
    /// Read a set's shape, names, or a connection.
    Read,
    /// Read all elements or connections.
    Dump,
    /// Add an element.
    Add,
    /// Delete an element or a connection.
    Delete,
    /// Ask whether an element is in a set.
    Test,
    /// Change a connection's mark or labels.
    Update,
    /// Apply a transaction.
    Commit,
}

/// Why an operation failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The kernel answered with this error.
    Kernel {
        /// `errno`, or one of ipset's own from 4096 on.
        code: i32,
        /// The kernel's text (extended ack).
        text: Option<String>,
    },
    /// A system call failed with this `errno`.
    System {
        /// `errno`.
        code: i32,
    },
    /// The kernel lacks it; says what.
    Unsupported(String),
    /// No answer came in time.
    Unanswered,
    /// Replies or events were lost for want of room in the socket (`ENOBUFS`): the state of what
    /// was asked is unknown, read it again.
    Overrun,
    /// The message would exceed what netlink can carry.
    TooLong,
    /// The answer lacks this.
    Malformed(&'static str),
    /// The name has this many bytes, which is more than the kernel takes, or none, or a zero byte.
    Name {
        /// Bytes it has.
        bytes: usize,
        /// Most it may have.
        most: usize,
    },
    /// The request contradicts itself; says how.
    Request(&'static str),
}

impl Error {
    /// An error of that operation.
    pub(super) fn new(
        subsystem: Subsystem,
        operation: Operation,
        object: impl Into<String>,
        cause: Cause,
    ) -> Self {
        Error { subsystem, operation, object: object.into(), cause }
    }

    /// The kernel's error number; none if it did not come to an answer.
    pub const fn code(&self) -> Option<i32> {
        match self.cause {
            Cause::Kernel { code, .. } | Cause::System { code } => Some(code),
            _ => None,
        }
    }

    /// Whether the kernel lacks the subsystem or the set type: asking again is of no use.
    pub fn is_unsupported(&self) -> bool {
        match self.cause {
            Cause::Unsupported(_) => true,
            Cause::System { code } => {
                self.operation == Operation::Open
                    && matches!(
                        code,
                        libc::EPROTONOSUPPORT | libc::EAFNOSUPPORT | libc::ESOCKTNOSUPPORT
                    )
            }
            Cause::Kernel { code, .. } => match code {
                libc::EOPNOTSUPP | FIND_TYPE => true,
                // nfnetlink answers EINVAL to a subsystem that is not there.
                libc::EINVAL | libc::ENOENT => self.operation == Operation::Negotiate,
                _ => false,
            },
            _ => false,
        }
    }

    /// Whether set, table, element or connection is not there: `ENOENT`.
    pub fn is_missing(&self) -> bool {
        self.code() == Some(libc::ENOENT)
    }

    /// Whether the set has no room for the element.
    pub fn is_full(&self) -> bool {
        match self.code() {
            Some(HASH_FULL) => self.subsystem == Subsystem::Ipset,
            Some(libc::ENFILE) => self.subsystem == Subsystem::Nftables,
            _ => false,
        }
    }

    /// Whether rights were missing.
    pub fn is_permission(&self) -> bool {
        matches!(self.code(), Some(libc::EPERM | libc::EACCES))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tool = match self.subsystem {
            Subsystem::Netlink => "netlink",
            Subsystem::Conntrack => "conntrack",
            Subsystem::Ipset => "ipset",
            Subsystem::Nftables => "nft",
        };
        let verb = match self.operation {
            Operation::Open => "open",
            Operation::Join => "join",
            Operation::Receive => "receive",
            Operation::Negotiate => "negotiate",
            Operation::Create => "create",
            Operation::Destroy => "destroy",
            Operation::Flush => "flush",
            Operation::Rename => "rename",
            Operation::Swap => "swap",
            Operation::Read => "read",
            Operation::Dump => "list",
            Operation::Add => "add",
            Operation::Delete => "delete",
            Operation::Test => "test",
            Operation::Update => "update",
            Operation::Commit => "commit",
        };
        write!(f, "{tool} {verb}")?;
        if !self.object.is_empty() {
            write!(f, " {}", self.object)?;
        }
        match &self.cause {
            Cause::Kernel { code, text } => {
                write!(f, ": {}", Code(*code))?;
                if let Some(meaning) = self.meaning(*code) {
                    write!(f, ": {meaning}")?;
                }
                text.as_ref().map_or(Ok(()), |text| write!(f, " (kernel: {text})"))
            }
            Cause::System { code } => {
                write!(f, ": {}", Code(*code))?;
                self.meaning(*code).map_or(Ok(()), |meaning| write!(f, ": {meaning}"))
            }
            Cause::Unsupported(what) => write!(f, ": the kernel has no support for {what}"),
            Cause::Unanswered => f.write_str(": the kernel did not answer"),
            Cause::Overrun => f.write_str(": ENOBUFS: replies were lost, the socket was full"),
            Cause::TooLong => f.write_str(": over 64 KiB, more than netlink can carry"),
            Cause::Malformed(what) => write!(f, ": the kernel's answer lacks {what}"),
            Cause::Name { bytes, most } => {
                write!(f, ": the name has {bytes} bytes, expected 1 to {most} and no zero byte")
            }
            Cause::Request(what) => write!(f, ": {what}"),
        }
    }
}

impl std::error::Error for Error {}

impl Error {
    /// What the number means here; none where its name says it all.
    fn meaning(&self, code: i32) -> Option<&'static str> {
        let own = match self.subsystem {
            Subsystem::Ipset => ipset_meaning(self.operation, code),
            Subsystem::Nftables => nftables_meaning(self.operation, code),
            Subsystem::Conntrack => conntrack_meaning(code),
            Subsystem::Netlink => None,
        };
        own.or(match (self.operation, code) {
            (_, libc::EPERM) => Some("not permitted, CAP_NET_ADMIN is needed"),
            (Operation::Open, libc::EPROTONOSUPPORT | libc::EAFNOSUPPORT) => {
                Some("the kernel has no netfilter netlink (CONFIG_NETFILTER_NETLINK)")
            }
            (Operation::Negotiate, libc::EINVAL | libc::ENOENT) | (_, libc::EOPNOTSUPP) => {
                Some("the kernel has no support for it, is the module loaded?")
            }
            (_, libc::EBUSY) => Some("in use"),
            (_, libc::EEXIST) => Some("it exists already"),
            (_, libc::ENOMEM) => Some("the kernel is out of memory"),
            (_, libc::EMSGSIZE) => Some("more than the socket sends at once"),
            _ => None,
        })
    }
}

/// `IPSET_ERR_FIND_TYPE` (linux/netfilter/ipset/ip_set.h).
const FIND_TYPE: i32 = 4098;
/// `IPSET_ERR_EXIST`.
pub(super) const ELEMENT_EXIST: i32 = 4103;
/// `IPSET_ERR_HASH_FULL` (linux/netfilter/ipset/ip_set_hash.h).
const HASH_FULL: i32 = 4352;

/// ipset's own numbers: name in the header, meaning.
const IPSET_CODES: &[(i32, &str, &str)] = &[
    (4097, "IPSET_ERR_PROTOCOL", "the element does not fit the set (family, or a part missing)"),
    (FIND_TYPE, "IPSET_ERR_FIND_TYPE", "the kernel has no such set type"),
    (4099, "IPSET_ERR_MAX_SETS", "the kernel's limit of sets is reached"),
    (4100, "IPSET_ERR_BUSY", "the set is in use"),
    (4101, "IPSET_ERR_EXIST_SETNAME2", "a set of the new name exists already"),
    (4102, "IPSET_ERR_TYPE_MISMATCH", "the two sets have different types"),
    (ELEMENT_EXIST, "IPSET_ERR_EXIST", "the element is in the set already, or is not in it"),
    (4104, "IPSET_ERR_INVALID_CIDR", "prefix length out of range"),
    (4105, "IPSET_ERR_INVALID_NETMASK", "netmask out of range"),
    (4106, "IPSET_ERR_INVALID_FAMILY", "the set type does not take this family"),
    (4107, "IPSET_ERR_TIMEOUT", "the set was made without timeouts"),
    (4108, "IPSET_ERR_REFERENCED", "a rule or another set refers to it"),
    (4109, "IPSET_ERR_IPADDR_IPV4", "an IPv4 address was expected"),
    (4110, "IPSET_ERR_IPADDR_IPV6", "an IPv6 address was expected"),
    (4111, "IPSET_ERR_COUNTER", "the set was made without counters"),
    (4112, "IPSET_ERR_COMMENT", "the set was made without comments"),
    (4113, "IPSET_ERR_INVALID_MARKMASK", "mark mask out of range"),
    (4114, "IPSET_ERR_SKBINFO", "the set was made without skbinfo"),
    (HASH_FULL, "IPSET_ERR_HASH_FULL", "the set is full (maxelem)"),
    (4353, "IPSET_ERR_HASH_ELEM", "the null address cannot be an element"),
    (4354, "IPSET_ERR_INVALID_PROTO", "the set does not take this transport protocol"),
    (4355, "IPSET_ERR_MISSING_PROTO", "the transport protocol is missing"),
    (4356, "IPSET_ERR_HASH_RANGE_UNSUPPORTED", "the set takes no ranges"),
    (4357, "IPSET_ERR_HASH_RANGE", "the range is wrong"),
];

fn ipset_meaning(operation: Operation, code: i32) -> Option<&'static str> {
    let own = IPSET_CODES.iter().find(|(number, ..)| *number == code);
    own.map(|(_, _, meaning)| *meaning).or(match code {
        libc::ENOENT if operation != Operation::Negotiate => Some("no set has that name"),
        libc::EEXIST => Some("a set of that name exists already"),
        libc::EMSGSIZE => Some("the set is too large to be listed at once"),
        _ => None,
    })
}

fn nftables_meaning(operation: Operation, code: i32) -> Option<&'static str> {
    match (operation, code) {
        (Operation::Add | Operation::Flush, libc::ENOENT) => Some("no such table or set"),
        (Operation::Delete, libc::ENOENT) => Some("no such table, set or element"),
        (Operation::Create, libc::ENOENT) => Some("no such table"),
        (Operation::Create, libc::EEXIST) => Some("it exists already with another shape"),
        (Operation::Negotiate, _) => None,
        (_, libc::ENOENT) => Some("no such table or set"),
        (Operation::Add, libc::EINVAL) => {
            Some("the element does not fit the set (key length, or a timeout the set cannot keep)")
        }
        (_, libc::ENFILE) => Some("the set is full (size)"),
        (_, libc::EBUSY) => Some("a rule refers to it"),
        _ => None,
    }
}

fn conntrack_meaning(code: i32) -> Option<&'static str> {
    match code {
        libc::ENOENT => Some("the connection is gone"),
        libc::EBUSY => Some("the connection is offloaded, this kernel does not delete it"),
        libc::ENOSPC => Some(
            "no rule uses ct label or -m connlabel, so the kernel keeps no labels for this connection",
        ),
        _ => None,
    }
}

/// Names of the errors that netfilter gives.
const NAMES: &[(i32, &str)] = &[
    (libc::EPERM, "EPERM"),
    (libc::ENOENT, "ENOENT"),
    (libc::EINTR, "EINTR"),
    (libc::EIO, "EIO"),
    (libc::E2BIG, "E2BIG"),
    (libc::EBADF, "EBADF"),
    (libc::EAGAIN, "EAGAIN"),
    (libc::ENOMEM, "ENOMEM"),
    (libc::EACCES, "EACCES"),
    (libc::EFAULT, "EFAULT"),
    (libc::EBUSY, "EBUSY"),
    (libc::EEXIST, "EEXIST"),
    (libc::ENODEV, "ENODEV"),
    (libc::EINVAL, "EINVAL"),
    (libc::ENFILE, "ENFILE"),
    (libc::EMFILE, "EMFILE"),
    (libc::ENOSPC, "ENOSPC"),
    (libc::ERANGE, "ERANGE"),
    (libc::ENAMETOOLONG, "ENAMETOOLONG"),
    (libc::ELOOP, "ELOOP"),
    (libc::EOVERFLOW, "EOVERFLOW"),
    (libc::EMSGSIZE, "EMSGSIZE"),
    (libc::EPROTO, "EPROTO"),
    (libc::EPROTONOSUPPORT, "EPROTONOSUPPORT"),
    (libc::ESOCKTNOSUPPORT, "ESOCKTNOSUPPORT"),
    (libc::EOPNOTSUPP, "EOPNOTSUPP"),
    (libc::EAFNOSUPPORT, "EAFNOSUPPORT"),
    (libc::ENOBUFS, "ENOBUFS"),
    (libc::ETIMEDOUT, "ETIMEDOUT"),
    (libc::ESRCH, "ESRCH"),
    (libc::EMLINK, "EMLINK"),
];

/// An error number, printed by its name in the headers.
struct Code(i32);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = IPSET_CODES.iter().map(|(number, name, _)| (number, name));
        let all = NAMES.iter().map(|(number, name)| (number, name)).chain(own);
        match all.into_iter().find(|(number, _)| **number == self.0) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "error {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ipset(operation: Operation, code: i32) -> Error {
        let cause = Cause::Kernel { code, text: None };
        Error::new(Subsystem::Ipset, operation, "nfa.a.v4 10.0.0.1", cause)
    }

    #[test]
    fn one_line_names_what_where_and_why() {
        for (error, line) in [
            (
                ipset(Operation::Add, libc::ENOENT),
                "ipset add nfa.a.v4 10.0.0.1: ENOENT: no set has that name",
            ),
            (
                ipset(Operation::Add, HASH_FULL),
                "ipset add nfa.a.v4 10.0.0.1: IPSET_ERR_HASH_FULL: the set is full (maxelem)",
            ),
            (
                ipset(Operation::Add, libc::EPERM),
                "ipset add nfa.a.v4 10.0.0.1: EPERM: not permitted, CAP_NET_ADMIN is needed",
            ),
            (ipset(Operation::Add, 9999), "ipset add nfa.a.v4 10.0.0.1: error 9999"),
            (
                Error::new(
                    Subsystem::Nftables,
                    Operation::Create,
                    "set inet fw4 a",
                    Cause::Kernel { code: libc::EEXIST, text: Some("Set already exists".into()) },
                ),
                "nft create set inet fw4 a: EEXIST: it exists already with another shape (kernel: Set already exists)",
            ),
            (
                Error::new(
                    Subsystem::Ipset,
                    Operation::Create,
                    "x",
                    Cause::Name { bytes: 40, most: 31 },
                ),
                "ipset create x: the name has 40 bytes, expected 1 to 31 and no zero byte",
            ),
        ] {
            assert_eq!(error.to_string(), line);
        }
    }

    #[test]
    fn what_the_kernel_lacks_is_told_from_what_is_wrong() {
        assert!(ipset(Operation::Negotiate, libc::EINVAL).is_unsupported());
        assert!(ipset(Operation::Create, FIND_TYPE).is_unsupported());
        assert!(!ipset(Operation::Add, libc::EINVAL).is_unsupported());
        let open =
            |code| Error::new(Subsystem::Netlink, Operation::Open, "", Cause::System { code });
        assert!(open(libc::EPROTONOSUPPORT).is_unsupported());
        assert!(!open(libc::EMFILE).is_unsupported());
    }

    #[test]
    fn numbers_have_one_name() {
        let own = IPSET_CODES.iter().map(|(number, ..)| *number);
        let mut all: Vec<i32> = NAMES.iter().map(|(number, _)| *number).chain(own).collect();
        all.sort_unstable();
        assert!(all.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
