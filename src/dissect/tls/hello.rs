//! ClientHello and ServerHello of TLS, QUIC and DTLS: RFC 8446 section 4.1, RFC 5246 section
//! 7.4.1, RFC 6347 section 4.2.1. Both borrow from the handshake bytes.

#![deny(clippy::arithmetic_side_effects)]

use crate::bytes::{Reader, Stop};
use crate::facts::{Detail, Facts, Text, host_name};

/// Handshake types, RFC 8446 section 4.
pub const CLIENT_HELLO: u8 = 1;
/// See [`CLIENT_HELLO`].
pub const SERVER_HELLO: u8 = 2;

/// As the wire has it, RFC 8446 section 4.2.1.
pub const TLS_1_3: u16 = 0x0304;
/// What OpenSSL spoke before RFC 4347, and Cisco's VPN still does.
pub const DTLS_0: u16 = 0x0100;

// Extension numbers: IANA's registry "TLS ExtensionType Values".
const SERVER_NAME: u16 = 0;
const SIGNATURE_ALGORITHMS: u16 = 13;
const ALPN: u16 = 16;
const SUPPORTED_VERSIONS: u16 = 43;
const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;

/// Which protocol a hello was found in; the forms differ a little, and so does JA4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// TLS records over TCP.
    Tcp,
    /// QUIC CRYPTO frames.
    Quic,
    /// DTLS records: one more field, the cookie.
    Datagram,
}

/// Values reserved to keep receivers tolerant, RFC 8701 section 2: both bytes the same, 0x?a.
pub const fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}

/// The two-byte values in `bytes`; an odd last byte is dropped.
pub fn values(bytes: &[u8]) -> impl Iterator<Item = u16> + Clone {
    bytes.chunks_exact(2).filter_map(|pair| pair.try_into().ok()).map(u16::from_be_bytes)
}

/// What the client's first message says.
#[derive(Debug, Clone, Default)]
pub struct ClientHello<'a> {
    /// `legacy_version`: the highest version wanted, before TLS 1.3 moved that to an extension.
    pub legacy_version: u16,
    /// Cipher suites, two bytes each.
    pub ciphers: &'a [u8],
    /// All extensions as they stand; possibly cut.
    pub extensions: &'a [u8],
    /// First host name of server_name, RFC 6066 section 3.
    pub server_name: Option<&'a [u8]>,
    /// ProtocolNameList of ALPN, RFC 7301 section 3.1.
    pub alpn: &'a [u8],
    /// supported_versions, two bytes each.
    pub versions: &'a [u8],
    /// signature_algorithms, two bytes each.
    pub signature_algorithms: &'a [u8],
    /// Number of the encrypted_client_hello extension, if there is one.
    pub ech: Option<u16>,
    /// All of it was there.
    pub whole: bool,
}

impl<'a> ClientHello<'a> {
    /// Reads the body of a hello, its four-byte handshake header already taken off. If not all of
    /// it has come (`whole` is false) what can be read counts.
    pub fn parse(body: &'a [u8], whole: bool, carrier: Carrier) -> Result<Self, Stop> {
        let mut hello = ClientHello { whole, ..ClientHello::default() };
        let reader = if whole { Reader::inner(body) } else { Reader::stream(body) };
        match hello.fill(reader, carrier) {
            Err(Stop::NeedMore) if !whole => Ok(hello),
            outcome => outcome.map(|()| hello),
        }
    }

    fn fill(&mut self, mut body: Reader<'a>, carrier: Carrier) -> Result<(), Stop> {
        self.legacy_version = body.u16()?;
        let fits = match carrier {
            Carrier::Tcp | Carrier::Quic => self.legacy_version >> 8 == 3,
            Carrier::Datagram => self.legacy_version >> 8 == 0xfe || self.legacy_version == DTLS_0,
        };
        if !fits {
            return Err(Stop::NotMine);
        }
        body.skip(32)?; // random
        if body.sub_u8()?.len() > 32 {
            return Err(Stop::Malformed); // legacy_session_id
        }
        if carrier == Carrier::Datagram {
            body.sub_u8()?; // cookie
        }
        self.ciphers = body.sub_u16()?.rest();
        if !self.ciphers.len().is_multiple_of(2) {
            return Err(Stop::Malformed);
        }
        body.sub_u8()?; // legacy_compression_methods
        if body.is_empty() {
            return Ok(()); // extensions are optional before TLS 1.3
        }
        let announced = usize::from(body.u16()?);
        let mut extensions = match body.rest().get(..announced) {
            Some(all) => Reader::inner(all),
            None if self.whole => return Err(Stop::Malformed),
            None => body,
        };
        self.extensions = extensions.rest();
        while !extensions.is_empty() {
            let (number, value) = extensions.numbered()?;
            self.extension(number, value)?;
        }
        Ok(())
    }

    fn extension(&mut self, number: u16, mut value: Reader<'a>) -> Result<(), Stop> {
        match number {
            SERVER_NAME if !value.is_empty() && self.server_name.is_none() => {
                let mut list = value.sub_u16()?;
                while !list.is_empty() {
                    let (kind, name) = (list.u8()?, list.sub_u16()?);
                    if kind == 0 {
                        self.server_name = Some(name.rest());
                        break;
                    }
                }
            }
            ALPN => {
                let list = value.sub_u16()?;
                let mut names = list;
                while !names.is_empty() {
                    names.sub_u8()?;
                }
                self.alpn = list.rest();
            }
            SUPPORTED_VERSIONS => self.versions = value.sub_u8()?.rest(),
            SIGNATURE_ALGORITHMS => self.signature_algorithms = value.sub_u16()?.rest(),
            ENCRYPTED_CLIENT_HELLO => self.ech = Some(number),
            _ => {} // an unknown extension is not an error
        }
        Ok(())
    }

    /// Numbers of the extensions in their order.
    pub fn extension_numbers(&self) -> impl Iterator<Item = u16> + use<'a> {
        let mut rest = Reader::inner(self.extensions);
        std::iter::from_fn(move || {
            let number = rest.u16().ok()?;
            rest.sub_u16().ok()?;
            Some(number)
        })
    }

    /// The client's protocols in its order, GREASE left out.
    pub fn protocols(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = Reader::inner(self.alpn);
        std::iter::from_fn(move || rest.sub_u8().ok().map(|name| name.rest()))
            .filter(|name| !matches!(name, [a, b] if is_grease(u16::from_be_bytes([*a, *b]))))
    }

    /// The highest version offered. DTLS counts downwards, RFC 6347 section 4.1.
    pub fn version(&self) -> u16 {
        let offered =
            values(self.versions).filter(|version| !is_grease(*version)).map(plain_version);
        let best = if self.legacy_version >> 8 == 0xfe { offered.min() } else { offered.max() };
        best.unwrap_or(self.legacy_version)
    }

    /// Adds host, ALPN and ECH to `facts`.
    pub fn tell(&self, facts: &mut Facts) {
        facts.host = self.server_name.and_then(host_name);
        if self.protocols().next().is_some() {
            facts.details.push(Detail::TlsAlpn(Text::joined(|| self.protocols())));
        }
        facts.details.extend(self.ech.map(Detail::TlsEch));
    }
}

/// TLS 1.3 drafts (0x7f00 and the draft number, or one vendor's 0xfb00) are TLS 1.3.
const fn plain_version(version: u16) -> u16 {
    if matches!(version >> 8, 0x7f | 0xfb) { TLS_1_3 } else { version }
}

/// The server's choices. A HelloRetryRequest (RFC 8446 section 4.1.4) has the same form and
/// already names the version and the cipher, so it counts as well.
#[derive(Debug, Clone, Copy, Default)]
pub struct ServerHello<'a> {
    /// Negotiated version.
    pub version: u16,
    /// Negotiated cipher suite.
    pub cipher: u16,
    /// Negotiated protocol; TLS 1.3 encrypts it.
    pub alpn: Option<&'a [u8]>,
}

impl<'a> ServerHello<'a> {
    /// Reads the whole body of a ServerHello.
    pub fn parse(body: &'a [u8]) -> Result<Self, Stop> {
        let mut body = Reader::inner(body);
        let mut hello = ServerHello { version: body.u16()?, ..ServerHello::default() };
        body.skip(32)?; // random
        if body.sub_u8()?.len() > 32 {
            return Err(Stop::Malformed);
        }
        hello.cipher = body.u16()?;
        body.skip(1)?; // compression
        if body.is_empty() {
            return Ok(hello);
        }
        let mut extensions = body.sub_u16()?;
        while !extensions.is_empty() {
            match (extensions.u16()?, extensions.sub_u16()?) {
                (SUPPORTED_VERSIONS, mut value) => hello.version = plain_version(value.u16()?),
                (ALPN, mut value) => hello.alpn = Some(value.sub_u16()?.sub_u8()?.rest()),
                _ => {}
            }
        }
        hello.version = plain_version(hello.version);
        Ok(hello)
    }
}
