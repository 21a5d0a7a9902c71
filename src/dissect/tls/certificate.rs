//! Names in an X.509 certificate, RFC 5280 section 4.1: a DER reader that goes as far as the
//! subject and no further, so the first few hundred bytes of a certificate are enough.

#![deny(clippy::arithmetic_side_effects)]

use std::borrow::Cow;

use crate::bytes::{Reader, Stop};
use crate::facts::{TEXT_MAX, bounded_text};

// Tags, X.690 section 8.
const INTEGER: u8 = 0x02;
const OBJECT_IDENTIFIER: u8 = 0x06;
const BMP_STRING: u8 = 0x1e;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;

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
        let mut fields = Reader::stream(der);
        open(&mut fields, SEQUENCE)?; // Certificate
        open(&mut fields, SEQUENCE)?; // TBSCertificate
        if fields.peek() == Some(VERSION) {
            element(&mut fields, VERSION)?;
        }
        element(&mut fields, INTEGER)?; // serialNumber
        element(&mut fields, SEQUENCE)?; // signature
        let (issuer, _) = name(element(&mut fields, SEQUENCE)?)?;
        element(&mut fields, SEQUENCE)?; // validity
        let (subject, common_name) = name(element(&mut fields, SEQUENCE)?)?;
        Ok(Names { issuer, subject, common_name })
    }
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
