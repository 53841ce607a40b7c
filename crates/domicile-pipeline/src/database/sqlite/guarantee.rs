//! What reading by a cursor guarantees: it depends on who gives the ids.

use datafusion::sql::sqlparser::dialect::SQLiteDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use rusqlite::{Connection, OptionalExtension};

use crate::config::{From, SourceConfig};
use crate::database::settle;
use crate::source::{Guarantee, GuaranteeClass};

/// What is known of the cursor when it is a table's row id.
#[derive(Clone, Copy, Default)]
pub(super) struct RowId {
    pub(super) is_cursor: bool,
    pub(super) is_autoincrement: bool,
}

pub(super) fn rowid_alias(connection: &Connection, config: &SourceConfig) -> Option<RowId> {
    let (From::Table(table), [cursor]) = (&config.from, &config.cursor[..]) else { return None };
    let is_cursor: bool = connection
        .query_row(
            "SELECT count(*) = 1 AND max(name = ?2 COLLATE NOCASE AND upper(type) = 'INTEGER')
             FROM pragma_table_info(?1) WHERE pk > 0",
            [table, cursor],
            |row| row.get(0),
        )
        .ok()?;
    let sql: Option<String> = connection
        .query_row("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE", [table], |row| {
            row.get(0)
        })
        .optional()
        .ok()?;
    let words = words(&sql?);
    let says = |word: &str| words.iter().any(|said| said.eq_ignore_ascii_case(word));
    // An INTEGER PRIMARY KEY is not the row id when it is DESC, or when there is none.
    let is_cursor = is_cursor && !says("DESC") && !says("ROWID");
    Some(RowId { is_cursor, is_autoincrement: says("AUTOINCREMENT") })
}

/// The bare words of a statement: what stands in comments, quotes and text is none.
fn words(sql: &str) -> Vec<String> {
    let tokens = Tokenizer::new(&SQLiteDialect {}, sql).tokenize().unwrap_or_default();
    let word = |token| match token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.value),
        _ => None,
    };
    tokens.into_iter().filter_map(word).collect()
}

pub(super) fn guarantee(config: &SourceConfig, rowid: RowId) -> Guarantee {
    let cursor = config.cursor.join(", ");
    match (&config.from, rowid) {
        (From::Table(_), RowId { is_cursor: true, is_autoincrement: true }) => Guarantee {
            class: GuaranteeClass::Exact,
            reason: format!(
                "SQLite has one writer at a time, and it gives `{cursor}` by AUTOINCREMENT: an id grows and never comes \
                 again, unless one is set by hand"
            ),
            raise: None,
        },
        (From::Table(_), RowId { is_cursor: true, .. }) => Guarantee {
            class: GuaranteeClass::Bounded,
            reason: format!("exact while `{cursor}` is never set by hand and the highest ids are never deleted"),
            raise: Some(String::from("declare it INTEGER PRIMARY KEY AUTOINCREMENT to make it exact")),
        },
        (From::Table(_), _) => settle::of_application(config, "the INTEGER PRIMARY KEY as cursor makes it bounded"),
        (From::Query(_), _) => settle::of_query(config),
    }
}
