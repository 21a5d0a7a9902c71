//! Names in an X.509 certificate, RFC 5280 section 4.1: a DER reader that goes as far as the
//! subject, so the first few hundred bytes of a certificate are enough, and to the further hosts
//! (subjectAltName) where somebody wants them.

#![deny(clippy::arithmetic_side_effects)]

use std::borrow::Cow;

use crate::bytes::{Reader, Stop};
use crate::facts::{TEXT_MAX, bounded_text, host_name};

// Tags, X.690 section 8.
const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const BMP_STRING: u8 = 0x1e;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// dNSName among the choices of a GeneralName, RFC 5280 section 4.2.1.6.
const DNS_NAME: u8 = 0x82;

/// id-ce-subjectAltName, RFC 5280 section 4.2.1.6.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 29, 17];
/// Extensions looked at: real certificates have about ten.
const EXTENSIONS_MAX: usize = 32;
/// Names looked at in one list: certificates of carriers hold up to a hundred.
const ALTERNATIVES_MAX: usize = 100;

/// Attributes of a name that are shown, by object identifier (RFC 4519 section 2; 2.5.4.x are
/// three bytes). The rest is left out.
const ATTRIBUTES: &[(&[u8], &str)] = &[
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 5], "serialNumber"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1], "emailAddress"),
];

/// Who a certificate is for and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Issuer, `C=..., O=..., CN=...` in the certificate's order.
    pub issuer: Box<str>,
    /// Subject, likewise.
    pub subject: Box<str>,
    /// The subject's common name, if it has one.
    pub common_name: Option<Box<str>>,
}

impl Names {
    /// Reads them from the start of a DER certificate; it need not be whole.
    pub fn parse(der: &[u8]) -> Result<Names, Stop> {
        Names::read(&mut Reader::stream(der))
    }

    /// The same, and leaves the reader behind the subject.
    fn read(fields: &mut Reader<'_>) -> Result<Names, Stop> {
        open(fields, SEQUENCE)?; // Certificate
        open(fields, SEQUENCE)?; // TBSCertificate
        if fields.peek() == Some(VERSION) {
            element(fields, VERSION)?;
        }
        element(fields, INTEGER)?; // serialNumber
        element(fields, SEQUENCE)?; // signature
        let (issuer, _) = name(element(fields, SEQUENCE)?)?;
        element(fields, SEQUENCE)?; // validity
        let (subject, common_name) = name(element(fields, SEQUENCE)?)?;
        Ok(Names { issuer, subject, common_name })
    }
}

/// Hosts that a certificate is for beside its common name, joined by commas: lower case, of a
/// wildcard its domain, none twice in a row, and as many whole ones as a detail holds.
pub fn further_hosts(der: &[u8]) -> Result<Box<str>, Stop> {
    let mut fields = Reader::stream(der);
    Names::read(&mut fields)?;
    element(&mut fields, SEQUENCE)?; // subjectPublicKeyInfo
    // The unique identifiers of issuer and subject, [1] and [2]: nobody has them.
    while fields.peek().is_some_and(|tag| matches!(tag, 0x81 | 0x82 | 0xa1 | 0xa2)) {
        let tag = fields.peek().ok_or(Stop::Malformed)?;
        element(&mut fields, tag)?;
    }
    open(&mut fields, EXTENSIONS)?;
    open(&mut fields, SEQUENCE)?;
    for _ in 0..EXTENSIONS_MAX {
        let mut extension = element(&mut fields, SEQUENCE)?;
        let object = element(&mut extension, OBJECT_IDENTIFIER)?.rest();
        if extension.peek() == Some(BOOLEAN) {
            element(&mut extension, BOOLEAN)?; // critical
        }
        if object == SUBJECT_ALT_NAME {
            let mut content = element(&mut extension, OCTET_STRING)?;
            return alternatives(element(&mut content, SEQUENCE)?);
        }
    }
    Err(Stop::Malformed)
}

fn alternatives(mut names: Reader<'_>) -> Result<Box<str>, Stop> {
    let mut text = String::new();
    for _ in 0..ALTERNATIVES_MAX {
        let Some(kind) = names.peek() else { break };
        let name = element(&mut names, kind)?.rest();
        let name = name.strip_prefix(b"*.").unwrap_or(name);
        let Some(host) = host_name(name).filter(|_| kind == DNS_NAME) else { continue };
        let (dot, again) = (host.contains('.'), text.rsplit(',').next() == Some(&host));
        let bytes = text.len().saturating_add(host.len()).saturating_add(1);
        if dot && !again && bytes <= TEXT_MAX {
            let separator = if text.is_empty() { "" } else { "," };
            text.extend([separator, &host]);
        }
    }
    Ok(text.into_boxed_str())
}

/// Steps into an element that may be longer than what is there.
fn open(reader: &mut Reader<'_>, tag: u8) -> Result<usize, Stop> {
    if reader.u8()? != tag {
        return Err(Stop::Malformed);
    }
    // Definite lengths, X.690 section 8.1.3: DER has no others, and 64 KiB are plenty here.
    match reader.u8()? {
        short @ 0..=0x7f => Ok(usize::from(short)),
        0x81 => reader.u8().map(usize::from),
        0x82 => reader.u16().map(usize::from),
        _ => Err(Stop::Malformed),
    }
}

/// The content of the next element, all of it.
fn element<'a>(reader: &mut Reader<'a>, tag: u8) -> Result<Reader<'a>, Stop> {
    let length = open(reader, tag)?;
    reader.sub(length)
}

/// A Name (RFC 5280 section 4.1.2.4) as text, and its common name.
fn name(mut sets: Reader<'_>) -> Result<(Box<str>, Option<Box<str>>), Stop> {
    let (mut text, mut common_name) = (String::new(), None);
    while !sets.is_empty() {
        let mut set = element(&mut sets, SET)?;
        while !set.is_empty() {
            let mut pair = element(&mut set, SEQUENCE)?;
            let object = element(&mut pair, OBJECT_IDENTIFIER)?.rest();
            let kind = pair.peek().ok_or(Stop::Malformed)?;
            let value = element(&mut pair, kind)?.rest();
            let Some((_, key)) = ATTRIBUTES.iter().find(|(known, _)| *known == object) else {
                continue;
            };
            let value = string(kind, value);
            if text.len() < TEXT_MAX {
                let separator = if text.is_empty() { "" } else { ", " };
                text.extend([separator, key, "=", &value]);
            }
            if *key == "CN" {
                common_name = Some(bounded_text(value.as_bytes()));
            }
        }
    }
    Ok((bounded_text(text.as_bytes()), common_name))
}

/// Most strings are ASCII or UTF-8; BMPString is UTF-16, X.690 section 8.23.
fn string(kind: u8, bytes: &[u8]) -> Cow<'_, str> {
    let bytes = bytes.get(..TEXT_MAX).unwrap_or(bytes);
    if kind != BMP_STRING {
        return String::from_utf8_lossy(bytes);
    }
    let units = bytes.chunks_exact(2).filter_map(|unit| unit.try_into().ok());
    char::decode_utf16(units.map(u16::from_be_bytes))
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A DER element of up to 64 KiB.
    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82], &length[..], content].concat()
    }

    fn certificate(names: &[u8]) -> Vec<u8> {
        let san =
            [der(OBJECT_IDENTIFIER, SUBJECT_ALT_NAME), der(OCTET_STRING, &der(SEQUENCE, names))];
        let list = der(SEQUENCE, &der(SEQUENCE, &san.concat()));
        let empty = der(SEQUENCE, b"");
        let fields = [der(INTEGER, b"1"), [&empty[..]; 5].concat(), der(EXTENSIONS, &list)];
        der(SEQUENCE, &der(SEQUENCE, &fields.concat()))
    }

    #[test]
    fn a_list_of_hosts_is_bounded() {
        let many: Vec<u8> =
            (0..2000).flat_map(|n| der(DNS_NAME, format!("host-{n}.example").as_bytes())).collect();
        let hosts = further_hosts(&certificate(&many)).unwrap();
        assert!(hosts.starts_with("host-0.example,host-1.example,"), "{hosts}");
        assert!(hosts.len() <= TEXT_MAX && hosts.ends_with(".example"), "{hosts}");
        // As many as are looked at count for nothing, and one stands behind them.
        let mut late: Vec<u8> = (0..ALTERNATIVES_MAX).flat_map(|_| der(DNS_NAME, b"x")).collect();
        late.extend(der(DNS_NAME, b"late.example"));
        assert_eq!(further_hosts(&certificate(&late)).as_deref(), Ok(""));
    }

    #[test]
    fn damage_is_refused_and_truncation_waits() {
        let whole = certificate(&der(DNS_NAME, b"*.example.org"));
        assert_eq!(further_hosts(&whole).as_deref(), Ok("example.org"));
        for end in 0..whole.len() {
            assert_eq!(further_hosts(&whole[..end]), Err(Stop::NeedMore), "{end}");
        }
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x41;
            let _ = further_hosts(&damaged); // no panic
        }
        let none = der(SEQUENCE, &der(SEQUENCE, &der(INTEGER, b"1")));
        assert!(further_hosts(&none).is_err());
    }
}
