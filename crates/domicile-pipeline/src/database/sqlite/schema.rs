//! Tables of a home: made when they are missing, checked when they are there.

use rusqlite::Connection;

use super::quote;
use super::types::{declaration, fits};
use crate::database::fit::{self, Found};
use crate::database::{ADDED, QUARANTINE};
use crate::deliver::Misfit;
use crate::table::Table;

/// Domicile's own tables in a home and in the control database.
const OWN_TABLES: &str = "
CREATE TABLE IF NOT EXISTS domicile_position (
    source TEXT NOT NULL PRIMARY KEY,
    control TEXT,
    home TEXT,
    origin TEXT,
    position TEXT,
    epoch INTEGER NOT NULL,
    updated_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS domicile_account (
    source TEXT NOT NULL,
    after TEXT,
    upto TEXT NOT NULL,
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
    position TEXT NOT NULL,
    number INTEGER NOT NULL,
    cause TEXT NOT NULL,
    reason TEXT NOT NULL,
    record TEXT NOT NULL,
    first_seen TEXT NOT NULL,
    last_seen TEXT NOT NULL,
    about TEXT,
    shape TEXT,
    home TEXT,
    resolution TEXT,
    resolved_at TEXT,
    resolved_by TEXT,
    note TEXT,
    PRIMARY KEY (source, position, number)
);
CREATE TABLE IF NOT EXISTS domicile_seen (
    source TEXT NOT NULL,
    at INTEGER NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (source, at, hash)
) WITHOUT ROWID;";

/// Makes Domicile's own tables where they are missing, and adds the columns that a quarantine of an earlier version lacks.
pub(super) fn make_own_tables(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(OWN_TABLES)?;
    let existing = existing(connection, QUARANTINE)?;
    let missing = ADDED.iter().filter(|name| !existing.iter().any(|column| column.name == **name));
    missing
        .map(|name| format!("ALTER TABLE {QUARANTINE} ADD COLUMN {name} TEXT"))
        .try_for_each(|sql| connection.execute_batch(&sql))
}

/// A column of a table that is there already.
pub(super) struct Existing {
    pub(super) name: String,
    pub(super) declared: String,
    not_null: bool,
    has_default: bool,
    key_number: i64,
    generated: bool,
}

impl Existing {
    fn seen(&self, row_id: Option<&str>) -> fit::Column<'_> {
        fit::Column {
            name: &self.name,
            declared: &self.declared,
            not_null: self.not_null,
            is_filled: self.has_default || row_id == Some(&self.name),
            is_generated: self.generated,
        }
    }
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
    let row_id = row_id(connection, table, &existing)?;
    let mut found = Vec::new();
    for (number, field) in table.schema.fields().iter().enumerate() {
        let declaration = declaration(field.data_type());
        found.extend(match existing.iter().find(|column| column.name.eq_ignore_ascii_case(field.name())) {
            Some(column) => {
                let is_kept = fits(field.data_type(), &column.declared);
                fit::column_misfit(table, number, &column.seen(row_id.as_deref()), is_kept, &declaration)
            }
            None => fit::no_column(table, number, quote, &declaration),
        });
    }
    for column in &existing {
        let is_given = table.schema.fields().iter().any(|field| field.name().eq_ignore_ascii_case(&column.name));
        found.extend(fit::not_given(table, &column.seen(row_id.as_deref()), is_given));
    }
    let wanted = table.key_names().map(str::to_ascii_lowercase).collect();
    found.extend(fit::key_misfit(table, wanted, &unique_keys(connection, table, &existing)?, quote));
    found.extend(loose_keys(connection, table)?);
    Ok(found.into_iter().map(|(message, fix)| Misfit { table: number, message, fix }).collect())
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

/// Each text of the key that a unique index over the key compares in another way than byte by byte. Whichever of such
/// indexes finds a row decides what a written object is added to.
fn loose_keys(connection: &Connection, table: &Table) -> rusqlite::Result<Vec<Found>> {
    let mut statement = connection.prepare(
        "SELECT list.name, list.origin = 'c', part.name, part.coll
         FROM pragma_index_list(?1) AS list, pragma_index_xinfo(list.name) AS part
         WHERE list.\"unique\" AND NOT list.partial AND part.\"key\" AND part.coll <> 'BINARY'
           AND (SELECT json_group_array(lower(name)) FROM (SELECT name FROM pragma_index_info(list.name) ORDER BY lower(name)))
               = ?2",
    )?;
    let mut key: Vec<_> = table.key_names().map(str::to_ascii_lowercase).collect();
    key.sort();
    let key = serde_json::Value::from(key).to_string();
    let rows = statement.query_map([&table.name, &key], |row| {
        let (index, is_statement): (String, bool) = (row.get(0)?, row.get(1)?);
        Ok((is_statement.then_some(index), row.get::<_, String>(2)?, row.get::<_, String>(3)?))
    })?;
    let is_text = |name: &str| {
        let number = table.schema.fields().iter().position(|field| field.name().eq_ignore_ascii_case(name));
        number.is_some_and(|number| fit::is_text_of_key(table, number))
    };
    let rows = rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().filter(|(_, name, _)| is_text(name));
    Ok(rows
        .map(|(index, name, coll)| (fit::loose_key(table, &name, &coll), tight_key(table, index.as_deref())))
        .collect())
}

/// The statements that make a key compare byte by byte: that of an index that a statement has made, or of the table itself.
fn tight_key(table: &Table, index: Option<&str>) -> String {
    let name = quote(&table.name);
    if let Some(index) = index.map(quote) {
        let key: Vec<_> = table.key_names().map(|name| format!("{} COLLATE BINARY", quote(name))).collect();
        return format!("DROP INDEX {index}; CREATE UNIQUE INDEX {index} ON {name} ({})", key.join(", "));
    }
    let before = quote(&format!("{}_before", table.name));
    let columns: Vec<_> = table.schema.fields().iter().map(|field| quote(field.name())).collect();
    let columns = columns.join(", ");
    let make = create_table(table);
    format!(
        "ALTER TABLE {name} RENAME TO {before}; {make}; INSERT INTO {name} ({columns}) SELECT {columns} FROM {before}"
    )
}

/// Makes a missing table, or adds the columns that it may be given.
pub(super) fn make_table(connection: &Connection, table: &Table) -> rusqlite::Result<()> {
    let existing = existing(connection, &table.name)?;
    if existing.is_empty() {
        return connection.execute_batch(&create_table(table));
    }
    let has = |name: &str| existing.iter().any(|column| column.name.eq_ignore_ascii_case(name));
    fit::added(table, has).into_iter().try_for_each(|number| {
        let declaration = declaration(table.schema.field(number).data_type());
        connection.execute_batch(&fit::add_column(table, number, quote, &declaration))
    })
}

fn create_table(table: &Table) -> String {
    let definition = fit::definition(table, quote, |number| declaration(table.schema.field(number).data_type()));
    format!("CREATE TABLE {} ({definition})", quote(&table.name))
}
