//! What the databases hold, read with plain SQL.

use std::path::Path;

use rusqlite::{Connection, Row};

use crate::Sandbox;
use crate::labels::HOMES;
use crate::sandbox::open;
use crate::tally::Tally;
use crate::value::cents;

/// A record of the source. Amounts and days stand as SQLite shows them.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) id: i64,
    pub(crate) country: Option<String>,
    pub(crate) customer: Option<String>,
    pub(crate) sold_on: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) amount: Option<String>,
}

/// The columns of a record as text, from a table that has them or from quarantine.
const COLUMNS: &str = "
    id, country, customer, sold_on, status,
    CASE typeof(amount) WHEN 'blob' THEN '0x' || lower(hex(amount)) ELSE CAST(amount AS TEXT) END";
const QUARANTINED: &str = "
    record ->> 'id', record ->> 'country', record ->> 'customer', record ->> 'sold_on', record ->> 'status',
    CAST(record ->> 'amount' AS TEXT)";

impl Record {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            country: row.get(1)?,
            customer: row.get(2)?,
            sold_on: row.get(3)?,
            status: row.get(4)?,
            amount: row.get(5)?,
        })
    }

    /// The record as a row of a tally, with the amount in cents where it has so many.
    pub(crate) fn row(&self) -> String {
        let Self { id, country, customer, sold_on, status, amount } = self;
        let amount = money(amount.as_deref());
        format!(
            "id={id} country={country:?} customer={customer:?} sold_on={sold_on:?} status={status:?} amount={amount}"
        )
    }
}

/// The source's records in the order of their ids.
pub(crate) fn records(sandbox: &Sandbox) -> Vec<Record> {
    let sql = format!("SELECT {COLUMNS} FROM sales ORDER BY id");
    read(&sandbox.source(), &sql, Record::read)
}

/// What has arrived.
#[derive(Debug, Default)]
pub(crate) struct Actual {
    pub(crate) tally: Tally,
    /// Sums of all accounts.
    pub(crate) read: u64,
    pub(crate) dealt_with: u64,
    /// Databases that are damaged, and accounts that overlap.
    pub(crate) broken: Vec<String>,
}

impl Actual {
    pub(crate) fn of(sandbox: &Sandbox) -> Self {
        let mut actual = Self::default();
        for home in HOMES {
            actual.look(home.name, &sandbox.home_path(home.name));
        }
        actual.look("control", &sandbox.control_path());
        actual
    }

    /// Looks at one database; one that is not there holds nothing.
    fn look(&mut self, place: &str, path: &Path) {
        if !path.exists() {
            return;
        }
        let connection = open(path);
        let sound: String =
            connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("it can be checked");
        if sound != "ok" {
            self.broken.push(format!("{place} is damaged: {sound}"));
        }
        let mut rows = |table: &str, name: &str, columns: &str, text: fn(&Row<'_>) -> rusqlite::Result<String>| {
            if has_table(&connection, name) {
                for row in read(&connection, &format!("SELECT {columns} FROM {name}"), text) {
                    self.tally.add(&format!("{place}.{table}"), row);
                }
            }
        };
        rows("sales", "sales", COLUMNS, |row| Ok(Record::read(row)?.row()));
        rows("customers", "customers", "customer, home, last_sale", customer);
        rows("daily", "daily", "day, status, sales, CAST(revenue AS TEXT), CAST(largest AS TEXT)", day);
        rows("quarantine", "domicile_quarantine", &format!("{QUARANTINED}, position, cause"), quarantined);
        rows("position", "domicile_position", "source, position", |row| {
            Ok(format!("source={} position={}", row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        });
        if has_table(&connection, "domicile_account") {
            self.account(place, &connection);
        }
    }

    fn account(&mut self, place: &str, connection: &Connection) {
        let sums = "SELECT source, sum(read), sum(delivered), sum(ignored), sum(quarantined) FROM domicile_account GROUP BY source";
        let sums = read(connection, sums, |row| {
            Ok((row.get::<_, String>(0)?, [row.get::<_, u64>(1)?, row.get(2)?, row.get(3)?, row.get(4)?]))
        });
        for (source, [read, delivered, ignored, quarantined]) in sums {
            self.read += read;
            self.dealt_with += delivered + ignored + quarantined;
            let row = format!(
                "source={source} read={read} delivered={delivered} ignored={ignored} quarantined={quarantined}"
            );
            self.tally.add(&format!("{place}.account"), row);
        }
        // Each account is for (after, upto]; two of them never speak of the same record.
        let spans = "SELECT coalesce(CAST(after AS INTEGER), -9223372036854775808), CAST(upto AS INTEGER)
                     FROM domicile_account ORDER BY 2";
        let spans = read(connection, spans, |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)));
        let overlaps = spans.windows(2).filter(|pair| pair[1].0 < pair[0].1).count();
        let empty = spans.iter().filter(|(after, upto)| after >= upto).count();
        if overlaps + empty > 0 {
            self.broken.push(format!("{place}: {overlaps} accounts overlap, {empty} span nothing"));
        }
    }
}

fn customer(row: &Row<'_>) -> rusqlite::Result<String> {
    let (customer, home): (String, String) = (row.get(0)?, row.get(1)?);
    Ok(format!("customer={customer} home={home} last_sale={}", row.get::<_, i64>(2)?))
}

fn day(row: &Row<'_>) -> rusqlite::Result<String> {
    let (day, status, sales): (String, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let (revenue, largest): (Option<String>, Option<String>) = (row.get(3)?, row.get(4)?);
    let (revenue, largest) = (money(revenue.as_deref()), money(largest.as_deref()));
    Ok(format!("day={day} status={status} sales={sales} revenue={revenue} largest={largest}"))
}

fn quarantined(row: &Row<'_>) -> rusqlite::Result<String> {
    let (position, cause): (String, String) = (row.get(6)?, row.get(7)?);
    Ok(format!("position={position} cause={cause} {}", Record::read(row)?.row()))
}

fn money(amount: Option<&str>) -> String {
    match amount {
        None => String::from("NULL"),
        Some(amount) => cents(amount).map_or_else(|| format!("{amount:?}"), |cents| format!("{cents}c")),
    }
}

fn has_table(connection: &Connection, name: &str) -> bool {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE name = ?1";
    connection.query_row(sql, [name], |row| row.get::<_, i64>(0)).expect("the schema can be read") > 0
}

fn read<T>(connection: &Connection, sql: &str, row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>) -> Vec<T> {
    let mut statement = connection.prepare(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let rows = statement.query_map([], row).and_then(Iterator::collect);
    rows.unwrap_or_else(|error| panic!("{sql}: {error}"))
}
