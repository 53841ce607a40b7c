//! How a table's objects are written: by binary COPY into the table itself, or into a staging table and from there by one
//! statement.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Field, Schema, SchemaRef};
use futures::SinkExt;
use pgpq::ArrowToPostgresBinaryEncoder;
use tokio_postgres::{Client, Statement};

use super::types::Declared;
use super::{failure, quote};
use crate::error::Failure;
use crate::table::{Merge, Table, Write};

/// So much is sent at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// How a table is written, known once the table is there.
pub(super) struct Writer {
    /// The columns as they are sent.
    sent: SchemaRef,
    declared: Vec<Declared>,
    copy: Statement,
    /// What is done with the staged objects, where they are staged.
    staged: Option<Staged>,
}

/// The statements that bring what is staged into the table, and make room for the next.
struct Staged {
    apply: Statement,
    clear: String,
}

impl Writer {
    /// `declared` are the types of the table's columns as they are in the home. The staging table belongs to the connection,
    /// and is empty at the end of each transaction.
    pub(super) async fn new(
        client: &Client,
        number: usize,
        table: &Table,
        declared: Vec<Declared>,
    ) -> Result<Self, Failure> {
        let columns: Vec<_> = table.schema.fields().iter().map(|field| quote(field.name())).collect();
        let fields = table.schema.fields().iter().zip(&declared).map(|(field, declared)| {
            // Whatever does not fit has stopped the run before.
            let sent = declared.sent_as(field.data_type()).unwrap_or_else(|| field.data_type().clone());
            Field::new(field.name(), sent, true)
        });
        let sent = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let staging = format!("domicile_staged_{number}");
        let (target, staged) = if table.write == Write::Insert {
            (quote(&table.name), None)
        } else {
            make_staging(client, &staging, table, &columns).await?;
            let apply = client.prepare(&apply(table, &columns, &staging)).await.map_err(|error| failure(&error))?;
            (staging.clone(), Some(Staged { apply, clear: format!("TRUNCATE {staging}") }))
        };
        let copy = format!("COPY {target} ({}) FROM STDIN (FORMAT binary)", columns.join(", "));
        let copy = client.prepare(&copy).await.map_err(|error| failure(&error))?;
        Ok(Self { sent, declared, copy, staged })
    }

    /// Whether every value can be kept by its column.
    pub(super) fn check(&self, table: &Table, objects: &RecordBatch) -> Result<(), Failure> {
        self.sendable(table, objects).map(drop)
    }

    /// Writes objects, in their order.
    pub(super) async fn write(&self, client: &Client, table: &Table, objects: &RecordBatch) -> Result<(), Failure> {
        if objects.num_rows() == 0 {
            return Ok(());
        }
        let written = copy(client, &self.copy, &self.sendable(table, objects)?).await?;
        let applied = match &self.staged {
            Some(staged) => {
                let applied = client.execute(&staged.apply, &[]).await.map_err(|error| failure(&error))?;
                client.batch_execute(&staged.clear).await.map_err(|error| failure(&error))?;
                // Several objects of one key replace each other.
                if table.write == Write::Replace { None } else { Some(applied) }
            }
            None => Some(written),
        };
        if applied.is_some_and(|applied| applied != objects.num_rows() as u64) {
            return Err(Failure::Refused(format!("a trigger or a rule of `{}` drops the row", table.name)));
        }
        Ok(())
    }

    /// The objects with each value as its column is sent.
    fn sendable(&self, table: &Table, objects: &RecordBatch) -> Result<RecordBatch, Failure> {
        let columns = objects.columns().iter().zip(self.sent.fields()).zip(&self.declared);
        let columns = columns.map(|((array, field), declared)| {
            let refused =
                |what: &str| Failure::Refused(format!("`{}.{}` cannot hold {what}", table.name, field.name()));
            let strict = CastOptions { safe: false, ..CastOptions::default() };
            let sent = if array.data_type() == field.data_type() {
                Arc::clone(array)
            } else {
                cast_with_options(array, field.data_type(), &strict).map_err(|_| refused("so large a number"))?
            };
            match unkept(&sent, declared) {
                Some(what) => Err(refused(what)),
                None => Ok(sent),
            }
        });
        let columns = columns.collect::<Result<Vec<ArrayRef>, Failure>>()?;
        Ok(RecordBatch::try_new(Arc::clone(&self.sent), columns).expect("each column was made the type of its field"))
    }
}

/// What a value is that a column of the sent type does not keep, if there is one.
fn unkept(array: &dyn Array, declared: &Declared) -> Option<&'static str> {
    match array.data_type() {
        DataType::Utf8 => {
            let most = declared.most_characters();
            let mut texts = array.as_string::<i32>().iter().flatten();
            texts.find_map(|text| match most {
                _ if text.contains('\0') => Some("a NUL character"),
                // Beyond its length a column drops spaces in silence.
                Some(most) if text.chars().count() > most => Some("so long a text"),
                _ => None,
            })
        }
        DataType::Decimal128(_, sent_scale) => {
            let (precision, scale) = declared.decimals()?;
            let whole = u32::try_from(precision - scale + i32::from(*sent_scale)).ok()?;
            let most = 10i128.checked_pow(whole)?.unsigned_abs();
            let mut values = array.as_primitive::<Decimal128Type>().iter().flatten();
            values.any(|value| value.unsigned_abs() >= most).then_some("so large a number")
        }
        _ => None,
    }
}

async fn make_staging(client: &Client, staging: &str, table: &Table, columns: &[String]) -> Result<(), Failure> {
    // In which order the objects came is kept for those that replace each other.
    let sql = format!(
        "CREATE TEMPORARY TABLE {staging} ON COMMIT DELETE ROWS AS SELECT {} FROM {} WITH NO DATA;
         ALTER TABLE {staging} ADD COLUMN domicile_number bigserial",
        columns.join(", "),
        quote(&table.name)
    );
    client.batch_execute(&sql).await.map_err(|error| failure(&error))
}

/// The statement that brings the staged objects into the table.
fn apply(table: &Table, columns: &[String], staging: &str) -> String {
    let key: Vec<_> = table.key_names().map(quote).collect();
    let (key, all) = (key.join(", "), columns.join(", "));
    let (select, assignments): (String, Vec<String>) = match &table.write {
        Write::Merge(merges) => {
            let merged = merges.iter().enumerate().filter_map(|(column, merge)| Some((column, (*merge)?)));
            let assignment = |(column, merge): (usize, Merge)| {
                let data_type = table.schema.field(column).data_type();
                format!("{} = {}", columns[column], merged_value(merge, &columns[column], data_type))
            };
            (format!("SELECT {all} FROM {staging}"), merged.map(assignment).collect())
        }
        Write::Insert | Write::Replace => {
            let others = (0..columns.len()).filter(|&column| !table.is_key(column));
            let select =
                format!("SELECT DISTINCT ON ({key}) {all} FROM {staging} ORDER BY {key}, domicile_number DESC");
            (select, others.map(|column| format!("{0} = excluded.{0}", columns[column])).collect())
        }
    };
    let action =
        if assignments.is_empty() { String::from("NOTHING") } else { format!("UPDATE SET {}", assignments.join(", ")) };
    format!("INSERT INTO {} AS stored ({all}) {select} ON CONFLICT ({key}) DO {action}", quote(&table.name))
}

/// What is stored and what is added to it become one; NULL counts as nothing.
fn merged_value(merge: Merge, column: &str, data_type: &DataType) -> String {
    // Text is compared byte by byte, as it is within a batch, and not by the language of the database.
    let collation = if *data_type == DataType::Utf8 { " COLLATE \"C\"" } else { "" };
    match merge {
        Merge::Sum | Merge::Count => {
            format!("coalesce(stored.{column} + excluded.{column}, stored.{column}, excluded.{column})")
        }
        Merge::Min => format!("least(stored.{column}{collation}, excluded.{column}{collation})"),
        Merge::Max => format!("greatest(stored.{column}{collation}, excluded.{column}{collation})"),
    }
}

/// Sends objects by COPY, and returns how many rows became of them.
async fn copy(client: &Client, statement: &Statement, objects: &RecordBatch) -> Result<u64, Failure> {
    let unencodable = |error: pgpq::error::ErrorKind| Failure::Refused(error.to_string());
    let mut encoder = ArrowToPostgresBinaryEncoder::try_new(objects.schema_ref()).map_err(unencodable)?;
    let sink = client.copy_in::<_, Bytes>(statement).await.map_err(|error| failure(&error))?;
    let mut sink = std::pin::pin!(sink);
    let mut buffer = BytesMut::new();
    encoder.write_header(&mut buffer).map_err(unencodable)?;
    let bytes_per_row = objects.get_array_memory_size() / objects.num_rows().max(1) + 1;
    let rows_at_once = (CHUNK_BYTES / bytes_per_row).max(1);
    for first in (0..objects.num_rows()).step_by(rows_at_once) {
        let part = objects.slice(first, rows_at_once.min(objects.num_rows() - first));
        encoder.write_batch(&part, &mut buffer).map_err(unencodable)?;
        sink.send(buffer.split().freeze()).await.map_err(|error| failure(&error))?;
    }
    encoder.write_footer(&mut buffer).map_err(unencodable)?;
    sink.send(buffer.freeze()).await.map_err(|error| failure(&error))?;
    sink.finish().await.map_err(|error| failure(&error))
}
