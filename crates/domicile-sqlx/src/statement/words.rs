//! The words of a text, for what the parser does not tell.
//!
//! A parser may take a keyword for a name, leave a name out, or fail. A text that names a table with a key column where
//! nothing was read of that table is not sent, whatever it is.

use std::collections::BTreeSet;

use sqlparser::dialect::Dialect;
use sqlparser::tokenizer::{Token, Tokenizer};

use super::key_column::KeyColumns;

/// Words before the name of a table that the parser takes for the name itself.
pub(super) const KEYWORDS: &[&str] =
    &["delayed", "high_priority", "ignore", "lateral", "low_priority", "only", "quick"];

/// Words that stand right before the name of a table.
const BEFORE_TABLES: &[&str] = &[
    "delayed",
    "from",
    "high_priority",
    "ignore",
    "into",
    "join",
    "low_priority",
    "only",
    "quick",
    "table",
    "update",
    "using",
];

/// Words that begin a statement which is never sent, also where the rest of it cannot be read.
const REFUSED_BEGINNINGS: &[&str] = &[
    "abort",
    "attach",
    "begin",
    "commit",
    "detach",
    "end",
    "load",
    "lock",
    "prepare",
    "release",
    "rollback",
    "savepoint",
    "set",
    "start",
    "unlock",
    "use",
    "xa",
];

/// The words of a text.
pub(super) struct Words {
    all: BTreeSet<String>,
    after_keywords: BTreeSet<String>,
    /// Those before a dot.
    pub(super) qualifying: Vec<String>,
    beginnings: Vec<String>,
    is_conditional: bool,
}

impl Words {
    pub(super) fn of(dialect: &dyn Dialect, sql: &str) -> Self {
        let tokens = Tokenizer::new(dialect, sql).tokenize().unwrap_or_default();
        let tokens: Vec<_> = tokens.into_iter().filter(|token| !matches!(token, Token::Whitespace(_))).collect();
        let word = |token: &Token| match token {
            Token::Word(word) => Some(word.value.to_lowercase()),
            _ => None,
        };
        let mut words = Self {
            all: tokens.iter().filter_map(word).collect(),
            after_keywords: BTreeSet::new(),
            qualifying: Vec::new(),
            beginnings: Vec::new(),
            // MySQL and MariaDB execute what is in such a comment, or do not, by their version.
            is_conditional: sql.contains("/*!") || sql.contains("/*M!"),
        };
        // What could not be cut into tokens is looked at as it is.
        if tokens.is_empty() {
            let split = sql.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
            words.all = split.map(str::to_lowercase).collect();
        }
        let mut begins = true;
        for (index, token) in tokens.iter().enumerate() {
            if begins {
                words.beginnings.extend(word(token));
            }
            begins = *token == Token::SemiColon;
            let before = index.checked_sub(1).and_then(|before| word(&tokens[before]));
            if before.is_some_and(|before| BEFORE_TABLES.contains(&before.as_str())) {
                words.after_keywords.extend(word(token));
            }
            if tokens.get(index + 1) == Some(&Token::Period) {
                words.qualifying.extend(word(token));
            }
        }
        words.qualifying.sort();
        words.qualifying.dedup();
        words
    }

    /// The tables with a key column that are named where a table is, by their bare names. A column may be called like a
    /// table, and is no table.
    pub(super) fn declared<'k>(&self, key_columns: &'k KeyColumns) -> impl Iterator<Item = &'k str> + use<'_, 'k> {
        key_columns.tables().filter(|table| self.is_conditional || self.after_keywords.contains(*table))
    }

    /// Why a text of which nothing else is known must not be sent.
    pub(super) fn refusal(&self, key_columns: &KeyColumns) -> Option<String> {
        let begun = self.beginnings.iter().find(|word| REFUSED_BEGINNINGS.contains(&word.as_str()));
        let begun = begun.map(|word| format!("statements that begin with {} are not sent", word.to_uppercase()));
        let mut named = key_columns.tables().filter(|table| self.is_conditional || self.all.contains(*table));
        begun.or_else(|| named.next().map(unreadable))
    }
}

/// Why a text that names this table must not be sent.
pub(super) fn unreadable(table: &str) -> String {
    format!("it names the table {table}, which has a routing key, and what it does to it cannot be read")
}
