//! JA4, a fingerprint of the client: what it is made of is described publicly by its authors
//! (FoxIO-LLC/ja4, `technical_details/JA4.md`).

#![deny(clippy::arithmetic_side_effects)]

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::hello::{Carrier, ClientHello, is_grease, values};

/// A hello with more ciphers, extensions or signature algorithms than this has no fingerprint;
/// real ones have at most a hundred or so.
const LIST_MAX: usize = 256;

/// `t13d1516h2_8daaf6152771_b186095e22b6`, say. `None` if the hello was cut or is absurd.
pub fn ja4(hello: &ClientHello<'_>, carrier: Carrier) -> Option<Box<str>> {
    if !hello.whole {
        return None;
    }
    let real = |value: &u16| !is_grease(*value);
    let ciphers: Vec<u16> = values(hello.ciphers).filter(real).take(LIST_MAX).collect();
    let mut extensions: Vec<u16> = hello.extension_numbers().filter(real).take(LIST_MAX).collect();
    if ciphers.len() == LIST_MAX || extensions.len() == LIST_MAX {
        return None;
    }
    let mut text = String::with_capacity(36);
    let transport = match carrier {
        Carrier::Tcp => 't',
        Carrier::Quic => 'q',
        Carrier::Datagram => 'd',
    };
    let destination = if hello.server_name.is_some() { 'd' } else { 'i' };
    let (first, last) = alpn_ends(hello.protocols().next().unwrap_or_default());
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "{transport}{}{destination}{:02}{:02}{first}{last}_",
        version(hello),
        ciphers.len().min(99),
        extensions.len().min(99),
    );
    push_hash(&mut text, &listed(ciphers));
    text.push('_');
    // Server name and ALPN are in the readable part and differ per connection.
    extensions.retain(|number| ![0, 16].contains(number));
    let mut hashed = listed(extensions);
    if !hello.signature_algorithms.is_empty() && !hashed.is_empty() {
        hashed.push(b'_');
        push_list(&mut hashed, values(hello.signature_algorithms).filter(real).take(LIST_MAX));
    }
    push_hash(&mut text, &hashed);
    Some(text.into_boxed_str())
}

/// The highest version offered, in two characters.
fn version(hello: &ClientHello<'_>) -> &'static str {
    match hello.version() {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        0xfeff => "d1",
        0xfefd => "d2",
        0xfefc => "d3",
        _ => "00",
    }
}

/// First and last character of a protocol name, or of its hexadecimal form if either is not a
/// letter or digit.
fn alpn_ends(name: &[u8]) -> (char, char) {
    let (Some(&first), Some(&last)) = (name.first(), name.last()) else { return ('0', '0') };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        (char::from(first), char::from(last))
    } else {
        (hex_digit(first >> 4), hex_digit(last & 15))
    }
}

fn hex_digit(nibble: u8) -> char {
    char::from(hex(nibble))
}

fn hex(nibble: u8) -> u8 {
    b"0123456789abcdef".get(usize::from(nibble & 15)).copied().unwrap_or_default()
}

/// `002f,0035,...` in ascending order.
fn listed(mut numbers: Vec<u16>) -> Vec<u8> {
    numbers.sort_unstable();
    let mut text = Vec::with_capacity(512);
    push_list(&mut text, numbers.into_iter());
    text
}

fn push_list(text: &mut Vec<u8>, numbers: impl Iterator<Item = u16>) {
    for number in numbers {
        let [high, low] = number.to_be_bytes();
        text.extend_from_slice(&[hex(high >> 4), hex(high), hex(low >> 4), hex(low), b',']);
    }
    text.pop_if(|last| *last == b',');
}

/// The first twelve hexadecimal digits of SHA-256; an empty list is twelve zeros.
fn push_hash(text: &mut String, list: &[u8]) {
    if list.is_empty() {
        text.push_str("000000000000");
        return;
    }
    for byte in Sha256::digest(list).iter().take(6) {
        text.push(hex_digit(byte >> 4));
        text.push(hex_digit(byte & 15));
    }
}
