//! A table at one place of a statement, and the routing keys of what is touched there.

use std::collections::BTreeSet;

use domicile::Access;

use super::term::Term;

/// A table at one place of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Touch {
    /// The table, in lower case.
    pub(crate) table: String,
    /// Whether it is changed here.
    pub(crate) access: Access,
    /// Whether rows are inserted here.
    pub(crate) is_insert: bool,
    /// The routing keys of the rows that are touched here.
    pub(crate) keys: Keys,
}

/// The routing keys of the rows that a statement touches in a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    /// The table has no key column.
    NotDeclared,
    /// Every row has one of these.
    Named(Vec<Term>),
    /// It is not said, for this reason; the table may demand it.
    Undecided(String),
    /// It cannot be told, for this reason, and rows of any key could come in: never allowed.
    Unreadable(String),
}

impl Keys {
    pub(super) fn unreadable(why: &str) -> Self {
        Self::Unreadable(why.into())
    }

    pub(super) fn undecided(why: &str) -> Self {
        Self::Undecided(why.into())
    }

    /// Names each of the values once.
    pub(super) fn named(mut terms: Vec<Term>) -> Self {
        let mut seen = BTreeSet::new();
        terms.retain(|term| seen.insert(format!("{term:?}")));
        Self::Named(terms)
    }
}
