//! The categories of applications and of protocols: fixed numbers and tags that criteria name.

/// A group of applications or of protocols.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Category {
    /// Number in the public list; never changes.
    pub id: u16,
    /// The name that criteria use, such as `social-media`.
    pub tag: &'static str,
}

impl Category {
    /// Whether its members carry the services of others. An application of such a category names
    /// a flow only where nothing names it better.
    pub fn is_infrastructure(&self) -> bool {
        matches!(self.tag, "cdn" | "hosting")
    }
}

const fn row(id: u16, tag: &'static str) -> Category {
    Category { id, tag }
}

/// What nothing sorted into another category belongs to; the first row of both tables.
pub static UNCLASSIFIED: Category = row(1, "unclassified");

/// Categories of applications, by number.
pub static APPLICATION_CATEGORIES: &[Category] = &[
    row(1, "unclassified"),
    row(2, "adult"),
    row(3, "advertiser"),
    row(4, "entertainment"),
    row(5, "business"),
    row(6, "education"),
    row(9, "financial"),
    row(10, "file-sharing"),
    row(11, "gambling"),
    row(12, "games"),
    row(13, "government"),
    row(15, "mail"),
    row(16, "malware"),
    row(17, "messaging"),
    row(18, "news"),
    row(19, "portal"),
    row(20, "recreation"),
    row(21, "reference"),
    row(23, "shopping"),
    row(24, "social-media"),
    row(26, "sports"),
    row(27, "technology"),
    row(28, "vpn-and-proxy"),
    row(29, "streaming-media"),
    row(30, "cybersecurity"),
    row(31, "os-software-updates"),
    row(32, "voip"),
    row(33, "device-iot"),
    row(34, "remote-desktop"),
    row(35, "cdn"),
    row(36, "hosting"),
    row(37, "telco"),
];

/// Categories of protocols, by number.
pub static PROTOCOL_CATEGORIES: &[Category] = &[
    row(1, "unclassified"),
    row(2, "database"),
    row(4, "file-server"),
    row(5, "file-sharing"),
    row(7, "games"),
    row(9, "infrastructure"),
    row(11, "mail"),
    row(12, "media"),
    row(13, "media-provider"),
    row(14, "networking"),
    row(16, "proxy"),
    row(17, "authentication"),
    row(18, "remote-desktop"),
    row(20, "voip"),
    row(21, "vpn"),
    row(22, "web"),
    row(24, "messaging"),
    row(25, "printing"),
];

/// The application category of that tag; case does not matter.
pub fn application_category(tag: &str) -> Option<&'static Category> {
    by_tag(APPLICATION_CATEGORIES, tag)
}

/// The application category of that number.
pub fn application_category_of(id: u16) -> Option<&'static Category> {
    by_id(APPLICATION_CATEGORIES, id)
}

/// The protocol category of that tag; case does not matter.
pub fn protocol_category(tag: &str) -> Option<&'static Category> {
    by_tag(PROTOCOL_CATEGORIES, tag)
}

/// The protocol category of that number.
pub fn protocol_category_of(id: u16) -> Option<&'static Category> {
    by_id(PROTOCOL_CATEGORIES, id)
}

fn by_tag(table: &'static [Category], tag: &str) -> Option<&'static Category> {
    table.iter().find(|category| category.tag.eq_ignore_ascii_case(tag))
}

fn by_id(table: &'static [Category], id: u16) -> Option<&'static Category> {
    table.binary_search_by_key(&id, |category| category.id).ok().and_then(|at| table.get(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_their_names_unique() {
        for table in [APPLICATION_CATEGORIES, PROTOCOL_CATEGORIES] {
            assert!(table.windows(2).all(|pair| pair[0].id < pair[1].id));
            assert_eq!(table.first(), Some(&UNCLASSIFIED));
            for category in table {
                assert_eq!(by_tag(table, category.tag), Some(category));
                assert_eq!(by_id(table, category.id), Some(category));
            }
        }
    }

    #[test]
    fn the_two_tables_are_told_apart() {
        assert_eq!(application_category("Games").map(|found| found.id), Some(12));
        assert_eq!(protocol_category("games").map(|found| found.id), Some(7));
        assert_eq!(application_category("web"), None);
        assert_eq!(application_category_of(31).map(|found| found.tag), Some("os-software-updates"));
        assert_eq!(protocol_category_of(31), None);
    }
}
