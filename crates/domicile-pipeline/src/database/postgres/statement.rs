//! How a table's objects are written: by binary COPY, or by one statement that merges them with the rows that are there.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryArray, RecordBatch};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, Field, FieldRef, Int64Type, Schema, SchemaRef, UInt64Type,
};
use futures::SinkExt;
use pgpq::ArrowToPostgresBinaryEncoder;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Statement, ToStatement};

use super::parameter::Values;
use super::schema::{Catalogue, Existing};
use super::types::{Declared, Sent};
use super::{failure, quote};
use crate::database::last::last_of_each_key;
use crate::error::Failure;
use crate::extension::bytes_of_uuid;
use crate::table::{Merge, Table, Write};

/// So much is sent at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// What the binary form of a `jsonb` begins with.
const JSONB_VERSION: u8 = 1;

/// How a table is written, known once the table is there.
pub(super) struct Writer {
    /// The columns as they are sent.
    sent: SchemaRef,
    declared: Vec<Declared>,
    way: Way,
    /// The COPY that takes what is merged into the table first, where it seems to be empty: it is twice as quick.
    first: Option<String>,
}

/// The statement that takes objects.
enum Way {
    /// A COPY into the table.
    Copy(Statement),
    /// One that is given each column as an array, for rows that may be there already.
    Apply(Statement),
}

impl Writer {
    /// The catalogue has the table's columns as they are in the home.
    pub(super) async fn new(client: &Client, table: &Table, catalogue: &Catalogue) -> Result<Self, Failure> {
        let existing = catalogue.columns(&table.name);
        let of = |field: &FieldRef| existing.iter().find(|column| column.name == *field.name());
        let Some(kept) = table.schema.fields().iter().map(of).collect::<Option<Vec<_>>>() else {
            return Err(Failure::Failed(format!("columns of the table `{}` were dropped meanwhile", table.name)));
        };
        let declared: Vec<_> = kept.iter().map(|column| column.declared.clone()).collect();
        let columns: Vec<_> = table.schema.fields().iter().map(|field| quote(field.name())).collect();
        let fields = table.schema.fields().iter().zip(&declared).map(|(field, declared)| {
            let sent = match declared.sent(field) {
                Some(Sent::As(sent)) => sent,
                Some(Sent::Uuid | Sent::Jsonb) => DataType::Binary,
                // Whatever does not fit has stopped the run before.
                Some(Sent::Cast) | None => field.data_type().clone(),
            };
            Field::new(field.name(), sent, true)
        });
        let sent = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let casts = casts(table, &declared);
        let copy = format!("COPY {} ({}) FROM STDIN (FORMAT binary)", quote(&table.name), columns.join(", "));
        let is_empty = catalogue.is_empty(&table.name);
        // What the server makes of text is no binary form of its type.
        let is_binary = casts.iter().all(Option::is_none);
        let first = (is_empty && is_binary && matches!(table.write, Write::Merge(_))).then(|| copy.clone());
        let way = if table.write == Write::Insert && is_binary {
            Way::Copy(client.prepare(&copy).await.map_err(|error| failure(&error))?)
        } else {
            let array = |(column, cast): (&&Existing, &Option<String>)| match cast {
                Some(_) => Type::TEXT_ARRAY,
                None => column.array.clone(),
            };
            let arrays: Vec<_> = kept.iter().zip(&casts).map(array).collect();
            let apply = client.prepare_typed(&apply(table, &columns, &declared, &casts), &arrays).await;
            Way::Apply(apply.map_err(|error| failure(&error))?)
        };
        Ok(Self { sent, declared, way, first })
    }

    /// Whether every value can be kept by its column.
    pub(super) fn check(&self, table: &Table, objects: &RecordBatch) -> Result<(), Failure> {
        self.sendable(table, objects).map(drop)
    }

    /// Writes objects, in their order.
    pub(super) async fn write(&mut self, client: &Client, table: &Table, objects: &RecordBatch) -> Result<(), Failure> {
        if objects.num_rows() == 0 {
            return Ok(());
        }
        let objects = match table.write {
            Write::Replace => &last_of_each_key(table, objects)?,
            Write::Insert | Write::Merge(_) => objects,
        };
        let sendable = self.sendable(table, objects)?;
        let first = match self.first.take() {
            Some(copy) => copy_first(client, &copy, &sendable).await?,
            None => None,
        };
        let written = match (first, &self.way) {
            (Some(written), _) => written,
            (None, Way::Copy(statement)) => copy(client, statement, &sendable).await?,
            (None, Way::Apply(statement)) => apply_columns(client, statement, &sendable).await?,
        };
        // A row of nothing but its key that is there already stays as it is.
        let counts = table.write == Write::Insert || table.key.len() < table.schema.fields().len();
        if counts && written != objects.num_rows() as u64 {
            return Err(Failure::refused(format!("a trigger or a rule of `{}` drops the row", table.name)));
        }
        Ok(())
    }

    /// The objects with each value as its column is sent.
    fn sendable(&self, table: &Table, objects: &RecordBatch) -> Result<RecordBatch, Failure> {
        let fields = self.sent.fields().iter().zip(table.schema.fields());
        let columns = objects.columns().iter().zip(fields).zip(&self.declared);
        let columns = columns.map(|((array, (sent, field)), declared)| {
            let refused =
                |what: &str| Failure::refused(format!("`{}.{}` cannot hold {what}", table.name, field.name()));
            if let Some(what) = unkept(array, declared) {
                return Err(refused(what));
            }
            encoded(array, sent.data_type(), declared.sent(field)).map_err(refused)
        });
        let columns = columns.collect::<Result<Vec<ArrayRef>, Failure>>()?;
        Ok(RecordBatch::try_new(Arc::clone(&self.sent), columns).expect("each column was made the type of its field"))
    }
}

/// The values as they are sent, or what one of them is that the column's type has not.
fn encoded(array: &ArrayRef, sent: &DataType, how: Option<Sent>) -> Result<ArrayRef, &'static str> {
    let texts = || array.as_string::<i32>().iter();
    match how {
        Some(Sent::Uuid) => {
            let bytes = texts().map(|text| text.map(|text| bytes_of_uuid(text).ok_or("what is no UUID")).transpose());
            Ok(Arc::new(bytes.collect::<Result<BinaryArray, _>>()?))
        }
        Some(Sent::Jsonb) => {
            let versioned = |text: &str| [&[JSONB_VERSION], text.as_bytes()].concat();
            Ok(Arc::new(texts().map(|text| text.map(versioned)).collect::<BinaryArray>()))
        }
        _ if array.data_type() == sent => Ok(Arc::clone(array)),
        _ => {
            let strict = CastOptions { safe: false, ..CastOptions::default() };
            cast_with_options(array, sent, &strict).map_err(|_| "so large a number")
        }
    }
}

/// What a value is that its column does not keep, if there is one.
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
        DataType::Int64 => {
            has_too_many_digits(array.as_primitive::<Int64Type>().iter().flatten().map(i128::from), 0, declared)
        }
        DataType::UInt64 => {
            has_too_many_digits(array.as_primitive::<UInt64Type>().iter().flatten().map(i128::from), 0, declared)
        }
        DataType::Decimal128(_, scale) => {
            has_too_many_digits(array.as_primitive::<Decimal128Type>().iter().flatten(), *scale, declared)
        }
        _ => None,
    }
}

fn has_too_many_digits(mut values: impl Iterator<Item = i128>, scale: i8, declared: &Declared) -> Option<&'static str> {
    let (precision, kept) = declared.decimals()?;
    let digits = u32::try_from(precision - kept + i32::from(scale)).ok()?;
    let most = 10i128.checked_pow(digits)?.unsigned_abs();
    values.any(|value| value.unsigned_abs() >= most).then_some("so large a number")
}

/// By column, the type that the server makes of what is sent as text, if it does.
fn casts(table: &Table, declared: &[Declared]) -> Vec<Option<String>> {
    let fields = table.schema.fields().iter().zip(declared);
    fields.map(|(field, declared)| (declared.sent(field) == Some(Sent::Cast)).then(|| declared.shown.clone())).collect()
}

/// The statement that brings columns of objects, which it is given as arrays, into the table.
fn apply(table: &Table, columns: &[String], declared: &[Declared], casts: &[Option<String>]) -> String {
    let key: Vec<_> = table.key_names().map(quote).collect();
    let (key, all) = (key.join(", "), columns.join(", "));
    let arrays: Vec<_> = (1..=columns.len()).map(|number| format!("${number}")).collect();
    let given = format!("unnest({}) WITH ORDINALITY AS given ({all}, domicile_number)", arrays.join(", "));
    let made = columns.iter().zip(casts).map(|(column, cast)| match cast {
        Some(cast) => format!("{column}::{cast} AS {column}"),
        None => column.clone(),
    });
    let made = made.collect::<Vec<_>>().join(", ");
    if table.write == Write::Insert {
        return format!("INSERT INTO {} ({all}) SELECT {made} FROM {given}", quote(&table.name));
    }
    let (select, assignments): (String, Vec<String>) = match &table.write {
        Write::Merge(merges) => {
            let merged = merges.iter().enumerate().filter_map(|(column, merge)| Some((column, (*merge)?)));
            let assignment = |(column, merge): (usize, Merge)| {
                let data_type = table.schema.field(column).data_type();
                format!("{} = {}", columns[column], merged_value(merge, &columns[column], data_type, &declared[column]))
            };
            (format!("SELECT {made} FROM {given}"), merged.map(assignment).collect())
        }
        Write::Insert | Write::Replace => {
            let others = (0..columns.len()).filter(|&column| !table.is_key(column));
            // Of those that replace each other the last stays.
            let select = format!("SELECT DISTINCT ON ({key}) {made} FROM {given} ORDER BY {key}, domicile_number DESC");
            (select, others.map(|column| format!("{0} = excluded.{0}", columns[column])).collect())
        }
    };
    let action =
        if assignments.is_empty() { String::from("NOTHING") } else { format!("UPDATE SET {}", assignments.join(", ")) };
    format!("INSERT INTO {} AS stored ({all}) {select} ON CONFLICT ({key}) DO {action}", quote(&table.name))
}

/// What is stored and what is added to it become one; NULL counts as nothing.
fn merged_value(merge: Merge, column: &str, data_type: &DataType, declared: &Declared) -> String {
    // Text is compared byte by byte, as it is within a batch, and not by the language of the database or by the order of
    // an enum's labels.
    let (compared, kept) = match *data_type == DataType::Utf8 {
        true => ("::text COLLATE \"C\"", format!("::{}", declared.shown)),
        false => ("", String::new()),
    };
    match merge {
        Merge::Sum | Merge::Count => {
            format!("coalesce(stored.{column} + excluded.{column}, stored.{column}, excluded.{column})")
        }
        Merge::Min => format!("least(stored.{column}{compared}, excluded.{column}{compared}){kept}"),
        Merge::Max => format!("greatest(stored.{column}{compared}, excluded.{column}{compared}){kept}"),
    }
}

/// Gives each column to the statement, and returns how many rows became of them.
async fn apply_columns(client: &Client, statement: &Statement, objects: &RecordBatch) -> Result<u64, Failure> {
    let schema = objects.schema();
    let columns = schema.fields().iter().zip(objects.columns());
    let values: Result<Vec<_>, _> = columns.map(|(field, column)| Values::encode(field, column)).collect();
    let values = values.map_err(|error| Failure::refused(error.to_string()))?;
    let parameters = values.iter().map(|values| values as &(dyn ToSql + Sync));
    let applied = client.execute_raw(statement, parameters).await;
    applied.map_err(|error| failure(&error))
}

/// Sends objects by COPY to a table that seems to be empty. Returns nothing if it has a row of one of their keys, which
/// somebody else has written since it was looked at: nothing is written then.
async fn copy_first(client: &Client, sql: &str, objects: &RecordBatch) -> Result<Option<u64>, Failure> {
    let execute = async |sql: &str| client.batch_execute(sql).await.map_err(|error| failure(&error));
    execute("SAVEPOINT first").await?;
    match copy(client, sql, objects).await {
        Ok(written) => execute("RELEASE first").await.map(|()| Some(written)),
        Err(Failure::Refused(_)) => execute("ROLLBACK TO first; RELEASE first").await.map(|()| None),
        Err(failure) => Err(failure),
    }
}

/// Sends objects by COPY, and returns how many rows became of them.
async fn copy(client: &Client, statement: &(impl ToStatement + ?Sized), objects: &RecordBatch) -> Result<u64, Failure> {
    let unencodable = |error: pgpq::error::ErrorKind| Failure::refused(error.to_string());
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

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::StringArray;
    use proptest::prelude::*;

    use super::super::copy::Records;
    use super::super::read::{Format, push};
    use super::*;
    use crate::database::column::Column;
    use crate::database::each_type;
    use crate::extension::{UUID, extension, uuid_of_bytes};

    /// The columns that a table made here has for each type.
    const DECLARED: [(&str, i32); 14] = [
        ("int8", -1),
        ("numeric", (20 << 16) + 4),
        ("float8", -1),
        ("bool", -1),
        ("bytea", -1),
        ("date", -1),
        ("time", -1),
        ("timestamp", -1),
        ("timestamptz", -1),
        ("numeric", ((12 << 16) | 2) + 4),
        ("numeric", ((38 << 16) | 10) + 4),
        ("text", -1),
        ("uuid", -1),
        ("jsonb", -1),
    ];

    fn declared(number: usize) -> Declared {
        let (name, modifier) = DECLARED[number];
        Declared { name: name.to_owned(), modifier, ..Declared::default() }
    }

    /// What is sent of a column, as it is sent.
    fn sent(number: usize, field: &Field, array: &ArrayRef) -> (Field, ArrayRef) {
        let how = declared(number).sent(field);
        let data_type = match &how {
            Some(Sent::As(data_type)) => data_type.clone(),
            _ => DataType::Binary,
        };
        let sent = encoded(array, &data_type, how).unwrap();
        (Field::new(field.name(), data_type, true), sent)
    }

    /// The field that values of a column are read by where they are sent back in binary.
    fn read_by(field: &Field) -> Field {
        match field.data_type() {
            DataType::UInt64 => Field::new("unsigned", DataType::Decimal128(20, 0), true),
            DataType::Utf8 if extension(field).is_some() => Field::new("bytes", DataType::Binary, true),
            _ => field.clone(),
        }
    }

    /// Values that were read by another field than their own.
    fn own(field: &Field, read: ArrayRef) -> ArrayRef {
        let bytes = || read.as_binary::<i32>().iter();
        match (field.data_type(), extension(field)) {
            (DataType::UInt64, _) => {
                cast_with_options(&read, &DataType::UInt64, &CastOptions { safe: false, ..Default::default() }).unwrap()
            }
            (_, Some(UUID)) => Arc::new(bytes().map(|bytes| uuid_of_bytes(bytes?)).collect::<StringArray>()),
            (_, Some(_)) => {
                let text = |bytes: &[u8]| String::from_utf8(bytes[1..].to_vec()).unwrap();
                Arc::new(bytes().map(|bytes| bytes.map(text)).collect::<StringArray>())
            }
            _ => read,
        }
    }

    proptest! {
        #[test]
        fn what_is_sent_by_copy_is_read_as_it_was(records in each_type::records(), piece in 1usize..64) {
            let schema = records.schema();
            let columns = schema.fields().iter().zip(records.columns()).enumerate();
            let (fields, columns): (Vec<_>, Vec<_>) =
                columns.map(|(number, (field, array))| sent(number, field, array)).unzip();
            let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
            let mut encoder = ArrowToPostgresBinaryEncoder::try_new(rows.schema_ref()).unwrap();
            let mut copy = BytesMut::new();
            encoder.write_header(&mut copy).unwrap();
            encoder.write_batch(&rows, &mut copy).unwrap();
            encoder.write_footer(&mut copy).unwrap();
            let mut read: Vec<_> =
                schema.fields().iter().map(|field| Column::with_capacity(&read_by(field), 1, 0)).collect();
            let mut decoder = Records::new(read.len());
            for piece in copy.chunks(piece) {
                decoder.push(piece);
                while let Some(record) = decoder.next().unwrap() {
                    for (column, value) in read.iter_mut().zip(record.values()) {
                        push(column, Format::Binary, value).unwrap();
                    }
                }
            }
            assert!(decoder.has_ended());
            let read = schema.fields().iter().zip(&mut read).map(|(field, column)| own(field, column.finish()));
            let read = RecordBatch::try_new(Arc::clone(&schema), read.collect()).unwrap();
            each_type::assert_same(&records, &read);
        }
    }
}
