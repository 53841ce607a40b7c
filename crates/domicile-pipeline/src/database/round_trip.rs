//! Any value of each type is written to each kind of database, in each way that there is, and read back as it was, or it is
//! refused: one property, run unchanged by all of them on their servers.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::compute::{cast, concat_batches, sort_to_indices, take_record_batch};
use datafusion::arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema};
use domicile_testkit::Server;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};
use serde_json::Value;
use tokio::sync::mpsc;

use super::each_type;
use super::{contents, delivery};
use crate::account::Account;
use crate::batch::Batch;
use crate::config::{Config, Database};
use crate::deliver::{Delivered, Delivery};
use crate::error::Failure;
use crate::extension::{JSON, UUID, extended, extension};
use crate::position::Position;
use crate::table::{Merge, Table, Write};

/// So many sets of records are tried for each kind of database.
const CASES: u32 = 96;

/// Types of PostgreSQL that are read and sent as text, each with any text that its server writes.
fn written() -> Vec<(&'static str, BoxedStrategy<String>)> {
    let numbers = vec(any::<i64>(), 0..4).prop_map(|numbers| format!("{{{}}}", joined(&numbers)));
    let range = (any::<i16>(), 1i64..1000).prop_map(|(from, span)| format!("[{from},{})", i64::from(from) + span));
    let address = any::<[u8; 4]>().prop_map(|[a, b, c, d]| format!("{a}.{b}.{c}.{d}/32"));
    let bits = vec(any::<bool>(), 1..70).prop_map(|bits| bits.iter().map(|bit| if *bit { '1' } else { '0' }).collect());
    let position = any::<[u32; 2]>().prop_map(|[high, low]| format!("{high:X}/{low:X}"));
    vec![
        ("int8[]", numbers.boxed()),
        ("int8range", range.boxed()),
        ("inet", address.boxed()),
        ("varbit", bits.boxed()),
        ("pg_lsn", position.boxed()),
    ]
}

fn joined(numbers: &[i64]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// Records of each type, with a number in front.
fn records() -> impl Strategy<Value = RecordBatch> {
    each_type::records().prop_flat_map(|records| {
        let rows = records.num_rows();
        let texts: Vec<_> = written().into_iter().map(|(_, texts)| vec(option::of(texts), rows)).collect();
        texts.prop_map(move |texts| {
            let texts = texts.into_iter().map(|texts| Arc::new(StringArray::from_iter(texts)) as ArrayRef);
            let columns = [numbers(0, rows)].into_iter().chain(records.columns().iter().cloned()).chain(texts);
            RecordBatch::try_new(Arc::new(schema()), columns.collect()).unwrap()
        })
    })
}

fn numbers(first: i64, rows: usize) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values((first..).take(rows)))
}

fn schema() -> Schema {
    let each_type = each_type::schema();
    let named = |(number, field): (usize, &Arc<Field>)| field.as_ref().clone().with_name(format!("c{number}"));
    let texts = written().into_iter().map(|(name, _)| extended(Field::new(name, DataType::Utf8, true), name));
    let texts = texts.map(|field| {
        let name = field.name().replace("[]", "s");
        field.with_name(name)
    });
    let id = Field::new("id", DataType::Int64, true);
    Schema::new(
        [id].into_iter().chain(each_type.fields().iter().enumerate().map(named)).chain(texts).collect::<Vec<_>>(),
    )
}

/// What has a greatest value in every kind of database.
fn has_greatest(field: &Field) -> bool {
    !matches!(field.data_type(), DataType::Boolean | DataType::Binary) && extension(field).is_none()
}

/// A table for each way of writing. What is merged has the number for its key, and the columns that have a greatest value.
fn tables() -> [Table; 3] {
    let schema = Arc::new(schema());
    let merged: Vec<_> = (0..schema.fields().len()).filter(|at| *at == 0 || has_greatest(schema.field(*at))).collect();
    let merges = (0..merged.len()).map(|at| (at > 0).then_some(Merge::Max)).collect();
    let table =
        |name: &str, schema, key, write| Table { name: String::from(name), schema, key, write, adds_columns: false };
    let of_merged = Arc::new(schema.project(&merged).unwrap());
    [
        table("inserted", Arc::clone(&schema), Vec::new(), Write::Insert),
        table("replaced", schema, vec![0], Write::Replace),
        table("merged", of_merged, vec![0], Write::Merge(merges)),
    ]
}

/// The columns of records that a table has.
fn of(table: &Table, records: &RecordBatch) -> RecordBatch {
    let columns = table.schema.fields().iter().map(|field| records.schema().index_of(field.name()).unwrap());
    records.project(&columns.collect::<Vec<_>>()).unwrap()
}

/// A home, and how far it has got.
struct Home {
    database: Database,
    delivery: Box<dyn Delivery>,
    tables: [Table; 3],
    upto: i128,
    next: i64,
}

impl Home {
    fn new(url: &str) -> Self {
        let text = format!(
            "control = \"sqlite:control.sqlite\"\nhomes = {{ es = {{ keys = [\"ES\"], url = \"{url}\" }} }}\n\
             [[source]]\nurl = \"sqlite:source.sqlite\"\ntable = \"orders\"\ncursor = \"id\"\nkey = \"country\"\n\
             [[source.analyser]]\ninto = \"orders\"\nsql = \"SELECT * FROM record\"\n"
        );
        let config = Config::read(Path::new("domicile.toml"), text, &|_| None).unwrap();
        let (database, tables) = (config.homes[0].database.clone(), tables());
        let delivered = Delivered {
            source: String::from("orders"),
            origin: String::from("here"),
            home: Some(String::from("es")),
            tables: Arc::from(tables.to_vec()),
        };
        Self { delivery: delivery(&database, delivered), database, tables, upto: 0, next: 0 }
    }

    /// The records that all tables can keep, numbered on from those before.
    fn kept(&mut self, records: &RecordBatch) -> RecordBatch {
        let mut columns = records.columns().to_vec();
        columns[0] = numbers(self.next, records.num_rows());
        self.next += records.num_rows() as i64;
        let records = RecordBatch::try_new(records.schema(), columns).unwrap();
        let is_kept = |row: &RecordBatch| {
            let check = |(number, table): (usize, &Table)| self.delivery.check(number, &of(table, row)).is_ok();
            self.tables.iter().enumerate().all(check)
        };
        let rows = (0..records.num_rows()).map(|row| records.slice(row, 1)).filter(is_kept);
        concat_batches(&records.schema(), &rows.collect::<Vec<_>>()).unwrap()
    }

    /// Writes records twice, but for those that are inserted: what replaces, or is merged, finds them there then.
    async fn write(&mut self, records: &RecordBatch) -> Result<RecordBatch, Failure> {
        self.delivery.open().await?;
        self.delivery.begin(None, Duration::from_secs(60)).await?;
        let kept = self.kept(records);
        for is_first in [true, false] {
            if !is_first {
                self.delivery.begin(None, Duration::from_secs(60)).await?;
            }
            let objects = |number: usize| (number, of(&self.tables[number], &kept));
            let written = if is_first { vec![objects(0), objects(1)] } else { vec![objects(1)] };
            self.delivery.write(written).await?;
            self.upto += 1;
            let read = Account { read: 1, delivered: 1, ..Account::default() };
            self.delivery.complete(vec![objects(2)], Position::At(self.upto), read).await?;
            self.delivery.commit(Position::At(self.upto)).await?;
        }
        Ok(kept)
    }

    /// The rows of a table, in the order of their numbers, from one on.
    async fn rows(&self, table: &Table, from: i64) -> Result<RecordBatch, Failure> {
        let mut contents = contents(&self.database);
        contents.begin().await?;
        let (taker, mut given) = mpsc::channel::<Batch>(8);
        let taking = async {
            let mut batches = Vec::new();
            while let Some(batch) = given.recv().await {
                assert!(batch.defects.is_empty(), "{:?}", batch.defects);
                // A home may have no type for an instant but that of a time in UTC.
                let columns = batch.records.columns().iter().zip(table.schema.fields());
                let columns = columns.map(|(column, field)| cast(column, field.data_type()).unwrap()).collect();
                batches.push(RecordBatch::try_new(Arc::clone(&table.schema), columns).unwrap());
            }
            batches
        };
        let (given, batches) = tokio::join!(contents.rows(table, None, taker), taking);
        contents.end().await;
        given?;
        let rows = concat_batches(&table.schema, &batches).unwrap();
        let order = sort_to_indices(rows.column(0), None, None).unwrap();
        let rows = take_record_batch(&rows, &order).unwrap();
        let before = rows.column(0).as_primitive::<Int64Type>().values().iter().filter(|id| **id < from).count();
        Ok(rows.slice(before, rows.num_rows() - before))
    }
}

/// Values as they are compared, by column: a database may write JSON and UUIDs in another way, and NaN and zero are one value
/// each.
fn forms(records: &RecordBatch) -> Vec<Vec<String>> {
    let schema = records.schema();
    let columns = schema.fields().iter().zip(records.columns());
    let form = |(field, column): (&Arc<Field>, &ArrayRef)| -> Vec<String> {
        let value = |row: usize| match (field.data_type(), extension(field)) {
            _ if column.is_null(row) => String::from("NULL"),
            (_, Some(JSON)) => serde_json::from_str::<Value>(column.as_string::<i32>().value(row)).unwrap().to_string(),
            (_, Some(UUID)) => column.as_string::<i32>().value(row).to_lowercase(),
            (DataType::Float64, _) => {
                let float = column.as_primitive::<Float64Type>().value(row);
                if float.is_nan() { String::from("NaN") } else { format!("{:?}", float + 0.0) }
            }
            _ => format!("{:?}", column.slice(row, 1)),
        };
        (0..column.len()).map(value).collect()
    };
    columns.map(form).collect()
}

/// Tries the property on a home. Of the records that it is given some are kept.
fn every_value_is_kept_or_refused(url: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let home = std::cell::RefCell::new(Home::new(url));
    let kept_in_all = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(Cases { cases: CASES, failure_persistence: None, ..Cases::default() });
    let tried = runner.run(&records(), |records| {
        let home = &mut *home.borrow_mut();
        let from = home.next;
        let kept = runtime.block_on(home.write(&records)).unwrap_or_else(|failure| panic!("{failure}"));
        kept_in_all.set(kept_in_all.get() + kept.num_rows());
        for table in &home.tables {
            let rows = runtime.block_on(home.rows(table, from)).unwrap_or_else(|failure| panic!("{failure}"));
            for (kept, found) in forms(&of(table, &kept)).into_iter().zip(forms(&rows)) {
                prop_assert_eq!(kept, found, "{}", table.name);
            }
        }
        Ok(())
    });
    tried.unwrap_or_else(|failed| panic!("{failed}"));
    assert!(kept_in_all.get() > CASES as usize / 4, "most was refused, and says nothing: {}", kept_in_all.get());
    println!("{} records of {CASES} sets were kept", kept_in_all.get());
}

#[test]
fn every_value_is_kept_or_refused_by_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    every_value_is_kept_or_refused(&format!("sqlite:{}", folder.path().join("es.sqlite").display()));
}

#[test]
fn every_value_is_kept_or_refused_by_postgres() {
    let Some(server) = Server::postgres() else { return };
    server.create_database("es");
    every_value_is_kept_or_refused(&server.url("es"));
}

#[test]
fn every_value_is_kept_or_refused_by_mariadb() {
    let Some(server) = Server::mariadb() else { return };
    server.create_database("es");
    every_value_is_kept_or_refused(&server.url("es"));
}
