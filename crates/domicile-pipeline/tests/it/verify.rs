//! Verification, on files: what is as the sources have it is proved, and each change is found.

use domicile_pipeline::{
    DifferenceKind, Pipeline, QuarantineFilter, Verification, Verified, VerifiedHome, VerifiedTable,
};

use crate::fixture::{Setup, World, runtime};

/// Every way of writing: rows without and with a key, the last of each key, and all aggregates.
fn every_way() -> Setup {
    Setup::new()
        .insert("plain", "SELECT customer, amount FROM record")
        .insert("numbered", "SELECT id, customer FROM record")
        .analyser("orders", "key = \"id\"", "SELECT id, customer, amount, ordered_on, score FROM record")
        .replace("customers", "customer", "SELECT customer, amount, id FROM record WHERE customer IS NOT NULL")
        .merge(
            "daily",
            "SELECT ordered_on, count(*) AS orders, sum(amount) AS revenue, min(amount) AS least, max(customer) AS last
             FROM record WHERE ordered_on IS NOT NULL GROUP BY ordered_on",
        )
}

/// Orders of two countries, of which some have no home and some are ignored.
fn sold() -> (World, Setup) {
    let setup = every_way().setting("ignore = \"quantity = 0\"").batch_rows(7).commit_rows(10);
    let world = World::with_orders(&[]);
    sell(&world, 40);
    world.run(&setup);
    sell(&world, 30);
    world.run(&setup);
    (world, setup)
}

fn sell(world: &World, count: usize) {
    let order = |number: usize| {
        let country = ["'ES'", "'FR'", "'ES'", "'XX'", "NULL"][number % 5];
        format!("({country}, 'customer {}', '2024-01-{:02}', {number}.25, {})", number % 6, 1 + number % 4, number % 9)
    };
    let orders: Vec<_> = (0..count).map(order).collect();
    world.source(&format!(
        "INSERT INTO orders (country, customer, ordered_on, amount, quantity) VALUES {}",
        orders.join(", ")
    ));
}

pub(crate) fn verify_what(pipeline: &Pipeline, what: &Verification) -> Verified {
    runtime().block_on(pipeline.verify(what)).unwrap()
}

fn verify(world: &World, setup: &Setup) -> Verified {
    verify_what(&world.pipeline(setup), &Verification::default())
}

/// Nothing that a pipeline has delivered differs from what the sources have.
pub(crate) fn assert_proved(pipeline: &Pipeline) {
    let verified = verify_what(pipeline, &Verification::default());
    assert!(verified.is_proved(), "{verified:#?}");
}

pub(crate) fn of<'a>(verified: &'a Verified, home: &str) -> &'a VerifiedHome {
    verified.homes.iter().find(|found| found.home == home).unwrap()
}

pub(crate) fn table<'a>(home: &'a VerifiedHome, name: &str) -> &'a VerifiedTable {
    home.tables.iter().find(|table| table.table == name).unwrap()
}

/// What differs in a table: `kind key belongs_in`.
pub(crate) fn differences(home: &VerifiedHome, name: &str) -> Vec<String> {
    let told = |difference: &domicile_pipeline::Difference| {
        let key = difference.key.as_deref().unwrap_or("-");
        let belongs = difference.belongs_in.as_ref().map_or_else(String::new, |home| format!(" (of {home})"));
        format!("{} {key}{belongs}", difference.kind.name())
    };
    table(home, name).differences.iter().map(told).collect()
}

#[test]
fn what_was_delivered_is_proved_and_nothing_is_written() {
    let (world, setup) = sold();
    let files =
        || ["source.sqlite", "control.sqlite", "homes/es.sqlite"].map(|name| std::fs::read(world.path(name)).unwrap());
    let before = files();
    let verified = verify(&world, &setup);
    assert!(verified.is_proved(), "{verified:#?}");
    assert_eq!(verified.unverified, [] as [&str; 0]);
    let es = of(&verified, "es");
    let account = &es.accounts[0];
    assert_eq!((account.account.read, account.in_source), (28, 28));
    assert_eq!(verified.control.accounts[0].in_quarantine, 24);
    assert_eq!(table(es, "orders").rows.to_string(), world.rows("es", "SELECT count(*) FROM orders")[0]);
    assert!(table(es, "daily").rows > 0);
    assert_eq!(before, files());
}

#[test]
fn what_the_source_has_behind_the_position_is_not_missing() {
    let (world, setup) = sold();
    sell(&world, 20);
    assert!(verify(&world, &setup).is_proved());
}

#[test]
fn homes_that_were_never_delivered_to_are_proved_to_be_empty() {
    let world = World::with_orders(&["'ES', 'Ana', NULL, 1.00"]);
    let verified = verify(&world, &every_way());
    assert!(verified.is_proved(), "{verified:#?}");
    assert!(!world.home_path("es").exists(), "nothing is made");
}

#[test]
fn each_change_of_a_row_is_found() {
    for (change, name, expected) in [
        ("DELETE FROM orders WHERE id = 3", "orders", &["missing id = 3"][..]),
        ("UPDATE orders SET amount = 9.99 WHERE id = 3", "orders", &["changed id = 3"]),
        ("UPDATE orders SET score = 1 WHERE id = 3", "orders", &["changed id = 3"]),
        ("UPDATE orders SET amount = 'much' WHERE id = 3", "orders", &["changed id = 3"]),
        ("UPDATE orders SET id = 999 WHERE id = 3", "orders", &["missing id = 3", "unexpected id = 999"]),
        ("INSERT INTO orders (id) VALUES (999)", "orders", &["unexpected id = 999"]),
        ("INSERT INTO numbered SELECT * FROM numbered WHERE id = 3", "numbered", &["repeated id = 3"]),
        ("UPDATE numbered SET customer = 'x' WHERE id = 3", "numbered", &["changed id = 3"]),
        ("INSERT INTO plain SELECT * FROM plain LIMIT 1", "plain", &["repeated made of the records from 3 to 6"]),
        ("DELETE FROM plain WHERE amount = 5.25", "plain", &["missing made of the records from 3 to 6"]),
        (
            "UPDATE customers SET id = id + 1 WHERE customer = 'customer 2'",
            "customers",
            &["changed customer = customer 2"],
        ),
        ("DELETE FROM customers WHERE customer = 'customer 2'", "customers", &["missing customer = customer 2"]),
        (
            "UPDATE daily SET orders = orders + 1 WHERE ordered_on = '2024-01-02'",
            "daily",
            &["changed ordered_on = 2024-01-02"],
        ),
        (
            "UPDATE daily SET revenue = revenue - 0.01 WHERE ordered_on = '2024-01-02'",
            "daily",
            &["changed ordered_on = 2024-01-02"],
        ),
        ("UPDATE daily SET least = 0 WHERE ordered_on = '2024-01-02'", "daily", &["changed ordered_on = 2024-01-02"]),
        ("UPDATE daily SET last = NULL WHERE ordered_on = '2024-01-02'", "daily", &["changed ordered_on = 2024-01-02"]),
        ("DELETE FROM daily WHERE ordered_on = '2024-01-02'", "daily", &["missing ordered_on = 2024-01-02"]),
        ("INSERT INTO daily (ordered_on) VALUES ('2030-01-01')", "daily", &["unexpected ordered_on = 2030-01-01"]),
    ] {
        let (world, setup) = sold();
        world.in_home("es", change);
        let verified = verify(&world, &setup);
        let es = of(&verified, "es");
        assert_eq!(differences(es, name), expected, "{change}");
        assert_eq!(table(es, name).differing, expected.len() as u64, "{change}");
        assert!(!verified.is_proved(), "{change}");
        let others = es.tables.iter().filter(|table| table.table != name);
        assert!(others.map(|table| table.differing).all(|differing| differing == 0), "{change}");
        assert!(of(&verified, "fr").is_proved() && verified.control.is_proved(), "{change}");
    }
}

#[test]
fn a_row_that_is_placed_in_another_country_is_found_in_both_with_the_home_that_it_belongs_in() {
    let (world, setup) = sold();
    world.in_home("fr", &format!("ATTACH '{}' AS es; INSERT INTO orders SELECT * FROM es.orders WHERE id = 3; DELETE FROM es.orders WHERE id = 3", world.home_path("es").display()));
    let verified = verify(&world, &setup);
    assert_eq!(differences(of(&verified, "es"), "orders"), ["missing id = 3"]);
    assert_eq!(differences(of(&verified, "fr"), "orders"), ["unexpected id = 3 (of es)"]);
}

#[test]
fn an_aggregate_that_is_placed_in_another_country_is_found() {
    let setup = Setup::new().merge("totals", "SELECT country, count(*) AS orders FROM record GROUP BY country");
    let world = World::with_orders(&["'ES', 'Ana', NULL, 1.00", "'FR', 'Zoé', NULL, 1.00"]);
    world.run(&setup);
    world.in_home("fr", "INSERT INTO totals VALUES ('ES', 1)");
    let verified = verify(&world, &setup);
    assert!(of(&verified, "es").is_proved());
    assert_eq!(differences(of(&verified, "fr"), "totals"), ["unexpected country = ES (of es)"]);
}

#[test]
fn each_change_of_the_accounting_is_found() {
    for (change, told) in [
        ("UPDATE domicile_account SET read = read + 1, delivered = delivered + 1 WHERE upto = '8'", "up to 8 says"),
        (
            "UPDATE domicile_account SET delivered = delivered - 1, ignored = ignored + 1 WHERE upto = '8'",
            "up to 8 says",
        ),
        ("DELETE FROM domicile_account WHERE upto = '8'", "are not accounted for, the first of them at 1"),
        ("UPDATE domicile_account SET after = '5' WHERE after = '8'", "begins at 5, in front of 8"),
        ("UPDATE domicile_account SET upto = '9' WHERE upto = '8'", "in front of 9"),
        ("UPDATE domicile_position SET position = '60'", "and the position is 60"),
    ] {
        let setup = Setup::new().insert("orders", "SELECT id FROM record").batch_rows(8).commit_rows(1);
        let world = World::with_orders(&[]);
        sell(&world, 40);
        world.run(&setup);
        sell(&world, 30);
        world.run(&setup);
        assert!(verify(&world, &setup).is_proved());
        world.in_home("es", change);
        let verified = verify(&world, &setup);
        let found = &of(&verified, "es").accounts[0].differences;
        assert!(found.iter().any(|found| found.contains(told)), "{change}: {found:?}");
        assert!(!verified.is_proved());
    }
}

#[test]
fn a_record_that_is_gone_from_quarantine_is_found() {
    let (world, setup) = sold();
    let control = crate::fixture::open(&world.path("control.sqlite"));
    control.execute_batch("DELETE FROM domicile_quarantine WHERE position = '4'").unwrap();
    let verified = verify(&world, &setup);
    let found = &verified.control.accounts[0].differences;
    assert_eq!(
        *found,
        [
            "the accounting from the start up to 7 says 2 read = 0 delivered + 0 ignored + 2 quarantined, and the source 1 \
             = 0 + 0 + 1",
            "24 records are accounted for as quarantined, and 23 are in quarantine",
            "1 records belong in quarantine and are not there, with the cursor 4",
        ]
    );
    assert!(of(&verified, "es").is_proved());
}

/// It was taken over from the control database, by a replay that took it for French.
#[test]
fn a_record_that_waits_in_the_quarantine_of_another_country_is_found() {
    let (world, setup) = sold();
    let french: i64 = world.rows("fr", "SELECT min(id) FROM orders")[0].parse().unwrap();
    let waits = |position: i64| {
        format!(
            "INSERT INTO domicile_quarantine (source, position, number, cause, reason, record, first_seen, last_seen)
             VALUES ('orders', '{position}', -1, 'refused', 'for a test', '{{}}', '2024-01-01', '2024-01-01')"
        )
    };
    world.in_home("fr", &waits(french));
    let verified = verify(&world, &setup);
    assert!(verified.is_proved(), "{verified:#?}");
    world.in_home("fr", &waits(3));
    let verified = verify(&world, &setup);
    let told = "1 records wait in quarantine and are none of this database's, with the cursor 3";
    assert_eq!(of(&verified, "fr").accounts[0].differences, [told]);
    assert!(!verified.is_proved() && of(&verified, "es").is_proved());
}

#[test]
fn what_a_home_has_refused_is_left_out_and_found_when_it_is_gone() {
    let setup = Setup::new()
        .insert("orders", "SELECT id, amount FROM record")
        .merge("daily", "SELECT country, sum(amount) AS revenue FROM record GROUP BY country");
    let world = World::with_orders(&["'ES', 'Ana', NULL, 1.00", "'ES', 'Ana', NULL, -1.00", "'ES', 'Ana', NULL, 2.00"]);
    world.in_home("es", "CREATE TABLE orders (id INTEGER, amount DECIMAL(12,2) CHECK (amount > 0))");
    world.run(&setup);
    assert_eq!(world.rows("es", "SELECT position FROM domicile_quarantine"), ["2"]);
    let verified = verify(&world, &setup);
    assert!(verified.is_proved(), "{verified:#?}");
    world.in_home("es", "DELETE FROM domicile_quarantine");
    let verified = verify(&world, &setup);
    let es = of(&verified, "es");
    assert_eq!(differences(es, "orders"), ["missing id = 2"]);
    assert_eq!(differences(es, "daily"), ["changed country = ES"]);
    assert_eq!(es.accounts[0].differences.len(), 2, "{:?}", es.accounts[0].differences);
}

#[test]
fn many_keys_that_differ_are_counted_and_the_first_are_told() {
    let (world, setup) = sold();
    world.in_home("es", "DELETE FROM orders");
    let verified = verify(&world, &setup);
    let orders = table(of(&verified, "es"), "orders");
    assert_eq!((orders.rows, orders.differences.len(), orders.is_at_least), (0, 20, false));
    assert!(orders.differences.iter().all(|difference| difference.kind == DifferenceKind::Missing));
    assert_eq!(orders.differing.to_string(), world.rows("es", "SELECT count(*) FROM numbered")[0]);
}

/// What is ignored is accounted for where the record had no home when it was read, and nothing is kept of it.
#[test]
fn what_is_ignored_is_proved_also_after_the_key_was_mended() {
    let setup = |key: &str| {
        Setup::new().key(key).setting("ignore = \"customer = 'test'\"").insert("orders", "SELECT id FROM record")
    };
    let orders = [
        "'ES', 'Ana', NULL, 1.00",
        "'Spain', 'test', NULL, 1.00",
        "'Spain', 'Bea', NULL, 1.00",
        "'ES', 'test', NULL, 1.00",
    ];
    let world = World::with_orders(&orders);
    world.run(&setup("country"));
    assert!(verify(&world, &setup("country")).is_proved());
    let mended = setup("CASE country WHEN 'Spain' THEN 'ES' ELSE country END");
    let replay = runtime().block_on(world.pipeline(&mended).replay(&QuarantineFilter::default(), None)).unwrap();
    assert_eq!((replay.has_failed(), replay.waiting()), (false, 0));
    let verified = verify(&world, &mended);
    assert!(verified.is_proved(), "{verified:#?}");
    let elsewhere = |home: &VerifiedHome| home.accounts[0].ignored_elsewhere;
    assert_eq!((elsewhere(of(&verified, "es")), elsewhere(&verified.control)), (1, 1));
    // One more than there are is found.
    world.in_home("es", "UPDATE domicile_account SET read = read - 1, ignored = ignored - 1");
    let verified = verify(&world, &mended);
    let told =
        "homes lack 2 records that are ignored, and 1 that have a home by the rules of now are accounted for here";
    assert_eq!(verified.control.accounts[0].differences, [told]);
}

#[test]
fn what_is_ignored_is_proved_also_in_a_home_that_is_newer() {
    let setup = |homes: &str| {
        Setup::new().homes(homes).setting("ignore = \"customer = 'test'\"").insert("orders", "SELECT id FROM record")
    };
    let world =
        World::with_orders(&["'ES', 'Ana', NULL, 1.00", "'PT', 'test', NULL, 1.00", "'ES', 'test', NULL, 1.00"]);
    let (before, after) = (setup("es = \"ES\""), setup("es = \"ES\"\npt = \"PT\""));
    world.run(&before);
    world.run(&after);
    let verified = verify(&world, &after);
    assert!(verified.is_proved(), "{verified:#?}");
    let elsewhere = |home: &VerifiedHome| home.accounts[0].ignored_elsewhere;
    assert_eq!((elsewhere(of(&verified, "pt")), elsewhere(&verified.control)), (0, 1));
    // More than all homes together ignore cannot be theirs.
    let more = "UPDATE domicile_account SET read = read + 2, ignored = ignored + 2";
    crate::fixture::open(&world.path("control.sqlite")).execute_batch(more).unwrap();
    let verified = verify(&world, &after);
    let told =
        "homes lack 0 records that are ignored, and 3 that have a home by the rules of now are accounted for here";
    assert_eq!(verified.control.accounts[0].differences, [told]);
}
