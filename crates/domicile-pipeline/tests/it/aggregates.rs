//! Aggregates that are merged over batches, commits and runs equal one computation over everything, to the cent.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

use crate::fixture::{Setup, World, counts, home, open, rows};

/// An order: which home, which customer, an amount in cents and a quantity.
#[derive(Clone, Debug)]
struct Order {
    country: &'static str,
    customer: &'static str,
    cents: Option<i64>,
    quantity: Option<i64>,
}

/// Aggregates of one key, each computed over all records at once.
#[derive(Default)]
struct Expected {
    orders: i64,
    cents: Vec<i64>,
    quantities: Vec<i64>,
}

impl Expected {
    /// count, counts and sums of amounts and quantities, extremes, in the order of the query.
    fn row(&self, customer: &str) -> String {
        let sum = |values: &[i64]| (!values.is_empty()).then(|| values.iter().sum::<i64>());
        let cells = [
            Some(self.orders.to_string()),
            Some(self.cents.len().to_string()),
            sum(&self.cents).map(euros),
            self.cents.iter().min().copied().map(euros),
            self.cents.iter().max().copied().map(euros),
            sum(&self.cents).map(euros),
            Some(self.cents.len().to_string()),
            sum(&self.quantities).map(|quantity| quantity.to_string()),
            self.quantities.iter().min().map(ToString::to_string),
            self.quantities.iter().max().map(ToString::to_string),
        ];
        cells.into_iter().fold(customer.to_owned(), |row, cell| row + "|" + cell.as_deref().unwrap_or("NULL"))
    }
}

/// Cents as SQLite's shortest number, which is how a test reads it.
fn euros(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    let digits = format!("{sign}{}.{:02}", cents.abs() / 100, cents.abs() % 100);
    digits.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn any_order() -> impl Strategy<Value = Order> {
    let cents = prop_oneof![
        6 => (-100_000i64..100_000).prop_map(Some),
        2 => (-999_999_999_999i64..999_999_999_999).prop_map(Some),
        1 => Just(Some(0)),
        2 => Just(None),
    ];
    let quantity = prop_oneof![4 => (-9i64..99).prop_map(Some), 1 => Just(None)];
    let country = prop_oneof![3 => Just("ES"), 2 => Just("FR")];
    let customer = prop_oneof![Just("Ana"), Just("Eva"), Just("Zoë"), Just("")];
    (country, customer, cents, quantity).prop_map(|(country, customer, cents, quantity)| Order {
        country,
        customer,
        cents,
        quantity,
    })
}

fn insert(world: &World, orders: &[Order]) {
    let sql = orders.iter().map(|order| {
        let cell = |value: Option<String>| value.unwrap_or_else(|| String::from("NULL"));
        let (amount, quantity) =
            (cell(order.cents.map(euros)), cell(order.quantity.map(|quantity| quantity.to_string())));
        format!(
            "INSERT INTO orders (country, customer, amount, quantity) VALUES ('{}', '{}', {amount}, {quantity});",
            order.country, order.customer
        )
    });
    world.source(&format!("BEGIN; {} COMMIT", sql.collect::<String>()));
}

const AGGREGATES: &str = "SELECT customer, count(*) AS orders, count(amount) AS amounts, sum(amount) AS s,
    min(amount) AS least, max(amount) AS most, avg(amount) AS mean, sum(quantity) AS q, min(quantity) AS q_least,
    max(quantity) AS q_most FROM record GROUP BY customer";

/// Syncs the orders in as many runs, and then does something to the homes.
fn merged_as_expected(
    runs: &[Vec<Order>],
    batch_rows: usize,
    commit_rows: u64,
    afterwards: &str,
) -> Result<(), TestCaseError> {
    let world = World::with_orders(&[]);
    let setup = Setup::new().merge("sales", AGGREGATES).batch_rows(batch_rows).commit_rows(commit_rows);
    for orders in runs {
        insert(&world, orders);
        world.run(&setup);
    }
    world.in_home("es", afterwards);
    for (name, country) in [("es", "ES"), ("fr", "FR")] {
        let mut expected: BTreeMap<&str, Expected> = BTreeMap::new();
        for order in runs.iter().flatten().filter(|order| order.country == country) {
            let customer = expected.entry(order.customer).or_default();
            customer.orders += 1;
            customer.cents.extend(order.cents);
            customer.quantities.extend(order.quantity);
        }
        let expected: Vec<_> = expected.iter().map(|(customer, all)| all.row(customer)).collect();
        let sales = "SELECT customer, orders, amounts, s, least, most, mean_sum, mean_count, q, q_least, q_most
                     FROM sales ORDER BY customer";
        prop_assert_eq!(world.rows(name, sales), expected);
    }
    Ok(())
}

fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 100, ..Config::default() };
    TestRunner::new_with_rng(config, proptest::test_runner::TestRng::deterministic_rng(Default::default()))
}

#[test]
fn merged_in_pieces_equals_computed_at_once() {
    let runs = prop::collection::vec(prop::collection::vec(any_order(), 0..40), 1..4);
    runner(14)
        .run(&(runs, 1usize..=50, 1u64..=50), |(runs, batch_rows, commit_rows)| {
            merged_as_expected(&runs, batch_rows, commit_rows, "")
        })
        .unwrap();
}

#[test]
fn smallest_batches_and_commits_give_the_same() {
    let mut runner = runner(1);
    let orders = prop::collection::vec(any_order(), 30).new_tree(&mut runner).unwrap().current();
    for (batch_rows, commit_rows) in [(1, 1), (1, 50), (50, 1), (50, 50)] {
        merged_as_expected(&[orders.clone(), orders.clone()], batch_rows, commit_rows, "").unwrap();
    }
}

#[test]
fn the_property_catches_a_wrong_merge() {
    let order = |country| Order { country, customer: "Ana", cents: Some(10), quantity: Some(1) };
    let runs = [vec![order("ES"), order("FR")], vec![order("ES")]];
    merged_as_expected(&runs, 1, 1, "").unwrap();
    for wrong in ["s = s + 0.01", "least = NULL", "mean_count = 1"] {
        merged_as_expected(&runs, 1, 1, &format!("UPDATE sales SET {wrong}")).unwrap_err();
    }
}

#[test]
fn doubles_would_drift_where_the_merge_does_not() {
    let orders: Vec<_> = std::iter::repeat_n("'ES', 'Ana', NULL, 0.10", 30).collect();
    let world = World::with_orders(&orders);
    world.run(&Setup::new().merge("sales", AGGREGATES).batch_rows(1).commit_rows(1));
    assert_eq!(world.rows("es", "SELECT s FROM sales"), ["3"]);

    // The same with SQLite's own `+`.
    let plain = open(&world.path("plain.sqlite"));
    plain.execute_batch("CREATE TABLE sales (customer TEXT PRIMARY KEY, s NUMERIC)").unwrap();
    for _ in 0..30 {
        let add = "INSERT INTO sales VALUES ('Ana', 0.10) ON CONFLICT DO UPDATE SET s = s + excluded.s";
        plain.execute_batch(add).unwrap();
    }
    assert_ne!(rows(&plain, "SELECT s FROM sales"), ["3"]);
}

#[test]
fn extremes_of_dates_and_texts_merge() {
    let world = World::with_orders(&[
        "'ES', 'Ana', '2024-03-01', 9.00",
        "'ES', 'Eva', '2023-12-31', 10.00",
        "'ES', 'eva', NULL, NULL",
        "'ES', 'Ökö', '2024-01-15', -2.00",
    ]);
    let sql = "SELECT country, min(ordered_on) AS since, max(ordered_on) AS upto, min(customer) AS first,
               max(customer) AS last, max(score) AS score FROM record GROUP BY country";
    for batch_rows in [1, 50] {
        let world_again = World::with_orders(&[]);
        world_again.source(&format!(
            "ATTACH '{}' AS other; INSERT INTO orders SELECT * FROM other.orders",
            world.path("source.sqlite").display()
        ));
        world_again.run(&Setup::new().merge("span", sql).batch_rows(batch_rows).commit_rows(1));
        assert_eq!(world_again.rows("es", "SELECT * FROM span"), ["ES|2023-12-31|2024-03-01|Ana|Ökö|NULL"]);
    }
}

/// Orders whose quantities add up to more than an integer of 64 bits holds, in so many records.
fn overflowing(batch_rows: usize, commit_rows: u64) -> (World, Setup) {
    let world = World::with_orders(&[]);
    world.source(
        "INSERT INTO orders (country, quantity) VALUES ('FR', 5), ('ES', 9223372036854775807), ('ES', 0), ('ES', 1)",
    );
    let sql = "SELECT country, sum(quantity) AS q FROM record GROUP BY country";
    (world, Setup::new().merge("total", sql).batch_rows(batch_rows).commit_rows(commit_rows))
}

#[test]
fn a_sum_that_overflows_is_a_failure_and_never_a_wrong_number() {
    for (batch_rows, commit_rows) in [(50, 50), (1, 50), (1, 1)] {
        let (world, setup) = overflowing(batch_rows, commit_rows);
        let report = world.try_run(&setup);
        let failure = home(&report, "es").failure.clone();
        let failure = failure.unwrap_or_else(|| panic!("{batch_rows} {commit_rows}: {report:#?}"));
        assert!(failure.contains("more digits") || failure.ends_with("does not fit its column"), "{failure}");
        let stored = if world.rows("es", "SELECT name FROM sqlite_schema WHERE name = 'total'").is_empty() {
            Vec::new()
        } else {
            world.rows("es", "SELECT q FROM total")
        };
        assert!(stored.is_empty() || stored == ["9223372036854775807"], "{stored:?}");
        assert_eq!(world.rows("fr", "SELECT q FROM total"), ["5"], "the others go on");
    }
    // The twin: the largest sum that there is.
    let world = World::with_orders(&[]);
    world.source("INSERT INTO orders (country, quantity) VALUES ('ES', 9223372036854775807), ('ES', 1), ('ES', -1)");
    let sql = "SELECT country, sum(quantity) AS q FROM record GROUP BY country";
    world.run(&Setup::new().merge("total", sql));
    assert_eq!(world.rows("es", "SELECT q FROM total"), ["9223372036854775807"]);
}

/// A source whose amounts have up to 38 digits, and a home that keeps their sum as text.
fn huge(amounts: &[&str]) -> (World, Setup) {
    let world = World::new("CREATE TABLE orders (id INTEGER PRIMARY KEY, country TEXT, amount TEXT)");
    for amount in amounts {
        world.source(&format!("INSERT INTO orders (country, amount) VALUES ('ES', '{amount}')"));
    }
    world.in_home("es", "CREATE TABLE total (country TEXT PRIMARY KEY, s TEXT)");
    let sql = "SELECT country, sum(amount) AS s FROM record GROUP BY country";
    (world, Setup::new().setting("columns = { amount = \"decimal(38,0)\" }").merge("total", sql))
}

#[test]
fn a_sum_of_decimals_that_overflows_is_never_a_wrong_number() {
    let nines = "9".repeat(38);
    for batch_rows in [1, 50] {
        let (world, setup) = huge(&[&nines, &nines]);
        let report = world.try_run(&setup.batch_rows(batch_rows));
        let stored = world.rows("es", "SELECT s FROM total");
        assert!(stored.is_empty(), "two times 10^38 - 1 in batches of {batch_rows} became {stored:?}");
        assert!(home(&report, "es").failure.is_some() || counts(home(&report, "es"))[3] > 0, "{report:#?}");
    }
    let half = format!("4{}", "9".repeat(37));
    for batch_rows in [1, 50] {
        let (world, setup) = huge(&[&half, &half]);
        world.run(&setup.batch_rows(batch_rows));
        assert_eq!(world.rows("es", "SELECT s FROM total"), [format!("9{}8", "9".repeat(36))]);
    }
}

#[test]
fn a_sum_of_more_than_fifteen_digits_fails_with_what_to_do() {
    let world = World::with_orders(&["'ES', 'Ana', NULL, 9999999999.99"]);
    world.in_home(
        "es",
        "CREATE TABLE total (country TEXT PRIMARY KEY, s NUMERIC); INSERT INTO total VALUES ('ES', 9999999999999.99)",
    );
    let sql = "SELECT country, sum(amount) AS s FROM record GROUP BY country";
    let report = world.try_run(&Setup::new().merge("total", sql));
    let failure = home(&report, "es").failure.as_deref();
    assert_eq!(failure, Some("the sum has more digits than the column keeps exactly; declare it TEXT"));
    assert_eq!(world.rows("es", "SELECT s FROM total"), ["9999999999999.99"]);
}

#[test]
fn a_value_that_an_aggregate_cannot_hold_does_not_stop_its_home() {
    let setup = Setup::new().setting("columns = { amount = \"decimal(20,2)\" }");
    let copying = setup.clone().insert("made", "SELECT country, amount AS most FROM record");
    let merging = setup.merge("made", "SELECT country, max(amount) AS most FROM record GROUP BY country");
    for setup in [copying, merging] {
        let world = World::new("CREATE TABLE orders (id INTEGER PRIMARY KEY, country TEXT, amount TEXT)");
        world.source(
            "INSERT INTO orders (country, amount) VALUES ('ES', '1.50'), ('ES', '12345678901234.56'), ('ES', '2.50')",
        );
        let report = world.try_run(&setup);
        let es = home(&report, "es");
        let expected = (None, [3, 2, 0, 1]);
        assert_eq!((es.failure.as_deref(), counts(es)), expected, "the record with 16 digits belongs in quarantine");
        assert_eq!(world.rows("es", "SELECT max(most) FROM made"), ["2.5"]);
    }
}

#[test]
fn not_a_number_is_never_an_extreme_and_never_stops_a_home() {
    // NaN is what a label such as 'NaN' is read as; in which order the records come must not matter to the result.
    let numbers = ["'ES', '1.5', NULL, 1", "'ES', '2.5', NULL, 2", "'ES', 'NaN', NULL, 4"];
    let sql = "SELECT country, max(CAST(customer AS DOUBLE)) AS most FROM record GROUP BY country";
    for order in [[0, 1, 2], [2, 0, 1], [0, 2, 1]] {
        for batch_rows in [1, 50] {
            let world = World::with_orders(&order.map(|number| numbers[number]));
            let report = world.try_run(&Setup::new().merge("made", sql).batch_rows(batch_rows));
            assert_eq!(home(&report, "es").failure, None, "{order:?}, batches of {batch_rows}");
            assert_eq!(world.rows("es", "SELECT most FROM made"), ["2.5"], "{order:?}, batches of {batch_rows}");
        }
    }
}
