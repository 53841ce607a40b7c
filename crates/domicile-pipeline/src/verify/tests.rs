use std::sync::Arc;

use rusqlite::Connection;

use super::*;
use crate::config::Config;
use crate::report::Silent;

const CONFIG: &str = r#"
control = "sqlite:control.sqlite"
home_url = "sqlite:{home}.sqlite"
homes = ["ES", "FR"]
batch.rows = 100
[[source]]
url = "sqlite:source.sqlite"
table = "orders"
cursor = "id"
key = "country"
[[source.analyser]]
into = "totals"
write = "merge"
sql = "SELECT customer, count(*) AS orders, max(id) AS last FROM record GROUP BY customer"
[[source.analyser]]
into = "last"
write = "replace"
key = "customer"
sql = "SELECT customer, id FROM record"
"#;

/// Orders of many customers in two homes, which are delivered and then changed in one of them.
fn verified(change: &str, bounds: Bounds) -> Verified {
    let folder = tempfile::tempdir().unwrap();
    let open = |name: &str| Connection::open(folder.path().join(name)).unwrap();
    let orders = "CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, country TEXT, customer INTEGER);
        INSERT INTO orders (country, customer) WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 1999)
        SELECT iif(n % 2, 'ES', 'FR'), n % 700 FROM n";
    open("source.sqlite").execute_batch(orders).unwrap();
    let config = Config::read(&folder.path().join("domicile.toml"), CONFIG.to_owned(), &|_| None).unwrap();
    let pipeline = Pipeline::new(config);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        assert!(!pipeline.run(Arc::new(Silent)).await.unwrap().has_failed());
        open("es.sqlite").execute_batch(change).unwrap();
        pipeline.verify_within(&Verification::default(), bounds).await.unwrap()
    })
}

/// So little memory that one range of keys is worked on after the other.
const LITTLE: Bounds = Bounds { bytes: 64_000, rows_by_key: 40 };

#[test]
fn all_is_proved_and_each_change_is_found_also_in_little_memory() {
    let verified_in_little = verified("", LITTLE);
    assert!(verified_in_little.is_proved(), "{verified_in_little:#?}");
    assert_eq!(verified_in_little.homes[0].accounts[0].in_source, 1_000, "they are counted once");
    let change = "UPDATE totals SET orders = orders + 1 WHERE customer = 7; DELETE FROM last WHERE customer = 9";
    for bounds in [LITTLE, BOUNDS] {
        let verified = verified(change, bounds);
        let es = &verified.homes[0];
        let told = |table: usize| {
            let found = &es.tables[table];
            let first = found.differences[0].clone();
            (found.table.as_str(), found.differing, first.key.unwrap(), first.kind)
        };
        assert_eq!(told(0), ("last", 1, String::from("customer = 9"), DifferenceKind::Missing));
        assert_eq!(told(1), ("totals", 1, String::from("customer = 7"), DifferenceKind::Changed));
        assert!(verified.homes[1].is_proved() && verified.control.is_proved());
    }
}

#[test]
fn of_more_keys_than_are_looked_at_it_is_told_how_many_differ_at_least() {
    let verified = verified("DELETE FROM totals", LITTLE);
    let totals = verified.homes[0].tables.iter().find(|table| table.table == "totals").unwrap();
    assert!(totals.is_at_least);
    assert_eq!(totals.differing, 350, "each range says how many rows it lacks");
}
