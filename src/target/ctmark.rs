//! `ctmark`: sets bits of a flow's conntrack mark: `new = (old & !mask) | ((mark << shift) & mask)`.

use super::set::Sets;
use super::{Context, Kind, Target, Want};
use crate::effect::Hit;
use crate::json::{self, Object, Severity};

/// The kind.
pub static CTMARK: Kind =
    Kind { name: "ctmark", doc: "sets bits of a flow's conntrack mark", parse };

#[derive(Debug)]
struct CtMark {
    mark: u32,
    mask: u32,
}

impl Target for CtMark {
    fn apply(&self, _: &Hit<'_>, _: &Sets, wants: &mut Vec<Want>) {
        wants.push(Want::Mark { mark: self.mark, mask: self.mask });
    }
}

fn parse(object: &Object<'_>, _: &mut Context<'_>) -> Option<Box<dyn Target>> {
    let mark = hexadecimal(object, "mark");
    let mask = match object.value("mask") {
        None => Some(u32::MAX),
        Some(_) => hexadecimal(object, "mask"),
    };
    let shift = match object.value("shift") {
        None => Some(0),
        Some(_) => object.number("shift", 0, 31),
    };
    if object.value("mark").is_none() {
        object.missing("mark", "a mark such as \"0x1\"");
    }
    let (mark, mask, shift) = (mark?, mask?, shift?);
    if mask == 0 {
        object.unexpected("mask", "a mask of one bit or more", "no bit");
        return None;
    }
    // Bits that the shift pushes out of the mark are as lost as those outside the mask.
    let shifted = u64::from(mark) << shift;
    let inside = shifted & u64::from(mask);
    if inside != shifted {
        let problem = json::Problem::Value {
            expected: format!("bits inside the mask {mask:#010x}"),
            found: format!("{shifted:#010x}; those outside are left alone"),
        };
        object.report(Severity::Warning, object.path_of("mark"), problem);
    }
    Some(Box::new(CtMark { mark: u32::try_from(inside).ok()?, mask }))
}

/// A number of 32 bits in hexadecimal digits, `0x` in front or not.
pub fn hexadecimal(object: &Object<'_>, key: &'static str) -> Option<u32> {
    let text = object.text(key)?;
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit()); // no sign
    let number = u32::from_str_radix(digits, 16).ok().filter(|_| plain);
    if number.is_none() {
        let expected = "hexadecimal digits of at most 32 bits, such as \"0xff0000\"";
        object.unexpected(key, expected, &format!("\"{text}\""));
    }
    number
}
