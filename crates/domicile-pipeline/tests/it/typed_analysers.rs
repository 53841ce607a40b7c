//! Analysers that are Rust types: several objects of one record, chosen by its data, and no database named.

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::{Arc, Mutex};

use domicile::{Home, RoutingKey, context};
use domicile_pipeline::{Analyser, Kinds, Object, Objects, Pipeline, Shape, Silent};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::fixture::{Setup, World, counts, described, home, only, runtime};
use crate::verify::assert_proved;

/// An order as the source has it; the source has more columns.
#[derive(Deserialize)]
struct Order {
    id: i64,
    country: String,
    customer: Option<String>,
    ordered_on: String,
    amount: Decimal,
}

#[derive(Serialize)]
struct Invoice {
    id: i64,
    home: String,
    customer: Option<String>,
    amount: Decimal,
}

impl Object for Invoice {
    fn shape() -> Shape {
        Shape::new("invoices").integer("id").key().text("home").text("customer").decimal("amount", 12, 2)
    }
}

#[derive(Serialize)]
struct Refund {
    invoice: i64,
    amount: Decimal,
}

impl Object for Refund {
    fn shape() -> Shape {
        Shape::new("refunds").integer("invoice").key().decimal("amount", 12, 2)
    }
}

#[derive(Serialize)]
struct MonthlySales {
    month: String,
    orders: i64,
    revenue: Decimal,
    least: Decimal,
    largest: Decimal,
}

impl Object for MonthlySales {
    fn shape() -> Shape {
        let shape = Shape::new("monthly_sales").text("month").key().integer("orders").count();
        shape.decimal("revenue", 18, 2).sum().decimal("least", 12, 2).min().decimal("largest", 12, 2).max()
    }
}

/// Makes an invoice of each order, a refund of each negative one, and monthly sales. It refuses what has no customer.
#[derive(Clone, Default)]
struct Bookkeeping {
    /// Which countries were seen in which home.
    seen: Arc<Mutex<BTreeSet<(String, String)>>>,
}

impl Analyser for Bookkeeping {
    type Record = Order;

    fn declare(&self, kinds: &mut Kinds) {
        kinds.add::<Invoice>().add::<Refund>().add::<MonthlySales>();
    }

    fn analyse(&self, order: Order, objects: &mut Objects) -> Result<(), Box<dyn Error + Send + Sync>> {
        let home = context::get::<Home>().ok_or("no home is in the context")?.to_string();
        self.seen.lock().unwrap().insert((home.clone(), order.country));
        if order.customer.as_deref() == Some("nobody") {
            return Err("an order of nobody".into());
        }
        objects.add(Invoice { id: order.id, home, customer: order.customer, amount: order.amount });
        if order.amount.is_sign_negative() {
            objects.add(Refund { invoice: order.id, amount: -order.amount });
        }
        let month = order.ordered_on[..7].to_owned();
        let (least, largest) = (order.amount, order.amount);
        objects.add(MonthlySales { month, orders: 1, revenue: order.amount, least, largest });
        Ok(())
    }
}

fn orders() -> World {
    World::with_orders(&[
        "'ES', 'Ana', '2024-01-05', 10.10",
        "'FR', 'Luc', '2024-01-06', 20.20",
        "'ES', 'Eva', '2024-01-07', -3.03",
        "'PT', 'Rui', '2024-02-08', 0.07",
        "'FR', NULL, '2024-02-09', -0.01",
        "'ES', 'Ana', '2024-02-10', 9999999999.99",
    ])
}

const HOMES: &str = "iberia = [\"ES\", \"PT\"]\nfr = \"FR\"\n";

fn bookkeeping(world: &World, setup: &Setup) -> (Pipeline, Bookkeeping) {
    let analyser = Bookkeeping::default();
    let pipeline = world.pipeline(setup).with_analyser("orders", analyser.clone()).unwrap();
    (pipeline, analyser)
}

#[test]
fn several_objects_of_a_record_reach_its_home() {
    let world = orders();
    let setup = Setup::none().homes(HOMES).batch_rows(2).commit_rows(2);
    let (pipeline, analyser) = bookkeeping(&world, &setup);
    let report = only(world.run_pipeline(&pipeline));
    assert_eq!(counts(home(&report, "iberia")), [4, 4, 0, 0]);

    let invoices = "SELECT id, home, customer, amount FROM invoices ORDER BY id";
    let iberian = ["1|iberia|Ana|10.1", "3|iberia|Eva|-3.03", "4|iberia|Rui|0.07", "6|iberia|Ana|9999999999.99"];
    assert_eq!(world.rows("iberia", invoices), iberian);
    assert_eq!(world.rows("fr", invoices), ["2|fr|Luc|20.2", "5|fr|NULL|-0.01"]);

    let refunds = "SELECT invoice, amount FROM refunds ORDER BY invoice";
    assert_eq!(world.rows("iberia", refunds), ["3|3.03"]);
    assert_eq!(world.rows("fr", refunds), ["5|0.01"]);

    let months = "SELECT month, orders, revenue, least, largest FROM monthly_sales ORDER BY month";
    assert_eq!(
        world.rows("iberia", months),
        ["2024-01|2|7.07|-3.03|10.1", "2024-02|2|10000000000.06|0.07|9999999999.99"]
    );
    assert_eq!(world.rows("fr", months), ["2024-01|1|20.2|20.2|20.2", "2024-02|1|-0.01|-0.01|-0.01"]);

    let seen: Vec<_> = analyser.seen.lock().unwrap().iter().map(|(home, key)| format!("{home} {key}")).collect();
    assert_eq!(seen, ["fr FR", "iberia ES", "iberia PT"], "an analyser sees its own home's records only");
}

#[test]
fn it_works_beside_an_analyser_in_sql() {
    let world = orders();
    let setup = Setup::none().homes(HOMES);
    let (pipeline, _) = bookkeeping(&world, &setup);
    let report = only(world.run_pipeline(&pipeline));
    let made: Vec<_> =
        home(&report, "fr").objects.iter().map(|made| format!("{} {}", made.table, made.count)).collect();
    assert_eq!(made, ["seen 2", "invoices 2", "refunds 1", "monthly_sales 2"]);
    assert_eq!(world.rows("fr", "SELECT id FROM seen ORDER BY id"), ["2", "5"]);
    let checked = runtime().block_on(bookkeeping(&world, &setup).0.check()).unwrap();
    assert_eq!(checked.sources[0].tables, ["seen", "invoices", "refunds", "monthly_sales"]);
}

#[test]
fn later_runs_add_to_what_is_there() {
    let world = orders();
    let setup = Setup::none().homes(HOMES);
    world.run_pipeline(&bookkeeping(&world, &setup).0);
    world.run_pipeline(&bookkeeping(&world, &setup).0);
    world.order(&["'FR', 'Luc', '2024-01-30', 0.80"]);
    world.run_pipeline(&bookkeeping(&world, &setup).0);
    assert_proved(&bookkeeping(&world, &setup).0);
    let january = "SELECT orders, revenue, least, largest FROM monthly_sales WHERE month = '2024-01'";
    assert_eq!(world.rows("fr", january), ["2|21|0.8|20.2"]);
    assert_eq!(world.rows("fr", "SELECT count(*) FROM invoices"), ["3"]);
}

#[test]
fn an_error_sends_only_its_own_record_to_quarantine() {
    let world = World::with_orders(&[
        "'ES', 'Ana', '2024-01-01', 1.00",
        "'ES', 'nobody', '2024-01-01', 2.00",
        "'FR', 'Luc', '2024-01-01', 4.00",
        "'ES', 'Eva', '2024-01-01', 8.00",
        "'ES', 'nobody', '2024-01-01', 16.00",
    ]);
    let report = only(world.run_pipeline(&bookkeeping(&world, &Setup::none()).0));
    assert_eq!(counts(home(&report, "es")), [4, 2, 0, 2]);
    assert_proved(&bookkeeping(&world, &Setup::none()).0);
    assert_eq!(counts(home(&report, "fr")), [1, 1, 0, 0]);
    assert_eq!(world.rows("es", "SELECT id FROM invoices ORDER BY id"), ["1", "4"]);
    assert_eq!(world.rows("es", "SELECT id FROM seen ORDER BY id"), ["1", "4"], "no object of a refused record stays");
    assert_eq!(world.rows("es", "SELECT orders, revenue FROM monthly_sales"), ["2|9"]);
    let quarantine = "SELECT position, cause, reason FROM domicile_quarantine ORDER BY position";
    assert_eq!(world.rows("es", quarantine), ["2|refused|an order of nobody", "5|refused|an order of nobody"]);
    let kept = world.rows("es", "SELECT record ->> 'amount', record ->> 'customer' FROM domicile_quarantine");
    assert_eq!(kept, ["2.00|nobody", "16.00|nobody"]);
}

#[test]
fn a_record_that_does_not_fit_the_type_is_refused_alone() {
    // `amount` is no Option in the record's type.
    let world = World::with_orders(&["'ES', 'Ana', '2024-01-01', NULL", "'ES', 'Ana', '2024-01-01', 5.00"]);
    let report = only(world.run_pipeline(&bookkeeping(&world, &Setup::none()).0));
    assert_eq!(counts(home(&report, "es")), [2, 1, 0, 1]);
    assert_eq!(world.rows("es", "SELECT position, cause FROM domicile_quarantine"), ["1|refused"]);
    assert_eq!(world.rows("es", "SELECT id FROM invoices"), ["2"]);
}

/// An analyser that adds what it has not declared, but of negative orders only.
struct Forgetful;

impl Analyser for Forgetful {
    type Record = Order;

    fn declare(&self, kinds: &mut Kinds) {
        kinds.add::<Told>();
    }

    fn analyse(&self, order: Order, objects: &mut Objects) -> Result<(), Box<dyn Error + Send + Sync>> {
        objects.add(Told { id: order.id, key: None });
        if order.amount.is_sign_negative() {
            objects.add(Refund { invoice: order.id, amount: order.amount });
        }
        Ok(())
    }
}

#[test]
fn a_panic_sends_only_its_own_record_to_quarantine() {
    // Adding an undeclared type panics.
    let world = orders();
    let setup = Setup::none().homes(HOMES);
    let pipeline = world.pipeline(&setup).with_analyser("orders", Forgetful).unwrap();
    let report = only(world.run_pipeline(&pipeline));
    assert_eq!(counts(home(&report, "iberia")), [4, 3, 0, 1]);
    assert_eq!(counts(home(&report, "fr")), [2, 1, 0, 1]);
    assert_eq!(world.rows("iberia", "SELECT id FROM told ORDER BY id"), ["1", "4", "6"]);
    let quarantine = world.rows("iberia", "SELECT position, cause, reason FROM domicile_quarantine");
    assert_eq!(
        quarantine,
        ["3|refused|the analyser panicked: the analyser does not declare it::typed_analysers::Refund"]
    );
}

#[test]
fn a_source_that_does_not_exist_is_refused() {
    let world = orders();
    let error = world.pipeline(&Setup::none()).with_analyser("invoices", Forgetful).err().unwrap();
    assert_eq!(error.to_string(), "source invoices: the configuration has no such source");
    assert!(!error.is_configuration());
}

/// Tells the routing key that it finds, which must be none: a home's records may have several.
struct KeyTeller;

#[derive(Serialize)]
struct Told {
    id: i64,
    key: Option<String>,
}

impl Object for Told {
    fn shape() -> Shape {
        Shape::new("told").integer("id").text("key")
    }
}

impl Analyser for KeyTeller {
    type Record = Order;

    fn declare(&self, kinds: &mut Kinds) {
        kinds.add::<Told>();
    }

    fn analyse(&self, order: Order, objects: &mut Objects) -> Result<(), Box<dyn Error + Send + Sync>> {
        let key = context::get::<RoutingKey>().map(|key| key.to_string());
        objects.add(Told { id: order.id, key });
        Ok(())
    }
}

#[test]
fn the_context_of_the_caller_does_not_leak_into_an_analyser() {
    let world = orders();
    let setup = Setup::none().homes(HOMES);
    let pipeline = world.pipeline(&setup).with_analyser("orders", KeyTeller).unwrap();
    let outcome = runtime().block_on(context::scope(RoutingKey::new("FR"), pipeline.run(Arc::new(Silent))));
    let report = outcome.unwrap();
    assert!(!report.has_failed(), "{report:#?}");
    assert_eq!(world.rows("iberia", "SELECT id FROM told ORDER BY id"), ["1", "3", "4", "6"]);
    let keys = world.rows("iberia", "SELECT DISTINCT key FROM told");
    assert!(keys == ["NULL"], "the analyser of iberia sees the key of its caller: {keys:?}");
}

#[test]
fn two_analysers_that_disagree_about_a_table_are_refused() {
    let world = orders();
    let disagreeing = Setup::new().insert("refunds", "SELECT id AS invoice FROM record");
    let problems = runtime().block_on(bookkeeping(&world, &disagreeing).0.check()).unwrap_err();
    let told = "source[0]: two analysers write `refunds`, with different columns, keys or ways of writing / make them \
                agree, or give each a table of its own";
    assert_eq!(described(&problems), [told]);
    let agreeing = Setup::new().analyser(
        "refunds",
        "key = \"invoice\"",
        "SELECT id + 1000 AS invoice, amount FROM record WHERE amount < 0",
    );
    runtime().block_on(bookkeeping(&world, &agreeing).0.check()).unwrap();
    world.run_pipeline(&bookkeeping(&world, &agreeing).0);
    assert_eq!(world.rows("es", "SELECT invoice, amount FROM refunds ORDER BY 1"), ["3|3.03", "1003|-3.03"]);
}
