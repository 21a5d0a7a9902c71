//! Writing JSON objects: what `json!` of serde_json does for an object, in a fifth of the code.
//!
//! That macro compiles 280 bytes for each key on MIPS: a text, a value, an insertion, and dropping
//! what was there before. Here each key is one call.

use std::fmt::Display;
use std::sync::Arc;

use serde_json::{Map, Value};

/// What can stand behind a key.
pub trait ToJson {
    /// Its value.
    fn to_json(&self) -> Value;
}

/// Puts a value into an object that is being written.
#[inline(never)]
pub fn put(object: &mut Map<String, Value>, key: &str, value: &dyn ToJson) {
    object.insert(key.to_owned(), value.to_json());
}

/// Puts a value into what is an object; anything else stays as it is.
pub fn insert(object: &mut Value, key: &str, value: &dyn ToJson) {
    if let Value::Object(fields) = object {
        put(fields, key, value);
    }
}

/// A list of what an iterator gives. Without the room that `collect` makes before, which takes 150
/// bytes of code for each kind of iterator.
pub fn list(items: impl Iterator<Item = Value>) -> Value {
    let mut list = Vec::new();
    for item in items {
        list.push(item);
    }
    Value::Array(list)
}

/// Something as its text reads: made only where it is written.
#[derive(Debug)]
pub struct Shown<T>(pub T);

impl<T: Display> ToJson for Shown<T> {
    fn to_json(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// `object! { "key": value, ... }`: a JSON object. Values are what implements
/// [`ToJson`](crate::json::ToJson), and are not taken.
#[doc(hidden)]
#[macro_export]
macro_rules! json_object {
    { $($key:literal : $value:expr),* $(,)? } => {{
        let mut object = ::serde_json::Map::new();
        $($crate::json::put(&mut object, $key, &$value);)*
        ::serde_json::Value::Object(object)
    }};
}

pub use json_object as object;

macro_rules! from_copy {
    ($($kind:ty)*) => {
        $(impl ToJson for $kind {
            fn to_json(&self) -> Value {
                Value::from(*self)
            }
        })*
    };
}

from_copy!(bool u8 u16 u32 u64 usize i64);

impl ToJson for str {
    fn to_json(&self) -> Value {
        Value::from(self)
    }
}

impl ToJson for String {
    fn to_json(&self) -> Value {
        self.as_str().to_json()
    }
}

impl ToJson for Value {
    fn to_json(&self) -> Value {
        self.clone()
    }
}

impl ToJson for Map<String, Value> {
    fn to_json(&self) -> Value {
        Value::Object(self.clone())
    }
}

impl<T: ToJson + ?Sized> ToJson for &T {
    fn to_json(&self) -> Value {
        (**self).to_json()
    }
}

impl<T: ToJson + ?Sized> ToJson for Box<T> {
    fn to_json(&self) -> Value {
        (**self).to_json()
    }
}

impl<T: ToJson + ?Sized> ToJson for Arc<T> {
    fn to_json(&self) -> Value {
        (**self).to_json()
    }
}

/// `null` for nothing.
impl<T: ToJson> ToJson for Option<T> {
    fn to_json(&self) -> Value {
        self.as_ref().map_or(Value::Null, ToJson::to_json)
    }
}

impl<T: ToJson> ToJson for [T] {
    fn to_json(&self) -> Value {
        list(self.iter().map(ToJson::to_json))
    }
}

impl<T: ToJson, const N: usize> ToJson for [T; N] {
    fn to_json(&self) -> Value {
        self.as_slice().to_json()
    }
}

impl<T: ToJson> ToJson for Vec<T> {
    fn to_json(&self) -> Value {
        self.as_slice().to_json()
    }
}

#[cfg(test)]
mod tests {
    use super::{Shown, insert, object};
    use serde_json::json;

    #[test]
    fn objects_are_those_that_serde_json_makes() {
        let (name, none, list) = ("x".to_owned(), None::<u32>, vec!["a", "b"]);
        let boxed: Box<str> = "y".into();
        assert_eq!(
            object! {
                "name": name, "none": none, "some": Some(-1_i64), "list": list, "two": [1_u8, 2],
                "boxed": boxed, "inner": object! { "yes": true }, "most": u64::MAX,
            },
            json!({
                "name": "x", "none": null, "some": -1, "list": ["a", "b"], "two": [1, 2],
                "boxed": "y", "inner": { "yes": true }, "most": u64::MAX,
            })
        );
        let mut shown = object! { "shown": Shown(4), "list": super::list([].into_iter()) };
        insert(&mut shown, "more", &Shown('x'));
        assert_eq!(shown, json!({"shown": "4", "list": [], "more": "x"}));
        let mut none = json!(null);
        insert(&mut none, "more", &true);
        assert_eq!(none, json!(null));
        let keys = object! { "z": 1_u8, "a": 2_u8, "z": 3_u8 };
        assert_eq!(keys.to_string(), r#"{"z":3,"a":2}"#);
    }
}
