//! The demo's source: one SQLite database with the orders of TPC-H, from customers of 25 nations, all mixed.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, Statement, Transaction, TransactionBehavior, params};
use tpchgen::distribution::Distributions;
use tpchgen::generators::{CustomerGenerator, CustomerName, Order, OrderGenerator};
use tpchgen::text::TextPool;

use super::labels;

/// What was written to the source database.
#[derive(Debug)]
pub(crate) struct Written {
    /// How many orders.
    pub orders: u64,
    /// How many of them have a label from which nobody can tell a country.
    pub hopeless: u64,
    /// The highest id that was ever given to an order, in this call or before.
    pub highest_id: i64,
}

const SCHEMA: &str = "
    CREATE TABLE orders (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      country TEXT,                 -- as typed by whoever typed it
      customer TEXT NOT NULL,       -- TPC-H customer name
      ordered_on DATE NOT NULL,     -- 'YYYY-MM-DD'
      status TEXT NOT NULL,         -- O, F, P
      priority TEXT NOT NULL,
      amount DECIMAL(12,2) NOT NULL,
      comment TEXT NOT NULL
    )";

/// Marks a database as made here (`PRAGMA application_id`), so that orders are never added to anybody else's.
const APPLICATION_ID: i32 = 0x444f_4d49;

/// TPC-H cuts its comments from 300 MiB of text. They all stay in memory and take seconds to make, and nobody can tell
/// comments from fewer apart.
const TEXT_BYTES: i32 = 1024 * 1024;

/// New orders are those of TPC-H at this scale. Its orders and customers begin with the days, nations and names of the
/// smaller scales, so that new orders come from known customers and from new ones.
const NEW_ORDERS_SCALE: f64 = 1.0;

/// No TPC-H order is younger. New orders begin on the day after.
const LAST_TPCH_DAY: &str = "1998-08-02";

/// How many new orders there are in a day, about as many as TPC-H has at the scale 0.03.
const NEW_ORDERS_A_DAY: i64 = 20;

/// Makes the source database at `path`, where there must be none, with every TPC-H order of `scale`: 1,500,000 at the
/// scale 1. Below the scale 1/150,000 TPC-H has no customer.
///
/// Everything is written in one transaction, and the memory needed is one byte for each customer.
///
/// # Panics
///
/// If there are orders but no customer.
pub(crate) fn create(path: &Path, scale: f64) -> rusqlite::Result<Written> {
    let tpch = Tpch::new();
    let nation_keys: Vec<u8> = tpch.customers(scale, 1, 1).iter().map(|customer| customer.c_nationkey as u8).collect();
    let mut connection = Connection::open(path)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(SCHEMA)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    let mut writer = Writer::new(&transaction, 0)?;
    for order in tpch.orders(scale, 1, 1).iter() {
        let nation_key = nation_keys[order.o_custkey as usize - 1];
        writer.write(&order, nation_key.into(), &order.o_orderdate.to_string(), order.o_orderstatus.as_str())?;
    }
    let written = writer.finish();
    transaction.commit()?;
    Ok(written)
}

/// Whether a database was made by [`create`].
pub(crate) fn is_made_here(path: &Path) -> bool {
    let id = || -> rusqlite::Result<i32> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.pragma_query_value(None, "application_id", |row| row.get(0))
    };
    id().is_ok_and(|id| id == APPLICATION_ID)
}

/// Adds `count` new orders to the source database at `path`, as later business would. What they are depends only on
/// their ids and on the day of the last order, so that two calls add what one call with the sum of the counts adds.
pub(crate) fn append(path: &Path, count: u64) -> rusqlite::Result<Written> {
    let tpch = Tpch::new();
    // Without the flag CREATE a path that does not exist is an error and not an empty database.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    // The write lock is taken before the highest id is read, so that two calls at once do not give the same ids.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let (highest_id, mut day) = end_of(&transaction)?;
    let mut writer = Writer::new(&transaction, highest_id)?;
    for _ in 0..count {
        let id = writer.next_id();
        if id % NEW_ORDERS_A_DAY == 0 {
            day += 1;
        }
        let order = tpch.new_order(id);
        let date = date_of(&transaction, day)?;
        // Nothing of a new order can have been shipped: it is open.
        writer.write(&order, tpch.nation_key(order.o_custkey), &date, "O")?;
    }
    let written = writer.finish();
    transaction.commit()?;
    Ok(written)
}

/// The highest id that was ever given to an order, and the day of the last order, counted from the last TPC-H day. It is
/// at least 1.
///
/// The id is not that of the last row: who deletes orders must not get their ids again, because a sync has passed them.
fn end_of(transaction: &Transaction<'_>) -> rusqlite::Result<(i64, i64)> {
    let sql = "
        SELECT
          coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'orders'), 0),
          coalesce((SELECT max(1, CAST(julianday(ordered_on) - julianday(?1) AS INTEGER))
                    FROM orders ORDER BY id DESC LIMIT 1), 1)";
    transaction.query_row(sql, [LAST_TPCH_DAY], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// The date of a day that is counted from the last TPC-H day.
fn date_of(transaction: &Transaction<'_>, day: i64) -> rusqlite::Result<String> {
    let mut select = transaction.prepare_cached("SELECT date(?1, ?2 || ' days')")?;
    select.query_row(params![LAST_TPCH_DAY, day], |row| row.get(0))
}

/// The generators of TPC-H, with less text.
struct Tpch {
    distributions: &'static Distributions,
    text: TextPool,
}

impl Tpch {
    fn new() -> Self {
        let distributions = Distributions::static_default();
        Self { distributions, text: TextPool::new(TEXT_BYTES, distributions) }
    }

    fn orders(&self, scale: f64, part: i32, parts: i32) -> OrderGenerator<'_> {
        OrderGenerator::new_with_distributions_and_text_pool(scale, part, parts, self.distributions, &self.text)
    }

    fn customers(&self, scale: f64, part: i32, parts: i32) -> CustomerGenerator<'_> {
        CustomerGenerator::new_with_distributions_and_text_pool(scale, part, parts, self.distributions, &self.text)
    }

    /// The order to be added with this id. The orders of TPC-H are taken in their order, and from the first again.
    fn new_order(&self, id: i64) -> Order<'_> {
        let parts = OrderGenerator::calculate_row_count(NEW_ORDERS_SCALE, 1, 1);
        let part = (id - 1) % parts + 1;
        let orders = self.orders(NEW_ORDERS_SCALE, part as i32, parts as i32);
        orders.iter().next().expect("a part for each order holds one")
    }

    /// The nation of a customer, who has it at every scale.
    fn nation_key(&self, customer: i64) -> usize {
        let parts = CustomerGenerator::calculate_row_count(NEW_ORDERS_SCALE, 1, 1);
        let customers = self.customers(NEW_ORDERS_SCALE, customer as i32, parts as i32);
        customers.iter().next().expect("a part for each customer holds one").c_nationkey as usize
    }
}

/// Writes orders with the ids that follow, and counts.
struct Writer<'t> {
    insert: Statement<'t>,
    written: Written,
}

impl<'t> Writer<'t> {
    fn new(transaction: &'t Transaction<'_>, highest_id: i64) -> rusqlite::Result<Self> {
        let sql = "
            INSERT INTO orders (id, country, customer, ordered_on, status, priority, amount, comment)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        Ok(Self { insert: transaction.prepare(sql)?, written: Written { orders: 0, hopeless: 0, highest_id } })
    }

    fn next_id(&self) -> i64 {
        self.written.highest_id + 1
    }

    fn write(&mut self, order: &Order<'_>, nation_key: usize, date: &str, status: &str) -> rusqlite::Result<()> {
        let id = self.next_id();
        let country = labels::label(nation_key, id);
        let customer = CustomerName::new(order.o_custkey).to_string();
        // SQLite has no decimals: the column's affinity makes numbers of text as well. This is the number nearest to
        // the decimal, because a quotient of two exact numbers is rounded once; its shortest form is the decimal.
        let amount = order.o_totalprice.as_f64();
        let (priority, comment) = (order.o_orderpriority, order.o_comment);
        self.insert.execute(params![id, country, customer, date, status, priority, amount, comment])?;
        self.written.orders += 1;
        self.written.hopeless += u64::from(labels::is_hopeless(country.as_deref()));
        self.written.highest_id = id;
        Ok(())
    }

    fn finish(self) -> Written {
        self.written
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use tempfile::TempDir;

    use super::*;

    const SCALE: f64 = 0.01;

    fn created(scale: f64) -> (TempDir, PathBuf, Written) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("orders.sqlite");
        let written = create(&path, scale).unwrap();
        (directory, path, written)
    }

    /// Every column of every order, amounts as SQLite writes them.
    fn rows(path: &Path) -> Vec<String> {
        let connection = Connection::open(path).unwrap();
        let sql = "
            SELECT concat_ws('|', id, quote(country), customer, ordered_on, status, priority, amount, comment)
            FROM orders ORDER BY id";
        let mut select = connection.prepare(sql).unwrap();
        select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    fn one<T: rusqlite::types::FromSql>(path: &Path, sql: &str) -> T {
        Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn create_writes_every_order_and_always_the_same() {
        let (_directory, path, written) = created(SCALE);
        assert_eq!((written.orders, written.highest_id), (15_000, 15_000));
        assert_eq!(one::<i64>(&path, "SELECT count(*) FROM orders WHERE id BETWEEN 1 AND 15000"), 15_000);
        let (_other_directory, other, _) = created(SCALE);
        create(&path, SCALE).expect_err("the orders are there");
        assert_eq!(rows(&path), rows(&other));
    }

    #[test]
    fn hopeless_orders_are_counted() {
        let (_directory, path, written) = created(SCALE);
        let labels: String = one(&path, "SELECT group_concat(ifnull(country, 'NULL'), x'0a') FROM orders");
        let labels = labels.split('\n').map(|label| Some(label).filter(|&label| label != "NULL"));
        assert_eq!(written.hopeless, labels.filter(|&label| labels::is_hopeless(label)).count() as u64);
    }

    #[test]
    fn amounts_are_exact() {
        let (_directory, path, _) = created(SCALE);
        let tpch = Tpch::new();
        let cents: Vec<i64> = tpch.orders(SCALE, 1, 1).iter().map(|order| order.o_totalprice.into_inner()).collect();
        let sum = "SELECT sum(CAST(round(amount * 100) AS INTEGER)) FROM orders";
        assert_eq!(one::<i64>(&path, sum), cents.iter().sum::<i64>());
        let connection = Connection::open(&path).unwrap();
        let mut select = connection.prepare("SELECT CAST(amount AS REAL) FROM orders ORDER BY id").unwrap();
        let amounts = select.query_map([], |row| row.get::<_, f64>(0)).unwrap();
        for (amount, cents) in amounts.map(Result::unwrap).zip(cents) {
            let decimal = format!("{}.{:02}", cents / 100, cents % 100);
            assert_eq!(amount, decimal.parse::<f64>().unwrap(), "the number nearest to {decimal}");
        }
    }

    #[test]
    fn append_goes_on_where_the_orders_end() {
        let (_directory, path, _) = created(SCALE);
        let before = rows(&path);
        let written = append(&path, 100).unwrap();
        assert_eq!((written.orders, written.highest_id), (100, 15_100));
        let after = rows(&path);
        assert_eq!((&after[..15_000], after.len()), (&before[..], 15_100));
        assert_eq!(one::<String>(&path, "SELECT min(ordered_on) FROM orders WHERE id > 15000"), "1998-08-03");
    }

    #[test]
    fn two_appends_add_what_one_adds() {
        let (_directory, twice, _) = created(0.001);
        append(&twice, 100).unwrap();
        append(&twice, 100).unwrap();
        let (_other_directory, once, _) = created(0.001);
        append(&once, 200).unwrap();
        assert_eq!(rows(&twice), rows(&once));
    }

    #[test]
    fn deleted_ids_are_not_given_again() {
        let (_directory, path, written) = created(0.001);
        Connection::open(&path).unwrap().execute("DELETE FROM orders", []).unwrap();
        assert_eq!(append(&path, 1).unwrap().highest_id, written.highest_id + 1);
    }

    #[test]
    fn append_makes_no_database() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("none.sqlite");
        append(&path, 1).unwrap_err();
        assert!(!path.exists());
    }

    #[test]
    fn customers_have_their_nation_at_every_scale() {
        let tpch = Tpch::new();
        for customer in tpch.customers(SCALE, 1, 1).iter() {
            assert_eq!(tpch.nation_key(customer.c_custkey), customer.c_nationkey as usize);
        }
    }

    #[test]
    fn the_last_day_of_tpc_h_is_known() {
        let tpch = Tpch::new();
        let last = tpch.orders(0.02, 1, 1).iter().map(|order| order.o_orderdate).max();
        assert_eq!(last.unwrap().to_string(), LAST_TPCH_DAY);
    }
}
