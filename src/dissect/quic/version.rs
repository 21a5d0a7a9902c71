//! QUIC versions that can be read: what their first keys are made from, and how they differ.

/// How a version lays out its packets and frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// RFC 9000 and its drafts.
    Ietf,
    /// RFC 9369: other packet type numbers, other key labels.
    Second,
    /// Google's Q050, T050 and T051: RFC 9000's packets, older frames.
    Google,
}

/// A version whose Initial packets can be opened.
#[derive(Debug, Clone, Copy)]
pub struct Version {
    /// As the long header has it.
    pub number: u32,
    /// Salt of the Initial secret, RFC 9001 section 5.2.
    pub salt: &'static [u8; 20],
    /// Its layout.
    pub family: Family,
    /// CRYPTO frames hold a TLS hello, not Google's tag-value message.
    pub tls: bool,
}

/// RFC 9001 section 5.2; drafts 33 and 34 had it already.
pub const SALT_1: &[u8; 20] = b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\
    \x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a";
/// RFC 9369 section 3.3.1.
const SALT_2: &[u8; 20] = b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\
    \x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9";
/// draft-ietf-quic-tls-29 to -32, section 5.2.
const SALT_DRAFT_29: &[u8; 20] = b"\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\
    \x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99";
/// draft-ietf-quic-tls-23 to -28, section 5.2.
const SALT_DRAFT_23: &[u8; 20] = b"\xc3\xee\xf7\x12\xc7\x2e\xbb\x5a\x11\xa7\
    \xd2\x43\x2b\xb4\x63\x65\xbe\xf9\xf5\x02";
/// draft-ietf-quic-tls-21 and -22, section 5.2.
const SALT_DRAFT_22: &[u8; 20] = b"\x7f\xbc\xdb\x0e\x7c\x66\xbb\xe9\x19\x3a\
    \x96\xcd\x21\x51\x9e\xbd\x7a\x02\x64\x4a";
/// Google's versions, from Chromium's sources.
const SALT_Q050: &[u8; 20] = b"\x50\x45\x74\xef\xd0\x66\xfe\x2f\x9d\x94\
    \x5c\xfc\xdb\xd3\xa7\xf0\xd3\xb5\x6b\x45";
const SALT_T050: &[u8; 20] = b"\x7f\xf5\x79\xe5\xac\xd0\x72\x91\x55\x80\
    \x30\x4c\x43\xa2\x36\x7c\x60\x48\x83\x10";
const SALT_T051: &[u8; 20] = b"\x7a\x4e\xde\xf4\xe7\xcc\xee\x5f\xa4\x50\
    \x6c\x19\x12\x4f\xc8\xcc\xda\x6e\x03\x3d";

impl Version {
    /// The version of that number, if it is known.
    pub const fn of(number: u32) -> Option<Version> {
        let (salt, family, tls) = match number {
            1 | 0xff00_0021..=0xff00_0022 => (SALT_1, Family::Ietf, true),
            // The second number stood in drafts of RFC 9369.
            0x6b33_43cf | 0x709a_50c4 => (SALT_2, Family::Second, true),
            0xff00_001d..=0xff00_0020 => (SALT_DRAFT_29, Family::Ietf, true),
            0xff00_0017..=0xff00_001c => (SALT_DRAFT_23, Family::Ietf, true),
            0xff00_0015..=0xff00_0016 | 0xface_b001 => (SALT_DRAFT_22, Family::Ietf, true),
            // mvfst's own versions; 3 and 4 are aliases of version 1.
            0xface_b003..=0xface_b004 => (SALT_1, Family::Ietf, true),
            0xface_b002 | 0xface_b00e..=0xface_b015 => (SALT_DRAFT_23, Family::Ietf, true),
            0x5130_3530 => (SALT_Q050, Family::Google, false),
            0x5430_3530 => (SALT_T050, Family::Google, true),
            0x5430_3531 => (SALT_T051, Family::Google, true),
            _ => return None,
        };
        Some(Version { number, salt, family, tls })
    }
}

/// Numbers of the form 0x?a?a?a?a force version negotiation, RFC 9000 section 15.
pub const fn is_grease(number: u32) -> bool {
    number & 0x0f0f_0f0f == 0x0a0a_0a0a
}
