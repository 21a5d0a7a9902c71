//! Local service discovery (BEP 14): `BT-SEARCH` to 239.192.152.143:6771 or [ff15::efc0:988f].
//!
//! The request line is 22 fixed bytes that no other protocol has, so the group is not asked for.

use super::teach::Notes;
use crate::bytes::{Reader, Stop};

const REQUEST_LINE: &[u8] = b"BT-SEARCH * HTTP/1.1\r\n";

/// The first torrent announced, 40 hexadecimal digits in the first `Infohash` header.
pub fn announce(bytes: &[u8]) -> Result<Option<[u8; 20]>, Stop> {
    let mut reader = Reader::datagram(bytes);
    reader.literal(REQUEST_LINE)?;
    while let Ok(header) = reader.until(b"\r\n") {
        let mut halves = header.splitn(2, |&byte| byte == b':');
        let name = halves.next().unwrap_or_default();
        if name.eq_ignore_ascii_case(b"infohash") {
            return Ok(hex_hash(halves.next().unwrap_or_default().trim_ascii()));
        }
    }
    Ok(None)
}

/// The port at which the sender accepts peers.
pub fn teach(bytes: &[u8], notes: &mut Notes<'_>) {
    let mut reader = Reader::datagram(bytes);
    if reader.literal(REQUEST_LINE).is_err() {
        return;
    }
    while let Ok(header) = reader.until(b"\r\n") {
        if let Some((name, value)) = header.split_at_checked(5)
            && name.eq_ignore_ascii_case(b"port:")
        {
            let port = std::str::from_utf8(value).ok().and_then(|text| text.trim().parse().ok());
            return notes.listens(port.unwrap_or(0));
        }
    }
}

/// 20 bytes out of 40 hexadecimal digits.
pub fn hex_hash(digits: &[u8]) -> Option<[u8; 20]> {
    if digits.len() != 40 {
        return None;
    }
    let mut hash = [0; 20];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = super::hex_byte(pair)?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissect::sample::udp;

    #[test]
    fn an_announcement_names_its_torrent() {
        let text = b"BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\nPort: 6881\r\n\
            Infohash: 00112233445566778899aabbccddeeff00112233\r\ncookie: 1\r\n\r\n\r\n";
        let hash = announce(text).unwrap().unwrap();
        assert_eq!((hash[0], hash[15], hash[19]), (0x00, 0xff, 0x33));
        udp(6771, 6771).towards("239.192.152.143").original(text).survives("BitTorrent");
        for group in ["ff15::efc0:988f", "ff02::efc0:988f"] {
            let text = text.to_vec();
            udp(6771, 6771).towards(group).original(text).survives("BitTorrent");
        }
        assert_eq!(announce(&text[..22]), Ok(None));
        assert_eq!(announce(b"BT-SEARCH * HTTP/1.1\r\nInfohash: 0011\r\n"), Ok(None));
        assert_eq!(announce(b"M-SEARCH * HTTP/1.1\r\n"), Err(Stop::NotMine));
    }
}
