//! One contract, which holds for each kind of database as source, as homes and as control database.

use std::sync::Arc;

use domicile_pipeline::{GuaranteeClass, Position, Silent};
use domicile_testkit::SplitMix64;

use super::{Client, Kind, World, pipeline, succeeded};
use crate::fixture::{counts, home, run, runtime};
use crate::sites::Site;

kinds! {
    rows_and_aggregates_reach_their_homes_exactly_once
    every_type_arrives_as_it_was
    a_replaced_row_is_the_last_of_its_key
    a_batch_ends_where_its_bytes_do
    a_record_that_a_home_refuses_is_put_in_its_quarantine_and_the_others_are_delivered
    a_record_that_a_home_refuses_once_it_is_merged_is_put_in_its_quarantine_and_the_others_are_merged
    tables_that_do_not_fit_are_told_with_the_statement_that_mends_them
    cursors_of_long_texts_are_read_on_from
    two_runs_at_once_deliver_once
    homes_that_were_seen_at_the_end_are_not_asked_while_nothing_is_new
    ; servers:
    a_writer_that_is_still_open_delays_and_nothing_is_skipped
    a_transaction_that_is_only_prepared_delays_as_well
}

fn rows_and_aggregates_reach_their_homes_exactly_once<S: Site>(kind: &Kind<S>) {
    let Some(world) = World::new(kind) else { return };
    let world = world.analyser("orders", "", "SELECT id, country, customer, amount FROM record").analyser(
        "daily",
        "write = \"merge\"",
        "SELECT country, count(*) AS orders, sum(amount) AS revenue, max(customer) AS last, min(amount) AS least
         FROM record GROUP BY country",
    );
    world.order(&[
        "'ES', 'Ana', 1.50",
        "'FR', 'Zoé', 2.00",
        "'ES', NULL, NULL",
        "'XX', 'Nobody', 3.00",
        "NULL, 'Nobody', 3.00",
    ]);
    let report = world.run();
    assert_eq!(report.guarantee.class, GuaranteeClass::Exact, "{}", report.guarantee);
    assert_eq!((counts(home(&report, "es")), counts(home(&report, "fr"))), ([2, 2, 0, 0], [1, 1, 0, 0]));
    assert_eq!(counts(&report.control), [2, 0, 0, 2]);
    world.order(&["'ES', 'Bea', 0.25"]);
    assert_eq!(counts(home(&world.run(), "es")), [1, 1, 0, 0]);
    assert_eq!(counts(home(&world.run(), "es")), [0; 4]);

    let orders = world.rows("es", "SELECT id, country, customer, amount FROM orders ORDER BY id");
    assert_eq!(orders, kind.shown(["1|ES|Ana|1.50", "3|ES|NULL|NULL", "6|ES|Bea|0.25"]));
    let daily = "SELECT country, orders, revenue, last, least FROM daily";
    assert_eq!(world.rows("es", daily), kind.shown(["ES|3|1.75|Bea|0.25"]));
    assert_eq!(world.rows("fr", daily), kind.shown(["FR|1|2.00|Zoé|2.00"]));
    assert_eq!(world.rows("es", "SELECT position, epoch FROM domicile_position"), ["6|2"]);
    let account = "SELECT sum(a.read), sum(delivered), sum(ignored), sum(quarantined) FROM domicile_account a";
    assert_eq!(world.rows("es", account), ["3|3|0|0"]);
    let quarantine = "SELECT position, cause, reason FROM domicile_quarantine ORDER BY position";
    let expected = ["4|unknown_key|", "5|no_key|the routing key `country` is NULL"];
    let found = world.rows("control", quarantine);
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}");
    }
}

fn every_type_arrives_as_it_was<S: Site>(kind: &Kind<S>) {
    let Some(world) = World::new(kind) else { return };
    let world = world.analyser("orders", "", "SELECT * FROM record");
    world.sql(
        "source",
        "INSERT INTO orders (country, customer, ordered_on, amount, at, flag, score) VALUES
         ('ES', 'O''Hara \\ 日本 🙂 ', '1969-12-31', -0.05, '2024-02-29 23:59:59.000001', TRUE, 0.1),
         ('ES', '', '9999-12-31', 9999999999.99, '1999-12-31 00:00:00', FALSE, -1.7976931348623157e308),
         ('ES', NULL, NULL, NULL, NULL, NULL, NULL)",
    );
    assert_eq!(counts(home(&world.run(), "es")), [3, 3, 0, 0]);
    let all = "SELECT id, country, customer, ordered_on, amount, flag, score FROM orders ORDER BY id";
    assert_eq!(world.rows("es", all), world.rows("source", all));
    let times = ["2024-02-29 23:59:59.000001", "1999-12-31 00:00:00"];
    for (id, time) in ["1", "2"].iter().zip(times) {
        let sql = format!("SELECT count(*) FROM orders WHERE id = {id} AND at = '{time}'");
        assert_eq!(world.rows("es", &sql), ["1"], "{time}");
    }
}

fn a_replaced_row_is_the_last_of_its_key<S: Site>(kind: &Kind<S>) {
    let Some(world) = World::new(kind) else { return };
    let world =
        world.analyser("customers", "write = \"replace\"\nkey = \"customer\"", "SELECT customer, amount FROM record");
    world.order(&["'ES', 'Ana', 1.00", "'ES', 'Ana', 2.00", "'ES', 'Bea', 3.00", "'ES', 'Ana', 4.00"]);
    world.run();
    assert_eq!(
        world.rows("es", "SELECT customer, amount FROM customers ORDER BY 1"),
        kind.shown(["Ana|4.00", "Bea|3.00"])
    );
    // Texts that differ by anything at all are other keys.
    world.order(&["'ES', 'Bea', 5.00", "'ES', 'ana', 6.00", "'ES', 'Ana ', 7.00", "'ES', 'Aná', 8.00"]);
    assert_eq!(counts(home(&world.run(), "es")), [4, 4, 0, 0]);
    let mut customers = world.rows("es", "SELECT concat(customer, '.'), amount FROM customers");
    customers.sort();
    assert_eq!(customers, kind.shown(["Ana .|7.00", "Ana.|4.00", "Aná.|8.00", "Bea.|5.00", "ana.|6.00"]));
}

fn a_batch_ends_where_its_bytes_do<S: Site>(kind: &Kind<S>) {
    let Some(world) = World::new(kind) else { return };
    let world = world.analyser("orders", "", "SELECT id, customer FROM record");
    let orders: Vec<_> = (0..3_000).map(|number| format!("('ES', 'customer {number:060}')")).collect();
    world.sql("source", &format!("INSERT INTO orders (country, customer) VALUES {}", orders.join(", ")));
    let url = |database| world.server.url(database);
    let homes = format!("home_url = \"{}\"\nhomes = [\"ES\", \"FR\"]", url("{home}"));
    let config = world.config(&url("source"), &homes, &url("control"), "bytes = 40000");
    let report = succeeded(run(&pipeline(config), Arc::new(Silent)).unwrap());
    assert_eq!(counts(home(&report, "es")), [3_000, 3_000, 0, 0]);
    assert_eq!(world.rows("es", "SELECT count(DISTINCT customer), count(*) FROM orders"), ["3000|3000"]);
}

fn a_record_that_a_home_refuses_is_put_in_its_quarantine_and_the_others_are_delivered<S: Site>(kind: &Kind<S>) {
    let Some(world) = World::new(kind) else { return };
    let world = world.analyser("orders", "", "SELECT id, customer, amount FROM record");
    let [id, customer, amount] = kind.small;
    let columns = format!("id {id} PRIMARY KEY, customer {customer}, amount {amount} CHECK (amount > 0)");
    world.sql("es", &format!("CREATE TABLE orders ({columns})"));
    world.order(&[
        "'ES', 'Ana', 1.00",
        "'ES', 'Maria', 1.00",
        "'ES', 'Bea', 1000.00",
        "'ES', 'Bea', -1.00",
        "'ES', 'Eva', 2.00",
    ]);
    world.sql("source", "INSERT INTO orders (id, country, amount) VALUES (3000000000, 'ES', 1)");
    let report = world.run();
    assert_eq!(counts(home(&report, "es")), [6, 2, 0, 4]);
    assert_eq!(world.rows("es", "SELECT id, customer FROM orders ORDER BY id"), ["1|Ana", "5|Eva"]);
    let reasons =
        world.rows("es", "SELECT position, cause, reason FROM domicile_quarantine ORDER BY length(position), position");
    let [large_id, long_customer, large_amount] = kind.too_large;
    let expected = [("2", long_customer), ("3", large_amount), ("4", kind.check_fails), ("3000000000", large_id)]
        .map(|(id, reason)| format!("{id}|refused|{reason}"));
    assert_eq!(reasons.len(), expected.len(), "{reasons:?}");
    for (reason, expected) in reasons.iter().zip(expected) {
        assert!(reason.starts_with(&expected), "{reason}");
    }
}

fn a_record_that_a_home_refuses_once_it_is_merged_is_put_in_its_quarantine_and_the_others_are_merged<S: Site>(
    kind: &Kind<S>,
) {
    let Some(world) = World::new(kind) else { return };
    let sql = "SELECT id % 3 AS part, count(*) AS n, sum(amount) AS amount FROM record GROUP BY id % 3";
    let world = world.analyser("orders", "write = \"merge\"", sql);
    let [.., amount] = kind.small;
    let columns = format!("part bigint PRIMARY KEY, n bigint, amount {amount} CHECK (amount > 0)");
    world.sql("es", &format!("CREATE TABLE orders ({columns})"));
    // Each is kept by itself: the fifth is too much for the second's part, and the sixth takes too much from the third's.
    let amounts = ["1.00", "500.00", "1.00", "2.00", "600.00", "-1.50"];
    let orders: Vec<_> = amounts.iter().map(|amount| format!("'ES', NULL, {amount}")).collect();
    world.order(&orders.iter().map(String::as_str).chain(["'FR', NULL, 7.00"]).collect::<Vec<_>>());
    let report = world.run();
    assert_eq!((counts(home(&report, "es")), counts(home(&report, "fr"))), ([6, 4, 0, 2], [1, 1, 0, 0]));
    let merged = "SELECT part, n, amount FROM orders ORDER BY part";
    assert_eq!(world.rows("es", merged), kind.shown(["0|1|1.00", "1|2|3.00", "2|1|500.00"]));
    assert_eq!(
        world.rows("fr", merged),
        kind.shown(["1|1|7.00"]),
        "it is delivered once, though the source was read twice"
    );
    let reasons = world.rows("es", "SELECT position, cause, reason FROM domicile_quarantine ORDER BY position");
    assert!(reasons[0].starts_with("5|refused|"), "{reasons:?}");
    assert!(reasons[1].starts_with(&format!("6|refused|{}", kind.check_fails)), "{reasons:?}");
    world.order(&["'ES', NULL, 0.50"]);
    assert_eq!(counts(home(&world.run(), "es")), [1, 1, 0, 0]);
    assert_eq!(world.rows("es", merged)[2..], kind.shown(["2|2|500.50"]));
}

fn tables_that_do_not_fit_are_told_with_the_statement_that_mends_them<S: Site>(kind: &Kind<S>) {
    let Some(world) = World::new(kind) else { return };
    let world =
        world.analyser("orders", "write = \"replace\"\nkey = \"id\"", "SELECT id, customer, amount, at FROM record");
    world.sql("es", kind.misfit);
    let told = world.problems().join("\n");
    for expected in kind.misfits {
        assert!(told.contains(expected), "{expected}\n{told}");
    }
    world.sql("es", "DROP TABLE orders");
    assert_eq!(world.problems(), [] as [&str; 0]);
}

fn cursors_of_long_texts_are_read_on_from<S: Site>(kind: &Kind<S>) {
    let table = "CREATE TABLE orders (id varchar(6000), country varchar(9), amount decimal(12,2))";
    let Some(world) = World::of(kind, table) else { return };
    let world = world.analyser("orders", "", "SELECT id, amount FROM record");
    world.sql("es", "CREATE TABLE orders (id text, amount decimal(12,2) CHECK (amount > 0))");
    // Nothing in it can be made shorter.
    let mut random = SplitMix64::seeded(7);
    let long: String = (0..600).map(|_| format!("{:08x}", random.below(1 << 32))).collect();
    let insert = |orders: &[(String, &str, i32)]| {
        let values = orders.iter().map(|(id, country, amount)| format!("('{id}', '{country}', {amount})"));
        world.sql("source", &format!("INSERT INTO orders VALUES {}", values.collect::<Vec<_>>().join(", ")));
    };
    insert(&[(format!("a{long}"), "ES", 1), (format!("b{}", &long[..600]), "ES", 2), (format!("c{long}ñ"), "ES", 3)]);
    assert_eq!(counts(home(&world.run(), "es")), [3, 3, 0, 0]);
    // Records that are put into quarantine are told apart also where their cursors begin alike.
    insert(&[
        (format!("d{long}1"), "ES", -1),
        (format!("d{long}2"), "ES", -1),
        (format!("d{long}3"), "XX", 1),
        (format!("d{long}4"), "ES", 4),
    ]);
    let report = world.run();
    assert_eq!((counts(home(&report, "es")), counts(&report.control)), ([3, 1, 0, 2], [1, 0, 0, 1]));
    assert_eq!(counts(home(&world.run(), "es")), [0; 4]);
    assert_eq!(world.rows("es", "SELECT amount FROM orders ORDER BY id"), kind.shown(["1.00", "2.00", "3.00", "4.00"]));
    assert_eq!(world.rows("es", "SELECT count(*) FROM domicile_quarantine"), ["2"]);
    assert_eq!(world.rows("es", "SELECT sum(delivered), sum(quarantined) FROM domicile_account"), ["4|2"]);
}

fn a_writer_that_is_still_open_delays_and_nothing_is_skipped(kind: &Kind) {
    let Some(world) = World::new(kind) else { return };
    let world = world.analyser("orders", "", "SELECT id FROM record");
    let runtime = runtime();
    let mut late = runtime.block_on(Client::connect(&world.server.url("source")));
    runtime.block_on(late.execute("BEGIN; INSERT INTO orders (country) VALUES ('ES')"));
    world.order(&["'ES', 'Bea', 1.00"]);
    let report = world.run();
    assert_eq!(counts(home(&report, "es")), [0; 4], "the later id waits for the earlier one");
    assert!(report.waits_for.is_some_and(|waits_for| waits_for.contains("writer")), "it is told for whom");
    runtime.block_on(late.execute("COMMIT"));
    let report = world.run();
    assert_eq!((counts(home(&report, "es")), report.waits_for), ([2, 2, 0, 0], None));
}

fn a_transaction_that_is_only_prepared_delays_as_well(kind: &Kind) {
    let Some(world) = World::new(kind) else { return };
    let world = world.analyser("orders", "", "SELECT id FROM record");
    world.order(&["'ES', 'Ana', 1.00"]);
    world.run();
    let aside = kind.aside.as_ref().unwrap();
    world.sql("source", aside.set);
    world.order(&["'ES', 'Bea', 1.00"]);
    let report = world.run();
    assert_eq!(counts(home(&report, "es")), [0; 4], "the later id waits for the earlier one");
    assert!(
        report.waits_for.as_deref().is_some_and(|waits_for| waits_for.contains("prepared transaction")),
        "{report:?}"
    );
    world.sql("source", aside.commit);
    let report = world.run();
    assert_eq!((counts(home(&report, "es")), report.waits_for), ([2, 2, 0, 0], None));
    assert_eq!(world.rows("es", "SELECT id FROM orders ORDER BY id"), ["1", "2", "3"]);
}

fn two_runs_at_once_deliver_once<S: Site>(kind: &Kind<S>) {
    let Some(world) = World::new(kind) else { return };
    let world = world.analyser("orders", "", "SELECT id FROM record").analyser(
        "total",
        "write = \"merge\"",
        "SELECT country, count(*) AS orders FROM record GROUP BY country",
    );
    for _ in 0..3 {
        let orders = vec!["('ES'), ('FR')"; 20].join(", ");
        world.sql("source", &format!("INSERT INTO orders (country) VALUES {orders}"));
        std::thread::scope(|scope| {
            let runs: Vec<_> = (0..2).map(|_| scope.spawn(|| run(&world.pipeline(), Arc::new(Silent)))).collect();
            let ended: Vec<_> = runs.into_iter().map(|run| run.join().unwrap()).collect();
            assert!(ended.iter().any(Result::is_ok), "{ended:?}");
        });
    }
    world.run();
    assert_eq!(world.rows("es", "SELECT count(*), count(DISTINCT id) FROM orders"), ["60|60"]);
    assert_eq!(world.rows("es", "SELECT orders FROM total"), ["60"]);
}

fn homes_that_were_seen_at_the_end_are_not_asked_while_nothing_is_new<S: Site>(kind: &Kind<S>) {
    let Some(world) = World::new(kind) else { return };
    let world = world.analyser("orders", "", "SELECT id FROM record");
    world.order(&["'ES', 'Ana', 1.00"]);
    world.run();
    world.run();
    assert_eq!(world.rows("control", "SELECT source, position FROM domicile_end"), ["orders|1"]);
    world.sql("es", "DROP TABLE domicile_position");
    let report = world.run();
    assert_eq!((counts(home(&report, "es")), &home(&report, "es").position), ([0; 4], &Some(Position::At(1))));
    // Whoever asks finds that the home knows of nothing.
    world.order(&["'FR', 'Luc', 2.00"]);
    assert_eq!(home(&world.run(), "es").account.read, 1);
}
