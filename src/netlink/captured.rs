//! For tests: bytes captured from the kernel and its tools, kept as text in `tests/netlink`.

use super::attribute::{NESTED, NET_BYTEORDER};

/// Bytes from their text: pairs of digits as on the wire; numbers that end in `h` (16 bits) or `w`
/// (32 bits) in this machine's byte order.
pub fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for token in text.split_whitespace() {
        if let Some(number) = token.strip_suffix('h') {
            bytes.extend(u16::from_str_radix(number, 16).unwrap().to_ne_bytes());
        } else if let Some(number) = token.strip_suffix('w') {
            bytes.extend(u32::from_str_radix(number, 16).unwrap().to_ne_bytes());
        } else {
            for pair in token.as_bytes().chunks(2) {
                let pair = std::str::from_utf8(pair).unwrap();
                bytes.push(u8::from_str_radix(pair, 16).unwrap());
            }
        }
    }
    bytes
}

/// The cases of a file: the comment line, and the bytes of the lines up to the next.
pub fn cases(text: &str) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<(String, Vec<u8>)> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        match line.strip_prefix("# ") {
            Some(comment) => found.push((comment.to_owned(), Vec::new())),
            None => found.last_mut().unwrap().1.extend(bytes(line)),
        }
    }
    found.retain(|(_, bytes)| !bytes.is_empty());
    found
}

/// Attributes with their flags, nested ones opened: `kind=payload` or `kind{...}`.
pub fn tree(mut bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    while bytes.len() >= 4 {
        let length = usize::from(u16::from_ne_bytes([bytes[0], bytes[1]]));
        let kind = u16::from_ne_bytes([bytes[2], bytes[3]]);
        let payload = &bytes[4..length];
        let order = if kind & NET_BYTEORDER != 0 { "n" } else { "" };
        let number = kind & !(NESTED | NET_BYTEORDER);
        found.push(if kind & NESTED != 0 {
            format!("{number}{{{}}}", tree(payload).join(" "))
        } else {
            let digits: String = payload.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{number}{order}={digits}")
        });
        bytes = &bytes[length.next_multiple_of(4).min(bytes.len())..];
    }
    found
}
