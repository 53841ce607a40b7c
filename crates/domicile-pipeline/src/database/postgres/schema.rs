//! Tables of a home: made when they are missing, checked when they are there.

use datafusion::arrow::datatypes::Field;
use tokio_postgres::{Client, Error};

use super::quote;
use super::types::{Declared, declaration};
use crate::deliver::Misfit;
use crate::table::{Merge, Table, Write};

/// Domicile's own tables in a home.
pub(super) const OWN_TABLES: &str = "
CREATE TABLE IF NOT EXISTS domicile_position (
    source text NOT NULL PRIMARY KEY,
    control text,
    position bigint,
    epoch bigint NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS domicile_account (
    source text NOT NULL,
    after bigint,
    upto bigint NOT NULL,
    read bigint NOT NULL,
    delivered bigint NOT NULL,
    ignored bigint NOT NULL,
    quarantined bigint NOT NULL,
    committed_at timestamptz NOT NULL,
    PRIMARY KEY (source, upto),
    CHECK (read = delivered + ignored + quarantined)
);
CREATE TABLE IF NOT EXISTS domicile_quarantine (
    source text NOT NULL,
    position bigint NOT NULL,
    number bigint NOT NULL,
    cause text NOT NULL,
    reason text NOT NULL,
    record text NOT NULL,
    first_seen timestamptz NOT NULL,
    last_seen timestamptz NOT NULL,
    PRIMARY KEY (source, position, number)
);";

/// One at a time makes tables: two at once that find a table missing would both make it, and one of them fail. It is held
/// until the transaction ends. The number is the text `domicile` in ASCII.
pub(super) const LOCK_TABLES: &str = "SELECT pg_advisory_xact_lock(7237123425614523493)";

/// A column of a table that is there already.
pub(super) struct Existing {
    pub(super) name: String,
    pub(super) declared: Declared,
    /// As SQL writes its type.
    shown: String,
    not_null: bool,
    is_filled: bool,
    is_generated: bool,
}

/// The columns of a table, none when there is no such table.
pub(super) async fn existing(client: &Client, table: &str) -> Result<Vec<Existing>, Error> {
    let sql =
        "SELECT a.attname::text, t.typname::text, a.atttypmod, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                      a.atthasdef OR a.attidentity <> '', a.attgenerated <> '' OR a.attidentity = 'a'
               FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
               WHERE a.attrelid = to_regclass(quote_ident($1)) AND a.attnum > 0 AND NOT a.attisdropped
               ORDER BY a.attnum";
    let rows = client.query(sql, &[&table]).await?;
    let column = |row: &tokio_postgres::Row| Existing {
        name: row.get(0),
        declared: Declared { name: row.get(1), modifier: row.get(2) },
        shown: row.get(3),
        not_null: row.get(4),
        is_filled: row.get(5),
        is_generated: row.get(6),
    };
    Ok(rows.iter().map(column).collect())
}

/// What stops an existing table from taking a table's objects; empty when it fits.
pub(super) async fn misfits(client: &Client, number: usize, table: &Table) -> Result<Vec<Misfit>, Error> {
    let existing = existing(client, &table.name).await?;
    if existing.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for (number, field) in table.schema.fields().iter().enumerate() {
        found.extend(match existing.iter().find(|column| column.name == *field.name()) {
            Some(column) => column_misfit(table, number, column),
            None => Some(no_column(table, field)),
        });
    }
    found.extend(existing.iter().filter_map(|column| not_given(table, column)));
    found.extend(key_misfit(table, &unique_keys(client, table).await?));
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
    if column.is_generated {
        let fix = String::from("leave it out of the analyser's result");
        return Some((format!("{name} is a generated column"), fix));
    }
    if column.declared.sent_as(data_type).is_none() {
        let message = format!("{name} is declared `{}`, which does not keep {data_type} as it is", column.shown);
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
fn not_given(table: &Table, column: &Existing) -> Option<Found> {
    let given = table.schema.fields().iter().any(|field| *field.name() == column.name);
    (column.not_null && !given && !column.is_filled && !column.is_generated).then(|| {
        let name = &column.name;
        let message =
            format!("`{}.{name}` is NOT NULL without a default, and the analyser has no such column", table.name);
        (message, String::from("add it to the analyser's result, or give it a default"))
    })
}

fn key_misfit(table: &Table, unique_keys: &[Vec<String>]) -> Option<Found> {
    let mut wanted: Vec<_> = table.key_names().map(str::to_owned).collect();
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

/// The sets of columns, each in order, that no two rows have the same values of.
async fn unique_keys(client: &Client, table: &Table) -> Result<Vec<Vec<String>>, Error> {
    // A part that is an expression has no column; an index that is deferrable or not valid decides no conflict.
    let sql = "SELECT ARRAY(SELECT coalesce(a.attname::text, 'an expression')
                            FROM unnest(i.indkey) WITH ORDINALITY AS part(attnum, place)
                            LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = part.attnum AND part.attnum > 0
                            WHERE part.place <= i.indnkeyatts)
               FROM pg_index i
               WHERE i.indrelid = to_regclass(quote_ident($1)) AND i.indisunique AND i.indpred IS NULL
                 AND i.indisvalid AND i.indimmediate";
    let rows = client.query(sql, &[&table.name]).await?;
    let sorted = |mut key: Vec<String>| {
        key.sort();
        key
    };
    Ok(rows.iter().map(|row| sorted(row.get(0))).collect())
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
