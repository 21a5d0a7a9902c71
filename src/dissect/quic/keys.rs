//! Keys of a client's Initial packets, RFC 9001 sections 5.1 to 5.4, and their use.
//!
//! The tag is not checked: that would need GHASH, and a hello that parses is proof enough. So the
//! payload can be opened from its beginning only as far as it is read; the rest is padding.

#![deny(clippy::arithmetic_side_effects)]

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Block};
use hkdf::Hkdf;
use sha2::Sha256;

use super::packet::Initial;
use super::version::{Family, Version};
use crate::bytes::Stop;

/// The longest payload that is opened; datagrams hardly exceed an Ethernet frame before the path
/// is known, RFC 9000 section 14.
const PAYLOAD_MAX: usize = 1536;
/// Cipher blocks made at once: what constant-time AES in software computes side by side.
const BLOCKS: usize = 4;
/// Length of the tag behind the payload, RFC 9001 section 5.3.
const TAG: usize = 16;

/// What opens packets that clients send before anything is agreed.
pub struct ClientKeys {
    payload: Aes128,
    header: Aes128,
    iv: [u8; 12],
}

impl ClientKeys {
    /// Keys from the destination connection identifier of a client's first Initial, section 5.2.
    pub fn derive(version: &Version, dcid: &[u8]) -> Option<ClientKeys> {
        let (key, iv, hp): (&[u8], &[u8], &[u8]) = match version.family {
            Family::Second => (b"quicv2 key", b"quicv2 iv", b"quicv2 hp"), // RFC 9369 section 3.3.2
            Family::Ietf | Family::Google => (b"quic key", b"quic iv", b"quic hp"),
        };
        let initial = Hkdf::<Sha256>::new(Some(version.salt), dcid);
        let secret = Hkdf::<Sha256>::from_prk(&expand::<32>(&initial, b"client in")?).ok()?;
        Some(ClientKeys {
            payload: Aes128::new(&expand::<16>(&secret, key)?.into()),
            header: Aes128::new(&expand::<16>(&secret, hp)?.into()),
            iv: expand::<12>(&secret, iv)?,
        })
    }

    /// Takes the header protection off (section 5.4) and readies the payload. `NotMine` if the
    /// reserved bits show that these are not the packet's keys.
    pub fn open(&self, packet: &Initial<'_>) -> Result<Payload<'_>, Stop> {
        let sample = packet.protected.get(4..20).ok_or(Stop::NotMine)?;
        let mut mask = <[u8; 16]>::try_from(sample).map_err(|_| Stop::NotMine)?.into();
        self.header.encrypt_block(&mut mask);
        let mut mask = mask.iter().copied();
        let first = packet.first ^ mask.next().unwrap_or(0) & 0x0f;
        if first & 0x0c != 0 {
            return Err(Stop::NotMine); // reserved bits, RFC 9000 section 17.2
        }
        let number_length = usize::from(first & 3).saturating_add(1);
        let (number, sealed) =
            packet.protected.split_at_checked(number_length).ok_or(Stop::NotMine)?;
        let tag = if packet.whole { TAG } else { 0 };
        let length = sealed.len().saturating_sub(tag).min(PAYLOAD_MAX);
        let cut = !packet.whole || sealed.len().saturating_sub(tag) > PAYLOAD_MAX;
        let number = number
            .iter()
            .zip(mask)
            .fold(0_u32, |number, (byte, mask)| number << 8 | u32::from(byte ^ mask));
        // The nonce, section 5.3; counters from 2 on make the key stream, NIST SP 800-38D section 7.
        let mut nonce = self.iv;
        for (byte, number) in nonce.iter_mut().rev().zip(number.to_be_bytes().iter().rev()) {
            *byte ^= number;
        }
        let bytes = sealed.get(..length).unwrap_or_default().to_vec();
        Ok(Payload { cut, keys: self, nonce, counter: 2, bytes, ready: 0 })
    }
}

/// HKDF-Expand-Label with an empty context, RFC 8446 section 7.1.
fn expand<const N: usize>(secret: &Hkdf<Sha256>, label: &[u8]) -> Option<[u8; N]> {
    let mut out = [0; N];
    let length = u16::try_from(N).ok()?.to_be_bytes();
    let prefixed = [u8::try_from(label.len()).ok()?.checked_add(6)?];
    let info: [&[u8]; 5] = [&length, &prefixed, b"tls13 ", label, &[0]];
    secret.expand_multi_info(&info, &mut out).ok()?;
    Some(out)
}

/// A payload that is opened as far as it is read.
pub struct Payload<'k> {
    /// Its end is missing.
    pub cut: bool,
    keys: &'k ClientKeys,
    nonce: [u8; 12],
    counter: u32,
    bytes: Vec<u8>,
    ready: usize,
}

impl Payload<'_> {
    /// The opened bytes from `at` on: `count` of them or more, fewer only at the end.
    pub fn read(&mut self, at: usize, count: usize) -> &[u8] {
        let wanted = at.saturating_add(count).min(self.bytes.len());
        while self.ready < wanted {
            self.open_more();
        }
        self.bytes.get(at..self.ready.min(self.bytes.len())).unwrap_or_default()
    }

    fn open_more(&mut self) {
        let mut stream = [Block::default(); BLOCKS];
        for block in &mut stream {
            let input = self.nonce.into_iter().chain(self.counter.to_be_bytes());
            block.iter_mut().zip(input).for_each(|(byte, input)| *byte = input);
            self.counter = self.counter.saturating_add(1);
        }
        self.keys.payload.encrypt_blocks(&mut stream);
        let sealed = self.bytes.get_mut(self.ready..).unwrap_or_default();
        sealed.iter_mut().zip(stream.iter().flatten()).for_each(|(byte, key)| *byte ^= key);
        self.ready = self.ready.saturating_add(BLOCKS.saturating_mul(16));
    }
}
