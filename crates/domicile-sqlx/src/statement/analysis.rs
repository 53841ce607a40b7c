//! What a statement says of itself.

use domicile::{Access, Aggregate};
use sqlparser::ast::{ObjectName, Statement, Visit};
use sqlparser::parser::Parser;

use super::aggregate;
use super::dialect::Dialect;
use super::key_column::KeyColumns;
use super::reading::Reading;
use super::term::Placeholders;
use super::touch::Touch;
use super::words::{Words, unreadable};

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
    /// What stands before the names of tables, such as a schema, each once, in lower case.
    pub(crate) qualifiers: Vec<String>,
    /// The words before a dot, wherever they are, each once, in lower case.
    pub(crate) words: Vec<String>,
    /// Why it must not be sent at all.
    pub(crate) refusal: Option<String>,
    /// What its rows are.
    pub(crate) aggregate: Aggregate,
}

impl Analysis {
    /// Reads a statement, or several that one text holds.
    pub(crate) fn of(dialect: Dialect, sql: &str, key_columns: &KeyColumns) -> Self {
        let Ok(statements) = Parser::parse_sql(dialect.sql(), sql) else {
            return Self::unread(dialect, sql, key_columns);
        };
        let placeholders = Placeholders::of(dialect.sql(), sql);
        let mut reading = Reading::new(key_columns, &placeholders);
        for statement in &statements {
            let _ = statement.visit(&mut reading);
        }
        let aggregate = match statements.as_slice() {
            [Statement::Query(query)] => aggregate::of(query),
            _ => Aggregate::Unknown,
        };
        let mut analysis = reading.finish(aggregate);
        let words = Words::of(dialect.sql(), sql);
        let is_touched = |table: &str| analysis.touches.iter().any(|touch| bare(&touch.table) == table);
        // A foreign key names a table and does nothing to its rows.
        let is_schema = statements.iter().all(changes_schema);
        let missed = words.declared(key_columns).find(|table| !is_schema && !is_touched(table)).map(unreadable);
        analysis.refusal = analysis.refusal.or(missed);
        analysis.words = words.qualifying;
        analysis
    }

    /// What is known of a text that is not SQL as far as the parser knows: nothing. It is sent as a write, by the context
    /// alone, unless it has to do with a table that demands its key.
    fn unread(dialect: Dialect, sql: &str, key_columns: &KeyColumns) -> Self {
        let words = Words::of(dialect.sql(), sql);
        Self {
            access: Access::Write,
            locks: false,
            touches: Vec::new(),
            tables: Vec::new(),
            qualifiers: Vec::new(),
            refusal: words.refusal(key_columns),
            words: words.qualifying,
            aggregate: Aggregate::Unknown,
        }
    }
}

/// Whether a statement changes tables and not their rows.
fn changes_schema(statement: &Statement) -> bool {
    use Statement::{AlterTable, CreateIndex, CreateTable, Drop};

    matches!(statement, AlterTable(_) | CreateIndex(_) | CreateTable(_) | Drop { .. })
}

/// The last part of a name, which is the table's or the column's own.
pub(super) fn last(name: &ObjectName) -> &str {
    name.0.last().and_then(|part| part.as_ident()).map_or("", |ident| ident.value.as_str())
}

/// A name without what stands before it.
pub(crate) fn bare(table: &str) -> &str {
    table.rsplit('.').next().unwrap_or(table)
}

/// A name with all that stands before it, in lower case.
pub(super) fn full(name: &ObjectName) -> String {
    let parts = name.0.iter().filter_map(|part| part.as_ident()).map(|ident| ident.value.to_lowercase());
    parts.collect::<Vec<_>>().join(".")
}
