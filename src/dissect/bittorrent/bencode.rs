//! Bencoding (BEP 3): integers, byte strings, lists, dictionaries; read without recursion.

use crate::bytes::{Reader, Stop};

/// Deepest nesting read. A DHT message has 3 levels, an extension handshake 2, a torrent 5.
const DEPTH_MAX: usize = 8;
/// Digits of a length or integer: 2^63 has 19, and a sign.
const DIGITS_MAX: usize = 20;

/// What stands next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    /// `i42e`.
    Integer(i64),
    /// `4:spam`.
    Bytes(&'a [u8]),
    /// `l`, up to its `End`.
    List,
    /// `d`, keys and values up to its `End`.
    Dict,
    /// `e`.
    End,
}

fn number(reader: &mut Reader<'_>, first: u8, end: u8) -> Result<i64, Stop> {
    let (mut negative, mut digits, mut value) = (false, 0usize, 0i64);
    let mut byte = first;
    loop {
        match byte {
            b'-' if digits == 0 && !negative => negative = true,
            // No leading zero, and no minus zero.
            b'0'..=b'9' if digits == 0 || value != 0 => {
                let digit = i64::from(byte.wrapping_sub(b'0'));
                value = value
                    .checked_mul(10)
                    .and_then(|v| v.checked_add(digit))
                    .ok_or(Stop::NotMine)?;
                digits = digits.saturating_add(1);
            }
            _ if byte == end && digits > 0 && !(negative && value == 0) => break,
            _ => return Err(Stop::NotMine),
        }
        if digits > DIGITS_MAX {
            return Err(Stop::NotMine);
        }
        byte = reader.u8()?;
    }
    Ok(if negative { value.saturating_neg() } else { value })
}

/// Reads one token.
pub fn token<'a>(reader: &mut Reader<'a>) -> Result<Token<'a>, Stop> {
    Ok(match reader.u8()? {
        b'd' => Token::Dict,
        b'l' => Token::List,
        b'e' => Token::End,
        b'i' => {
            let first = reader.u8()?;
            Token::Integer(number(reader, first, b'e')?)
        }
        first @ b'0'..=b'9' => {
            let length = number(reader, first, b':')?;
            Token::Bytes(reader.take(usize::try_from(length).map_err(|_| Stop::NotMine)?)?)
        }
        _ => return Err(Stop::NotMine),
    })
}

/// Steps over one value and all that is in it; what it was.
pub fn skip<'a>(reader: &mut Reader<'a>) -> Result<Token<'a>, Stop> {
    let first = token(reader)?;
    let mut depth = match first {
        Token::Dict | Token::List => 1usize,
        Token::End => return Err(Stop::NotMine),
        _ => 0,
    };
    while depth > 0 {
        depth = match token(reader)? {
            Token::Dict | Token::List => depth.saturating_add(1),
            Token::End => depth.saturating_sub(1),
            _ => depth,
        };
        if depth > DEPTH_MAX {
            return Err(Stop::NotMine);
        }
    }
    Ok(first)
}

/// Reads a dictionary (its `d` too), giving `visit` each key and a reader that stands at its
/// value. Whether `visit` looks at the value or not, reading goes on behind it.
pub fn dict<'a>(
    reader: &mut Reader<'a>,
    mut visit: impl FnMut(&'a [u8], Reader<'a>) -> Result<(), Stop>,
) -> Result<(), Stop> {
    reader.literal(b"d")?;
    loop {
        match token(reader)? {
            Token::End => return Ok(()),
            Token::Bytes(key) => {
                let value = *reader;
                skip(reader)?;
                visit(key, value)?;
            }
            _ => return Err(Stop::NotMine),
        }
    }
}

/// As [`dict`], but of a dictionary that may be cut or damaged: gives `visit` what stands before
/// that, and a reader at the value that is not whole.
pub fn dict_head<'a>(reader: &mut Reader<'a>, mut visit: impl FnMut(&'a [u8], Reader<'a>)) {
    if reader.literal(b"d").is_err() {
        return;
    }
    while let Ok(Token::Bytes(key)) = token(reader) {
        visit(key, *reader);
        if skip(reader).is_err() {
            return;
        }
    }
}

/// As much as is there of a byte string that stands next.
pub fn bytes_head<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let first = reader.u8().ok().filter(u8::is_ascii_digit)?;
    let length = usize::try_from(number(reader, first, b':').ok()?).ok()?;
    reader.take(length.min(reader.len())).ok()
}

/// A port number that must stand next as an integer.
pub fn port(reader: &mut Reader<'_>) -> Option<u16> {
    match token(reader) {
        Ok(Token::Integer(port)) => u16::try_from(port).ok(),
        _ => None,
    }
}

/// A byte string that must stand next.
pub fn bytes<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Stop> {
    match token(reader)? {
        Token::Bytes(bytes) => Ok(bytes),
        _ => Err(Stop::NotMine),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_strict() {
        for (text, expected) in [
            (&b"i42e"[..], Ok(Token::Integer(42))),
            (b"i-7e", Ok(Token::Integer(-7))),
            (b"i0e", Ok(Token::Integer(0))),
            (b"i-0e", Err(Stop::NotMine)),
            (b"i03e", Err(Stop::NotMine)),
            (b"ie", Err(Stop::NotMine)),
            (b"i99999999999999999999e", Err(Stop::NotMine)),
            (b"4:spam", Ok(Token::Bytes(b"spam"))),
            (b"0:", Ok(Token::Bytes(b""))),
            (b"04:spam", Err(Stop::NotMine)),
            (b"4:spa", Err(Stop::NeedMore)),
            (b"4294967297:x", Err(Stop::NeedMore)),
            (b"x", Err(Stop::NotMine)),
        ] {
            assert_eq!(token(&mut Reader::stream(text)), expected, "{text:?}");
        }
    }

    #[test]
    fn nesting_and_dictionaries_are_bounded() {
        let mut deep = vec![b'l'; 100_000];
        assert_eq!(skip(&mut Reader::stream(&deep)), Err(Stop::NotMine));
        deep.truncate(DEPTH_MAX);
        assert_eq!(skip(&mut Reader::stream(&deep)), Err(Stop::NeedMore));
        let mut seen = Vec::new();
        let mut reader = Reader::stream(b"d1:ad2:idi1ee1:t2:aae!");
        dict(&mut reader, |key, mut value| {
            seen.push((key, token(&mut value)?));
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, [(&b"a"[..], Token::Dict), (b"t", Token::Bytes(b"aa"))]);
        assert_eq!(reader.rest(), b"!");
        assert_eq!(dict(&mut Reader::stream(b"di1ei2ee"), |_, _| Ok(())), Err(Stop::NotMine));
    }
}
