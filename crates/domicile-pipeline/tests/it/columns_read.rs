//! Only the columns are read that the rules, the cursor, the identity and the analysers need.

use std::error::Error;
use std::sync::Arc;

use domicile_pipeline::{Analyser, Kinds, Object, Objects, Records, Shape, Silent};
use domicile_testkit::Server;
use serde::{Deserialize, Serialize};

use crate::fixture::{Setup, World, counts, home, only, run, runtime};
use crate::servers::{pipeline, succeeded};

/// Orders whose quantity is no integer.
fn world() -> World {
    let world = World::with_orders(&["'ES', 'Ana', NULL, 1.00", "'XX', 'Bob', NULL, 2.00", "'ES', 'Eva', NULL, 4.00"]);
    world.source("UPDATE orders SET quantity = 'many'");
    world
}

#[test]
fn a_column_that_nothing_needs_is_not_read() {
    let world = world();
    let report = world.run(&Setup::new().insert("orders", "SELECT id FROM record WHERE customer <> 'Eva'"));
    assert_eq!(counts(home(&report, "es")), [2, 2, 0, 0], "what stands in `quantity` is nobody's concern");
    assert_eq!(world.rows("es", "SELECT id FROM orders"), ["1"]);
    let record = world.control("SELECT record FROM domicile_quarantine");
    assert_eq!(record, [r#"{"id":2,"country":"XX","customer":"Bob"}"#], "what was read of it is kept");
}

#[test]
fn a_column_that_a_rule_needs_is_read() {
    for (setup, quarantined) in [
        (Setup::new().insert("orders", "SELECT id, quantity FROM record"), 2),
        (Setup::new().insert("orders", "SELECT id FROM record WHERE quantity > 1"), 2),
        (Setup::new().insert("orders", "SELECT * FROM record"), 2),
        (Setup::new().insert("orders", "SELECT id FROM record").setting("ignore = \"quantity > 100\""), 2),
        (Setup::new().merge("orders", "SELECT country, max(quantity) AS most FROM record GROUP BY country"), 2),
        (Setup::new().merge("orders", "SELECT country, count(*) AS n FROM record GROUP BY country"), 0),
    ] {
        let report = world().run(&setup);
        assert_eq!(counts(home(&report, "es"))[3], quarantined);
    }
}

#[derive(Serialize)]
struct Sale {
    id: i64,
    customer: Option<String>,
}

impl Object for Sale {
    fn shape() -> Shape {
        Shape::new("sales").integer("id").text("customer")
    }
}

struct Sales;

#[derive(Deserialize)]
struct Order {
    id: i64,
    customer: Option<String>,
}

impl Analyser for Sales {
    type Record = Order;

    fn declare(&self, kinds: &mut Kinds) {
        kinds.add::<Sale>();
    }

    fn analyse(&self, order: Order, objects: &mut Objects) -> Result<(), Box<dyn Error + Send + Sync>> {
        objects.add(Sale { id: order.id, customer: order.customer });
        Ok(())
    }
}

#[test]
fn of_a_typed_analyser_the_fields_of_its_record_are_read() {
    let world = world();
    let setup = Setup::new().insert("seen", "SELECT id FROM record");
    let pipeline = world.pipeline(&setup).with_analyser("orders", Sales).unwrap();
    let report = only(run(&pipeline, Arc::new(Silent)).unwrap());
    assert_eq!(counts(home(&report, "es")), [2, 2, 0, 0]);
    assert_eq!(world.rows("es", "SELECT id, customer FROM sales"), ["1|Ana", "3|Eva"]);
}

#[test]
fn a_record_that_is_given_may_have_columns_that_are_not_read() {
    let world = world();
    let pipeline = world.pipeline(&Setup::new().insert("orders", "SELECT id FROM record"));
    let explain = |mut json: &[u8]| runtime().block_on(pipeline.explain(None, Records::Json(&mut json)));
    assert_eq!(explain(br#"{"id": 7, "country": "ES", "quantity": "many", "score": 1}"#).unwrap().len(), 1);
    let told = explain(br#"{"id": 7, "country": "ES", "quantities": 1}"#).unwrap_err().to_string();
    assert!(told.contains("`quantities` is no column of the source"), "{told}");
}

/// Proved by a user who may read no other column.
#[test]
fn postgres_is_asked_for_the_columns_that_are_needed_only() {
    let Some(server) = Server::postgres() else { return };
    server.create_database("source");
    server.sql(
        "source",
        "CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY, at timestamptz, country text, secret text);
         INSERT INTO orders (at, country, secret) VALUES ('2026-01-01', 'ES', 'x');
         CREATE USER plain PASSWORD 'plain'; GRANT SELECT (id, at, country) ON orders TO plain",
    );
    let url = server.url("source");
    let (_, host) = url.split_once('@').unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
    let run = |sql: &str| {
        let config = format!(
            "control = \"{}\"\nhomes = {{ es = {{ keys = [\"ES\"], url = \"{}\" }} }}\n[[source]]\n\
             url = \"postgres://plain:plain@{host}\"\ntable = \"orders\"\ncursor = \"at\"\noverlap = \"1h\"\n\
             identity = \"id\"\nkey = \"country\"\n[[source.analyser]]\ninto = \"orders\"\nsql = \"{sql}\"\n",
            file("control.sqlite"),
            file("es.sqlite"),
        );
        run(&pipeline(config), Arc::new(Silent))
    };
    let refused = run("SELECT secret FROM record").unwrap_err().to_string();
    let told = "domicile.toml:5:9: error: PostgreSQL refuses it: permission denied for table orders\n  \
                help: GRANT SELECT ON \"orders\" TO \"plain\"";
    assert_eq!(refused, told);
    assert_eq!(counts(home(&succeeded(run("SELECT country FROM record").unwrap()), "es")), [1, 1, 0, 0]);
}
