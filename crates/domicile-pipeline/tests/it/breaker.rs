//! Where too many records would go to quarantine, nothing is kept of them: a rule or a table is wrong then, and not they.

use std::sync::Arc;

use domicile_pipeline::{Condition, Pipeline, Silent, SourceReport};

use crate::fixture::{Setup, World as Files, counts, home, only, run};
use crate::servers::{Kind, MARIADB, POSTGRES, World, pipeline};

/// Orders of a source, two homes, of which `es` takes no amount that is negative.
enum Place {
    Files(Files),
    Server(Box<World>),
}

impl Place {
    /// 1,000 orders of each home. Every twentieth of `es` is refused there, and every twentieth of all has no home.
    fn files() -> Option<Self> {
        let world = Files::with_orders(&[]);
        rusqlite::Connection::open(world.home_path("es")).unwrap();
        let place = Self::Files(world);
        place.fill();
        Some(place)
    }

    fn server(kind: &Kind) -> Option<Self> {
        let world = World::new(kind)?.analyser("orders", "", "SELECT id, amount FROM record");
        let place = Self::Server(Box::new(world));
        place.fill();
        Some(place)
    }

    fn fill(&self) {
        let order = |number: i32| match (number / 2, number % 2) {
            (pair, 0) if pair % 20 == 7 => "('ES', -1.00)",
            (_, 0) => "('ES', 1.00)",
            _ => "('FR', -1.00)",
        };
        let orders: Vec<_> = (0..2_000).map(order).collect();
        self.sql("source", &format!("INSERT INTO orders (country, amount) VALUES {}", orders.join(", ")));
        self.sql("es", "CREATE TABLE orders (id bigint, amount numeric(12,2) CHECK (amount > 0))");
    }

    fn pipeline(&self, delivery: &str) -> Pipeline {
        match self {
            Self::Files(world) => {
                let setup = Setup::new().insert("orders", "SELECT id, amount FROM record");
                world.pipeline(&setup.delivery(delivery))
            }
            Self::Server(world) => {
                let url = |database| world.server.url(database);
                let homes = format!("home_url = \"{}\"\nhomes = [\"ES\", \"FR\"]", url("{home}"));
                pipeline(world.config(&url("source"), &homes, &url("control"), &format!("[delivery]\n{delivery}")))
            }
        }
    }

    fn run(&self, delivery: &str) -> SourceReport {
        only(run(&self.pipeline(delivery), Arc::new(Silent)).unwrap())
    }

    fn sql(&self, database: &str, sql: &str) {
        match self {
            Self::Files(world) if database == "source" => world.source(sql),
            Self::Files(world) => world.in_home(database, sql),
            Self::Server(world) => drop(world.server.sql(database, sql)),
        }
    }

    fn count(&self, database: &str, of: &str) -> String {
        let sql = format!("SELECT count(*) FROM {of}");
        match self {
            Self::Files(world) if database == "control" => world.control(&sql).concat(),
            Self::Files(world) => world.rows(database, &sql).concat(),
            Self::Server(world) => world.rows(database, &sql).concat(),
        }
    }
}

/// The contract, as tests of each kind of database.
macro_rules! contract {
    ($($test:ident)*) => {
        mod sqlite { $(#[test] fn $test() { super::$test(super::Place::files()) })* }
        mod postgres { $(#[test] fn $test() { super::$test(super::Place::server(&super::POSTGRES)) })* }
        mod mariadb { $(#[test] fn $test() { super::$test(super::Place::server(&super::MARIADB)) })* }
    };
}

contract! {
    a_home_that_refuses_too_many_stays_where_it_is_until_the_cause_is_gone
    a_home_that_refuses_fewer_puts_them_in_quarantine
    a_batch_of_which_too_many_have_no_home_is_delivered_to_nobody
}

fn a_home_that_refuses_too_many_stays_where_it_is_until_the_cause_is_gone(place: Option<Place>) {
    let Some(place) = place else { return };
    for _ in 0..2 {
        let report = place.run("poison_share_max = 0.04");
        let es = home(&report, "es");
        assert_eq!((es.state, counts(es), report.failure.as_deref()), (Condition::Blocked, [0; 4], None));
        let failure = es.failure.as_deref().unwrap();
        // Nobody goes on to look for the others.
        let expected = "41 of 1000 records go to quarantine, which is more than `delivery.poison_share_max` (0.04) allows; the \
                        most frequent reason, 41 times: ";
        assert!(failure.starts_with(expected) && failure.contains("amount"), "{failure}");
        assert!(failure.contains("; to mend it: put right what the reason names"), "{failure}");
        assert_eq!(place.count("es", "orders"), "0");
        assert_eq!((home(&report, "fr").state, place.count("fr", "orders")), (Condition::Well, String::from("1000")));
    }
    place.sql("source", "UPDATE orders SET amount = 1 WHERE country = 'ES'");
    let report = place.run("poison_share_max = 0.04");
    assert_eq!((home(&report, "es").state, counts(home(&report, "es"))), (Condition::Well, [1_000, 1_000, 0, 0]));
    let found = [place.count("es", "orders"), place.count("es", "domicile_quarantine"), place.count("fr", "orders")];
    assert_eq!(found, ["1000", "0", "1000"]);
}

fn a_home_that_refuses_fewer_puts_them_in_quarantine(place: Option<Place>) {
    let Some(place) = place else { return };
    let report = place.run("poison_share_max = 0.05\npoison_records_max = 50");
    assert_eq!(counts(home(&report, "es")), [1_000, 950, 0, 50]);
    assert_eq!([place.count("es", "orders"), place.count("es", "domicile_quarantine")], ["950", "50"]);
}

fn a_batch_of_which_too_many_have_no_home_is_delivered_to_nobody(place: Option<Place>) {
    let Some(place) = place else { return };
    place.sql("source", "UPDATE orders SET country = 'XX', amount = 1 WHERE country = 'ES' AND amount < 0");
    let report = place.run("poison_records_max = 49");
    let expected = "source orders: 50 of 2000 records of a batch have no home, which is more than `delivery.poison_records_max` \
                    (49) allows; the most frequent reason, 50 times: XX; nothing of the batch is delivered.";
    assert!(report.failure.as_deref().is_some_and(|failure| failure.starts_with(expected)), "{report:#?}");
    assert_eq!((report.total().read, place.count("es", "orders")), (0, String::from("0")));
    // It goes on by itself once they have one, or fewer are too many.
    let report = place.run("poison_records_max = 50");
    assert_eq!((report.failure.as_deref(), counts(&report.control)), (None, [50, 0, 0, 50]));
    assert_eq!([place.count("es", "orders"), place.count("control", "domicile_quarantine")], ["950", "50"]);
}

/// Without the limit everything goes to quarantine.
#[test]
fn a_limit_of_all_is_none() {
    let place = Place::files().unwrap();
    place.sql("source", "UPDATE orders SET amount = -1");
    let report = place.run("");
    assert!(home(&report, "es").failure.as_deref().is_some_and(|failure| failure.starts_with("501 of 1000 records")));
    let report = place.run("poison_share_max = 1.0");
    assert_eq!(counts(home(&report, "es")), [1_000, 0, 0, 1_000]);
}
