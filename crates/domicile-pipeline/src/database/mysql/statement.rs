//! How the objects of a table are written: by INSERTs of many rows into the table itself, or into a staging table and from
//! there by one statement for the rows that are there and one for those that are not.

use std::ops::{Range, RangeInclusive};

use chrono::{Datelike, NaiveDateTime, Timelike};
use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, Time64MicrosecondType, TimestampMicrosecondType,
    UInt64Type,
};
use mysql_async::prelude::Queryable;
use mysql_async::{Params, Value};

use super::connect::{Kind, Session};
use super::types::Declared;
use super::{failure, quote};
use crate::database::last::last_of_each_key;
use crate::error::Failure;
use crate::table::{Merge, Table, Write};
use crate::text::decimal_text;

/// Rows that one statement writes at most, a power of two. Beyond some hundred there is little to gain.
const ROWS: usize = 1024;
/// A statement has at most so many parameters.
const MOST_PARAMETERS: usize = 65_535;
/// So many bytes are written by one statement, unless a single row has more.
const STATEMENT_BYTES: usize = 4 << 20;
/// What a statement has besides the values of a row, at most: some bytes for each parameter, and its head.
const OVERHEAD_BYTES: usize = 4096;

/// What a `timestamp` holds, in microseconds since 1970: from its first second to 2038. Zero is none.
const TIMESTAMPS: RangeInclusive<i64> = 1_000_000..=2_147_483_647_999_999;

/// How a table is written, known once the table is there.
pub(super) struct Writer {
    declared: Vec<Declared>,
    /// The statement that writes one row, two, four and so on.
    inserts: Vec<String>,
    /// A statement, and a row, have no more bytes.
    most_bytes: usize,
    /// What is done with the staged objects, where they are staged.
    staged: Option<Staged>,
}

/// The statements that bring what is staged into the table, and make room for the next.
struct Staged {
    make: String,
    /// None where all columns are the key's.
    update: Option<String>,
    insert: String,
    clear: String,
}

impl Writer {
    /// `declared` are the types of the table's columns as they are in the home.
    pub(super) fn new(session: &Session, number: usize, table: &Table, declared: Vec<Declared>) -> Self {
        let columns: Vec<_> = table.schema.fields().iter().map(|field| quote(field.name())).collect();
        let staging = format!("domicile_staged_{number}");
        let (target, staged) = if table.write == Write::Insert {
            (quote(&table.name), None)
        } else {
            (staging.clone(), Some(Staged::new(session.kind, table, &columns, &staging)))
        };
        let most_rows = (MOST_PARAMETERS / columns.len().max(1)).clamp(1, ROWS);
        let places = format!("({})", vec!["?"; columns.len()].join(", "));
        let insert = |power: u32| {
            let rows = vec![places.as_str(); 1 << power].join(", ");
            format!("INSERT INTO {target} ({}) VALUES {rows}", columns.join(", "))
        };
        Self {
            declared,
            inserts: (0..=most_rows.ilog2()).map(insert).collect(),
            most_bytes: session.most_bytes.saturating_sub(OVERHEAD_BYTES + 16 * columns.len()),
            staged,
        }
    }

    /// Makes the staging table, where there is one. It belongs to the connection, and is empty at the end of each share.
    pub(super) async fn prepare(&self, session: &mut Session) -> Result<(), Failure> {
        let Some(staged) = &self.staged else { return Ok(()) };
        session.conn.query_drop(&staged.make).await.map_err(|error| failure(&error))
    }

    /// Whether every value can be kept by its column.
    pub(super) fn check(&self, table: &Table, objects: &RecordBatch) -> Result<(), Failure> {
        for ((array, field), declared) in objects.columns().iter().zip(table.schema.fields()).zip(&self.declared) {
            if let Some(what) = unkept(array, declared) {
                return Err(Failure::refused(format!("`{}.{}` cannot hold {what}", table.name, field.name())));
            }
        }
        Ok(())
    }

    /// Writes objects, in their order.
    pub(super) async fn write(
        &self,
        session: &mut Session,
        table: &Table,
        objects: &RecordBatch,
    ) -> Result<(), Failure> {
        if objects.num_rows() == 0 {
            return Ok(());
        }
        self.check(table, objects)?;
        let Some(staged) = &self.staged else { return self.insert(session, table, objects).await };
        if table.write == Write::Replace {
            self.insert(session, table, &last_of_each_key(table, objects)?).await?;
        } else {
            self.insert(session, table, objects).await?;
        }
        for sql in staged.update.iter().chain([&staged.insert, &staged.clear]) {
            session.conn.query_drop(sql).await.map_err(|error| failure(&error))?;
        }
        Ok(())
    }

    async fn insert(&self, session: &mut Session, table: &Table, objects: &RecordBatch) -> Result<(), Failure> {
        let mut first = 0;
        while first < objects.num_rows() {
            let (params, rows) = self.values(table, objects, first..objects.num_rows())?;
            let sql = self.inserts[rows.ilog2() as usize].as_str();
            let inserted = session.conn.exec_drop(sql, Params::Positional(params)).await;
            inserted.map_err(|error| failure(&error))?;
            first += rows;
        }
        Ok(())
    }

    /// The values of as many rows as go into one statement, from the first of these on, and how many they are: a power of
    /// two, so that few statements do for any number of rows.
    fn values(&self, table: &Table, objects: &RecordBatch, rows: Range<usize>) -> Result<(Vec<Value>, usize), Failure> {
        let most_rows = rows.len().min(1 << (self.inserts.len() - 1));
        let mut params = Vec::with_capacity(most_rows * objects.num_columns());
        let (mut taken, mut bytes) = (0_usize, 0);
        for row in rows.start..rows.start + most_rows {
            let begin = params.len();
            params.extend(objects.columns().iter().map(|array| value(array, row)));
            let of_row: u64 = params[begin..].iter().map(Value::bin_len).sum();
            let of_row = usize::try_from(of_row).unwrap_or(usize::MAX);
            if of_row > self.most_bytes {
                let what = format!("a row of {of_row} bytes cannot be sent for `{}`: max_allowed_packet", table.name);
                return Err(Failure::refused(what));
            }
            bytes += of_row;
            if taken > 0 && bytes > self.most_bytes.min(STATEMENT_BYTES) {
                break;
            }
            taken += 1;
        }
        let taken = 1 << taken.ilog2();
        params.truncate(taken * objects.num_columns());
        Ok((params, taken))
    }
}

impl Staged {
    fn new(kind: Kind, table: &Table, columns: &[String], staging: &str) -> Self {
        let target = quote(&table.name);
        let prefixed =
            |prefix: &str| columns.iter().map(|column| format!("{prefix}.{column}")).collect::<Vec<_>>().join(", ");
        let key: Vec<_> = table.key_names().map(quote).collect();
        let matches: Vec<_> = key.iter().map(|column| format!("stored.{column} = added.{column}")).collect();
        let (all, matches) = (columns.join(", "), matches.join(" AND "));
        let assignments = assignments(kind, table, columns);
        Self {
            // Some servers want a primary key of every table.
            make: format!(
                "DROP TEMPORARY TABLE IF EXISTS {staging};
                 CREATE TEMPORARY TABLE {staging} (domicile_number bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY)
                 ENGINE = InnoDB SELECT {all} FROM {target} LIMIT 0"
            ),
            update: (!assignments.is_empty()).then(|| {
                let assignments = assignments.join(", ");
                format!("UPDATE {target} AS stored JOIN {staging} AS added ON {matches} SET {assignments}")
            }),
            insert: format!(
                "INSERT INTO {target} ({all}) SELECT {} FROM {staging} AS added LEFT JOIN {target} AS stored ON {matches}
                 WHERE stored.{} IS NULL",
                prefixed("added"),
                key.first().map_or("", String::as_str)
            ),
            clear: format!("DELETE FROM {staging}"),
        }
    }
}

/// What becomes of the columns of a row that is there.
fn assignments(kind: Kind, table: &Table, columns: &[String]) -> Vec<String> {
    match &table.write {
        Write::Merge(merges) => {
            let merged = merges.iter().enumerate().filter_map(|(column, merge)| Some((column, (*merge)?)));
            let assignment = |(column, merge): (usize, Merge)| {
                let data_type = table.schema.field(column).data_type();
                format!("stored.{} = {}", columns[column], merged_value(kind, merge, &columns[column], data_type))
            };
            merged.map(assignment).collect()
        }
        Write::Insert | Write::Replace => {
            let others = (0..columns.len()).filter(|&column| !table.is_key(column));
            others.map(|column| format!("stored.{0} = added.{0}", columns[column])).collect()
        }
    }
}

/// What is stored and what is added to it become one; NULL counts as nothing.
fn merged_value(kind: Kind, merge: Merge, column: &str, data_type: &DataType) -> String {
    let (stored, added) = (format!("stored.{column}"), format!("added.{column}"));
    // Text is compared byte by byte, as it is within a batch, and not as the column's collation has it.
    let compared = |value: &str| match data_type {
        DataType::Utf8 => format!("CONVERT({value} USING utf8mb4) COLLATE {}", kind.collation()),
        _ => value.to_owned(),
    };
    let merged = match merge {
        Merge::Sum | Merge::Count => format!("{stored} + {added}"),
        Merge::Min => format!("least({}, {})", compared(&stored), compared(&added)),
        Merge::Max => format!("greatest({}, {})", compared(&stored), compared(&added)),
    };
    format!("coalesce({merged}, {stored}, {added})")
}

/// What a value is that its column does not keep, if there is one.
fn unkept(array: &dyn Array, declared: &Declared) -> Option<&'static str> {
    // A NULL would become the next number of AUTO_INCREMENT, or the time of a `timestamp`.
    if declared.not_null && array.null_count() > 0 {
        return Some("NULL");
    }
    match array.data_type() {
        DataType::Int64 => unkept_integer(array.as_primitive::<Int64Type>().iter().flatten().map(i128::from), declared),
        DataType::UInt64 => {
            unkept_integer(array.as_primitive::<UInt64Type>().iter().flatten().map(i128::from), declared)
        }
        DataType::Utf8 => {
            if let Some(labels) = declared.labels() {
                let mut texts = array.as_string::<i32>().iter().flatten();
                // The server finds a label by the column's collation, and takes one for another.
                let is_none = texts.any(|text| !labels.iter().any(|label| label == text));
                return is_none.then_some("what is none of its labels");
            }
            let most = declared.length.map_or(usize::MAX, |length| usize::try_from(length).unwrap_or(usize::MAX));
            let counts_characters = declared.name == "varchar";
            // Beyond its length a column drops spaces in silence.
            let is_long = |text: &str| text.len() > most && !(counts_characters && text.chars().count() <= most);
            array.as_string::<i32>().iter().flatten().any(is_long).then_some("so long a text")
        }
        DataType::Float64 => {
            let floats = array.as_primitive::<Float64Type>();
            floats.iter().flatten().any(|float| !float.is_finite()).then_some("NaN or infinity")
        }
        DataType::Date32 => {
            let dates = array.as_primitive::<Date32Type>();
            let is_out = |row| dates.is_valid(row) && dates.value_as_date(row).is_none_or(|date| is_out(date.year()));
            (0..dates.len()).any(is_out).then_some("a date out of the years 1 to 9999")
        }
        DataType::Timestamp(..) if declared.name == "timestamp" => {
            let mut times = array.as_primitive::<TimestampMicrosecondType>().iter().flatten();
            times.any(|time| !TIMESTAMPS.contains(&time)).then_some("an instant out of 1970 to 2038")
        }
        DataType::Timestamp(..) => {
            let times = array.as_primitive::<TimestampMicrosecondType>();
            let is_out =
                |row| times.is_valid(row) && times.value_as_datetime(row).is_none_or(|time| is_out(time.year()));
            (0..times.len()).any(is_out).then_some("a timestamp out of the years 1 to 9999")
        }
        DataType::Decimal128(_, scale) => {
            let (whole, _) = declared.decimals()?;
            let digits = u32::try_from(whole).ok()?.checked_add(u32::from(scale.unsigned_abs()))?;
            let most = 10u128.checked_pow(digits).unwrap_or(u128::MAX);
            let decimals = array.as_primitive::<Decimal128Type>();
            let is_out = |value: i128| value.unsigned_abs() >= most || (value < 0 && declared.is_unsigned());
            decimals.iter().flatten().any(is_out).then_some("so large a number")
        }
        _ => None,
    }
}

fn is_out(year: i32) -> bool {
    !(1..=9999).contains(&year)
}

fn unkept_integer(mut integers: impl Iterator<Item = i128>, declared: &Declared) -> Option<&'static str> {
    let (least, greatest) = declared.integers().unwrap_or_else(|| {
        let digits = declared.decimals().and_then(|(whole, _)| u32::try_from(whole).ok());
        let greatest = digits.and_then(|digits| 10i128.checked_pow(digits)).map_or(i128::MAX, |power| power - 1);
        (if declared.is_unsigned() { 0 } else { -greatest }, greatest)
    });
    integers.any(|integer| integer < least || integer > greatest).then_some("so large a number")
}

/// A value as it is sent.
fn value(array: &dyn Array, row: usize) -> Value {
    if array.is_null(row) {
        return Value::NULL;
    }
    match array.data_type() {
        DataType::Int64 => Value::Int(array.as_primitive::<Int64Type>().value(row)),
        DataType::UInt64 => Value::UInt(array.as_primitive::<UInt64Type>().value(row)),
        DataType::Float64 => Value::Double(array.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => Value::Int(array.as_boolean().value(row).into()),
        DataType::Binary => Value::Bytes(array.as_binary::<i32>().value(row).to_vec()),
        DataType::Date32 => {
            let date = array.as_primitive::<Date32Type>().value_as_date(row);
            date.map_or(Value::NULL, |date| time(date.into()))
        }
        DataType::Time64(_) => time_of_day(array.as_primitive::<Time64MicrosecondType>().value(row)),
        DataType::Timestamp(..) => {
            let sent = array.as_primitive::<TimestampMicrosecondType>().value_as_datetime(row);
            sent.map_or(Value::NULL, time)
        }
        DataType::Decimal128(_, scale) => {
            Value::Bytes(decimal_text(array.as_primitive::<Decimal128Type>().value(row), *scale).into_bytes())
        }
        _ => Value::Bytes(array.as_string::<i32>().value(row).as_bytes().to_vec()),
    }
}

fn time_of_day(microseconds: i64) -> Value {
    let seconds = microseconds / 1_000_000;
    let small = |number: i64| u8::try_from(number).unwrap_or_default();
    let fraction = u32::try_from(microseconds % 1_000_000).unwrap_or_default();
    Value::Time(false, 0, small(seconds / 3600), small(seconds / 60 % 60), small(seconds % 60), fraction)
}

/// A time that was checked to be in the years that there are.
fn time(time: NaiveDateTime) -> Value {
    let small = |number: u32| u8::try_from(number).unwrap_or_default();
    Value::Date(
        u16::try_from(time.year()).unwrap_or_default(),
        small(time.month()),
        small(time.day()),
        small(time.hour()),
        small(time.minute()),
        small(time.second()),
        time.nanosecond() / 1000,
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::database::column::Column;
    use crate::database::each_type;
    use crate::database::mysql::read::push;

    proptest! {
        #[test]
        fn what_is_sent_is_read_as_it_was(records in each_type::records()) {
            let schema = records.schema();
            let columns = schema.fields().iter().zip(records.columns()).map(|(field, array)| {
                let mut column = Column::with_capacity(field, records.num_rows(), 0);
                for row in 0..records.num_rows() {
                    push(&mut column, &value(array, row)).unwrap();
                }
                column.finish()
            });
            let read = RecordBatch::try_new(Arc::clone(&schema), columns.collect()).unwrap();
            each_type::assert_same(&records, &read);
        }
    }
}
