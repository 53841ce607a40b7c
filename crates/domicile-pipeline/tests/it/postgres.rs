//! What only PostgreSQL does.

use std::collections::BTreeSet;
use std::sync::Arc;

use domicile_pipeline::{GuaranteeClass, Silent};

use crate::fixture::{counts, described, home, only, run, runtime};
use crate::servers::{POSTGRES, World, pipeline, succeeded};

#[test]
fn a_key_that_takes_texts_that_differ_for_one_is_told() {
    let Some(world) = World::new(&POSTGRES) else { return };
    let world = world.analyser(
        "customers",
        "write = \"merge\"",
        "SELECT customer, sum(amount) AS amount FROM record GROUP BY customer",
    );
    world.order(&["'ES', 'Ana', 1.00", "'ES', 'ANA', 2.00"]);
    let insensitive =
        "CREATE COLLATION insensitive (provider = icu, locale = 'und-u-ks-level2', deterministic = false)";
    world.server.sql("es", insensitive);
    let told = "home es: `customers.customer` has the collation insensitive, which takes some texts that differ for one key / ";
    for table in [
        "CREATE TABLE customers (customer varchar(80) COLLATE insensitive PRIMARY KEY, amount numeric(38,2))",
        "CREATE TABLE customers (customer text COLLATE insensitive, amount numeric(38,2));
         CREATE UNIQUE INDEX by_name ON customers (customer)",
        "CREATE TABLE customers (customer text, amount numeric(38,2));
         CREATE UNIQUE INDEX by_name ON customers (customer COLLATE insensitive)",
        "CREATE TABLE customers (customer text PRIMARY KEY, amount numeric(38,2));
         CREATE UNIQUE INDEX by_name ON customers (customer COLLATE insensitive)",
    ] {
        world.server.sql("es", &format!("DROP TABLE IF EXISTS customers; {table}"));
        let problems = world.problems();
        let fix =
            problems.first().and_then(|problem| problem.split_once(told)).unwrap_or_else(|| panic!("{problems:?}")).1;
        world.server.sql("es", fix);
        assert_eq!(world.problems(), [] as [&str; 0], "{table}");
    }
    assert_eq!(counts(home(&world.run(), "es")), [2, 2, 0, 0]);
    assert_eq!(world.rows("es", "SELECT * FROM customers ORDER BY 2"), ["Ana|1.00", "ANA|2.00"]);
}

/// Orders of which the greatest customer of each home is kept.
fn greatest() -> Option<World> {
    let world = World::new(&POSTGRES)?;
    let sql = "SELECT country, max(customer) AS customer FROM record GROUP BY country";
    let world = world.analyser("greatest", "write = \"merge\"", sql);
    world.order(
        &["'ES', 'a'", "'ES', 'ñ'", "'ES', '日本'", "'ES', 'b'"]
            .map(|order| format!("{order}, 1"))
            .each_ref()
            .map(String::as_str),
    );
    Some(world)
}

#[test]
fn a_label_that_an_enum_has_not_goes_to_quarantine_also_where_it_is_merged() {
    let Some(world) = greatest() else { return };
    world.server.sql(
        "es",
        "CREATE TYPE label AS ENUM ('a', 'b', 'ñ'); CREATE TABLE greatest (country text PRIMARY KEY, customer label)",
    );
    assert_eq!(counts(home(&world.run(), "es")), [4, 3, 0, 1]);
    world.order(&["'ES', 'a', 1", "'ES', 'o', 1"]);
    assert_eq!(counts(home(&world.run(), "es")), [2, 1, 0, 1]);
    assert_eq!(world.rows("es", "SELECT * FROM greatest"), ["ES|ñ"]);
}

#[test]
fn text_that_the_encoding_of_a_home_has_not_goes_to_quarantine_also_where_it_is_merged() {
    let Some(world) = greatest() else { return };
    world.server.sql("postgres", "DROP DATABASE es");
    let made = "CREATE DATABASE es ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'";
    world.server.sql("postgres", made);
    assert_eq!(counts(home(&world.run(), "es")), [4, 3, 0, 1]);
    assert_eq!(world.rows("es", "SELECT * FROM greatest"), ["ES|ñ"]);
    let told = world.rows("es", "SELECT position, reason FROM domicile_quarantine").concat();
    assert!(told.starts_with("3|") && told.contains("has no equivalent in encoding \"LATIN1\""), "{told}");
}

#[test]
fn a_home_of_another_encoding_keeps_every_position() {
    let table = "CREATE TABLE orders (id text PRIMARY KEY, country text)";
    let Some(world) = World::of(&POSTGRES, table) else { return };
    let world = world.analyser("orders", "", "SELECT country FROM record");
    world.server.sql("postgres", "DROP DATABASE es");
    let made = "CREATE DATABASE es ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'";
    world.server.sql("postgres", made);
    for id in ["a日本", "b\u{1f642}"] {
        world.server.sql("source", &format!("INSERT INTO orders VALUES ('{id}', 'ES')"));
        assert_eq!(counts(home(&world.run(), "es")), [1, 1, 0, 0]);
    }
    assert_eq!(world.rows("es", "SELECT position FROM domicile_position"), [r#"[{"text":"b\ud83d\ude42"}]"#]);
}

#[test]
fn the_table_that_is_looked_at_is_the_one_that_is_written_to() {
    let Some(world) = World::new(&POSTGRES) else { return };
    let world = world.analyser("orders", "", "SELECT id, customer FROM record").analyser(
        "customers",
        "",
        "SELECT customer FROM record",
    );
    world.server.sql("es", "CREATE TABLE orders (id bigint, customer text)");
    world.order(&["'ES', 'Ana', 1"]);
    world.run();
    // From now on there is a schema in front of the one with all that is there.
    for database in ["es", "control"] {
        world
            .server
            .sql(database, &format!("CREATE SCHEMA jan; ALTER DATABASE {database} SET search_path = jan, public"));
    }
    world.order(&["'ES', 'Bea', 1"]);
    assert_eq!(counts(home(&world.run(), "es")), [1, 1, 0, 0]);
    assert_eq!(world.rows("es", "SELECT customer FROM public.orders ORDER BY id"), ["Ana", "Bea"]);
    // One that finds nothing new notes that.
    world.run();
    assert_eq!(world.rows("control", "SELECT position FROM public.domicile_end"), ["2"]);
    let made = "SELECT tablename FROM pg_tables WHERE schemaname = 'jan'";
    assert_eq!((world.rows("es", made), world.rows("control", made)), (vec![], vec![]));
    // What is missing is made in the first.
    world.server.sql("es", "DROP TABLE domicile_quarantine, domicile_seen");
    world.order(&["'ES', 'Eva', 1"]);
    world.run();
    assert_eq!(world.rows("es", &format!("{made} ORDER BY 1")), ["domicile_quarantine", "domicile_seen"]);
}

#[test]
fn a_home_that_this_user_may_not_write_to_is_told() {
    let Some(world) = World::new(&POSTGRES) else { return };
    let world = world.analyser("orders", "", "SELECT id, customer FROM record").analyser(
        "daily",
        "write = \"merge\"",
        "SELECT country, count(*) AS n FROM record GROUP BY country",
    );
    world.order(&["'ES', 'Ana', 1"]);
    world.run();
    world.server.sql(
        "es",
        "CREATE USER weak PASSWORD 'secret'; REVOKE CREATE ON SCHEMA public FROM PUBLIC; ALTER TABLE orders DROP customer;
         GRANT SELECT ON ALL TABLES IN SCHEMA public TO weak",
    );
    let url = world.server.url("es");
    let (_, host) = url.split_once('@').unwrap();
    let homes = format!(
        "[homes]\nes = {{ keys = [\"ES\"], url = \"postgres://weak:secret@{host}\" }}\n\
         fr = {{ keys = [\"FR\"], url = \"{}\" }}",
        world.server.url("fr")
    );
    let config = world.config(&world.server.url("source"), &homes, &world.server.url("control"), "");
    let pipeline = pipeline(format!("{config}[delivery]\nadd_columns = true\n"));
    let told = || described(&runtime().block_on(pipeline.check()).err().unwrap_or_default()).join("\n");
    for (expected, grant) in [
        ("this user may not INSERT in the table `domicile_position`", "GRANT INSERT ON domicile_position TO weak"),
        ("this user may not UPDATE in the table `domicile_position`", "GRANT UPDATE ON domicile_position TO weak"),
        ("`domicile_account`", "GRANT INSERT, UPDATE ON domicile_account TO weak"),
        ("`domicile_quarantine`", "GRANT INSERT, UPDATE ON domicile_quarantine TO weak"),
        ("this user may not INSERT in the table `orders`", "GRANT INSERT ON orders TO weak"),
        (
            "this user does not own the table `orders`, to which a column is to be added",
            "ALTER TABLE orders OWNER TO weak",
        ),
        ("this user may not INSERT in the table `daily`", "GRANT INSERT ON daily TO weak"),
        ("this user may not UPDATE in the table `daily`", "GRANT UPDATE ON daily TO weak"),
    ] {
        assert!(told().contains(expected), "{expected}\n{}", told());
        world.server.sql("es", grant);
    }
    assert_eq!(told(), "");
    world.order(&["'ES', 'Bea', 1"]);
    let report = succeeded(run(&pipeline, Arc::new(Silent)).unwrap());
    assert_eq!(counts(home(&report, "es")), [1, 1, 0, 0], "nobody needs to make tables that are there");
    world.server.sql("es", "DROP TABLE daily");
    let expected = "there is no table `daily`, and this user may not make one in the first schema of its search_path";
    assert!(told().contains(expected), "{}", told());
}

#[test]
fn a_record_that_refers_to_nothing_goes_to_quarantine_also_where_that_is_asked_at_the_end() {
    let Some(world) = World::new(&POSTGRES) else { return };
    let world = world.analyser("orders", "", "SELECT id, customer FROM record");
    world.server.sql(
        "es",
        "CREATE TABLE customers (name text PRIMARY KEY); INSERT INTO customers VALUES ('Ana');
         CREATE TABLE orders (id bigint, customer text REFERENCES customers DEFERRABLE INITIALLY DEFERRED)",
    );
    world.order(&["'ES', 'Ana', 1", "'ES', 'Bea', 1", "'ES', NULL, 1"]);
    assert_eq!(counts(home(&world.run(), "es")), [3, 2, 0, 1]);
    assert_eq!(world.rows("es", "SELECT id FROM orders ORDER BY id"), ["1", "3"]);
}

#[test]
fn a_record_with_a_text_that_is_too_long_for_an_index_goes_to_quarantine() {
    let Some(world) = World::new(&POSTGRES) else { return };
    let world = world.analyser("orders", "", "SELECT id, customer FROM record");
    world.server.sql("es", "CREATE TABLE orders (id bigint, customer text); CREATE INDEX ON orders (customer)");
    // Hashes cannot be compressed.
    let long = "ALTER TABLE orders ALTER COLUMN customer TYPE text;
                INSERT INTO orders (country, customer)
                SELECT 'ES', string_agg(md5(n::text), '') FROM generate_series(1, 150) AS n";
    world.order(&["'ES', 'Ana', 1"]);
    world.server.sql("source", long);
    world.order(&["'ES', 'Bea', 1"]);
    assert_eq!(counts(home(&world.run(), "es")), [3, 2, 0, 1]);
    assert_eq!(world.rows("es", "SELECT id FROM orders ORDER BY id"), ["1", "3"]);
    let reason = world.rows("es", "SELECT reason FROM domicile_quarantine").concat();
    assert!(reason.contains("exceeds btree version 4 maximum 2704 for index"), "{reason}");
}

#[test]
fn how_records_are_put_into_quarantine_is_found_once_for_a_connection() {
    let Some(world) = World::new(&POSTGRES) else { return };
    let world = world.analyser("orders", "", "SELECT id, amount FROM record");
    world.server.sql(
        "es",
        "CREATE TABLE orders (id bigint, amount numeric(12,2) CHECK (amount > 0));
         ALTER DATABASE es SET log_statement = 'all'",
    );
    world.order(&["'ES', 'Ana', -1.00", "'ES', 'Bea', 1.00", "'ES', 'Eva', -2.00", "'ES', 'Zoé', -3.00"]);
    let url = |database| world.server.url(database);
    let homes = format!("home_url = \"{}\"\nhomes = [\"ES\", \"FR\"]", url("{home}"));
    let each_by_itself = "rows = 1\n[delivery]\ncommit_rows = 1";
    let config = world.config(&url("source"), &homes, &url("control"), each_by_itself);
    let report = succeeded(run(&pipeline(config), Arc::new(Silent)).unwrap());
    assert_eq!(counts(home(&report, "es")), [4, 1, 0, 3]);
    assert_eq!(world.rows("es", "SELECT position FROM domicile_quarantine ORDER BY 1"), ["1", "3", "4"]);
    assert_eq!(world.rows("es", "SELECT count(*) FROM domicile_account"), ["4"], "each was a transaction");

    // The log tells each statement with the name that it was prepared under.
    let log = std::fs::read_to_string(world.server.dir().join("log")).unwrap();
    let told = |what: &str| -> Vec<&str> {
        let executed = log.lines().filter_map(|line| line.split_once("execute "));
        executed
            .filter_map(|(_, told)| told.split_once(": "))
            .filter(|(_, sql)| sql.starts_with(what))
            .map(|(name, _)| name)
            .collect()
    };
    let kept = told("INSERT INTO domicile_quarantine");
    assert_eq!((kept.len(), kept.iter().collect::<BTreeSet<_>>().len()), (3, 1), "{kept:?}");
    assert_eq!(told("SHOW server_encoding").len(), 1);
}

#[test]
fn a_table_may_be_named_with_its_schema() {
    let Some(world) = World::new(&POSTGRES) else { return };
    let world = world.analyser("orders", "", "SELECT id, country FROM record");
    world.order(&["'ES', 'Ana', 1.00"]);
    world.server.sql("source", "CREATE SCHEMA shop; ALTER TABLE orders SET SCHEMA shop");
    let problems = world.problems();
    assert!(problems[0].contains("relation \"orders\" does not exist"), "{problems:?}");
    let url = |database| world.server.url(database);
    let homes = format!("home_url = \"{}\"\nhomes = [\"ES\", \"FR\"]", url("{home}"));
    let config = world.config(&url("source"), &homes, &url("control"), "rows = 3");
    let qualified = pipeline(config.replace("table = \"orders\"", "table = \"shop.orders\""));
    let report = succeeded(run(&qualified, Arc::new(Silent)).unwrap());
    assert_eq!(counts(home(&report, "es")), [1, 1, 0, 0]);
    assert_eq!(report.guarantee.class, GuaranteeClass::Exact, "{}", report.guarantee);
}

#[test]
fn values_arrive_whatever_a_database_is_set_to() {
    let Some(world) = World::of(&POSTGRES, "CREATE TABLE orders (id bigserial PRIMARY KEY, country text, tags text[])")
    else {
        return;
    };
    let world = world.analyser("orders", "", "SELECT id, tags FROM record");
    world.server.sql("es", "CREATE TABLE orders (id bigint NOT NULL, tags text[])");
    for setting in ["array_nulls TO off", "default_transaction_isolation TO 'serializable'", "lock_timeout TO 1"] {
        world.server.sql("es", &format!("ALTER DATABASE es SET {setting}"));
    }
    world.server.sql("source", "INSERT INTO orders (country, tags) VALUES ('ES', ARRAY['a', NULL, 'NULL'])");
    assert_eq!(counts(home(&world.run(), "es")), [1, 1, 0, 0]);
    assert_eq!(world.rows("es", "SELECT tags[2] IS NULL, tags[3] FROM orders"), ["t|NULL"]);
}

#[test]
fn a_record_without_a_value_in_the_cursor_is_told_by_the_one_before() {
    let Some(world) = World::of(&POSTGRES, "CREATE TABLE orders (id numeric NOT NULL, country text)") else { return };
    let world =
        world.setting("columns = { id = \"decimal(38,10)\" }").analyser("orders", "", "SELECT country FROM record");
    let told = |orders: &str| {
        world.server.sql("source", &format!("INSERT INTO orders VALUES {orders}"));
        only(world.try_run()).failure.unwrap()
    };
    let last = told("(1, 'ES'), (1e30, 'ES')");
    assert!(last.contains("its last record has no value in the cursor `id`: a number is not"), "{last}");
    world.server.sql("source", "UPDATE orders SET id = 2.00000000001 WHERE id > 1");
    let failure = told("(3, 'ES')");
    let expected =
        "the record that follows 1.0000000000 has no value in the cursor `id`: a number is not a decimal(38,10)";
    assert!(failure.contains(expected), "{failure}");
    world.server.sql("source", "DELETE FROM orders WHERE id BETWEEN 2 AND 2.5");
    assert_eq!(counts(home(&world.run(), "es")), [2, 2, 0, 0]);
}

#[test]
fn a_table_with_row_level_security_takes_what_is_merged() {
    let Some(world) = World::new(&POSTGRES) else { return };
    let world =
        world.analyser("daily", "write = \"merge\"", "SELECT country, count(*) AS n FROM record GROUP BY country");
    world.order(&["'ES', 'Ana', 1.00", "'ES', 'Eva', 2.00"]);
    let table = "CREATE TABLE daily (country text PRIMARY KEY, n bigint); ALTER TABLE daily ENABLE ROW LEVEL SECURITY;
                 CREATE POLICY all_rows ON daily USING (true) WITH CHECK (true);
                 CREATE ROLE guarded LOGIN PASSWORD 'guarded'; GRANT ALL ON SCHEMA public TO guarded; GRANT ALL ON daily TO guarded";
    world.server.sql("es", table);
    let url = |database| world.server.url(database);
    let guarded = url("{home}").replacen("//domicile", "//guarded", 1);
    let guarded = guarded.replacen(&format!(":{}@", password(&guarded)), ":guarded@", 1);
    let homes = format!(
        "[homes]\nes = {{ keys = [\"ES\"], url = \"{}\" }}\nfr = {{ keys = [\"FR\"], url = \"{}\" }}",
        guarded.replace("{home}", "es"),
        url("fr")
    );
    let guarded = pipeline(world.config(&url("source"), &homes, &url("control"), "rows = 3"));
    let report = succeeded(run(&guarded, Arc::new(Silent)).unwrap());
    assert_eq!(counts(home(&report, "es")), [2, 2, 0, 0]);
    assert_eq!(world.rows("es", "SELECT * FROM daily"), ["ES|2"]);
}

#[test]
fn what_is_merged_first_is_added_to_rows_that_came_after_the_table_was_looked_at() {
    let Some(world) = World::new(&POSTGRES) else { return };
    let world = world.analyser("orders", "", "SELECT id, country FROM record").analyser(
        "daily",
        "write = \"merge\"",
        "SELECT country, count(*) AS n FROM record GROUP BY country",
    );
    world.order(&["'ES', 'Ana', 1.00", "'ES', 'Eva', 2.00"]);
    // The row comes with the first order, when the table was seen to be empty.
    let meanwhile = "CREATE SEQUENCE calls; CREATE TABLE orders (id bigint NOT NULL, country text);
        CREATE TABLE daily (country text PRIMARY KEY, n bigint);
        CREATE FUNCTION meanwhile() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM nextval('calls'); INSERT INTO daily VALUES (new.country, 10) ON CONFLICT DO NOTHING; RETURN NULL; END $$;
        CREATE TRIGGER meanwhile AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION meanwhile()";
    world.server.sql("es", meanwhile);
    assert_eq!(counts(home(&world.run(), "es")), [2, 2, 0, 0]);
    assert_eq!(world.rows("es", "SELECT * FROM daily"), ["ES|12"]);
    // What is rolled back has called as well.
    assert_eq!(world.rows("es", "SELECT last_value FROM calls"), ["2"], "no order was delivered twice for it");
}

/// The password in a URL.
fn password(url: &str) -> &str {
    url.split_once("://")
        .and_then(|(_, rest)| rest.split_once('@'))
        .and_then(|(user, _)| user.split_once(':'))
        .unwrap()
        .1
}
