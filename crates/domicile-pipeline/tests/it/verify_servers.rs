//! Verification of homes on servers: one contract, which holds for each kind of server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domicile_pipeline::{Silent, Verification, Verified, VerifiedHome};

use crate::fixture::{run, runtime};
use crate::servers::{Kind, MARIADB, POSTGRES, World, pipeline};
use crate::verify::{differences, of};

macro_rules! contract {
    ($($test:ident)*) => {
        mod postgres { $(#[test] fn $test() { super::$test(&super::POSTGRES) })* }
        mod mariadb { $(#[test] fn $test() { super::$test(&super::MARIADB) })* }
    };
}

contract! {
    every_type_and_every_way_of_writing_is_proved
    each_change_is_found
    what_is_in_the_wrong_home_is_found
    a_home_is_seen_as_it_was_at_one_moment_while_a_run_goes_on
    tables_that_were_there_are_read_as_what_is_written_to_them
}

/// Rows of every type, the last of each key, and all aggregates.
fn every_way(world: World) -> World {
    world
        .analyser("orders", "key = \"id\"", "SELECT * FROM record")
        .analyser("plain", "", "SELECT customer, amount FROM record")
        .analyser(
            "customers",
            "write = \"replace\"\nkey = \"customer\"",
            "SELECT customer, amount FROM record WHERE customer IS NOT NULL",
        )
        .analyser(
            "daily",
            "write = \"merge\"",
            "SELECT country, count(*) AS orders, sum(amount) AS revenue, max(at) AS last, min(amount) AS least
             FROM record GROUP BY country",
        )
}

fn sell(world: &World) {
    world.server.sql(
        "source",
        "INSERT INTO orders (country, customer, ordered_on, amount, at, flag, score) VALUES
         ('ES', 'O''Hara \\ 日本 🙂 ', '1969-12-31', -0.05, '2024-02-29 23:59:59.000001', TRUE, 0.1),
         ('ES', '', '9999-12-31', 9999999999.99, '1999-12-31 00:00:00', FALSE, -1.7976931348623157e308),
         ('ES', NULL, NULL, NULL, NULL, NULL, NULL),
         ('FR', 'Zoé', '2024-01-01', 2.50, NULL, TRUE, -0.0),
         ('FR', 'Zoé', '2024-01-01', 3.50, NULL, TRUE, 1e-300),
         ('XX', 'Nobody', NULL, 1.00, NULL, NULL, NULL)",
    );
}

fn verify(world: &World) -> Verified {
    runtime().block_on(world.pipeline().verify(&Verification::default())).unwrap()
}

fn every_type_and_every_way_of_writing_is_proved(kind: &Kind) {
    let Some(world) = World::new(kind).map(every_way) else { return };
    assert!(verify(&world).is_proved(), "there is nothing yet");
    for _ in 0..2 {
        sell(&world);
        world.run();
    }
    sell(&world);
    let verified = verify(&world);
    assert!(verified.is_proved(), "{verified:#?}");
    assert_eq!(of(&verified, "es").tables.iter().map(|table| table.rows).sum::<u64>(), 6 + 6 + 2 + 1);
    assert_eq!(verified.control.accounts[0].in_quarantine, 2);
}

fn each_change_is_found(kind: &Kind) {
    let Some(world) = World::new(kind).map(every_way) else { return };
    sell(&world);
    world.run();
    for (change, undo, table, expected) in [
        (
            "UPDATE orders SET amount = 1 WHERE id = 1",
            "UPDATE orders SET amount = -0.05 WHERE id = 1",
            "orders",
            "changed id = 1",
        ),
        (
            "UPDATE orders SET at = NULL WHERE id = 2",
            "UPDATE orders SET at = '1999-12-31 00:00:00' WHERE id = 2",
            "orders",
            "changed id = 2",
        ),
        (
            "UPDATE orders SET id = 99 WHERE id = 3",
            "UPDATE orders SET id = 3 WHERE id = 99",
            "orders",
            "missing id = 3",
        ),
        (
            "DELETE FROM plain WHERE amount IS NULL",
            "INSERT INTO plain VALUES (NULL, NULL)",
            "plain",
            "missing made of the records from 1 to 3",
        ),
        ("INSERT INTO orders (id) VALUES (99)", "DELETE FROM orders WHERE id = 99", "orders", "unexpected id = 99"),
        (
            "INSERT INTO plain VALUES (NULL, NULL)",
            "DELETE FROM plain WHERE amount IS NULL; INSERT INTO plain VALUES (NULL, NULL)",
            "plain",
            "repeated made of the records from 1 to 3",
        ),
        (
            "UPDATE customers SET amount = 1 WHERE customer = ''",
            "UPDATE customers SET amount = 9999999999.99 WHERE customer = ''",
            "customers",
            "changed customer = ",
        ),
        (
            "UPDATE daily SET revenue = revenue + 0.01",
            "UPDATE daily SET revenue = revenue - 0.01",
            "daily",
            "changed country = ES",
        ),
        (
            "UPDATE daily SET orders = orders - 1",
            "UPDATE daily SET orders = orders + 1",
            "daily",
            "changed country = ES",
        ),
        ("UPDATE daily SET country = 'FR'", "UPDATE daily SET country = 'ES'", "daily", "missing country = ES"),
    ] {
        world.server.sql("es", change);
        let verified = verify(&world);
        assert_eq!(differences(of(&verified, "es"), table)[0], expected, "{change}");
        assert!(!verified.is_proved() && of(&verified, "fr").is_proved(), "{change}");
        world.server.sql("es", undo);
    }
    assert!(verify(&world).is_proved(), "all is as it was");
    world.server.sql("es", "UPDATE domicile_account SET delivered = delivered - 1, ignored = ignored + 1");
    world.server.sql("control", "DELETE FROM domicile_quarantine");
    let verified = verify(&world);
    assert_eq!(of(&verified, "es").accounts[0].differences.len(), 1);
    assert_eq!(verified.control.accounts[0].differences.len(), 3, "{:?}", verified.control.accounts[0].differences);
}

/// What is Spain's stands in France.
fn what_is_in_the_wrong_home_is_found(kind: &Kind) {
    let Some(world) = World::new(kind).map(every_way) else { return };
    sell(&world);
    world.run();
    let waits =
        "INSERT INTO domicile_quarantine (source, position, number, cause, reason, record, first_seen, last_seen)
                 VALUES ('orders', '2', -1, 'refused', 'for a test', '{}', '2024-01-01', '2024-01-01')";
    world.server.sql("fr", "INSERT INTO orders (id) VALUES (1)");
    world.server.sql("fr", waits);
    let verified = verify(&world);
    let fr = of(&verified, "fr");
    assert_eq!(differences(fr, "orders"), ["unexpected id = 1"]);
    let told = "1 records wait in quarantine and are none of this database's, with the cursor 2";
    assert_eq!(fr.accounts[0].differences, [told]);
    assert!(of(&verified, "es").is_proved());
    world.server.sql("fr", "DELETE FROM orders WHERE id = 1; DELETE FROM domicile_quarantine");
    assert!(verify(&world).is_proved(), "all is as it was");
}

fn a_home_is_seen_as_it_was_at_one_moment_while_a_run_goes_on(kind: &Kind) {
    let Some(world) = World::new(kind).map(every_way) else { return };
    sell(&world);
    // It takes a while to read so many, also in large batches.
    for _ in 0..10 {
        world.server.sql(
            "source",
            "INSERT INTO orders (country, customer, amount) SELECT country, customer, amount FROM orders",
        );
    }
    let pipeline = || {
        let url = |database| world.server.url(database);
        let homes = format!("home_url = \"{}\"\nhomes = [\"ES\", \"FR\"]", url("{home}"));
        pipeline(world.config(&url("source"), &homes, &url("control"), "rows = 1000"))
    };
    let verify = || runtime().block_on(pipeline().verify(&Verification::default())).unwrap();
    run(&pipeline(), Arc::new(Silent)).unwrap();
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let runs = scope.spawn(|| {
            while !ended.load(Ordering::Acquire) {
                sell(&world);
                assert!(!run(&pipeline(), Arc::new(Silent)).unwrap().has_failed());
            }
        });
        let found: Vec<_> = (0..6).map(|_| verify()).collect();
        ended.store(true, Ordering::Release);
        runs.join().unwrap();
        for verified in found {
            assert!(verified.homes.iter().all(VerifiedHome::is_proved), "{verified:#?}");
        }
    });
    assert!(verify().is_proved());
}

/// Integers in columns for decimals, decimals of more digits, and texts with other lengths.
fn tables_that_were_there_are_read_as_what_is_written_to_them(kind: &Kind) {
    let Some(world) = World::new(kind) else { return };
    let world = world.analyser("orders", "", "SELECT id, customer, amount, id * 2 AS twice FROM record");
    let table =
        "CREATE TABLE orders (id int, more int, customer varchar(40), amount numeric(20,4), twice numeric(20,2))";
    world.server.sql("es", table);
    sell(&world);
    world.run();
    let verified = verify(&world);
    assert!(verified.is_proved(), "{verified:#?}");
    world.server.sql("es", "UPDATE orders SET twice = twice + 0.01 WHERE id = 1");
    let verified = verify(&world);
    assert_eq!(differences(of(&verified, "es"), "orders"), ["changed id = 1"]);
}
