//! Checksums that headers of industrial protocols carry.

/// A 16-bit checksum of that polynomial, least significant bit first.
///
/// The polynomial is written reversed: 0xa6bc for DNP3 (IEEE 1815), 0x8408 for HDLC (ISO 13239).
pub fn crc16_reversed(bytes: &[u8], polynomial: u16, start: u16) -> u16 {
    bytes.iter().fold(start, |sum, &byte| {
        (0..8).fold(sum ^ u16::from(byte), |sum, _| {
            if sum & 1 == 1 { (sum >> 1) ^ polynomial } else { sum >> 1 }
        })
    })
}

/// CRC-CCITT of IEEE C37.118: 0x1021, most significant bit first, from all ones.
pub fn crc_ccitt(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xffff, |sum: u16, &byte| {
        (0..8).fold(sum ^ (u16::from(byte) << 8), |sum, _| {
            if sum & 0x8000 == 0 { sum << 1 } else { (sum << 1) ^ 0x1021 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check values of the catalogue of parametrised CRC algorithms.
    #[test]
    fn they_give_the_published_values() {
        let text = b"123456789";
        assert_eq!(!crc16_reversed(text, 0xa6bc, 0), 0xea82);
        assert_eq!(!crc16_reversed(text, 0x8408, 0xffff), 0x906e);
        assert_eq!(crc_ccitt(text), 0x29b1);
    }
}
