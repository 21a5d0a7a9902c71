//! HKDF over SHA-256 (RFC 5869, RFC 2104) for inputs of one block, which is all that QUIC's first
//! keys need: 14 compressions, two of which a known salt has been through already.

#![deny(clippy::arithmetic_side_effects)]

use sha2::block_api::compress256;

/// FIPS 180-4 section 5.3.3.
const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];
/// Bytes of a block.
const BLOCK: usize = 64;
/// The longest message that leaves room in its block for the mark and the length.
const MESSAGE_MAX: usize = 55;

/// A key that has been through the first block of both hashes.
#[derive(Clone, Copy)]
pub struct Key {
    /// Behind the key and the inner padding.
    pub inner: [u32; 8],
    /// Behind the key and the outer padding.
    pub outer: [u32; 8],
}

impl Key {
    /// A key of at most a block; what is longer is cut.
    pub fn new(key: &[u8]) -> Key {
        let padded = |pad: u8| {
            let (mut state, mut block) = (INITIAL, [pad; BLOCK]);
            block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
            compress256(&mut state, &[block]);
            state
        };
        Key { inner: padded(0x36), outer: padded(0x5c) }
    }

    /// HMAC of parts that have [`MESSAGE_MAX`] bytes together; `None` if they have more.
    pub fn sign<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>) -> Option<[u8; 32]> {
        let mut block = [0; BLOCK];
        let mut length = 0_usize;
        for part in parts {
            let end = length.checked_add(part.len()).filter(|end| *end <= MESSAGE_MAX)?;
            block.get_mut(length..end)?.copy_from_slice(part);
            length = end;
        }
        let inner = finish(self.inner, block, length)?;
        let mut block = [0; BLOCK];
        block.get_mut(..32)?.copy_from_slice(&inner);
        finish(self.outer, block, 32)
    }

    /// HKDF-Expand-Label with an empty context, RFC 8446 section 7.1: at most 32 bytes.
    pub fn expand<const N: usize>(&self, label: &[u8]) -> Option<[u8; N]> {
        let length = u16::try_from(N).ok()?.to_be_bytes();
        let prefixed = [u8::try_from(label.len()).ok()?.checked_add(6)?];
        let made = self.sign([&length, &prefixed[..], b"tls13 ", label, &[0, 1]])?;
        made.get(..N)?.try_into().ok()
    }
}

/// The hash of a key's block and this one, which `length` bytes of the message fill: FIPS 180-4
/// section 5.1.1.
fn finish(mut state: [u32; 8], mut block: [u8; BLOCK], length: usize) -> Option<[u8; 32]> {
    *block.get_mut(length)? = 0x80;
    let bits = u64::try_from(length.checked_add(BLOCK)?.checked_mul(8)?).ok()?;
    block.get_mut(BLOCK.saturating_sub(8)..)?.copy_from_slice(&bits.to_be_bytes());
    compress256(&mut state, &[block]);
    let mut out = [0; 32];
    out.chunks_exact_mut(4)
        .zip(state)
        .for_each(|(out, word)| out.copy_from_slice(&word.to_be_bytes()));
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::super::version::SALT_1;
    use super::*;
    use crate::dissect::sample::hex;

    #[test]
    fn it_is_hmac() {
        // RFC 4231 section 4.3.
        let made = Key::new(b"Jefe").sign([&b"what do ya want "[..], b"for nothing?"]).unwrap();
        let want = hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert_eq!(made.to_vec(), want);
        assert!(Key::new(b"").sign([&[0; MESSAGE_MAX][..]]).is_some());
        assert_eq!(Key::new(b"").sign([&[0; MESSAGE_MAX][..], b"x"]), None);
    }

    #[test]
    fn the_secrets_of_rfc_9001_come_out() {
        // Appendix A.1.
        let initial = Key::new(SALT_1).sign([&hex("8394c8f03e515708")[..]]).unwrap();
        assert_eq!(
            initial.to_vec(),
            hex("7db5df06e7a69e432496adedb00851923595221596ae2ae9fb8115c1e9ed0a44")
        );
        let client: [u8; 32] = Key::new(&initial).expand(b"client in").unwrap();
        let key = Key::new(&client);
        assert_eq!(
            key.expand::<16>(b"quic key").unwrap().to_vec(),
            hex("1f369613dd76d5467730efcbe3b1a22d")
        );
        assert_eq!(key.expand::<12>(b"quic iv").unwrap().to_vec(), hex("fa044b2f42a3fd3b46fb255c"));
        assert_eq!(
            key.expand::<16>(b"quic hp").unwrap().to_vec(),
            hex("9f50449e04a0e810283a1e9933adedd2")
        );
    }
}
