//! Tables of a home: made when they are missing, checked when they are there.

use std::collections::HashMap;

use futures::try_join;
use tokio_postgres::types::{Kind, Type};
use tokio_postgres::{Client, Error};

use super::quote;
use super::types::{Declared, Sent, declaration, is_ambiguous};
use crate::database::fit::{self, Found};
use crate::database::{ADDED, QUARANTINE};
use crate::deliver::Misfit;
use crate::extension::extension;
use crate::table::{Table, Write};

/// Domicile's own tables in a home, each with its name.
pub(super) const OWN_TABLES: [(&str, &str); 4] = [
    (
        "domicile_position",
        "source text NOT NULL PRIMARY KEY,
         control text,
         home text,
         origin text,
         position text,
         epoch bigint NOT NULL,
         updated_at timestamptz NOT NULL",
    ),
    (
        "domicile_account",
        "source text NOT NULL,
         after text,
         upto text NOT NULL,
         read bigint NOT NULL,
         delivered bigint NOT NULL,
         ignored bigint NOT NULL,
         quarantined bigint NOT NULL,
         committed_at timestamptz NOT NULL,
         PRIMARY KEY (source, upto),
         CHECK (read = delivered + ignored + quarantined)",
    ),
    (
        "domicile_quarantine",
        "source text NOT NULL,
         position text NOT NULL,
         number bigint NOT NULL,
         cause text NOT NULL,
         reason text NOT NULL,
         record text NOT NULL,
         first_seen timestamptz NOT NULL,
         last_seen timestamptz NOT NULL,
         about text,
         shape text,
         home text,
         resolution text,
         resolved_at timestamptz,
         resolved_by text,
         note text,
         PRIMARY KEY (source, position, number)",
    ),
    (
        "domicile_seen",
        "source text NOT NULL,
         at bigint NOT NULL,
         hash text NOT NULL,
         PRIMARY KEY (source, at, hash)",
    ),
];

/// One at a time makes tables: two at once that find a table missing would both make it, and one of them fail. It is held
/// until the transaction ends. The number is the text `domicile` in ASCII.
pub(super) const LOCK_TABLES: &str = "SELECT pg_advisory_xact_lock(7237123425614523493)";

/// A column of a table that is there already.
pub(super) struct Existing {
    pub(super) name: String,
    number: i16,
    pub(super) declared: Declared,
    /// The type of an array of its values.
    pub(super) array: Type,
    not_null: bool,
    is_filled: bool,
    is_generated: bool,
    /// The table has never had a row, or was emptied, and takes a COPY, which row level security does not.
    of_empty: bool,
}

impl Existing {
    fn seen(&self) -> fit::Column<'_> {
        fit::Column {
            name: &self.name,
            declared: &self.declared.shown,
            not_null: self.not_null,
            is_filled: self.is_filled,
            is_generated: self.is_generated,
        }
    }
}

/// Tables as they are in the database, by name; one that is missing has no columns.
pub(super) struct Catalogue {
    columns: HashMap<String, Vec<Existing>>,
    /// The sets of columns that no two rows have the same values of.
    unique_keys: HashMap<String, Vec<UniqueKey>>,
}

/// A unique index.
struct UniqueKey {
    /// The numbers of its columns; an expression has the number 0.
    columns: Vec<i16>,
    index: String,
    /// Columns whose texts it takes for one though they differ, each with the collation and whether it is the column's own.
    loose: Vec<(i16, String, bool)>,
}

impl Catalogue {
    /// Looks up tables.
    pub(super) async fn read(client: &Client, tables: &[&str]) -> Result<Self, Error> {
        let (columns, unique_keys) = try_join!(columns(client, tables), unique_keys(client, tables))?;
        Ok(Self { columns, unique_keys })
    }

    /// The columns of a table, in their order.
    pub(super) fn columns(&self, table: &str) -> &[Existing] {
        self.columns.get(table).map_or(&[], Vec::as_slice)
    }

    /// Whether the table had no row when it was looked up, and takes a COPY. One that had none may be told to have had some.
    pub(super) fn is_empty(&self, table: &str) -> bool {
        self.columns(table).first().is_some_and(|column| column.of_empty)
    }

    /// What stops an existing table from taking a table's objects; empty when it fits.
    pub(super) fn misfits(&self, number: usize, table: &Table) -> Vec<Misfit> {
        let existing = self.columns(&table.name);
        if existing.is_empty() {
            return Vec::new();
        }
        let mut found = Vec::new();
        for (number, field) in table.schema.fields().iter().enumerate() {
            let declaration = declaration(table, number);
            found.extend(match existing.iter().find(|column| column.name == *field.name()) {
                Some(column) => {
                    let is_kept = column.declared.sent(field).is_some();
                    fit::column_misfit(table, number, &column.seen(), is_kept, &declaration)
                }
                None => fit::no_column(table, number, quote, &declaration),
            });
        }
        let is_given = |column: &Existing| table.schema.fields().iter().any(|field| *field.name() == column.name);
        found.extend(existing.iter().filter_map(|column| fit::not_given(table, &column.seen(), is_given(column))));
        let wanted = table.key_names().map(str::to_owned).collect();
        found.extend(fit::key_misfit(table, wanted, &self.unique_keys(&table.name), quote));
        found.extend(self.loose_keys(table));
        found.extend(self.ambiguous_keys(table));
        found.into_iter().map(|(message, fix)| Misfit { table: number, message, fix }).collect()
    }

    /// The names of the columns of each unique key, in order.
    fn unique_keys(&self, table: &str) -> Vec<Vec<String>> {
        self.unique_keys.get(table).into_iter().flatten().map(|key| self.names(table, key)).collect()
    }

    fn names(&self, table: &str, key: &UniqueKey) -> Vec<String> {
        let name = |number: &i16| {
            let column = self.columns(table).iter().find(|column| column.number == *number);
            column.map_or_else(|| String::from("an expression"), |column| column.name.clone())
        };
        let mut names: Vec<_> = key.columns.iter().map(name).collect();
        names.sort();
        names
    }

    /// Each column of the key that takes two texts for one value, where objects of one key become one row.
    fn ambiguous_keys(&self, table: &Table) -> Vec<Found> {
        if table.write == Write::Insert {
            return Vec::new();
        }
        let found = table.key.iter().filter_map(|&number| {
            let field = table.schema.field(number);
            let column = self.columns(&table.name).iter().find(|column| column.name == *field.name())?;
            let is_made_of_text = matches!(column.declared.sent(field), Some(Sent::Cast | Sent::Jsonb));
            let is_ambiguous = is_made_of_text && extension(field).is_some_and(is_ambiguous);
            is_ambiguous.then(|| ambiguous_key(table, column))
        });
        found.collect()
    }

    /// Each text of the key that a unique index over the key compares in another way than byte by byte. Whichever of such
    /// indexes finds a row decides what a written object is added to.
    fn loose_keys(&self, table: &Table) -> Vec<Found> {
        let mut wanted: Vec<_> = table.key_names().map(str::to_owned).collect();
        wanted.sort();
        let over_key = self
            .unique_keys
            .get(&table.name)
            .into_iter()
            .flatten()
            .filter(|key| self.names(&table.name, key) == wanted);
        let parts = over_key.flat_map(|key| key.loose.iter().map(move |part| (key, part)));
        let found = parts.filter_map(|(key, (number, collation, is_own))| {
            let column = self.columns(&table.name).iter().find(|column| column.number == *number)?;
            let field = table.schema.index_of(&column.name).ok()?;
            let index = (!is_own).then_some(key.index.as_str());
            let found = || (fit::loose_key(table, &column.name, collation), tight_key(table, column, index));
            fit::is_text_of_key(table, field).then(found)
        });
        found.collect()
    }
}

async fn columns(client: &Client, tables: &[&str]) -> Result<HashMap<String, Vec<Existing>>, Error> {
    let sql = "SELECT a.attname::text, t.typname::text, a.atttypmod, format_type(a.atttypid, a.atttypmod),
                      t.typtype = 'e', a.attnotnull,
                      a.atthasdef OR a.attidentity <> '', a.attgenerated <> '' OR a.attidentity = 'a',
                      a.atttypid, t.typarray, wanted.name, a.attnum,
                      c.relkind = 'r' AND pg_relation_size(c.oid) = 0 AND NOT row_security_active(c.oid)
               FROM unnest($1) AS wanted (name)
               JOIN pg_class c ON c.oid = to_regclass(quote_ident(wanted.name))
               JOIN pg_attribute a ON a.attrelid = c.oid
               JOIN pg_type t ON t.oid = a.atttypid
               WHERE a.attnum > 0 AND NOT a.attisdropped
               ORDER BY a.attrelid, a.attnum";
    let mut found: HashMap<String, Vec<Existing>> = HashMap::new();
    for row in client.query_typed(sql, &[(&tables, Type::TEXT_ARRAY)]).await? {
        found.entry(row.get(10)).or_default().push(Existing {
            name: row.get(0),
            number: row.get(11),
            declared: Declared { name: row.get(1), modifier: row.get(2), shown: row.get(3), is_enum: row.get(4) },
            not_null: row.get(5),
            is_filled: row.get(6),
            is_generated: row.get(7),
            of_empty: row.get(12),
            array: array_of(row.get(1), row.get(8), row.get(9)),
        });
    }
    Ok(found)
}

/// The unique keys of tables.
async fn unique_keys(client: &Client, tables: &[&str]) -> Result<HashMap<String, Vec<UniqueKey>>, Error> {
    // An index that is deferrable or not valid decides no conflict. This is asked of every home in every run, and cheaper
    // than to have the server look up the names.
    let sql = "SELECT wanted.name, i.indkey::int2[], i.indnkeyatts, i.indexrelid::regclass::text,
                      ARRAY(SELECT c.collname::text FROM unnest(i.indcollation::oid[]) WITH ORDINALITY AS given (kind, part)
                            LEFT JOIN pg_collation c ON c.oid = given.kind AND NOT c.collisdeterministic ORDER BY part),
                      ARRAY(SELECT a.attcollation = given.kind
                            FROM unnest(i.indcollation::oid[]) WITH ORDINALITY AS given (kind, part)
                            LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[part - 1] ORDER BY part)
               FROM unnest($1) AS wanted (name)
               JOIN pg_index i ON i.indrelid = to_regclass(quote_ident(wanted.name))
               WHERE i.indisunique AND i.indpred IS NULL AND i.indisvalid AND i.indimmediate";
    let mut found: HashMap<String, Vec<UniqueKey>> = HashMap::new();
    for row in client.query_typed(sql, &[(&tables, Type::TEXT_ARRAY)]).await? {
        let (mut columns, parts): (Vec<i16>, i16) = (row.get(1), row.get(2));
        columns.truncate(usize::try_from(parts).unwrap_or(0));
        let (loose, is_own): (Vec<Option<String>>, Vec<Option<bool>>) = (row.get(4), row.get(5));
        let parts = columns.iter().zip(loose).zip(is_own);
        let loose =
            parts.filter_map(|((number, loose), is_own)| Some((*number, loose?, is_own == Some(true)))).collect();
        found.entry(row.get(0)).or_default().push(UniqueKey { columns, index: row.get(3), loose });
    }
    Ok(found)
}

/// What is told of a column of a key that takes two texts for one value, and the statement that mends it.
fn ambiguous_key(table: &Table, column: &Existing) -> Found {
    let (name, declared) = (format!("{}.{}", table.name, column.name), &column.declared.shown);
    let message = format!(
        "`{name}` is of the key, and declared `{declared}`, for which different texts may be one value, so that objects of \
         different keys would become one row"
    );
    let fix = format!("ALTER TABLE {} ALTER COLUMN {} TYPE text", quote(&table.name), quote(&column.name));
    (message, fix)
}

/// The statement that makes a key compare byte by byte: that of an index with a collation of its own, or of a column.
fn tight_key(table: &Table, column: &Existing, index: Option<&str>) -> String {
    let name = quote(&table.name);
    let Some(index) = index else {
        let (column, declared) = (quote(&column.name), &column.declared.shown);
        return format!("ALTER TABLE {name} ALTER COLUMN {column} TYPE {declared} COLLATE \"C\"");
    };
    let key = table.key.iter().map(|&column| {
        let collation = if fit::is_text_of_key(table, column) { " COLLATE \"C\"" } else { "" };
        format!("{}{collation}", quote(table.schema.field(column).name()))
    });
    let key: Vec<_> = key.collect();
    let made = quote(&format!("{}_key", table.name));
    format!("DROP INDEX {index}; CREATE UNIQUE INDEX {made} ON {name} ({})", key.join(", "))
}

/// The type of arrays of a type.
fn array_of(element: &str, element_oid: u32, array_oid: u32) -> Type {
    let schema = || String::from("pg_catalog");
    let element = || Type::new(element.to_owned(), element_oid, Kind::Simple, schema());
    let array = || Type::new(format!("_{}", element().name()), array_oid, Kind::Array(element()), schema());
    Type::from_oid(array_oid).unwrap_or_else(array)
}

/// The statements that make those of Domicile's own tables that are missing. One that is there need not be in the first
/// schema of the `search_path`, and another one there would be taken for it.
pub(super) fn create_own_tables(tables: &[(&str, &str)], catalogue: &Catalogue) -> Vec<String> {
    let missing = tables.iter().filter(|(name, _)| catalogue.columns(name).is_empty());
    missing.map(|(name, columns)| format!("CREATE TABLE {name} ({columns})")).collect()
}

/// The statement that adds the columns that a quarantine of an earlier version lacks.
pub(super) fn mend_quarantine(catalogue: &Catalogue) -> Option<String> {
    let existing = catalogue.columns(QUARANTINE);
    let missing = ADDED.iter().filter(|name| !existing.iter().any(|column| column.name == **name));
    let kind = |name: &str| if name == "resolved_at" { "timestamptz" } else { "text" };
    let added: Vec<_> = missing.map(|name| format!("ADD COLUMN {name} {}", kind(name))).collect();
    let is_to_be_mended = !existing.is_empty() && !added.is_empty();
    is_to_be_mended.then(|| format!("ALTER TABLE {QUARANTINE} {}", added.join(", ")))
}

/// The statement that makes a table, or adds the columns that one of these columns may be given; none where there is nothing
/// to do.
pub(super) fn make_table(table: &Table, existing: &[Existing]) -> Option<String> {
    if existing.is_empty() {
        let definition = fit::definition(table, quote, |number| declaration(table, number));
        return Some(format!("CREATE TABLE IF NOT EXISTS {} ({definition})", quote(&table.name)));
    }
    Some(add_columns(table, existing)).filter(|statements| !statements.is_empty())
}

fn add_columns(table: &Table, existing: &[Existing]) -> String {
    let added = fit::added(table, |name| existing.iter().any(|column| column.name == name));
    let add = |number: usize| {
        let declaration = declaration(table, number);
        fit::add_column(table, number, quote, &declaration)
    };
    added.into_iter().map(add).collect::<Vec<_>>().join("; ")
}
