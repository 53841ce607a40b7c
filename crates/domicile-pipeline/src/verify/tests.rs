use std::path::Path;
use std::sync::Arc;

use futures::join;
use rusqlite::Connection;
use tokio::sync::mpsc;

use super::contents::Accounts;
use super::*;
use crate::batch::Batch;
use crate::config::Config;
use crate::report::Silent;
use crate::table::Table;

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
[[source.analyser]]
into = "orders"
key = "id"
sql = "SELECT id, customer FROM record"
"#;

/// Orders of many customers in two homes.
fn pipeline(folder: &Path) -> Pipeline {
    let orders = "CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, country TEXT, customer INTEGER);
        INSERT INTO orders (country, customer) WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 1999)
        SELECT iif(n % 2, 'ES', 'FR'), n % 700 FROM n";
    Connection::open(folder.join("source.sqlite")).unwrap().execute_batch(orders).unwrap();
    Pipeline::new(Config::read(&folder.join("domicile.toml"), CONFIG.to_owned(), &|_| None).unwrap())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_time().build().unwrap()
}

/// The orders are delivered, and then one of the homes is changed.
fn verified(change: &str, bounds: Bounds) -> Verified {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = pipeline(folder.path());
    runtime().block_on(async {
        assert!(!pipeline.run(Arc::new(Silent)).await.unwrap().has_failed());
        Connection::open(folder.path().join("es.sqlite")).unwrap().execute_batch(change).unwrap();
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
    let change = "UPDATE totals SET orders = orders + 1 WHERE customer = 7; DELETE FROM last WHERE customer = 9;
                  DELETE FROM orders WHERE id = 14";
    for bounds in [LITTLE, BOUNDS] {
        let verified = verified(change, bounds);
        let es = &verified.homes[0];
        let told = |table: usize| {
            let found = &es.tables[table];
            let first = found.differences[0].clone();
            (found.table.as_str(), found.differing, first.key.unwrap(), first.kind)
        };
        assert_eq!(told(0), ("last", 1, String::from("customer = 9"), DifferenceKind::Missing));
        assert_eq!(told(1), ("orders", 1, String::from("id = 14"), DifferenceKind::Missing));
        assert_eq!(told(2), ("totals", 1, String::from("customer = 7"), DifferenceKind::Changed));
        assert!(verified.homes[1].is_proved() && verified.control.is_proved());
    }
}

#[test]
fn of_very_many_transactions_those_that_follow_on_one_another_are_accounted_for_together() {
    // In front of every other one there is one without records.
    let row = |number: i64, counts| Accounted {
        after: (number > 1).then(|| (2 * number - 1 - number % 2).to_string()),
        upto: (2 * number).to_string(),
        counts,
    };
    let (balanced, unbalanced) = ([2, 1, 1, 0], [3, 1, 1, 0]);
    let mut accounts = Accounts::default();
    accounts.extend((1..=150_000).map(|number| row(number, if number == 120_000 { unbalanced } else { balanced })));
    // The last that is kept apart takes what follows, up to one that is told, behind which the next one does.
    assert_eq!(accounts.rows.len(), 100_002);
    let sum = |place: usize| accounts.rows.iter().map(|account| account.counts[place]).sum::<i64>();
    assert_eq!((sum(0), sum(1)), (300_001, 150_000));
    let of = |place: usize| (accounts.rows[place].upto.as_str(), accounts.rows[place].is_balanced());
    assert_eq!([of(99_999), of(100_000), of(100_001)], [("239998", true), ("240000", false), ("300000", true)]);
    assert!(!accounts.are_mixed);
    // A clock was put back in between.
    accounts.extend([row(150_002, balanced), row(150_001, balanced)]);
    assert!(accounts.are_mixed);
}

#[test]
fn of_more_keys_than_are_looked_at_it_is_told_how_many_differ_at_least() {
    let verified = verified("DELETE FROM totals", LITTLE);
    let totals = verified.homes[0].tables.iter().find(|table| table.table == "totals").unwrap();
    assert!(totals.is_at_least);
    assert_eq!(totals.differing, 350, "each range says how many rows it lacks");
}

/// What a look into a home finds: its position, and how many rows a table has, with what is done between the two.
async fn looked_at(contents: &mut dyn Contents, table: &Table, meanwhile: impl FnOnce()) -> (Option<String>, usize) {
    contents.begin().await.unwrap();
    let position = contents.kept("orders").await.unwrap().position;
    meanwhile();
    let (sender, mut batches) = mpsc::channel::<Batch>(1);
    let counting = async {
        let mut count = 0;
        while let Some(batch) = batches.recv().await {
            count += batch.records.num_rows();
        }
        count
    };
    let (read, count) = join!(contents.rows(table, None, sender), counting);
    read.unwrap();
    contents.end().await;
    (position, count)
}

#[test]
fn a_file_is_seen_as_it_was_at_one_moment_whether_others_can_write_to_it_meanwhile_or_not() {
    for (journal, others_can_write) in [("delete", false), ("wal", true)] {
        let folder = tempfile::tempdir().unwrap();
        let pipeline = pipeline(folder.path());
        runtime().block_on(async {
            assert!(!pipeline.run(Arc::new(Silent)).await.unwrap().has_failed());
            let other = Connection::open(folder.path().join("es.sqlite")).unwrap();
            other.pragma_update_and_check(None, "journal_mode", journal, |_| Ok(())).unwrap();
            other.busy_timeout(std::time::Duration::ZERO).unwrap();
            let subject = Subject::new(pipeline.plan().await.unwrap(), &Verification::default()).unwrap();
            let table = &subject.tables.iter().find(|verifiable| verifiable.table.name == "last").unwrap().table;
            let mut contents = crate::database::contents(&pipeline.config.homes[0].database);
            let write = || {
                let written = other.execute_batch("DELETE FROM last; UPDATE domicile_position SET position = '7'");
                assert_eq!(written.is_ok(), others_can_write, "{journal}: {written:?}");
            };
            let before = (Some(String::from("2000")), 350);
            assert_eq!(looked_at(&mut *contents, table, write).await, before, "{journal}");
            // What is written is seen by the next look.
            let after = if others_can_write { (Some(String::from("7")), 0) } else { before };
            assert_eq!(looked_at(&mut *contents, table, || ()).await, after, "{journal}");
        });
    }
}
