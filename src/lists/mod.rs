//! What users keep in files of their own: address groups, and lists of domains and networks by
//! category. Read again with every configuration.
//!
//! Both are folders of files `NN-TAG.conf`, taken in the order of their names; several files of
//! one tag add up. What is wrong with a line is reported and the other lines count.

mod category;
mod file;
mod finding;
mod group;
mod line;

use std::path::PathBuf;

pub use category::{CategoryLists, LIST_PATTERNS_MAX, OWN_NUMBERS};
pub use file::{FILES_MAX, FOLDER_BYTES_MAX, LINE_BYTES_MAX};
pub use finding::{FINDINGS_MAX, Finding, Problem};
pub use group::{Groups, MEMBERS_MAX};

/// Where address groups are, the first that exists.
const GROUP_FOLDERS: &[&str] = &["/etc/nfa/address-groups.d", "/etc/netifyd/address-groups.d"];
/// Where category lists are, the first that exists.
const CATEGORY_FOLDERS: &[&str] = &["/etc/nfa/categories.d", "/etc/netifyd/categories.d"];

/// Which folders to read; `None`: there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folders {
    /// Address groups.
    pub groups: Option<PathBuf>,
    /// Lists of categories.
    pub categories: Option<PathBuf>,
}

impl Folders {
    /// The folders that a configuration names; where it names none, the usual ones that exist.
    pub fn new(groups: Option<&str>, categories: Option<&str>) -> Self {
        let folder = |named: Option<&str>, usual: &[&str]| {
            let exists = || usual.iter().map(PathBuf::from).find(|path| path.is_dir());
            named.map(PathBuf::from).or_else(exists)
        };
        Folders {
            groups: folder(groups, GROUP_FOLDERS),
            categories: folder(categories, CATEGORY_FOLDERS),
        }
    }
}

/// All lists of a user.
#[derive(Debug, Default)]
pub struct Lists {
    /// Address groups.
    pub groups: Groups,
    /// Domains and networks by category.
    pub categories: CategoryLists,
}

impl Lists {
    /// Reads both folders. What is wrong is left out and reported.
    pub fn load(folders: &Folders) -> (Self, Vec<Finding>) {
        let mut findings = Vec::new();
        let groups = folders.groups.as_deref();
        let categories = folders.categories.as_deref();
        let lists = Lists {
            groups: groups.map_or_else(Groups::default, |dir| Groups::load(dir, &mut findings)),
            categories: categories
                .map_or_else(CategoryLists::default, |dir| CategoryLists::load(dir, &mut findings)),
        };
        (lists, findings)
    }
}
