//! What a source of PostgreSQL guarantees, as its table and its user are.

use std::sync::Arc;

use domicile_pipeline::GuaranteeClass::{self, Bounded, Exact, Heuristic};
use domicile_pipeline::{Report, Silent};

use crate::fixture::{counts, home, run, runtime};
use crate::servers::{Client, POSTGRES, World, pipeline};

impl World {
    /// Runs with another user of the source's server.
    fn run_as(&self, user: &str) -> Report {
        let url = self.server.url("source");
        let (_, host) = url.split_once('@').unwrap();
        let homes = format!("home_url = \"{}\"\nhomes = [\"ES\", \"FR\"]", self.server.url("{home}"));
        let source = format!("postgres://{user}:secret@{host}");
        run(&pipeline(self.config(&source, &homes, &self.server.url("control"), "")), Arc::new(Silent)).unwrap()
    }
}

/// Makes a table for each case, and compares the class of the source and a part of what is told of it.
fn the_classes_are(cases: &[(&str, GuaranteeClass, &str)]) {
    let Some(world) = World::of(&POSTGRES, "") else { return };
    let world = world.analyser("orders", "", "SELECT country FROM record");
    for (sql, class, told) in cases {
        world.server.sql("source", &format!("DROP TABLE IF EXISTS orders CASCADE; {sql}"));
        let guarantee = world.run().guarantee;
        assert_eq!(guarantee.class, *class, "{sql}: {guarantee}");
        assert!(guarantee.to_string().contains(told), "{sql}: {guarantee}");
    }
}

#[test]
fn a_source_is_exact_only_where_the_insert_draws_the_id_from_one_sequence() {
    the_classes_are(&[
        ("CREATE TABLE orders (id serial, country text)", Exact, ""),
        ("CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY, country text)", Exact, ""),
        (
            "CREATE TABLE orders (id bigserial, country text); ALTER TABLE orders ALTER id DROP DEFAULT",
            Heuristic,
            "whoever writes a record sets its `id`",
        ),
        (
            "CREATE SEQUENCE cached CACHE 50; CREATE TABLE orders (id bigserial, country text);
             ALTER TABLE orders ALTER id SET DEFAULT nextval('cached')",
            Bounded,
            "gives each session 50 at once",
        ),
        (
            "CREATE SEQUENCE \"It's another\"; CREATE TABLE orders (id bigserial, country text);
             ALTER TABLE orders ALTER id SET DEFAULT nextval('\"It''s another\"')",
            Exact,
            "",
        ),
        (
            "CREATE TABLE orders (id bigserial, country text);
             ALTER TABLE orders ALTER id SET DEFAULT 1000 - nextval('orders_id_seq')",
            Heuristic,
            "whoever writes a record sets its `id`",
        ),
        // Of two that it owns it draws from one.
        (
            "CREATE TABLE orders (id bigserial, country text); CREATE SEQUENCE second CACHE 20 OWNED BY orders.id",
            Exact,
            "",
        ),
        (
            "CREATE TABLE orders (id bigserial, country text); CREATE SEQUENCE second CACHE 20 OWNED BY orders.id;
             ALTER TABLE orders ALTER id SET DEFAULT nextval('second')",
            Bounded,
            "gives each session 20 at once",
        ),
        // All that stands against it is told.
        (
            "CREATE UNLOGGED TABLE orders (id bigserial, country text); ALTER SEQUENCE orders_id_seq CACHE 20",
            Bounded,
            "to make it exact, ALTER SEQUENCE orders_id_seq CACHE 1; and ALTER TABLE … SET LOGGED",
        ),
        (
            "CREATE TABLE orders (id bigserial, country text); ALTER SEQUENCE orders_id_seq CYCLE",
            Heuristic,
            "goes down or begins anew",
        ),
    ]);
}

#[test]
fn each_part_of_a_table_draws_its_ids_from_the_tables_sequence() {
    let parts = "CREATE TABLE orders (id bigserial, country text) PARTITION BY LIST (country);
                 CREATE TABLE spain PARTITION OF orders FOR VALUES IN ('ES');
                 CREATE TABLE others PARTITION OF orders DEFAULT PARTITION BY RANGE (id);
                 CREATE TABLE low PARTITION OF others FOR VALUES FROM (0) TO (1000);";
    let low = |sql: &str| format!("{parts} {sql}");
    let identity =
        "CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY, country text) PARTITION BY LIST (country);
                    CREATE TABLE spain PARTITION OF orders FOR VALUES IN ('ES');";
    // What stands in the catalogue since version 17.
    let shares = format!(
        "{identity} UPDATE pg_attribute SET attidentity = 'a' WHERE attrelid = 'spain'::regclass AND attname = 'id'"
    );
    let attached = format!(
        "{identity} CREATE TABLE france (id bigint GENERATED ALWAYS AS IDENTITY, country text);
         ALTER TABLE orders ATTACH PARTITION france FOR VALUES IN ('FR')"
    );
    let inherits = "CREATE TABLE orders (id bigserial, country text);
                    CREATE TABLE spain (id bigserial) INHERITS (orders)";
    the_classes_are(&[
        (parts, Exact, ""),
        (identity, Exact, ""),
        (&shares, Exact, ""),
        (&attached, Heuristic, "the part `france` of the table does not draw `id` from the table's sequence"),
        (&low("ALTER TABLE low ALTER id DROP DEFAULT"), Exact, ""),
        (
            &low("CREATE SEQUENCE own; ALTER TABLE low ALTER id SET DEFAULT nextval('own')"),
            Heuristic,
            "the part `low` of the table does not draw `id` from the table's sequence",
        ),
        (inherits, Heuristic, "the part `spain` of the table"),
    ]);
}

#[test]
fn a_user_without_the_sequence_reads_and_is_told_when_it_is_needed() {
    let Some(world) = World::new(&POSTGRES) else { return };
    let world = world.analyser("orders", "", "SELECT id FROM record");
    world.server.sql("source", "CREATE USER plain PASSWORD 'secret'; GRANT SELECT ON orders TO plain");
    world.order(&["'ES', 'Ana', 1.00", "'ES', 'Bea', 1.00"]);
    let report = world.run_as("plain").sources.remove(0);
    assert_eq!((report.guarantee.class, counts(home(&report, "es"))), (Exact, [2, 2, 0, 0]), "{report:#?}");
    world.server.sql("source", "DELETE FROM orders WHERE id = 2");
    let failure = world.run_as("plain").sources.remove(0).failure.unwrap();
    assert!(failure.ends_with("tells: GRANT SELECT ON SEQUENCE orders_id_seq to this user"), "{failure}");
    world.server.sql("source", "GRANT SELECT ON SEQUENCE orders_id_seq TO plain");
    assert!(!world.run_as("plain").has_failed());
}

#[test]
fn the_age_of_a_writer_is_told_or_what_is_needed_to_see_it() {
    let Some(world) = World::new(&POSTGRES) else { return };
    let world = world.analyser("orders", "", "SELECT id FROM record");
    world.server.sql("source", "CREATE USER plain PASSWORD 'secret'; GRANT SELECT ON orders TO plain");
    let outside = runtime();
    let mut late = outside.block_on(Client::connect(&world.server.url("source")));
    outside.block_on(late.execute("BEGIN; INSERT INTO orders (country) VALUES ('ES')"));
    let pid = outside.block_on(late.integers("SELECT pg_backend_pid()::bigint"))[0];
    world.order(&["'ES', 'Bea', 1.00"]);
    let told = || world.run_as("plain").sources.remove(0).waits_for.unwrap();
    let writer = format!("the writer with the pid {pid}");
    let hidden = told();
    assert!(hidden.ends_with(&format!("{writer} (GRANT pg_read_all_stats to this user shows its age)")), "{hidden}");
    world.server.sql("source", "GRANT pg_read_all_stats TO plain");
    let seen = told();
    assert!(seen.contains(&format!("{writer}, open for ")), "{seen}");
}

#[test]
fn a_table_that_a_subscription_writes_to_is_told() {
    let Some(mut world) = World::new(&POSTGRES) else { return };
    world = world.analyser("orders", "", "SELECT id FROM record");
    world.server.restart_with(["-c", "wal_level=logical"].map(String::from));
    world.server.create_database("publisher");
    let publish =
        "CREATE TABLE orders (id bigserial PRIMARY KEY, country varchar(80)); CREATE PUBLICATION p FOR TABLE orders";
    world.server.sql("publisher", publish);
    world.server.sql("publisher", "SELECT pg_create_logical_replication_slot('s', 'pgoutput')");
    assert_eq!(world.run().guarantee.class, Exact);
    let publisher = world.server.url("publisher");
    let subscribe = format!(
        "CREATE SUBSCRIPTION s CONNECTION '{publisher}' PUBLICATION p WITH (create_slot = false, copy_data = false)"
    );
    world.server.sql("source", &subscribe);
    let guarantee = world.run().guarantee;
    assert_eq!(guarantee.class, Heuristic, "{guarantee}");
    assert!(guarantee.to_string().contains("a subscription writes to the table"), "{guarantee}");
    world.server.sql("source", "DROP SUBSCRIPTION s");
    assert_eq!(world.run().guarantee.class, Exact);
}

#[test]
fn a_part_of_a_table_that_is_elsewhere_is_told() {
    let Some(world) = World::of(&POSTGRES, "") else { return };
    let world = world.analyser("orders", "", "SELECT country FROM record");
    let table = "CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
                 CREATE TABLE orders (id bigserial, country text) PARTITION BY LIST (country);
                 CREATE FOREIGN TABLE spain PARTITION OF orders FOR VALUES IN ('ES') SERVER files
                     OPTIONS (filename '/dev/null')";
    world.server.sql("source", table);
    let guarantee = world.run().guarantee;
    assert_eq!(guarantee.class, Heuristic, "{guarantee}");
    assert!(guarantee.reason.contains("a part of the table is on another server"), "{guarantee}");
}

#[test]
fn row_level_security_that_applies_to_this_user_is_told() {
    let Some(world) = World::new(&POSTGRES) else { return };
    let world = world.analyser("orders", "", "SELECT id FROM record");
    world.server.sql(
        "source",
        "CREATE USER plain PASSWORD 'secret'; GRANT SELECT ON orders TO plain;
         ALTER TABLE orders ENABLE ROW LEVEL SECURITY; CREATE POLICY open_ones ON orders USING (customer <> 'hidden')",
    );
    world.order(&["'ES', 'Ana', 1.00", "'ES', 'hidden', 1.00"]);
    let report = world.run_as("plain").sources.remove(0);
    assert_eq!((report.guarantee.class, counts(home(&report, "es"))), (Heuristic, [1, 1, 0, 0]), "{report:#?}");
    assert!(report.guarantee.to_string().contains("BYPASSRLS"), "{}", report.guarantee);
    world.server.sql("source", "ALTER ROLE plain BYPASSRLS");
    let report = world.run_as("plain").sources.remove(0);
    assert_eq!((report.guarantee.class, counts(home(&report, "es"))), (Exact, [1, 1, 0, 0]), "{report:#?}");
}
