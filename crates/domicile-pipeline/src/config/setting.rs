//! The path of a setting in the file.

use std::fmt;

use serde::{Serialize, Serializer};

/// Where a setting stands in the file, such as `source[0].analyser[1].sql`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SettingPath(Vec<Step>);

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

impl SettingPath {
    /// The path of the whole file; every other path starts here.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// The path of a key of this table.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.step(Step::Key(key.into()))
    }

    /// The path of an item of this list; the first is 0.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.step(Step::Index(index))
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.0
    }

    /// The path without indexes, which is what stands between the brackets of a table's header.
    pub(super) fn header(&self) -> Self {
        Self(self.0.iter().filter(|step| matches!(step, Step::Key(_))).cloned().collect())
    }

    /// The last key of the path: what the setting is called.
    pub(super) fn last_key(&self) -> Option<&str> {
        self.0.iter().rev().find_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Index(_) => None,
        })
    }

    fn step(&self, step: Step) -> Self {
        Self(self.0.iter().cloned().chain([step]).collect())
    }
}

impl fmt::Display for SettingPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) => write!(f, "{}{}", if place == 0 { "" } else { "." }, Key(key))?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

impl Serialize for SettingPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Displays a key as TOML writes it: quoted unless it is bare.
pub(super) struct Key<'a>(pub(super) &'a str);

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if !self.0.is_empty() && self.0.bytes().all(is_bare) { f.write_str(self.0) } else { write!(f, "{:?}", self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::SettingPath;

    #[test]
    fn a_path_is_displayed_as_the_file_nests() {
        let analyser = SettingPath::root().key("source").index(0).key("analyser").index(1);
        assert_eq!(analyser.key("sql").to_string(), "source[0].analyser[1].sql");
        assert_eq!(analyser.header().to_string(), "source.analyser");
        assert_eq!(analyser.last_key(), Some("analyser"));
        assert_eq!(SettingPath::root().to_string(), "");
    }

    #[test]
    fn a_key_that_is_not_bare_is_quoted() {
        let columns = SettingPath::root().key("columns");
        assert_eq!(columns.key("unit price").to_string(), "columns.\"unit price\"");
        assert_eq!(columns.key("unit-price").to_string(), "columns.unit-price");
    }

    #[test]
    fn a_path_is_serialized_as_text() {
        let path = SettingPath::root().key("homes").index(2);
        assert_eq!(serde_json::to_value(path).unwrap(), "homes[2]");
    }
}
