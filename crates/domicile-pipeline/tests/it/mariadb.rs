//! What only MariaDB and MySQL do.

use std::sync::Arc;

use domicile_pipeline::{GuaranteeClass, Silent};
use domicile_testkit::Server;

use crate::fixture::{counts, described, home, open, rows, run, runtime};
use crate::servers::{Client, MARIADB, World, pipeline, succeeded};

#[test]
fn a_record_with_a_date_that_no_calendar_has_goes_to_quarantine() {
    let table = "CREATE TABLE orders (id int AUTO_INCREMENT PRIMARY KEY, country text, day date, at datetime)";
    let Some(world) = World::of(&MARIADB, table) else { return };
    let world = world.analyser("orders", "", "SELECT id, day, at FROM record");
    world.server.sql(
        "source",
        "SET sql_mode = ''; INSERT INTO orders (country, day, at) VALUES ('ES', '0000-00-00', NULL),
         ('ES', '2024-00-10', NULL), ('ES', NULL, '0000-00-00 00:00:00'), ('ES', '2024-01-10', '2024-01-10 10:11:12')",
    );
    let report = world.run();
    let quarantined: u64 = report.homes.iter().chain([&report.control]).map(|home| home.account.quarantined).sum();
    assert_eq!((quarantined, home(&report, "es").account.delivered), (3, 1), "{report:#?}");
    assert_eq!(world.rows("es", "SELECT * FROM orders"), ["4|2024-01-10|2024-01-10 10:11:12.000000"]);
    let kept = ["es", "control"].map(|database| {
        if world.rows(database, "SHOW TABLES LIKE 'domicile_quarantine'").is_empty() {
            return String::new();
        }
        world.rows(database, "SELECT record FROM domicile_quarantine").join("\n")
    });
    for date in ["0000-00-00", "2024-00-10"] {
        assert!(kept.concat().contains(date), "what stood there is kept: {kept:?}");
    }
}

#[test]
fn every_type_of_the_source_keeps_what_it_says() {
    let table = "CREATE TABLE orders (id bigint unsigned AUTO_INCREMENT PRIMARY KEY, country char(2), big bigint unsigned,
        small tinyint unsigned, exact decimal(38,10), latin varchar(9) CHARACTER SET latin1, raw varbinary(9), bits bit(9),
        kind enum('a','b'), kinds set('a','b'), during time(3), since year, written json, instant timestamp(6) NULL,
        number varchar(9))";
    let Some(world) = World::of(&MARIADB, table) else { return };
    let world = world.setting("columns = { number = \"decimal(6,2)\", during = \"text\" }").analyser(
        "orders",
        "",
        "SELECT * FROM record",
    );
    world.server.sql(
        "source",
        "SET time_zone = '+02:00';
         INSERT INTO orders VALUES (1, 'ES', 18446744073709551615, 255, 1234567890123456789012345678.0123456789, 'Zoé',
             x'00ff', b'100000001', 'b', 'a,b', '-12:30:00.5', 1999, '{\"a\": 1}', '2024-01-01 02:00:00', '12.50'),
             (2, 'ES', 0, 0, 0, '', '', 0, 'a', '', 0, 2000, '[]', NULL, 'twelve')",
    );
    let report = world.run();
    assert_eq!(report.guarantee.class, GuaranteeClass::Exact, "{}", report.guarantee);
    let es = home(&report, "es");
    assert_eq!(
        (es.account.delivered, report.control.account.quarantined + es.account.quarantined),
        (1, 1),
        "{report:#?}"
    );
    let found = world.rows(
        "es",
        "SELECT id, big, small, exact, latin, hex(raw), bits, kind, kinds, during, since, written, instant, number FROM orders",
    );
    let expected = "1|18446744073709551615|255|1234567890123456789012345678.0123456789|Zoé|00FF|257|b|a,b|-12:30:00.500|1999|\
                    {\"a\": 1}|2024-01-01 00:00:00.000000|12.50";
    assert_eq!(found, [expected]);
}

#[test]
fn what_has_no_transactions_or_takes_keys_for_the_same_is_refused() {
    let Some(world) = World::new(&MARIADB) else { return };
    let world =
        world.analyser("customers", "write = \"replace\"\nkey = \"customer\"", "SELECT customer, amount FROM record");
    let table = |collation: &str, engine: &str| {
        format!(
            "CREATE OR REPLACE TABLE customers (customer varchar(80) COLLATE {collation} PRIMARY KEY, amount decimal(12,2))
             ENGINE = {engine}"
        )
    };
    for (collation, engine, expected) in [
        (
            "utf8mb4_nopad_bin",
            "MyISAM",
            "is kept by MyISAM, which is not part of a transaction / ALTER TABLE `customers` ENGINE = InnoDB",
        ),
        (
            "utf8mb4_general_ci",
            "InnoDB",
            "has the collation utf8mb4_general_ci, which takes some texts that differ for one key",
        ),
        ("utf8mb4_bin", "InnoDB", "has the collation utf8mb4_bin"),
    ] {
        world.server.sql("es", &table(collation, engine));
        let told = world.problems().join("\n");
        assert!(told.contains(expected), "{told}");
    }
    world.server.sql("es", &table("utf8mb4_nopad_bin", "InnoDB"));
    assert_eq!(world.problems(), [] as [&str; 0]);
}

#[test]
fn text_that_the_character_set_of_a_column_has_not_goes_to_quarantine_also_where_it_is_merged() {
    let Some(world) = World::new(&MARIADB) else { return };
    let sql = "SELECT country, max(customer) AS customer FROM record GROUP BY country";
    let world = world.analyser("greatest", "write = \"merge\"", sql);
    world.server.sql(
        "es",
        "CREATE TABLE greatest (country varchar(2) COLLATE utf8mb4_nopad_bin PRIMARY KEY,
                                customer varchar(80) CHARACTER SET latin1)",
    );
    world.order(&["'ES', 'a', 1", "'ES', 'ñ', 1", "'ES', '日本', 1", "'ES', 'b', 1"]);
    assert_eq!(counts(home(&world.run(), "es")), [4, 3, 0, 1]);
    assert_eq!(world.rows("es", "SELECT * FROM greatest"), ["ES|ñ"]);
    let told = world.rows("es", "SELECT position, reason FROM domicile_quarantine").concat();
    assert!(told.starts_with("3|Incorrect string value"), "{told}");
}

#[test]
fn a_row_that_clashes_with_another_unique_key_is_refused_and_the_other_row_stays_as_it_is() {
    let Some(world) = World::new(&MARIADB) else { return };
    let world =
        world.analyser("orders", "write = \"replace\"\nkey = \"id\"", "SELECT id, customer, amount FROM record");
    world.server.sql(
        "es",
        "CREATE TABLE orders (id bigint PRIMARY KEY, customer varchar(80) UNIQUE, amount decimal(12,2), odd int AS (id % 2));
         INSERT INTO orders (id, customer, amount) VALUES (2, 'Bea', 0.50)",
    );
    world.order(&["'ES', 'Ana', 1.00", "'ES', 'Bea', 2.00", "'ES', 'Ana', 3.00"]);
    assert_eq!(counts(home(&world.run(), "es")), [3, 2, 0, 1]);
    let orders = world.rows("es", "SELECT id, customer, amount FROM orders ORDER BY id");
    assert_eq!(orders, ["1|Ana|1.00", "2|Bea|2.00"], "ON DUPLICATE KEY UPDATE would have changed Ana's");
}

#[test]
fn null_is_not_made_another_number_by_the_home() {
    let Some(world) = World::new(&MARIADB) else { return };
    let world = world.analyser(
        "orders",
        "",
        "SELECT CASE WHEN customer = 'Bea' THEN NULL WHEN customer = 'Eva' THEN 0 ELSE id END AS id FROM record",
    );
    world.server.sql("es", "CREATE TABLE orders (id bigint AUTO_INCREMENT PRIMARY KEY)");
    world.order(&["'ES', 'Ana', 1.00", "'ES', 'Bea', 2.00", "'ES', 'Eva', 3.00"]);
    assert_eq!(counts(home(&world.run(), "es")), [3, 2, 0, 1]);
    assert_eq!(world.rows("es", "SELECT id FROM orders ORDER BY id"), ["0", "1"]);
}

#[test]
fn a_source_says_what_this_user_may_not_see() {
    let Some(world) = World::new(&MARIADB) else { return };
    let world = world.analyser("orders", "", "SELECT id FROM record");
    world.order(&["'ES', 'Ana', 1.00"]);
    world.server.sql("source", "CREATE USER plain IDENTIFIED BY 'secret'; GRANT SELECT ON source.* TO plain");
    let url = world.server.url("source");
    let (_, host) = url.split_once('@').unwrap();
    let class = || {
        let homes = format!("home_url = \"{}\"\nhomes = [\"ES\", \"FR\"]", world.server.url("{home}"));
        let config = world.config(&format!("mariadb://plain:secret@{host}"), &homes, &world.server.url("control"), "");
        let report = succeeded(run(&pipeline(config), Arc::new(Silent)).unwrap());
        (report.guarantee.class, report.guarantee.raise.unwrap_or_default())
    };
    // To a cursor that the application sets, no privilege is of use.
    world.server.sql("source", "ALTER TABLE orders MODIFY id bigint NOT NULL");
    let (found, raise) = class();
    assert_eq!(found, GuaranteeClass::Heuristic);
    assert!(raise.contains("a column that is AUTO_INCREMENT") && !raise.contains("GRANT"), "{raise}");
    world.server.sql("source", "ALTER TABLE orders MODIFY id bigint NOT NULL AUTO_INCREMENT");
    let (found, raise) = class();
    assert_eq!(found, GuaranteeClass::Heuristic);
    assert!(raise.contains("GRANT PROCESS") && raise.contains("GRANT SELECT ON performance_schema.*"), "{raise}");
    world.server.sql("source", "GRANT PROCESS ON *.* TO plain");
    assert_eq!(class().0, GuaranteeClass::Bounded);
    world.server.sql("source", "GRANT SELECT ON performance_schema.* TO plain");
    let (found, raise) = class();
    assert_eq!(found, GuaranteeClass::Bounded);
    assert!(raise.contains("GRANT SLAVE MONITOR ON *.*"), "{raise}");
    world.server.sql("source", "GRANT SLAVE MONITOR ON *.* TO plain");
    assert_eq!(class().0, GuaranteeClass::Exact);
    world.server.sql("source", "CHANGE MASTER TO MASTER_HOST = '127.0.0.1'");
    assert_eq!(class().0, GuaranteeClass::Heuristic);
}

#[test]
fn one_of_a_cluster_does_not_know_the_writers_of_the_others() {
    let Some(mut world) = World::new(&MARIADB) else { return };
    world = world.analyser("orders", "", "SELECT id FROM record");
    assert_eq!(world.run().guarantee.class, GuaranteeClass::Exact);
    world.server.restart_with(["--wsrep-on=ON", "--binlog-format=ROW"].map(String::from));
    let guarantee = world.run().guarantee;
    assert_eq!(guarantee.class, GuaranteeClass::Heuristic, "{guarantee}");
    assert!(guarantee.reason.contains("wsrep_on"), "{guarantee}");
}

#[test]
fn a_home_that_this_user_may_not_write_to_is_told() {
    let Some(world) = World::new(&MARIADB) else { return };
    let world = world.analyser("orders", "", "SELECT id, customer FROM record").analyser(
        "daily",
        "write = \"merge\"",
        "SELECT country, count(*) AS n FROM record GROUP BY country",
    );
    world.order(&["'ES', 'Ana', 1"]);
    world.run();
    world.server.sql(
        "es",
        "CREATE USER weak IDENTIFIED BY 'secret'; GRANT SELECT ON es.* TO weak; ALTER TABLE orders DROP customer",
    );
    let url = world.server.url("es");
    let (_, host) = url.split_once('@').unwrap();
    let homes = format!(
        "[homes]\nes = {{ keys = [\"ES\"], url = \"mariadb://weak:secret@{host}\" }}\n\
         fr = {{ keys = [\"FR\"], url = \"{}\" }}",
        world.server.url("fr")
    );
    let config = world.config(&world.server.url("source"), &homes, &world.server.url("control"), "");
    let pipeline = pipeline(format!("{config}[delivery]\nadd_columns = true\n"));
    let told = || described(&runtime().block_on(pipeline.check()).err().unwrap_or_default()).join("\n");
    for (expected, grant) in [
        (
            "INSERT command denied to user 'weak'@'127.0.0.1' for table `es`.`domicile_position`",
            "INSERT ON es.domicile_position",
        ),
        (
            "UPDATE command denied to user 'weak'@'127.0.0.1' for table `es`.`domicile_position`",
            "UPDATE ON es.domicile_position",
        ),
        ("for table `es`.`domicile_account`", "INSERT, UPDATE ON es.domicile_account"),
        ("for table `es`.`domicile_quarantine`", "INSERT, UPDATE ON es.domicile_quarantine"),
        ("INSERT command denied to user 'weak'@'127.0.0.1' for table `es`.`orders`", "INSERT ON es.orders"),
        ("INSERT command denied to user 'weak'@'127.0.0.1' for table `es`.`daily`", "INSERT ON es.daily"),
        ("UPDATE command denied to user 'weak'@'127.0.0.1' for table `es`.`daily`", "UPDATE ON es.daily"),
        ("Access denied for user 'weak'@'%' to database 'es'", "CREATE TEMPORARY TABLES ON es.*"),
        ("this user may not ALTER the table `orders`, to which a column is to be added", "ALTER ON es.orders"),
    ] {
        assert!(told().contains(expected), "{expected}\n{}", told());
        world.server.sql("es", &format!("GRANT {grant} TO weak"));
    }
    assert_eq!(told(), "");
    world.order(&["'ES', 'Bea', 1"]);
    let report = succeeded(run(&pipeline, Arc::new(Silent)).unwrap());
    assert_eq!(counts(home(&report, "es")), [1, 1, 0, 0]);
}

#[test]
fn a_transaction_that_is_set_aside_while_it_is_waited_for_is_waited_for_still() {
    let Some(world) = World::new(&MARIADB) else { return };
    let world = world.analyser("orders", "", "SELECT id FROM record");
    let outside = runtime();
    let mut late = outside.block_on(Client::connect(&world.server.url("source")));
    outside.block_on(late.execute("XA START 'late'; INSERT INTO orders (country) VALUES ('ES')"));
    world.order(&["'ES', 'Bea', 1.00"]);
    let looks = || {
        let looks =
            "SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'Com_xa_recover'";
        world.rows("source", looks)[0].parse::<u64>().unwrap()
    };
    std::thread::scope(|scope| {
        let before = looks();
        let run = scope.spawn(|| world.run());
        while looks() == before && !run.is_finished() {
            std::thread::yield_now();
        }
        outside.block_on(late.execute("XA END 'late'; XA PREPARE 'late'"));
        outside.block_on(late.disconnect());
        let report = run.join().unwrap();
        assert_eq!(counts(home(&report, "es")), [0; 4], "{report:?}");
        assert!(report.waits_for.is_some(), "{report:?}");
    });
    world.server.sql("source", "XA COMMIT 'late'");
    assert_eq!(counts(home(&world.run(), "es")), [2, 2, 0, 0]);
}

#[test]
fn one_source_has_homes_of_all_kinds() {
    let Some(world) = World::new(&MARIADB) else { return };
    let Some(postgres) = Server::postgres() else { return };
    postgres.create_database("fr");
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let world = world.analyser("orders", "", "SELECT id, country, customer, amount FROM record").analyser(
        "daily",
        "write = \"merge\"",
        "SELECT country, count(*) AS orders, sum(amount) AS revenue FROM record GROUP BY country",
    );
    world.order(&[
        "'ES', 'Ana', 1.50",
        "'FR', 'Zoé', 2.00",
        "'DE', 'Jörg', 3.25",
        "'FR', 'Zoé', 0.25",
        "'XX', 'No', 1.00",
    ]);
    let homes = format!(
        "[homes]\nes = {{ keys = [\"ES\"], url = \"{}\" }}\nfr = {{ keys = [\"FR\"], url = \"{}\" }}\n\
         de = {{ keys = [\"DE\"], url = \"sqlite:{}\" }}",
        world.server.url("es"),
        postgres.url("fr"),
        file("de.sqlite").display()
    );
    let control = format!("sqlite:{}", file("control.sqlite").display());
    let pipeline = pipeline(world.config(&world.server.url("source"), &homes, &control, "rows = 2"));
    runtime().block_on(pipeline.check()).unwrap();
    let report = succeeded(run(&pipeline, Arc::new(Silent)).unwrap());
    let expected = [("es", [1, 1, 0, 0]), ("fr", [2, 2, 0, 0]), ("de", [1, 1, 0, 0])];
    assert!(expected.iter().all(|(name, expected)| counts(home(&report, name)) == *expected), "{report:#?}");
    assert_eq!(counts(&report.control), [1, 0, 0, 1]);
    let daily = "SELECT country, orders, revenue FROM daily";
    assert_eq!(world.rows("es", daily), ["ES|1|1.50"]);
    assert_eq!(postgres.sql("fr", daily), "FR\t2\t2.25");
    assert_eq!(rows(&open(&file("de.sqlite")), daily), ["DE|1|3.25"]);
    assert_eq!(counts(home(&succeeded(run(&pipeline, Arc::new(Silent)).unwrap()), "fr")), [0; 4]);
}

#[test]
fn a_server_is_reached_by_its_socket_and_is_encrypted_where_it_must_be() {
    let Some(world) = World::new(&MARIADB) else { return };
    let world = world.analyser("orders", "", "SELECT id FROM record").setting("origin = \"the orders\"");
    world.order(&["'ES', 'Ana', 1.00"]);
    let homes = format!("home_url = \"{}\"\nhomes = [\"ES\", \"FR\"]", world.server.url("{home}"));
    let by = |options: &str| {
        let source = format!("{}{options}", world.server.url("source"));
        pipeline(world.config(&source, &homes, &world.server.url("control"), ""))
    };
    let socket = by(&format!("?socket={}/socket", world.server.dir().display()));
    assert_eq!(counts(home(&succeeded(run(&socket, Arc::new(Silent)).unwrap()), "es")), [1, 1, 0, 0]);
    let told = run(&by("?ssl-mode=REQUIRED"), Arc::new(Silent)).unwrap_err().to_string();
    assert!(told.contains("asked for SSL but server does not have this capability"), "{told}");
    assert!(run(&by("?ssl-mode=PREFERRED"), Arc::new(Silent)).is_ok());
}
