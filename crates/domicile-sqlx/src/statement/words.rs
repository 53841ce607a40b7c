//! The words of a text, for what the parser does not tell.
//!
//! A parser may take a keyword for a name, leave a name out, or fail. A text that names a table with a key column where
//! nothing was read of that table is not sent, whatever it is.

use std::collections::BTreeSet;

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::key_column::KeyColumns;
use super::text::Text;

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
    "listen",
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

/// Why what creates, changes or drops a whole database is not sent.
pub(super) const ABOUT_DATABASES: &str = "it has to do with databases as a whole, which may be those of other homes";

/// Words that stand right before the name of a whole database.
const BEFORE_DATABASES: &[&str] = &["database", "schema"];

/// The words of a text.
#[derive(Default)]
pub(super) struct Words {
    all: BTreeSet<String>,
    pub(super) after_keywords: BTreeSet<String>,
    /// Those that can name a database: they stand before a dot, or where a database is named.
    pub(super) qualifying: BTreeSet<String>,
    beginnings: Vec<String>,
    is_about_databases: bool,
    is_conditional: bool,
}

impl Words {
    pub(super) fn of(text: &Text<'_>) -> Self {
        let mut words = text.tokens.as_deref().map_or_else(|| Self::split(text.sql), Self::of_tokens);
        words.is_conditional = text.is_conditional;
        words
    }

    /// The words of what could not be cut into tokens: each may be anything.
    fn split(sql: &str) -> Self {
        let split = |sql: &str| -> Vec<String> {
            let words = sql.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
            words.map(str::to_lowercase).collect()
        };
        let all: BTreeSet<String> = split(sql).into_iter().collect();
        Self {
            after_keywords: all.clone(),
            qualifying: all.clone(),
            beginnings: sql.split(';').filter_map(|statement| split(statement).into_iter().next()).collect(),
            all,
            ..Self::default()
        }
    }

    pub(super) fn of_tokens(tokens: &[TokenWithSpan]) -> Self {
        let written = |token: &&TokenWithSpan| !matches!(token.token, Token::Whitespace(_));
        let mut tokens = tokens.iter().filter(written).map(|token| &token.token).peekable();
        let mut words = Self::default();
        let (mut begins, mut begun, mut before) = (true, String::new(), None);
        while let Some(token) = tokens.next() {
            let word = word(token);
            let follows = |words: &[&str]| before.as_deref().is_some_and(|before| words.contains(&before));
            if let Some(word) = &word {
                words.all.insert(word.clone());
                if begins {
                    begun.clone_from(word);
                    words.beginnings.push(word.clone());
                }
                if follows(BEFORE_TABLES) {
                    words.after_keywords.insert(word.clone());
                }
                if follows(BEFORE_DATABASES) || (begun == "show" && follows(&["from", "in"])) {
                    words.qualifying.insert(word.clone());
                }
                let changes = follows(&["alter", "create", "drop"]) && before.as_ref() == Some(&begun);
                words.is_about_databases |= changes && BEFORE_DATABASES.contains(&word.as_str());
            }
            words.all.extend(string(token).into_iter().flat_map(|body| Self::split(body).all));
            if tokens.peek().is_some_and(|next| is_dot(next)) {
                words.qualifying.extend(quoted(token).or_else(|| word.clone()));
            }
            begins = *token == Token::SemiColon;
            before = word;
        }
        words
    }

    /// The tables with a key column that are named where a table is, by their bare names. A column may be called like a
    /// table, and is no table.
    pub(super) fn declared<'k>(&self, key_columns: &'k KeyColumns) -> impl Iterator<Item = &'k str> + use<'_, 'k> {
        key_columns.tables().filter(|table| self.after_keywords.contains(*table))
    }

    /// Why it must not be sent, however it is read: of what is executed or not, nobody knows what it does.
    pub(super) fn is_unsure(&self, key_columns: &KeyColumns) -> Option<String> {
        let mut named = key_columns.tables().filter(|table| self.is_conditional && self.all.contains(*table));
        named.next().map(|table| unreadable(table, "it holds a comment that some servers execute"))
    }

    /// Why a text of which nothing else is known must not be sent.
    pub(super) fn refusal(&self, key_columns: &KeyColumns, why: &str) -> Option<String> {
        let begun = self.beginnings.iter().find(|word| REFUSED_BEGINNINGS.contains(&word.as_str()));
        if let Some(word) = begun {
            return Some(format!("statements that begin with {} are not sent", word.to_uppercase()));
        }
        if self.is_about_databases {
            return Some(ABOUT_DATABASES.into());
        }
        let mut named = key_columns.tables().filter(|table| self.all.contains(*table));
        named.next().map(|table| unreadable(table, why))
    }
}

fn word(token: &Token) -> Option<String> {
    match token {
        Token::Word(word) => Some(word.value.to_lowercase()),
        _ => None,
    }
}

/// What is in a string: the name of a table, which SQLite takes one for, the body of a function, or what is executed.
fn string(token: &Token) -> Option<&str> {
    match token {
        Token::DollarQuotedString(body) => Some(&body.value),
        Token::SingleQuotedString(body)
        | Token::DoubleQuotedString(body)
        | Token::EscapedStringLiteral(body)
        | Token::NationalStringLiteral(body)
        | Token::UnicodeStringLiteral(body) => Some(body),
        _ => None,
    }
}

/// A name that the server may be set to take for one.
fn quoted(token: &Token) -> Option<String> {
    match token {
        Token::DoubleQuotedString(name) => Some(name.to_lowercase()),
        _ => None,
    }
}

/// Whether it begins with the dot between two names: `.2024_orders` is taken for a number.
fn is_dot(token: &Token) -> bool {
    match token {
        Token::Period => true,
        Token::Number(number, _) => number.starts_with('.'),
        _ => false,
    }
}

/// Why a text that names this table must not be sent.
pub(super) fn unreadable(table: &str, why: &str) -> String {
    format!("it names the table {table}, which has a routing key, and what it does to it cannot be read: {why}")
}
