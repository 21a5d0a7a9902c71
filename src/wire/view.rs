//! Fields of a header that is an array: its length was checked when the array was made, so each of
//! these is one load.

/// `LEN` bytes at `AT`, which the compiler checks to be inside.
#[inline(always)]
pub(super) fn field<const AT: usize, const LEN: usize, const N: usize>(
    header: &[u8; N],
) -> [u8; LEN] {
    const { assert!(AT + LEN <= N) };
    header.get(AT..).and_then(<[u8]>::first_chunk).map_or([0; LEN], |field| *field)
}

/// Two bytes at `AT`.
#[inline(always)]
pub(super) fn be_u16<const AT: usize, const N: usize>(header: &[u8; N]) -> u16 {
    u16::from_be_bytes(field::<AT, 2, N>(header))
}

/// Four bytes at `AT`.
#[inline(always)]
pub(super) fn be_u32<const AT: usize, const N: usize>(header: &[u8; N]) -> u32 {
    u32::from_be_bytes(field::<AT, 4, N>(header))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_order_is_the_networks() {
        let header = [1, 2, 3, 4, 5, 6];
        assert_eq!((be_u16::<4, 6>(&header), be_u32::<2, 6>(&header)), (0x0506, 0x0304_0506));
    }
}
