//! Keys of a client's Initial packets, RFC 9001 sections 5.1 to 5.4, and their use.
//!
//! The tag is not checked: that would need GHASH, and a hello that parses is proof enough. So the
//! payload can be opened from its beginning only as far as it is read; the rest is padding.

#![deny(clippy::arithmetic_side_effects)]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Block};

use super::hkdf::Key;
use super::packet::Initial;
use super::version::{Family, SALT_1, Version};
use crate::bytes::Stop;

/// The longest payload that is opened; datagrams hardly exceed an Ethernet frame before the path
/// is known, RFC 9000 section 14.
const PAYLOAD_MAX: usize = 1536;
/// Cipher blocks made at once: what constant-time AES in software computes side by side.
const BLOCKS: usize = 4;
/// Length of the tag behind the payload, RFC 9001 section 5.3.
const TAG: usize = 16;

/// The salt of version 1, through the first blocks of both hashes: two compressions saved.
const SALTED_1: Key = Key {
    inner: [
        0x2d5e_ed97,
        0x70d7_1abf,
        0x4c9b_8799,
        0xc4eb_86b0,
        0xe9b1_6e41,
        0xd043_22f6,
        0xf73a_0cb2,
        0x9e23_a203,
    ],
    outer: [
        0x0d3d_813d,
        0xcffa_6f1f,
        0x7dbc_b03e,
        0x9230_42dc,
        0xd15a_45f6,
        0x55ab_0325,
        0xf3c2_3aab,
        0x3742_6939,
    ],
};

/// Keys remembered: those of the few connections that open at a time.
const MADE_MAX: usize = 4;

/// Keys and what they were made of.
struct Made {
    version: u32,
    dcid: Box<[u8]>,
    keys: Rc<ClientKeys>,
}

thread_local! {
    /// A memo of a pure function, not state: it changes what an answer costs, never the answer.
    static MADE: RefCell<VecDeque<Made>> = const { RefCell::new(VecDeque::new()) };
}

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
        let salted = if version.salt == SALT_1 { SALTED_1 } else { Key::new(version.salt) };
        let initial = Key::new(&salted.sign([dcid])?);
        let secret = Key::new(&initial.expand::<32>(b"client in")?);
        Some(ClientKeys {
            payload: Aes128::new(&secret.expand::<16>(key)?.into()),
            header: Aes128::new(&secret.expand::<16>(hp)?.into()),
            iv: secret.expand::<12>(iv)?,
        })
    }

    /// The same, from the memo if they were made before: a hello of two datagrams is looked at
    /// twice, and most of the work is in the keys.
    pub fn remembered(version: &Version, dcid: &[u8]) -> Option<Rc<ClientKeys>> {
        let matching = |made: &&Made| made.version == version.number && *made.dcid == *dcid;
        let found = |made: &RefCell<VecDeque<Made>>| {
            let made = made.try_borrow().ok()?;
            made.iter().find(matching).map(|made| Rc::clone(&made.keys))
        };
        if let Some(keys) = MADE.with(found) {
            return Some(keys);
        }
        let keys = Rc::new(ClientKeys::derive(version, dcid)?);
        MADE.with(|made| {
            let Ok(mut made) = made.try_borrow_mut() else { return };
            made.truncate(MADE_MAX.saturating_sub(1));
            let (version, dcid) = (version.number, dcid.into());
            made.push_front(Made { version, dcid, keys: Rc::clone(&keys) });
        });
        Some(keys)
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

/// What clients do, for tests.
#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)] // of known lengths
impl ClientKeys {
    /// An Initial packet around `frames`: number `number`, four bytes of it. There is no tag.
    pub fn seal(
        version: &Version,
        keyed_by: &[u8],
        dcid: &[u8],
        number: u32,
        frames: &[u8],
    ) -> Vec<u8> {
        let keys = ClientKeys::derive(version, keyed_by).unwrap();
        let kind = if version.family == Family::Second { 0xd0 } else { 0xc0 };
        let mut packet = vec![kind | 3];
        packet.extend(version.number.to_be_bytes());
        packet.push(u8::try_from(dcid.len()).unwrap());
        packet.extend(dcid);
        packet.extend([0, 0]); // no source identifier, no token
        let length = u16::try_from(frames.len() + 4 + TAG).unwrap() | 0x4000;
        packet.extend(length.to_be_bytes());
        let mut nonce = keys.iv;
        let numbered = nonce.iter_mut().rev().zip(number.to_be_bytes().into_iter().rev());
        numbered.for_each(|(byte, number)| *byte ^= number);
        let bytes = frames.to_vec();
        let mut sealed = Payload { cut: false, keys: &keys, nonce, counter: 2, bytes, ready: 0 };
        let sealed = sealed.read(0, usize::MAX);
        let mut mask = Block::default();
        mask.copy_from_slice(&sealed[..16]);
        keys.header.encrypt_block(&mut mask);
        packet[0] ^= mask[0] & 0x0f;
        packet.extend(number.to_be_bytes().iter().zip(&mask[1..]).map(|(byte, mask)| byte ^ mask));
        packet.extend(sealed);
        packet.extend([0; TAG]);
        packet
    }
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
        let nonce = self.nonce.iter().fold(0_u128, |nonce, byte| nonce << 8 | u128::from(*byte));
        let mut stream = [Block::default(); BLOCKS];
        for block in &mut stream {
            *block = (nonce << 32 | u128::from(self.counter)).to_be_bytes().into();
            self.counter = self.counter.saturating_add(1);
        }
        self.keys.payload.encrypt_blocks(&mut stream);
        let sealed = self.bytes.get_mut(self.ready..).unwrap_or_default();
        for (sealed, key) in sealed.chunks_mut(16).zip(stream) {
            match <&mut [u8; 16]>::try_from(&mut *sealed) {
                Ok(sealed) => {
                    let opened = u128::from_ne_bytes(*sealed) ^ u128::from_ne_bytes(key.into());
                    *sealed = opened.to_ne_bytes();
                }
                Err(_) => sealed.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key),
            }
        }
        self.ready = self.ready.saturating_add(BLOCKS.saturating_mul(16));
    }
}
