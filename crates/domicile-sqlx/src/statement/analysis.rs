//! What a statement says of itself.

use std::collections::BTreeMap;

use domicile::{Access, Aggregate};
use sqlparser::ast::{ObjectName, Statement, Visit};

use super::dialect::Dialect;
use super::key_column::KeyColumns;
use super::reading::Reading;
use super::term::Placeholders;
use super::text::{Text, Unread};
use super::touch::Touch;
use super::words::{Words, unreadable};
use super::{aggregate, definition, pragma};

/// What a statement says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Analysis {
    /// Whether it may change rows. What could not be read is taken for a write.
    pub(crate) access: Access,
    /// Whether it locks what it reads, which only the primary can do.
    pub(crate) locks: bool,
    /// The tables it touches, each once for each place that names it.
    pub(crate) touches: Vec<Touch>,
    /// The names of the tables, each once, in lower case.
    pub(crate) tables: Vec<String>,
    /// What stands before the names of tables and functions, such as a schema, in lower case, and what is done there.
    pub(crate) qualifiers: BTreeMap<String, Access>,
    /// The words before a dot, wherever they are, each once, in lower case.
    pub(crate) words: Vec<String>,
    /// Why it must not be sent at all.
    pub(crate) refusal: Option<String>,
    /// Why it could not be read.
    pub(crate) unread: Option<&'static str>,
    /// What its rows are.
    pub(crate) aggregate: Aggregate,
}

impl Analysis {
    /// Reads a statement, or several that one text holds.
    pub(crate) fn of(dialect: Dialect, sql: &str, key_columns: &KeyColumns) -> Self {
        let text = Text::of(dialect, sql);
        let words = Words::of(&text);
        let placeholders = Placeholders::of(text.tokens.as_deref().unwrap_or_default());
        let read = text.read(|statements| {
            let mut reading = Reading::new(dialect, key_columns, &placeholders);
            for statement in statements {
                let _ = statement.visit(&mut reading);
            }
            let aggregate = match statements {
                [Statement::Query(query)] => aggregate::of(query),
                _ => Aggregate::Unknown,
            };
            // A foreign key names a table and does nothing to its rows.
            let is_schema = statements.iter().all(definition::changes_schema);
            (reading.finish(aggregate), is_schema)
        });
        let pragma = pragma::refusal(&text).map(str::to_owned);
        let (mut analysis, is_schema) = match read {
            Ok(read) => read,
            Err(unread) => {
                let unread = Self::unread(words, unread, key_columns);
                return Self { refusal: pragma.or(unread.refusal), ..unread };
            }
        };
        let is_touched = |table: &str| analysis.touches.iter().any(|touch| bare(&touch.table) == table);
        let missed = words.declared(key_columns).find(|table| !is_schema && !is_touched(table));
        let missed = missed.map(|table| unreadable(table, "nothing of it was read where it stands"));
        analysis.refusal = pragma.or(analysis.refusal).or(missed).or_else(|| words.is_unsure(key_columns));
        analysis.words = words.qualifying.into_iter().collect();
        analysis
    }

    /// What is known of a text that is not SQL as far as the parser knows: nothing. It is sent as a write, by the context
    /// alone, unless it has to do with a table that demands its key.
    fn unread(words: Words, unread: Unread, key_columns: &KeyColumns) -> Self {
        Self {
            access: Access::Write,
            locks: false,
            touches: Vec::new(),
            tables: Vec::new(),
            qualifiers: BTreeMap::new(),
            refusal: words.refusal(key_columns, unread.why()),
            unread: Some(unread.why()),
            words: words.qualifying.into_iter().collect(),
            aggregate: Aggregate::Unknown,
        }
    }
}

/// The last part of a name, which is the table's or the column's own.
pub(super) fn last(name: &ObjectName) -> &str {
    name.0.last().and_then(|part| part.as_ident()).map_or("", |ident| ident.value.as_str())
}

/// A name without what stands before it.
pub(crate) fn bare(table: &str) -> &str {
    table.rsplit('.').next().unwrap_or(table)
}

/// What stands right before a name.
pub(crate) fn schema(table: &str) -> Option<&str> {
    table.rsplit_once('.').map(|(before, _)| bare(before))
}

/// A name with all that stands before it, in lower case.
pub(super) fn full(name: &ObjectName) -> String {
    let parts = name.0.iter().filter_map(|part| part.as_ident()).map(|ident| ident.value.to_lowercase());
    parts.collect::<Vec<_>>().join(".")
}
