//! Netlink messages of netfilter: `struct nlmsghdr` (linux/netlink.h), then `struct nfgenmsg`
//! (linux/netfilter/nfnetlink.h), then attributes.

use nom::IResult;
use nom::bytes::complete::take;
use nom::number::Endianness::Native;
use nom::number::complete::{u16 as number_u16, u32 as number_u32};

use super::attribute::{Attributes, Writer, pad, put};

/// `NLM_F_REQUEST`.
pub const REQUEST: u16 = 0x01;
/// `NLM_F_ACK`: answer even if all went well.
pub const ACK: u16 = 0x04;
/// `NLM_F_DUMP`: all there is, in as many messages as it takes.
pub const DUMP: u16 = 0x300;
/// `NLM_F_EXCL`: fail if it exists.
pub const EXCL: u16 = 0x200;
/// `NLM_F_APPEND`: behind what is there.
pub const APPEND: u16 = 0x800;
/// `NLM_F_CREATE`: make it if it does not exist.
pub const CREATE: u16 = 0x400;
/// `NLM_F_CAPPED`: the request is not repeated in its answer.
const CAPPED: u16 = 0x100;
/// `NLM_F_ACK_TLVS`: an extended ack follows.
const ACK_TLVS: u16 = 0x200;

/// `NLMSG_ERROR`: also the ack, with error 0.
const ERROR: u16 = 2;
/// `NLMSG_DONE`: the end of a dump.
const DONE: u16 = 3;
/// `NLMSGERR_ATTR_MSG`.
const ERROR_TEXT: u16 = 1;
/// Longest text of the kernel that is kept, in characters.
const MOST_TEXT: usize = 200;

/// `sizeof(struct nlmsghdr)`.
const HEADER_BYTES: usize = 16;
/// `sizeof(struct nfgenmsg)`.
const FAMILY_HEADER_BYTES: usize = 4;

/// A part of netfilter that has its own messages (`NFNL_SUBSYS_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subsystem {
    /// The socket itself, and what is in no subsystem (batch begin and end).
    Netlink,
    /// Connection tracking.
    Conntrack,
    /// ipset.
    Ipset,
    /// nf_tables.
    Nftables,
}

impl Subsystem {
    /// The upper byte of a message type.
    pub const fn number(self) -> u8 {
        match self {
            Subsystem::Netlink => 0,
            Subsystem::Conntrack => 1,
            Subsystem::Ipset => 6,
            Subsystem::Nftables => 10,
        }
    }

    /// The subsystem of a message type; none of one that nfa does not speak to.
    pub const fn of(kind: u16) -> Option<Self> {
        match kind >> 8 {
            0 => Some(Subsystem::Netlink),
            1 => Some(Subsystem::Conntrack),
            6 => Some(Subsystem::Ipset),
            10 => Some(Subsystem::Nftables),
            _ => None,
        }
    }

    /// The message type of one of its commands.
    pub const fn kind(self, command: u8) -> u16 {
        u16::from_be_bytes([self.number(), command])
    }
}

/// The two headers of a message to be.
#[derive(Debug, Clone, Copy)]
pub struct Head {
    /// `nlmsg_type`.
    pub kind: u16,
    /// `nlmsg_flags`; [`REQUEST`] is added.
    pub flags: u16,
    /// `nfgen_family`: `AF_*` or `NFPROTO_*`.
    pub family: u8,
    /// `res_id`.
    pub resource: u16,
}

/// An attribute over 64 KiB: the kernel cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

/// Appends a message; its sequence number is 0 until [`set_sequence`]. A message that is too long
/// is taken back.
pub fn append(
    bytes: &mut Vec<u8>,
    head: Head,
    fill: impl FnOnce(&mut Writer<'_>),
) -> Result<(), TooLong> {
    let start = begin(bytes, head);
    let mut writer = Writer::new(bytes);
    fill(&mut writer);
    let too_long = writer.is_too_long();
    end(bytes, start, too_long)
}

/// The headers; where they start.
fn begin(bytes: &mut Vec<u8>, head: Head) -> usize {
    let start = bytes.len();
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&head.kind.to_ne_bytes());
    bytes.extend_from_slice(&(head.flags | REQUEST).to_ne_bytes());
    bytes.extend_from_slice(&[0; 8]); // sequence; port: the kernel knows whose socket it is
    bytes.extend_from_slice(&[head.family, 0]); // NFNETLINK_V0
    bytes.extend_from_slice(&head.resource.to_be_bytes());
    start
}

/// The length of what starts at `start`; takes back what is too long.
fn end(bytes: &mut Vec<u8>, start: usize, too_long: bool) -> Result<(), TooLong> {
    pad(bytes);
    match u32::try_from(bytes.len().saturating_sub(start)) {
        Ok(length) if !too_long => {
            put(bytes, start, &length.to_ne_bytes());
            Ok(())
        }
        _ => {
            bytes.truncate(start);
            Err(TooLong)
        }
    }
}

/// Numbers the message that starts at `start`.
pub fn set_sequence(bytes: &mut [u8], start: usize, sequence: u32) {
    put(bytes, start.saturating_add(8), &sequence.to_ne_bytes());
}

/// Lets the kernel answer the message that starts at `start` in any case, or only if it failed.
pub fn set_ack(bytes: &mut [u8], start: usize, ack: bool) {
    let at = start.saturating_add(6);
    let flags = bytes.get(at..).and_then(|rest| rest.first_chunk::<2>());
    let flags = flags.map_or(0, |flags| u16::from_ne_bytes(*flags));
    let flags = if ack { flags | ACK } else { flags & !ACK };
    put(bytes, at, &flags.to_ne_bytes());
}

/// A message as read.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// `nlmsg_type`.
    pub kind: u16,
    /// `nlmsg_flags`.
    pub flags: u16,
    /// `nlmsg_seq`: that of the request; 0 in events.
    pub sequence: u32,
    /// `nlmsg_pid`: the socket whose request this answers, or whose change this event tells.
    pub port: u32,
    /// What follows `struct nlmsghdr`.
    pub payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// Its subsystem, if it is one that nfa speaks to.
    pub const fn subsystem(&self) -> Option<Subsystem> {
        Subsystem::of(self.kind)
    }

    /// The lower byte of its type.
    pub const fn command(&self) -> u8 {
        self.kind.to_be_bytes()[1]
    }

    /// `nfgen_family`; 0 if the message is too short to have one.
    pub fn family(&self) -> u8 {
        self.payload.first().copied().unwrap_or(0)
    }

    /// The attributes behind `struct nfgenmsg`.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::new(self.payload.get(FAMILY_HEADER_BYTES..).unwrap_or_default())
    }

    /// The answer that ends a request: none of a message with content.
    pub fn answer(&self) -> Option<Answer> {
        if self.kind != ERROR && self.kind != DONE {
            return None;
        }
        let code = self.payload.first_chunk::<4>().map_or(0, |code| i32::from_ne_bytes(*code));
        Some(Answer { code: code.checked_neg().unwrap_or(i32::MAX), text: self.extended_ack() })
    }

    /// `NLMSGERR_ATTR_MSG`; control characters are left out.
    fn extended_ack(&self) -> Option<String> {
        if self.flags & ACK_TLVS == 0 {
            return None;
        }
        let mut skip = 4; // the error
        if self.kind == ERROR {
            let length = self.payload.get(4..8)?.first_chunk::<4>()?;
            let request = usize::try_from(u32::from_ne_bytes(*length)).ok()?;
            let repeated = if self.flags & CAPPED == 0 { request } else { HEADER_BYTES };
            skip = repeated.checked_next_multiple_of(4)?.checked_add(skip)?;
        }
        let text = Attributes::new(self.payload.get(skip..)?).find(ERROR_TEXT)?.text();
        Some(text.chars().filter(|c| !c.is_control()).take(MOST_TEXT).collect())
    }
}

/// What the kernel says at the end of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// 0 or an error number, positive; ipset's own start at 4096.
    pub code: i32,
    /// The kernel's text (extended ack).
    pub text: Option<String>,
}

/// The messages in what was received, or in what is to be sent. Ends at the first whose length is
/// wrong.
#[derive(Debug, Clone, Copy)]
pub struct Messages<'a> {
    rest: &'a [u8],
}

impl<'a> Messages<'a> {
    /// Over the bytes of one receive call.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Messages { rest: bytes }
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        if let Ok((rest, message)) = message(self.rest) {
            self.rest = rest;
            Some(message)
        } else {
            self.rest = &[];
            None
        }
    }
}

fn message(bytes: &[u8]) -> IResult<&[u8], Message<'_>> {
    let (rest, length) = number_u32(Native)(bytes)?;
    let (rest, kind) = number_u16(Native)(rest)?;
    let (rest, flags) = number_u16(Native)(rest)?;
    let (rest, sequence) = number_u32(Native)(rest)?;
    let (rest, port) = number_u32(Native)(rest)?;
    // A length under the header's own wraps to one that no message has.
    let length = usize::try_from(length).unwrap_or(usize::MAX).wrapping_sub(HEADER_BYTES);
    let (rest, payload) = take(length)(rest)?;
    let padding = length.next_multiple_of(4).saturating_sub(length).min(rest.len());
    let (rest, _) = take(padding)(rest)?;
    Ok((rest, Message { kind, flags, sequence, port, payload }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Head {
        Head { kind: Subsystem::Ipset.kind(9), flags: ACK, family: 2, resource: 0 }
    }

    #[test]
    fn what_is_appended_is_read() {
        let mut bytes = Vec::new();
        append(&mut bytes, head(), |writer| writer.u8(1, 6)).unwrap();
        let second = bytes.len();
        append(&mut bytes, head(), |writer| writer.text(2, "a")).unwrap();
        set_sequence(&mut bytes, 0, 7);
        set_sequence(&mut bytes, second, 8);
        set_ack(&mut bytes, 0, false);
        let messages: Vec<_> = Messages::new(&bytes).collect();
        assert_eq!(messages.iter().map(|m| m.sequence).collect::<Vec<_>>(), [7, 8]);
        assert_eq!(messages.iter().map(|m| m.flags).collect::<Vec<_>>(), [REQUEST, REQUEST | ACK]);
        assert_eq!(messages[0].subsystem(), Some(Subsystem::Ipset));
        assert_eq!((messages[0].command(), messages[0].family()), (9, 2));
        assert_eq!(messages[1].attributes().find(2).unwrap().text(), "a");
        assert!(messages[0].answer().is_none());
        for cut in 0..bytes.len() {
            let whole = Messages::new(&bytes[..cut]).count();
            assert_eq!(whole, usize::from(cut >= second), "cut at {cut}");
        }
    }

    #[test]
    fn a_message_that_is_too_long_is_taken_back() {
        let mut bytes = vec![1, 2, 3, 4];
        let result = append(&mut bytes, head(), |writer| writer.bytes(1, &[0; 70_000]));
        assert_eq!((result, bytes.as_slice()), (Err(TooLong), &[1, 2, 3, 4][..]));
    }

    /// An answer as Linux 4.12 and later give it, with and without the request repeated.
    #[test]
    fn answers_have_the_kernels_text() {
        for (flags, repeated) in [(ACK_TLVS | CAPPED, 0_usize), (ACK_TLVS, 12)] {
            let mut payload = (-22_i32).to_ne_bytes().to_vec();
            payload.extend_from_slice(&28_u32.to_ne_bytes());
            payload.extend_from_slice(&[0; 12]);
            payload.extend_from_slice(&vec![0xff; repeated]);
            Writer::new(&mut payload).text(ERROR_TEXT, "Set type mismatch\n");
            let message = Message { kind: ERROR, flags, sequence: 1, port: 0, payload: &payload };
            let text = Some("Set type mismatch".to_owned());
            assert_eq!(message.answer(), Some(Answer { code: 22, text }));
            for cut in 0..payload.len() {
                let short = Message { payload: &payload[..cut], ..message };
                assert!(short.answer().is_some(), "still an answer");
            }
        }
        let worst = Message {
            kind: DONE,
            flags: 0,
            sequence: 1,
            port: 0,
            payload: &i32::MIN.to_ne_bytes(),
        };
        assert_eq!(worst.answer(), Some(Answer { code: i32::MAX, text: None }));
    }
}
