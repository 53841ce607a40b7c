//! What a database holds as rows of text, each with how often it stands there, and how two such contents differ.

use std::collections::BTreeMap;
use std::fmt;

/// How many differences are displayed.
const SHOWN: usize = 20;

/// The rows of several tables. Equal rows are counted, so that a row that stands there twice is a difference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally(BTreeMap<(String, String), u64>);

impl Tally {
    pub(crate) fn add(&mut self, table: &str, row: String) {
        *self.0.entry((table.to_owned(), row)).or_default() += 1;
    }

    /// How `found` differs from this.
    pub(crate) fn differences(&self, found: &Tally) -> Vec<String> {
        let mut differences = Vec::new();
        let keys = self.0.keys().chain(found.0.keys().filter(|key| !self.0.contains_key(*key)));
        for key @ (table, row) in keys {
            let count = |tally: &Tally| tally.0.get(key).copied().unwrap_or(0);
            match (count(self), count(found)) {
                (expected, found) if expected == found => {}
                (1, 0) => differences.push(format!("{table}: missing {row}")),
                (0, 1) => differences.push(format!("{table}: not expected {row}")),
                (expected, found) => differences.push(format!("{table}: {found} times, not {expected}: {row}")),
            }
        }
        differences
    }
}

/// What did not arrive as it must.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differences(pub(crate) Vec<String>);

impl Differences {
    /// Each difference: the place and table, what is wrong, and the row.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} differences", self.0.len())?;
        self.0.iter().take(SHOWN).try_for_each(|difference| writeln!(f, "  {difference}"))?;
        if self.0.len() > SHOWN { writeln!(f, "  …") } else { Ok(()) }
    }
}

impl std::error::Error for Differences {}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn every_kind_of_difference_is_told() {
        let (mut expected, mut found) = (Tally::default(), Tally::default());
        for row in ["both", "lost", "twice"] {
            expected.add("t", row.to_owned());
        }
        for row in ["both", "new", "twice", "twice"] {
            found.add("t", row.to_owned());
        }
        let differences = ["t: missing lost", "t: 2 times, not 1: twice", "t: not expected new"];
        assert_eq!(expected.differences(&found), differences);
        assert!(expected.differences(&expected).is_empty());
    }
}
