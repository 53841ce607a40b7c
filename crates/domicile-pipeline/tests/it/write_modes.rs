//! Insert, replace and merge: what happens to rows whose key is there already, or NULL.

use crate::fixture::{Setup, World, counts, home};

#[test]
fn an_insert_with_a_key_that_is_there_sends_its_record_to_quarantine() {
    let world = World::with_orders(&[
        "'ES', 'Ana', NULL, 1.00",
        "'ES', 'Eva', NULL, 2.00",
        "'ES', 'Ana', NULL, 4.00",
        "'ES', 'Bea', NULL, 8.00",
    ]);
    let setup = Setup::new()
        .analyser("customers", "key = \"customer\"", "SELECT customer, amount FROM record")
        .merge("total", "SELECT country, sum(amount) AS s, count(*) AS n FROM record GROUP BY country");
    let report = world.run(&setup);
    assert_eq!(counts(home(&report, "es")), [4, 3, 0, 1]);
    let customers = "SELECT customer, amount FROM customers ORDER BY 1";
    assert_eq!(world.rows("es", customers), ["Ana|1", "Bea|8", "Eva|2"]);
    assert_eq!(world.rows("es", "SELECT s, n FROM total"), ["11|3"], "the refused record is in no aggregate");
    let quarantine = "SELECT position, cause, reason, record ->> 'customer' FROM domicile_quarantine ORDER BY position";
    assert_eq!(world.rows("es", quarantine), ["3|refused|UNIQUE constraint failed: customers.customer|Ana"]);

    // The same in a later run, and twice in one statement of many rows.
    world.order(&["'ES', 'Bea', NULL, 16.00", "'ES', 'Cai', NULL, 32.00", "'ES', 'Cai', NULL, 64.00"]);
    let report = world.run(&setup);
    assert_eq!(counts(home(&report, "es")), [3, 1, 0, 2]);
    assert_eq!(world.rows("es", customers), ["Ana|1", "Bea|8", "Cai|32", "Eva|2"]);
    assert_eq!(world.rows("es", "SELECT s, n FROM total"), ["43|4"]);
}

#[test]
fn an_insert_without_a_key_takes_everything() {
    let world = World::with_orders(&["'ES', 'Ana', NULL, 1.00", "'ES', 'Ana', NULL, 1.00", "'ES', NULL, NULL, NULL"]);
    let report = world.run(&Setup::new().insert("customers", "SELECT customer, amount FROM record"));
    assert_eq!(counts(home(&report, "es")), [3, 3, 0, 0]);
    assert_eq!(world.rows("es", "SELECT * FROM customers"), ["Ana|1", "Ana|1", "NULL|NULL"]);
}

#[test]
fn one_bad_record_of_many_is_found() {
    let world = World::new(crate::fixture::ORDERS);
    world.source(
        "INSERT INTO orders (country, customer, amount) WITH RECURSIVE n (n) AS
         (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 300) SELECT 'ES', 'c' || min(n, 256), n FROM n",
    );
    let setup = Setup::new().analyser("customers", "key = \"customer\"", "SELECT customer, amount FROM record");
    let report = world.run(&setup);
    assert_eq!(counts(home(&report, "es")), [300, 256, 0, 44]);
    assert_eq!(world.rows("es", "SELECT count(*), sum(amount) FROM customers"), ["256|32896"]);
    assert_eq!(world.rows("es", "SELECT min(position), max(position) FROM domicile_quarantine"), ["257|300"]);
}

#[test]
fn replace_keeps_the_latest() {
    let world = World::with_orders(&[
        "'ES', 'Ana', '2024-01-01', 1.00",
        "'FR', 'Ana', '2024-01-02', 2.00",
        "'ES', 'Ana', '2024-01-03', NULL",
        "'ES', 'Eva', '2024-01-04', 4.00",
    ]);
    let setup = Setup::new()
        .replace("customers", "customer", "SELECT customer, id AS last, amount FROM record")
        .replace("keys", "customer", "SELECT customer FROM record");
    for batch_rows in [1, 50] {
        let setup = setup.clone().batch_rows(batch_rows);
        world.run(&setup);
    }
    let customers = "SELECT customer, last, amount FROM customers ORDER BY 1";
    assert_eq!(world.rows("es", customers), ["Ana|3|NULL", "Eva|4|4"], "NULL replaces as well");
    assert_eq!(world.rows("fr", customers), ["Ana|2|2"]);
    world.order(&["'ES', 'Eva', NULL, 9.99", "'ES', 'Eva', NULL, 8.88"]);
    world.run(&setup);
    assert_eq!(world.rows("es", customers), ["Ana|3|NULL", "Eva|6|8.88"]);
    assert_eq!(world.rows("es", "SELECT customer FROM keys ORDER BY 1"), ["Ana", "Eva"]);
}

#[test]
fn a_key_of_null_sends_its_record_to_quarantine() {
    let world = World::with_orders(&[
        "'ES', NULL, NULL, 1.00",
        "'ES', 'Ana', NULL, 2.00",
        "'ES', NULL, NULL, 4.00",
        "'ES', 'Ana', NULL, 8.00",
    ]);
    let merging = "SELECT customer, sum(amount) AS s FROM record GROUP BY customer";
    let projecting = "SELECT customer, amount AS s FROM record";
    for (setup, expected) in
        [(Setup::new().merge("made", merging), "10"), (Setup::new().replace("made", "customer", projecting), "8")]
    {
        let world = World::with_orders(&[
            "'ES', NULL, NULL, 1.00",
            "'ES', 'Ana', NULL, 2.00",
            "'ES', NULL, NULL, 4.00",
            "'ES', 'Ana', NULL, 8.00",
        ]);
        let report = world.run(&setup);
        assert_eq!(counts(home(&report, "es")), [4, 2, 0, 2]);
        assert_eq!(world.rows("es", "SELECT customer, s FROM made"), [format!("Ana|{expected}")]);
        let reasons = world.rows("es", "SELECT position, cause, reason FROM domicile_quarantine ORDER BY 1");
        let reason = "refused|`made.customer` is part of the key and NULL";
        assert_eq!(reasons, [format!("1|{reason}"), format!("3|{reason}")]);
    }
    // The twin: the key says what NULL is.
    let said =
        "SELECT coalesce(customer, '-') AS customer, sum(amount) AS s FROM record GROUP BY coalesce(customer, '-')";
    let report = world.run(&Setup::new().merge("made", said));
    assert_eq!(counts(home(&report, "es")), [4, 4, 0, 0]);
    assert_eq!(world.rows("es", "SELECT * FROM made ORDER BY 1"), ["-|5", "Ana|10"]);
}

#[test]
fn all_tables_of_a_record_are_written_or_none() {
    let world = World::with_orders(&["'ES', 'Ana', NULL, 1.00", "'ES', 'Ana', NULL, 2.00"]);
    let setup = Setup::new()
        .insert("log", "SELECT id FROM record")
        .analyser("customers", "key = \"customer\"", "SELECT customer FROM record")
        .insert("log_too", "SELECT id FROM record");
    world.run(&setup);
    assert_eq!(world.rows("es", "SELECT * FROM log"), ["1"]);
    assert_eq!(world.rows("es", "SELECT * FROM log_too"), ["1"]);
}
