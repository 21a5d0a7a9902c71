//! Names and roles of the interfaces that are captured, and filters on them.

use std::fmt;

/// Which side of the router an interface is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Clients are there.
    Lan,
    /// The internet is there.
    Wan,
}

impl Role {
    /// Every role with the word that configurations use.
    pub const WORDS: &'static [(&'static str, Role)] = &[("lan", Role::Lan), ("wan", Role::Wan)];
}

/// An interface that is captured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// The kernel's name for it, or "any".
    pub name: String,
    /// Which side it is.
    pub role: Role,
}

/// Which interfaces an action or target concerns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum InterfaceFilter {
    /// All of them.
    #[default]
    Any,
    /// Those of one side.
    Role(Role),
    /// The one of that name.
    Name(String),
}

impl InterfaceFilter {
    /// Reads `*`, `lan`, `wan` or a name.
    pub fn parse(text: &str) -> Self {
        match Role::WORDS.iter().find(|(word, _)| *word == text) {
            Some((_, role)) => InterfaceFilter::Role(*role),
            None if text == "*" => InterfaceFilter::Any,
            None => InterfaceFilter::Name(text.to_owned()),
        }
    }

    /// Whether `interface` is meant.
    pub fn holds(&self, interface: &Interface) -> bool {
        match self {
            InterfaceFilter::Any => true,
            InterfaceFilter::Role(role) => interface.role == *role,
            InterfaceFilter::Name(name) => interface.name == *name,
        }
    }
}

impl fmt::Display for InterfaceFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InterfaceFilter::Any => f.write_str("*"),
            InterfaceFilter::Role(Role::Lan) => f.write_str("lan"),
            InterfaceFilter::Role(Role::Wan) => f.write_str("wan"),
            InterfaceFilter::Name(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_hold_for_names_and_roles() {
        let bridge = Interface { name: "br-lan".to_owned(), role: Role::Lan };
        for (text, holds) in
            [("*", true), ("lan", true), ("wan", false), ("br-lan", true), ("eth1", false)]
        {
            assert_eq!(InterfaceFilter::parse(text).holds(&bridge), holds, "{text}");
            assert_eq!(InterfaceFilter::parse(text).to_string(), text);
        }
    }
}
