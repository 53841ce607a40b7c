//! The prepared statements that write a table's objects, and how Arrow values are bound to them.

use std::ops::Range;

use datafusion::arrow::array::{
    Array, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch,
    StringArray, Time64MicrosecondArray, TimestampMicrosecondArray, UInt64Array,
};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, Time64MicrosecondType, TimestampMicrosecondType,
    UInt64Type,
};
use rusqlite::types::{Null, Value};
use rusqlite::{Connection, Statement};

use super::merge::{ADD, GREATEST, LEAST};
use super::quote;
use super::types::{Affinity, decimal_to_real, decimal_to_value};
use crate::error::{Failure, Refusal};
use crate::table::{Merge, Table, Write};
use crate::text::{has_day, has_time};

/// Rows that one statement writes. SQLite keeps its place in the table within a statement, so that many rows in one are
/// written in half the time; beyond some 50 rows there is no more to gain.
const ROWS: usize = 64;

/// SQLite takes at most so many parameters in a statement.
/// Source: <https://www.sqlite.org/limits.html#max_variable_number>
const MOST_PARAMETERS: usize = 32_766;

/// How a table is written: statements for many rows and for one, known once the table is there.
pub(super) struct Writer {
    affinities: Vec<Affinity>,
    /// Each object changes a row, also one that is there already.
    counts: bool,
    rows: usize,
    many: String,
    one: String,
}

impl Writer {
    /// `affinities` are those of the table's columns as they are in the home.
    pub(super) fn new(table: &Table, affinities: Vec<Affinity>) -> Self {
        let rows = (MOST_PARAMETERS / affinities.len().max(1)).clamp(1, ROWS);
        let (many, one) = (write_sql(table, &affinities, rows), write_sql(table, &affinities, 1));
        let counts = table.write == Write::Insert || table.key.len() < affinities.len();
        Self { affinities, counts, rows, many, one }
    }

    /// Whether every value can be bound.
    pub(super) fn check(&self, table: &Table, objects: &RecordBatch) -> Result<(), Failure> {
        for (column, (array, affinity)) in objects.columns().iter().zip(&self.affinities).enumerate() {
            let cells = Cells::new(array, *affinity);
            if let Some(what) = (0..objects.num_rows()).find_map(|row| cells.unbindable(row)) {
                let name = table.schema.field(column).name();
                return Err(Failure::refused(format!("`{}.{name}` cannot hold {what}", table.name)));
            }
        }
        Ok(())
    }

    /// Writes objects, in their order.
    pub(super) fn write(&self, connection: &Connection, table: &Table, objects: &RecordBatch) -> Result<(), Failure> {
        let columns = objects.columns().iter().zip(&self.affinities);
        let cells: Vec<_> = columns.map(|(array, affinity)| Cells::new(array, *affinity)).collect();
        let whole = objects.num_rows() - objects.num_rows() % self.rows;
        for (sql, rows, range) in [(&self.many, self.rows, 0..whole), (&self.one, 1, whole..objects.num_rows())] {
            if range.is_empty() {
                continue;
            }
            let mut statement = connection.prepare_cached(sql).map_err(|error| failure(&error))?;
            for first in range.step_by(rows) {
                bind_rows(&mut statement, table, &cells, first..first + rows)?;
                let written = statement.raw_execute().map_err(|error| failure(&error))?;
                if self.counts && written != rows {
                    return Err(Failure::refused(format!("a trigger of `{}` drops the row", table.name)));
                }
            }
        }
        Ok(())
    }
}

fn bind_rows(
    statement: &mut Statement<'_>,
    table: &Table,
    cells: &[Cells<'_>],
    rows: Range<usize>,
) -> Result<(), Failure> {
    let mut place = 0;
    for row in rows {
        for (column, cells) in cells.iter().enumerate() {
            place += 1;
            cells.bind(statement, place, row).map_err(|unwritten| match unwritten {
                Unwritten::Value(what) => {
                    let name = table.schema.field(column).name();
                    Failure::refused(format!("`{}.{name}` cannot hold {what}", table.name))
                }
                Unwritten::Sqlite(error) => failure(&error),
            })?;
        }
    }
    Ok(())
}

/// The SQL that writes so many objects at once.
fn write_sql(table: &Table, affinities: &[Affinity], rows: usize) -> String {
    let names: Vec<_> = table.schema.fields().iter().map(|field| quote(field.name())).collect();
    let places = format!("({})", vec!["?"; names.len()].join(", "));
    let places = vec![places; rows].join(", ");
    // ABORT overrides what a constraint of the table itself says, which could be to drop the row in silence.
    let insert = format!("INSERT OR ABORT INTO {} ({}) VALUES {places}", quote(&table.name), names.join(", "));
    let assignments: Vec<String> = match &table.write {
        Write::Insert => return insert,
        Write::Replace => (0..names.len())
            .filter(|&column| !table.is_key(column))
            .map(|column| format!("{0} = excluded.{0}", names[column]))
            .collect(),
        Write::Merge(merges) => merges
            .iter()
            .enumerate()
            .filter_map(|(column, merge)| Some((column, (*merge)?)))
            .map(|(column, merge)| {
                let data_type = table.schema.field(column).data_type();
                format!("{} = {}", names[column], merged(merge, &names[column], data_type, affinities[column]))
            })
            .collect(),
    };
    let key: Vec<_> = table.key_names().map(quote).collect();
    let action =
        if assignments.is_empty() { String::from("NOTHING") } else { format!("UPDATE SET {}", assignments.join(", ")) };
    format!("{insert} ON CONFLICT ({}) DO {action}", key.join(", "))
}

fn merged(merge: Merge, name: &str, data_type: &DataType, affinity: Affinity) -> String {
    let is_text = affinity == Affinity::Text;
    // Text is compared byte by byte, as it is within a batch, and not as the column has it.
    let collation = if *data_type == DataType::Utf8 { " COLLATE BINARY" } else { "" };
    let decimal_scale = match data_type {
        DataType::Decimal128(_, scale) => Some(*scale),
        _ => None,
    };
    match (merge, decimal_scale) {
        (Merge::Sum | Merge::Count, scale) => {
            format!("{ADD}({name}, excluded.{name}, {}, {})", scale.unwrap_or(0), u8::from(is_text))
        }
        (Merge::Min, Some(scale)) if is_text => format!("{LEAST}({name}, excluded.{name}, {scale})"),
        (Merge::Max, Some(scale)) if is_text => format!("{GREATEST}({name}, excluded.{name}, {scale})"),
        (Merge::Min, _) => format!("coalesce(min({name}{collation}, excluded.{name}), {name}, excluded.{name})"),
        (Merge::Max, _) => format!("coalesce(max({name}{collation}, excluded.{name}), {name}, excluded.{name})"),
    }
}

/// A column of objects, ready to be bound row by row.
enum Cells<'a> {
    Integer(&'a Int64Array),
    Unsigned(&'a UInt64Array),
    Float(&'a Float64Array),
    Text(&'a StringArray),
    Bytes(&'a BinaryArray),
    Boolean(&'a BooleanArray),
    Date(&'a Date32Array),
    Time(&'a Time64MicrosecondArray),
    /// With what follows each of them.
    Timestamp(&'a TimestampMicrosecondArray, &'static str),
    Decimal {
        array: &'a Decimal128Array,
        scale: i8,
        factor: f64,
        is_text: bool,
    },
}

impl<'a> Cells<'a> {
    fn new(array: &'a dyn Array, affinity: Affinity) -> Self {
        match array.data_type() {
            DataType::Int64 => Cells::Integer(array.as_primitive::<Int64Type>()),
            DataType::UInt64 => Cells::Unsigned(array.as_primitive::<UInt64Type>()),
            DataType::Float64 => Cells::Float(array.as_primitive::<Float64Type>()),
            DataType::Binary => Cells::Bytes(array.as_binary::<i32>()),
            DataType::Boolean => Cells::Boolean(array.as_boolean()),
            DataType::Date32 => Cells::Date(array.as_primitive::<Date32Type>()),
            DataType::Time64(_) => Cells::Time(array.as_primitive::<Time64MicrosecondType>()),
            DataType::Timestamp(_, zone) => {
                let zone = if zone.is_some() { "+00:00" } else { "" };
                Cells::Timestamp(array.as_primitive::<TimestampMicrosecondType>(), zone)
            }
            DataType::Decimal128(_, scale) => Cells::Decimal {
                array: array.as_primitive::<Decimal128Type>(),
                scale: *scale,
                factor: 10f64.powi(i32::from(*scale)),
                is_text: affinity == Affinity::Text,
            },
            _ => Cells::Text(array.as_string::<i32>()),
        }
    }

    fn is_null(&self, row: usize) -> bool {
        match self {
            Cells::Integer(array) => array.is_null(row),
            Cells::Unsigned(array) => array.is_null(row),
            Cells::Float(array) => array.is_null(row),
            Cells::Text(array) => array.is_null(row),
            Cells::Bytes(array) => array.is_null(row),
            Cells::Boolean(array) => array.is_null(row),
            Cells::Date(array) => array.is_null(row),
            Cells::Time(array) => array.is_null(row),
            Cells::Timestamp(array, _) => array.is_null(row),
            Cells::Decimal { array, .. } => array.is_null(row),
        }
    }

    /// What a value is that no column of this kind can hold.
    fn unbindable(&self, row: usize) -> Option<&'static str> {
        match self {
            // SQLite stores NaN as NULL, which would be a silent loss.
            Cells::Float(array) if array.is_valid(row) && array.value(row).is_nan() => Some("NaN"),
            Cells::Unsigned(array) if array.is_valid(row) && i64::try_from(array.value(row)).is_err() => {
                Some("so large a number")
            }
            Cells::Date(array) if array.is_valid(row) && !has_day(array.value(row)) => {
                Some("a date out of the years 1 to 9999")
            }
            Cells::Timestamp(array, _) if array.is_valid(row) && !has_time(array.value(row)) => {
                Some("a timestamp out of the years 1 to 9999")
            }
            Cells::Decimal { array, scale, factor, is_text } if array.is_valid(row) && !is_text => {
                let unscaled = array.value(row);
                let is_exact = decimal_to_real(unscaled, *factor).is_some()
                    || decimal_to_value(unscaled, *scale, *is_text).is_some();
                (!is_exact).then_some("a decimal of more than 15 digits")
            }
            _ => None,
        }
    }

    fn bind(&self, statement: &mut Statement<'_>, place: usize, row: usize) -> Result<(), Unwritten> {
        if self.is_null(row) {
            return Ok(statement.raw_bind_parameter(place, Null)?);
        }
        // Of a decimal it is seen below.
        if !matches!(self, Cells::Decimal { .. })
            && let Some(what) = self.unbindable(row)
        {
            return Err(Unwritten::Value(what));
        }
        match self {
            Cells::Integer(array) => statement.raw_bind_parameter(place, array.value(row))?,
            Cells::Unsigned(array) => statement.raw_bind_parameter(place, array.value(row))?,
            Cells::Float(array) => statement.raw_bind_parameter(place, array.value(row))?,
            Cells::Text(array) => statement.raw_bind_parameter(place, array.value(row))?,
            Cells::Bytes(array) => statement.raw_bind_parameter(place, array.value(row))?,
            Cells::Boolean(array) => statement.raw_bind_parameter(place, array.value(row))?,
            Cells::Date(array) => {
                let date = array.value_as_date(row).ok_or(Unwritten::Value("a date out of range"))?;
                statement.raw_bind_parameter(place, date.format("%Y-%m-%d").to_string())?;
            }
            Cells::Time(array) => {
                let time = array.value_as_time(row).ok_or(Unwritten::Value("a time out of range"))?;
                statement.raw_bind_parameter(place, time.format("%H:%M:%S%.f").to_string())?;
            }
            Cells::Timestamp(array, zone) => {
                let time = array.value_as_datetime(row).ok_or(Unwritten::Value("a timestamp out of range"))?;
                statement.raw_bind_parameter(place, format!("{}{zone}", time.format("%Y-%m-%d %H:%M:%S%.f")))?;
            }
            Cells::Decimal { array, scale, factor, is_text } => {
                let unscaled = array.value(row);
                match decimal_to_real(unscaled, *factor) {
                    Some(real) if !is_text && *scale > 0 => statement.raw_bind_parameter(place, real)?,
                    _ => {
                        let value: Option<Value> = decimal_to_value(unscaled, *scale, *is_text);
                        let value = value.ok_or(Unwritten::Value("a decimal of more than 15 digits"))?;
                        statement.raw_bind_parameter(place, value)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Why an object was not written.
enum Unwritten {
    Value(&'static str),
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Unwritten {
    fn from(error: rusqlite::Error) -> Self {
        Unwritten::Sqlite(error)
    }
}

/// Whether SQLite refuses the object or fails as a whole.
pub(super) fn failure(error: &rusqlite::Error) -> Failure {
    use rusqlite::ErrorCode::{CannotOpen, ConstraintViolation, DatabaseBusy, DatabaseLocked, TooBig, TypeMismatch};
    use rusqlite::ffi;
    match error {
        // The message would name the path, which may have come from the environment.
        rusqlite::Error::SqliteFailure(code, _) if code.code == CannotOpen => {
            Failure::Failed(String::from("unable to open the database file"))
        }
        rusqlite::Error::SqliteFailure(code, message) => {
            let text = message.clone().unwrap_or_else(|| code.to_string());
            match code.code {
                // What a trigger says is up to whoever made it.
                ConstraintViolation if code.extended_code == ffi::SQLITE_CONSTRAINT_TRIGGER => {
                    Failure::Refused(Refusal::quoting(text, "a trigger refuses it (SQLITE_CONSTRAINT_TRIGGER)"))
                }
                ConstraintViolation | TooBig | TypeMismatch => Failure::refused(text),
                DatabaseBusy | DatabaseLocked => Failure::Transient(text),
                _ if OF_VALUES.contains(&text.as_str()) => Failure::refused(text),
                _ => Failure::Failed(without_values(text)),
            }
        }
        // The error itself would show the whole statement, in which a value of the environment may be.
        rusqlite::Error::SqlInputError { msg, .. } => Failure::Failed(msg.clone()),
        other => Failure::Failed(other.to_string()),
    }
}

/// What functions of SQLite, as in triggers and columns that are generated, say of a value; their errors have no code of their own.
const OF_VALUES: [&str; 2] = ["malformed JSON", "integer overflow"];

/// A message without the value that SQLite quotes in it: what is wrong with a path into JSON is the only such.
fn without_values(message: String) -> String {
    let quoting = ["JSON path error near ", "bad JSON path: "].into_iter().find(|begin| message.starts_with(begin));
    quoting.map_or(message, |begin| format!("{begin}…"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::ArrayRef;
    use proptest::prelude::*;

    use super::super::read::push;
    use super::super::schema::{existing, make_table};
    use super::*;
    use crate::database::column::Column;
    use crate::database::each_type;

    proptest! {
        #[test]
        fn what_is_written_is_read_as_it_was_or_refused_as_the_check_has_it(records in each_type::records()) {
            let connection = Connection::open_in_memory().unwrap();
            let name = String::from("kept");
            let table = Table { name, schema: each_type::schema(), key: Vec::new(), write: Write::Insert, adds_columns: false };
            make_table(&connection, &table).unwrap();
            let declared = existing(&connection, "kept").unwrap();
            let writer = Writer::new(&table, declared.iter().map(|column| Affinity::of(&column.declared)).collect());
            for row in 0..records.num_rows() {
                let record = records.slice(row, 1);
                let checked = writer.check(&table, &record);
                let written = writer.write(&connection, &table, &record);
                assert_eq!(checked.is_ok(), written.is_ok(), "{checked:?} {written:?} {record:?}");
                if written.is_ok() {
                    each_type::assert_same(&without_sign_of_zero(&record), &read(&connection));
                    connection.execute("DELETE FROM kept", []).unwrap();
                }
            }
        }
    }

    /// SQLite keeps a zero of a column for numbers as the integer, which has no sign.
    fn without_sign_of_zero(record: &RecordBatch) -> RecordBatch {
        let columns = record.columns().iter().map(|array| match array.as_primitive_opt::<Float64Type>() {
            Some(floats) => Arc::new(floats.unary::<_, Float64Type>(|float| float + 0.0)) as ArrayRef,
            None => Arc::clone(array),
        });
        RecordBatch::try_new(record.schema(), columns.collect()).unwrap()
    }

    fn read(connection: &Connection) -> RecordBatch {
        let schema = each_type::schema();
        let mut columns: Vec<_> = schema.fields().iter().map(|field| Column::with_capacity(field, 1, 0)).collect();
        let read = connection.query_row("SELECT * FROM kept", [], |row| {
            columns.iter_mut().enumerate().try_for_each(|(number, column)| {
                push(column, row.get_ref(number)?).unwrap();
                Ok(())
            })
        });
        read.unwrap();
        RecordBatch::try_new(schema, columns.iter_mut().map(Column::finish).collect()).unwrap()
    }
}
