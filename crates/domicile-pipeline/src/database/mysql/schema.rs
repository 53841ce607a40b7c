//! Tables of a home: made when they are missing, checked when they are there.

use std::collections::BTreeMap;

use mysql_async::prelude::Queryable;
use mysql_async::{Error, Row};

use super::connect::{Kind, Session};
use super::quote;
use super::types::{Declared, declaration, undeclarable};
use crate::database::fit::{self, Found};
use crate::database::{ADDED, QUARANTINE};
use crate::deliver::Misfit;
use crate::table::Table;

/// Domicile's own tables in a home, each with its name.
pub(super) const OWN_TABLES: [(&str, &str); 4] = [
    (
        "domicile_position",
        "source varchar(255) NOT NULL PRIMARY KEY,
         control varchar(255),
         home varchar(255),
         origin text,
         position longtext,
         epoch bigint NOT NULL,
         updated_at datetime(6) NOT NULL",
    ),
    (
        "domicile_account",
        "source varchar(255) NOT NULL,
         `after` varchar(500),
         upto varchar(500) NOT NULL,
         `read` bigint NOT NULL,
         delivered bigint NOT NULL,
         ignored bigint NOT NULL,
         quarantined bigint NOT NULL,
         committed_at datetime(6) NOT NULL,
         PRIMARY KEY (source, upto),
         CHECK (`read` = delivered + ignored + quarantined)",
    ),
    (
        "domicile_quarantine",
        "source varchar(255) NOT NULL,
         position varchar(500) NOT NULL,
         number bigint NOT NULL,
         cause varchar(255) NOT NULL,
         reason longtext NOT NULL,
         record longtext NOT NULL,
         first_seen datetime(6) NOT NULL,
         last_seen datetime(6) NOT NULL,
         about longtext,
         shape longtext,
         home longtext,
         resolution longtext,
         resolved_at datetime(6),
         resolved_by longtext,
         note longtext,
         PRIMARY KEY (source, position, number)",
    ),
    (
        "domicile_seen",
        "source varchar(255) NOT NULL,
         at bigint NOT NULL,
         hash varchar(32) NOT NULL,
         PRIMARY KEY (source, at, hash)",
    ),
];

/// One at a time makes tables: two at once that find a table missing would both make it, and one of them fail. Statements
/// that make a table end the transaction that is open, so that none is.
pub(super) const LOCK_TABLES: &str = "SELECT GET_LOCK(CONCAT('domicile ', MD5(DATABASE())), 60)";
pub(super) const UNLOCK_TABLES: &str = "SELECT RELEASE_LOCK(CONCAT('domicile ', MD5(DATABASE())))";

/// A column of a table that is there already.
pub(super) struct Existing {
    pub(super) name: String,
    pub(super) declared: Declared,
    is_filled: bool,
    is_generated: bool,
}

impl Existing {
    fn seen(&self) -> fit::Column<'_> {
        fit::Column {
            name: &self.name,
            declared: &self.declared.full,
            not_null: self.declared.not_null,
            is_filled: self.is_filled,
            is_generated: self.is_generated,
        }
    }
}

/// The columns of a table, none when there is no such table.
pub(super) async fn existing(session: &mut Session, table: &str) -> Result<Vec<Existing>, Error> {
    let sql = "SELECT column_name, lower(data_type), lower(column_type), column_type, numeric_precision, numeric_scale,
                      character_maximum_length, datetime_precision, collation_name, is_nullable = 'NO',
                      column_default IS NOT NULL OR extra LIKE '%auto_increment%', coalesce(generation_expression, '') <> ''
               FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ?
               ORDER BY ordinal_position";
    let rows: Vec<Row> = session.conn.exec(sql, (table,)).await?;
    let column = |row: Row| Existing {
        name: row.get(0).unwrap_or_default(),
        declared: Declared {
            name: row.get(1).unwrap_or_default(),
            full: row.get(2).unwrap_or_default(),
            full_case: row.get(3).unwrap_or_default(),
            precision: row.get(4).flatten(),
            scale: row.get(5).flatten(),
            length: row.get(6).flatten(),
            time_digits: row.get(7).flatten(),
            collation: row.get(8).flatten(),
            not_null: row.get(9).unwrap_or_default(),
        },
        is_filled: row.get(10).unwrap_or_default(),
        is_generated: row.get(11).unwrap_or_default(),
    };
    Ok(rows.into_iter().map(column).collect())
}

/// What stops an existing table from taking a table's objects; empty when it fits.
pub(super) async fn misfits(session: &mut Session, number: usize, table: &Table) -> Result<Vec<Misfit>, Error> {
    let existing = existing(session, &table.name).await?;
    let kind = session.kind;
    let misfit = |(message, fix)| Misfit { table: number, message, fix };
    if existing.is_empty() {
        let columns = 0..table.schema.fields().len();
        return Ok(columns.filter_map(|column| undeclarable(kind, table, column)).map(misfit).collect());
    }
    let mut found = Vec::from_iter(engine_misfit(session, table).await?);
    for (number, field) in table.schema.fields().iter().enumerate() {
        let declaration = declaration(kind, table, number);
        found.extend(match existing.iter().find(|column| column.name.eq_ignore_ascii_case(field.name())) {
            Some(column) => {
                let is_kept = column.declared.keeps(field);
                fit::column_misfit(table, number, &column.seen(), is_kept, &declaration)
                    .or_else(|| collation_misfit(kind, table, number, column))
            }
            None => fit::no_column(table, number, quote, &declaration),
        });
    }
    for column in &existing {
        let is_given = table.schema.fields().iter().any(|field| field.name().eq_ignore_ascii_case(&column.name));
        found.extend(fit::not_given(table, &column.seen(), is_given));
    }
    let wanted = table.key_names().map(str::to_lowercase).collect();
    found.extend(fit::key_misfit(table, wanted, &unique_keys(session, table).await?, quote));
    Ok(found.into_iter().map(misfit).collect())
}

/// Only what InnoDB keeps is part of a transaction.
async fn engine_misfit(session: &mut Session, table: &Table) -> Result<Option<Found>, Error> {
    let sql = "SELECT engine FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?";
    let engine: Option<Option<String>> = session.conn.exec_first(sql, (&table.name,)).await?;
    Ok(match engine.flatten() {
        Some(engine) if engine.eq_ignore_ascii_case("InnoDB") => None,
        Some(engine) => Some((
            format!("the table `{}` is kept by {engine}, which is not part of a transaction", table.name),
            format!("ALTER TABLE {} ENGINE = InnoDB", quote(&table.name)),
        )),
        None => Some((format!("`{}` is a view", table.name), String::from("write into the table that it shows"))),
    })
}

/// A key whose texts are told apart by more than their bytes would take two objects for one.
fn collation_misfit(kind: Kind, table: &Table, number: usize, column: &Existing) -> Option<Found> {
    if !fit::is_text_of_key(table, number) || column.declared.tells_keys_apart(kind) {
        return None;
    }
    let name = &column.name;
    let message = fit::loose_key(table, name, column.declared.collation.as_deref().unwrap_or_default());
    let declaration = declaration(kind, table, number);
    let fix = format!("ALTER TABLE {} MODIFY {} {declaration} NOT NULL", quote(&table.name), quote(name));
    Some((message, fix))
}

/// The sets of columns, each in order, that no two rows have the same values of. Names have no case here.
async fn unique_keys(session: &mut Session, table: &Table) -> Result<Vec<Vec<String>>, Error> {
    let sql = "SELECT index_name, column_name, sub_part FROM information_schema.statistics
               WHERE table_schema = DATABASE() AND table_name = ? AND non_unique = 0";
    let parts: Vec<(String, Option<String>, Option<u64>)> = session.conn.exec(sql, (&table.name,)).await?;
    let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (index, column, prefix) in parts {
        let part = match (column, prefix) {
            (Some(column), None) => column.to_lowercase(),
            (Some(column), Some(prefix)) => format!("{column}({prefix})"),
            (None, _) => String::from("an expression"),
        };
        keys.entry(index).or_default().push(part);
    }
    let sorted = |mut key: Vec<String>| {
        key.sort();
        key
    };
    Ok(keys.into_values().map(sorted).collect())
}

/// The statement that makes one of Domicile's own tables.
pub(super) fn create_own_table(kind: Kind, name: &str, columns: &str) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {name} ({columns}) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {}",
        kind.collation()
    )
}

/// Makes Domicile's own tables where they are missing, and adds the columns that a quarantine of an earlier version lacks.
/// Who may not make tables can still use those that are there.
pub(super) async fn make_own_tables(session: &mut Session) -> Result<(), Error> {
    for (name, columns) in OWN_TABLES {
        let existing = existing(session, name).await?;
        if existing.is_empty() {
            session.conn.query_drop(create_own_table(session.kind, name, columns)).await?;
        } else if name == QUARANTINE {
            let missing = ADDED.iter().filter(|name| !existing.iter().any(|column| column.name == **name));
            let kind = |name: &str| if name == "resolved_at" { "datetime(6)" } else { "longtext" };
            let added: Vec<_> = missing.map(|name| format!("ADD COLUMN {name} {}", kind(name))).collect();
            if !added.is_empty() {
                session.conn.query_drop(format!("ALTER TABLE {QUARANTINE} {}", added.join(", "))).await?;
            }
        }
    }
    Ok(())
}

/// Makes a missing table, or adds the columns that it may be given. Who may do neither can still use what is there.
pub(super) async fn make_table(session: &mut Session, table: &Table) -> Result<(), Error> {
    let existing = existing(session, &table.name).await?;
    let kind = session.kind;
    let declaration = |number| declaration(kind, table, number);
    if existing.is_empty() {
        let definition = fit::definition(table, quote, declaration);
        return session.conn.query_drop(create_own_table(kind, &quote(&table.name), &definition)).await;
    }
    let has = |name: &str| existing.iter().any(|column| column.name.eq_ignore_ascii_case(name));
    for number in fit::added(table, has) {
        session.conn.query_drop(fit::add_column(table, number, quote, &declaration(number))).await?;
    }
    Ok(())
}
