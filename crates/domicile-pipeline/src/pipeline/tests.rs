use std::ops::Bound;
use std::path::Path;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use rusqlite::Connection;

use super::*;
use crate::batch::{Batch, BatchLimit};
use crate::cursor::Cursor;
use crate::database::control;
use crate::position::Position;
use crate::report::{Silent, SourceReport};
use crate::source::{Counting, Guarantee, Horizon, Source, Unindexed, Waits};

/// A source that panics in its second batch.
struct Panicking {
    source: Box<dyn Source>,
    batches: usize,
}

#[async_trait]
impl Source for Panicking {
    fn schema(&self) -> SchemaRef {
        self.source.schema()
    }

    fn narrow(&mut self, columns: &[usize]) {
        self.source.narrow(columns);
    }

    fn cursor(&self) -> &Cursor {
        self.source.cursor()
    }

    fn guarantee(&self) -> &Guarantee {
        self.source.guarantee()
    }

    async fn unindexed(&mut self) -> Result<Option<Unindexed>, Error> {
        self.source.unindexed().await
    }

    fn given(&self, objects: &[serde_json::Map<String, serde_json::Value>]) -> Result<Batch, String> {
        self.source.given(objects)
    }

    async fn horizon(&mut self, reached: &Position, waits: Option<&Waits>) -> Result<Horizon, Error> {
        self.source.horizon(reached, waits).await
    }

    async fn count(&mut self, positions: &[Position], counting: Counting) -> Result<Vec<Option<u64>>, Error> {
        self.source.count(positions, counting).await
    }

    async fn read(&mut self, from: &Bound<Position>, upto: &Position, limit: BatchLimit) -> Result<Batch, Error> {
        assert!(self.batches == 0, "as a bug in reading would");
        self.batches += 1;
        self.source.read(from, upto, limit).await
    }
}

const CONFIG: &str = r#"
control = "sqlite:control.sqlite"
home_url = "sqlite:{home}.sqlite"
homes = ["ES"]
batch.rows = 2
[[source]]
url = "sqlite:source.sqlite"
table = "orders"
cursor = "id"
key = "country"
[[source.analyser]]
into = "orders"
sql = "SELECT id FROM record"
"#;

/// Runs three orders in batches of two, and reports.
fn run(change: impl FnOnce(Planned) -> Planned) -> SourceReport {
    let folder = folder();
    run_in(folder.path(), change)
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let source = Connection::open(folder.path().join("source.sqlite")).unwrap();
    let orders = "CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, country TEXT);
                  INSERT INTO orders (country) VALUES ('ES'), ('ES'), ('ES')";
    source.execute_batch(orders).unwrap();
    folder
}

fn run_in(folder: &Path, change: impl FnOnce(Planned) -> Planned) -> SourceReport {
    let config = Config::read(&folder.join("domicile.toml"), CONFIG.to_owned(), &|_| None).unwrap();
    let pipeline = Pipeline::new(config);
    let observer: Arc<dyn Observer> = Arc::new(Silent);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let planned = change(pipeline.plan().await.unwrap().pop().unwrap());
        let mut kept = control(&pipeline.config.control).read().await.unwrap();
        let looked = pipeline.look(0, &planned, &kept).await;
        assert!(looked.problems.is_empty());
        let prepared = pipeline.prepare(0, (planned, looked), None, &kept).await;
        pipeline.hold(&mut kept).await.unwrap();
        let report = pipeline.run_sources(vec![prepared], &mut kept, &observer, &Until::default()).await;
        kept.holding.unwrap().give_back(&pipeline.config.control).await;
        report.sources.into_iter().next().unwrap()
    })
}

#[test]
fn what_a_panic_has_left_unread_does_not_count_as_read() {
    let report = run(|planned| {
        let source = Box::new(Panicking { source: planned.source, batches: 0 });
        Planned { source, ..planned }
    });
    assert!(report.failure.is_some_and(|failure| failure.contains("reading ended before its end")));
    assert_eq!(report.homes[0].position, Some(Position::At(2)), "the first batch is delivered, and no more");
    assert_eq!(report.control.position, Some(Position::At(2)), "and nobody has anything else of it");
}

#[test]
fn what_was_read_counts_as_read() {
    let report = run(|planned| planned);
    assert_eq!(report.failure, None);
    assert_eq!(report.homes[0].position, Some(Position::At(3)));
    assert_eq!(report.control.position, Some(Position::At(3)));
}

#[test]
fn a_source_is_asked_again_where_another_run_has_taken_the_homes_further_meanwhile() {
    let asked_at =
        |upto| move |planned: Planned| Planned { horizon: Some(Horizon::all(Position::At(upto))), ..planned };
    let folder = folder();
    let report = run_in(folder.path(), asked_at(2));
    assert_eq!(report.homes[0].position, Some(Position::At(2)), "what was asked for already is not asked for again");
    let report = run_in(folder.path(), asked_at(1));
    assert_eq!((report.failure, report.homes[0].position.clone()), (None, Some(Position::At(3))));
}
