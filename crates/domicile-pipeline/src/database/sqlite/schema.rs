//! Tables of a home: made when they are missing, checked when they are there.

use rusqlite::Connection;

use super::quote;
use super::types::{declaration, fits};
use crate::deliver::Misfit;
use crate::table::{Table, Write};

/// Domicile's own tables in a home and in the control database.
pub(super) const OWN_TABLES: &str = "
CREATE TABLE IF NOT EXISTS domicile_position (
    source TEXT NOT NULL PRIMARY KEY,
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
    cause TEXT NOT NULL,
    reason TEXT NOT NULL,
    record TEXT NOT NULL,
    first_seen TEXT NOT NULL,
    last_seen TEXT NOT NULL,
    UNIQUE (source, position, record)
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
    let mut misfits = Vec::new();
    let mut misfit = |message: String, fix: String| misfits.push(Misfit { table: number, message, fix });
    for field in table.schema.fields() {
        let Some(column) = existing.iter().find(|column| column.name.eq_ignore_ascii_case(field.name())) else {
            let add = format!(
                "ALTER TABLE {} ADD COLUMN {} {}",
                quote(&table.name),
                quote(field.name()),
                declaration(field.data_type())
            );
            misfit(format!("the table `{}` has no column `{}`", table.name, field.name()), add);
            continue;
        };
        if column.generated {
            misfit(
                format!("`{}.{}` is a generated column", table.name, column.name),
                String::from("leave it out of the analyser's result"),
            );
        } else if !fits(field.data_type(), &column.declared) {
            let declared = &column.declared;
            let message = format!(
                "`{}.{}` is declared `{declared}`, which does not keep {} as it is",
                table.name,
                column.name,
                field.data_type()
            );
            misfit(message, format!("declare it {}, or cast the analyser's result", declaration(field.data_type())));
        }
    }
    for column in &existing {
        let given = table.schema.fields().iter().any(|field| field.name().eq_ignore_ascii_case(&column.name));
        let row_id = column.key_number > 0 && column.declared.eq_ignore_ascii_case("INTEGER");
        if !given && column.not_null && !column.has_default && !column.generated && !row_id {
            let message = format!(
                "`{}.{}` is NOT NULL without a default, and the analyser has no such column",
                table.name, column.name
            );
            misfit(message, String::from("add it to the analyser's result, or give it a default"));
        }
    }
    if table.write != Write::Insert && !has_unique_key(connection, table, &existing)? {
        let key: Vec<_> = table.key_names().map(quote).collect();
        let fix = format!(
            "CREATE UNIQUE INDEX {} ON {} ({})",
            quote(&format!("{}_key", table.name)),
            quote(&table.name),
            key.join(", ")
        );
        misfit(format!("the table `{}` has no unique key over {}", table.name, key.join(", ")), fix);
    }
    Ok(misfits)
}

fn has_unique_key(connection: &Connection, table: &Table, existing: &[Existing]) -> rusqlite::Result<bool> {
    let mut wanted: Vec<_> = table.key_names().map(str::to_ascii_lowercase).collect();
    wanted.sort();
    let mut primary: Vec<_> =
        existing.iter().filter(|column| column.key_number > 0).map(|column| column.name.to_ascii_lowercase()).collect();
    primary.sort();
    if primary == wanted {
        return Ok(true);
    }
    let mut statement = connection.prepare(
        "SELECT (SELECT json_group_array(lower(name)) FROM (SELECT name FROM pragma_index_info(list.name) ORDER BY lower(name)))
         FROM pragma_index_list(?1) AS list WHERE list.\"unique\" AND NOT list.partial",
    )?;
    let wanted = serde_json::to_string(&wanted).expect("names are text");
    let mut indexes = statement.query_map([&table.name], |row| row.get::<_, String>(0))?;
    indexes.try_fold(false, |found, index| Ok(found || index? == wanted))
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
