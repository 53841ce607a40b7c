//! Tables of a home: made when they are missing, checked when they are there.

use datafusion::arrow::datatypes::Field;
use rusqlite::Connection;

use super::quote;
use super::types::{declaration, fits};
use crate::deliver::Misfit;
use crate::table::{Merge, Table, Write};

/// Domicile's own tables in a home and in the control database.
pub(super) const OWN_TABLES: &str = "
CREATE TABLE IF NOT EXISTS domicile_position (
    source TEXT NOT NULL PRIMARY KEY,
    control TEXT,
    position INTEGER,
    epoch INTEGER NOT NULL,
    updated_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS domicile_account (
    source TEXT NOT NULL,
    after INTEGER,
    upto INTEGER NOT NULL,
    read INTEGER NOT NULL,
    delivered INTEGER NOT NULL,
    ignored INTEGER NOT NULL,
    quarantined INTEGER NOT NULL,
    committed_at TEXT NOT NULL,
    PRIMARY KEY (source, upto),
    CHECK (read = delivered + ignored + quarantined)
);
CREATE TABLE IF NOT EXISTS domicile_quarantine (
    source TEXT NOT NULL,
    position INTEGER NOT NULL,
    number INTEGER NOT NULL,
    cause TEXT NOT NULL,
    reason TEXT NOT NULL,
    record TEXT NOT NULL,
    first_seen TEXT NOT NULL,
    last_seen TEXT NOT NULL,
    PRIMARY KEY (source, position, number)
);";

/// A column of a table that is there already.
pub(super) struct Existing {
    pub(super) name: String,
    pub(super) declared: String,
    not_null: bool,
    has_default: bool,
    key_number: i64,
    generated: bool,
}

/// The columns of a table, none when there is no such table.
pub(super) fn existing(connection: &Connection, table: &str) -> rusqlite::Result<Vec<Existing>> {
    let mut statement =
        connection.prepare("SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?1)")?;
    let rows = statement.query_map([table], |row| {
        Ok(Existing {
            name: row.get(0)?,
            declared: row.get(1)?,
            not_null: row.get(2)?,
            has_default: row.get::<_, Option<String>>(3)?.is_some(),
            key_number: row.get(4)?,
            generated: row.get::<_, i64>(5)? != 0,
        })
    })?;
    rows.collect()
}

/// What stops an existing table from taking a table's objects; empty when it fits.
pub(super) fn misfits(connection: &Connection, number: usize, table: &Table) -> rusqlite::Result<Vec<Misfit>> {
    let existing = existing(connection, &table.name)?;
    if existing.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for (number, field) in table.schema.fields().iter().enumerate() {
        found.extend(match existing.iter().find(|column| column.name.eq_ignore_ascii_case(field.name())) {
            Some(column) => column_misfit(table, number, column),
            None => Some(no_column(table, field)),
        });
    }
    let row_id = row_id(connection, table, &existing)?;
    found.extend(existing.iter().filter_map(|column| not_given(table, column, row_id.as_deref())));
    found.extend(key_misfit(table, &unique_keys(connection, table, &existing)?));
    Ok(found.into_iter().map(|(message, fix)| Misfit { table: number, message, fix }).collect())
}

/// The message and the fix.
type Found = (String, String);

fn no_column(table: &Table, field: &Field) -> Found {
    let (column, declared) = (quote(field.name()), declaration(field.data_type()));
    let add = format!("ALTER TABLE {} ADD COLUMN {column} {declared}", quote(&table.name));
    (format!("the table `{}` has no column `{}`", table.name, field.name()), add)
}

fn column_misfit(table: &Table, number: usize, column: &Existing) -> Option<Found> {
    let data_type = table.schema.field(number).data_type();
    let name = format!("`{}.{}`", table.name, column.name);
    if column.generated {
        let fix = String::from("leave it out of the analyser's result");
        return Some((format!("{name} is a generated column"), fix));
    }
    if !fits(data_type, &column.declared) {
        let message = format!("{name} is declared `{}`, which does not keep {data_type} as it is", column.declared);
        return Some((message, format!("declare it {}, or cast the analyser's result", declaration(data_type))));
    }
    // Found only when a day's sum is written, it could no longer be said which record is at fault.
    let merge = table.write.merge(number).filter(|merge| *merge != Merge::Count && column.not_null);
    merge.map(|merge| {
        let function = merge.function();
        let message = format!("{name} is NOT NULL, but the {function} of nothing but NULL is NULL");
        (message, String::from("declare the column without NOT NULL"))
    })
}

/// A column that the analyser does not give, and that has nothing else to get a value from.
fn not_given(table: &Table, column: &Existing, row_id: Option<&str>) -> Option<Found> {
    let given = table.schema.fields().iter().any(|field| field.name().eq_ignore_ascii_case(&column.name));
    let is_filled = column.has_default || column.generated || row_id == Some(&column.name);
    (column.not_null && !given && !is_filled).then(|| {
        let name = &column.name;
        let message =
            format!("`{}.{name}` is NOT NULL without a default, and the analyser has no such column", table.name);
        (message, String::from("add it to the analyser's result, or give it a default"))
    })
}

/// The column that SQLite fills with a new row id when it is not given.
fn row_id(connection: &Connection, table: &Table, existing: &[Existing]) -> rusqlite::Result<Option<String>> {
    let mut key = existing.iter().filter(|column| column.key_number > 0);
    let (Some(column), None) = (key.next(), key.next()) else { return Ok(None) };
    let sql = "SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?1 COLLATE NOCASE";
    let has_none: bool = connection.query_row(sql, [&table.name], |row| row.get(0))?;
    let is_row_id = !has_none && column.declared.eq_ignore_ascii_case("INTEGER");
    Ok(is_row_id.then(|| column.name.clone()))
}

fn key_misfit(table: &Table, unique_keys: &[Vec<String>]) -> Option<Found> {
    let mut wanted: Vec<_> = table.key_names().map(str::to_ascii_lowercase).collect();
    wanted.sort();
    if table.write != Write::Insert && !unique_keys.contains(&wanted) {
        let key = table.key_names().map(quote).collect::<Vec<_>>().join(", ");
        let index = quote(&format!("{}_key", table.name));
        let fix = format!("CREATE UNIQUE INDEX {index} ON {} ({key})", quote(&table.name));
        return Some((format!("the table `{}` has no unique key over {key}", table.name), fix));
    }
    let other = unique_keys.iter().find(|key| matches!(table.write, Write::Merge(_)) && **key != wanted)?;
    let other = other.join(", ");
    let message =
        format!("the table `{}` is unique over {other} as well, and a merged row could clash there", table.name);
    Some((message, String::from("drop that constraint: what is merged is told apart by its GROUP BY alone")))
}

/// The sets of columns, each in lower case and in order, that no two rows have the same values of.
fn unique_keys(connection: &Connection, table: &Table, existing: &[Existing]) -> rusqlite::Result<Vec<Vec<String>>> {
    let mut primary: Vec<_> =
        existing.iter().filter(|column| column.key_number > 0).map(|column| column.name.to_ascii_lowercase()).collect();
    primary.sort();
    let mut keys = vec![primary];
    keys.retain(|key| !key.is_empty());
    let mut statement = connection.prepare(
        "SELECT (SELECT json_group_array(lower(name)) FROM (SELECT name FROM pragma_index_info(list.name) ORDER BY lower(name)))
         FROM pragma_index_list(?1) AS list WHERE list.\"unique\" AND NOT list.partial",
    )?;
    let indexes = statement.query_map([&table.name], |row| row.get::<_, String>(0))?;
    for index in indexes {
        // A part that is an expression has no name.
        let names: Vec<Option<String>> = serde_json::from_str(&index?).expect("SQLite makes an array of it");
        let names = names.into_iter().map(|name| name.unwrap_or_else(|| String::from("an expression")));
        keys.push(names.collect());
    }
    Ok(keys)
}

/// The statement that makes a missing table.
pub(super) fn create_table(table: &Table) -> String {
    let columns = table.schema.fields().iter().enumerate().map(|(number, field)| {
        let constraint = if table.is_key(number) { " NOT NULL" } else { "" };
        format!("{} {}{constraint}", quote(field.name()), declaration(field.data_type()))
    });
    let mut parts: Vec<_> = columns.collect();
    if !table.key.is_empty() {
        let key: Vec<_> = table.key_names().map(quote).collect();
        parts.push(format!("PRIMARY KEY ({})", key.join(", ")));
    }
    format!("CREATE TABLE IF NOT EXISTS {} ({})", quote(&table.name), parts.join(", "))
}
