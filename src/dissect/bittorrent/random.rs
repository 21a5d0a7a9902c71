//! Whether bytes look as if chance, or a cipher, had made them: whole numbers only.

/// Bytes that are judged, from the first on.
const JUDGED_MAX: usize = 192;

/// Whether bytes are random as far as the first of them show: bits, halves of bytes and bytes are
/// spread as chance spreads them, and the front is neither text nor mostly zero. Chance itself
/// fails once in about 10,000 times.
pub fn is_random(bytes: &[u8]) -> bool {
    let bytes = bytes.get(..JUDGED_MAX).unwrap_or(bytes);
    let front = bytes.get(..16).unwrap_or(bytes);
    let text = front.iter().take(12).all(|byte| matches!(byte, b' '..=b'~' | b'\r' | b'\n'));
    if text || front.iter().filter(|byte| **byte == 0).count() >= 3 {
        return false;
    }
    let count = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let (mut ones, mut halves, mut wholes) = (0u32, [0u32; 16], [0u32; 256]);
    for &byte in bytes {
        ones = ones.saturating_add(byte.count_ones());
        bump(halves.get_mut(usize::from(byte >> 4)));
        bump(halves.get_mut(usize::from(byte & 15)));
        bump(wholes.get_mut(usize::from(byte)));
    }
    is_even(ones, count) && is_spread(&halves, count) && has_chance_pairs(&wholes, count)
}

fn bump(bin: Option<&mut u32>) {
    if let Some(bin) = bin {
        *bin = bin.saturating_add(1);
    }
}

/// Half of all bits are set: within 4.4 deviations, each the root of twice the bytes.
fn is_even(ones: u32, count: u32) -> bool {
    let off = ones.abs_diff(count.saturating_mul(4));
    off.saturating_mul(off) <= count.saturating_mul(40)
}

/// The chi-square of the 16 halves of bytes is at most 50, with 15 degrees of freedom.
fn is_spread(halves: &[u32; 16], count: u32) -> bool {
    let total = count.saturating_mul(2);
    let squares = halves.iter().fold(0u32, |sum, n| sum.saturating_add(n.saturating_mul(*n)));
    squares.saturating_mul(16) <= total.saturating_mul(total.saturating_add(50))
}

/// As many pairs of equal bytes as chance makes, within 5 deviations; at 192 bytes also not so few
/// that somebody counts.
fn has_chance_pairs(wholes: &[u32; 256], count: u32) -> bool {
    let pairs = |n: u32| n.saturating_mul(n.saturating_sub(1)) / 2;
    let seen = wholes.iter().fold(0u32, |sum, n| sum.saturating_add(pairs(*n)));
    let expected = pairs(count) / 256;
    let over = seen.saturating_sub(expected.saturating_add(2));
    over.saturating_mul(over) <= expected.saturating_add(1).saturating_mul(25)
        && seen.saturating_mul(4) >= expected.saturating_sub(8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A xorshift generator's bytes.
    fn noise(seed: u64, count: usize) -> Vec<u8> {
        let mut state = seed;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_be_bytes()[3]
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn chance_is_random_and_text_and_structure_are_not() {
        for (count, seed) in [56, 96, 192, 600].into_iter().zip(1..) {
            let random = (0..2000).filter(|n| is_random(&noise(seed * 10_000 + n, count)));
            assert!(random.count() >= 1997, "{count} bytes");
        }
        let noise = noise(7, 200);
        let with = |at: usize, bytes: &[u8]| {
            let mut noise = noise.clone();
            noise[at..at + bytes.len()].copy_from_slice(bytes);
            noise
        };
        assert!(is_random(&noise));
        for (name, bytes) in [
            ("text in front", with(0, b"HELLO 01 or so")),
            ("zeros in front", with(4, &[0; 3])),
            ("zeros within", with(20, &[0; 60])),
            ("counting", (0..=199).collect()),
            ("base64", noise.iter().map(|byte| b'0' + byte % 64).collect()),
            ("six bits", noise.iter().map(|byte| byte & 0x3f).collect()),
            ("one byte", vec![0xa5; 200]),
            ("two bytes in turn", [0x55, 0xaa].repeat(100)),
        ] {
            assert!(!is_random(&bytes), "{name}");
        }
    }
}
