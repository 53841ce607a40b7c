//! The columns by which a source is read: the value of a record's cursor, and the order of records.

use std::cmp::Ordering;

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::{LexicographicalComparator, SortColumn};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Field, Int64Type, Schema, SchemaRef, TimestampMicrosecondType, UInt64Type,
};
use serde_json::Value as Json;

use crate::position::{Position, Value};
use crate::source::NotOpened;
use crate::text::{decimal_from_text, timestamp_from_text};

/// So many bytes a text of a cursor may have. A position is part of statements, and is sorted by: servers take only so much.
pub(crate) const MOST_BYTES: usize = 8_192;

/// The cursor of a source: one column or several, the first of which comes first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cursor {
    columns: Vec<usize>,
    names: Vec<String>,
    types: Vec<DataType>,
}

impl Cursor {
    /// A cursor of columns of these names, of which the database itself compares the values that `is_compared` holds for, or
    /// what is wrong with it.
    pub(crate) fn open(
        schema: &SchemaRef,
        names: &[String],
        is_compared: impl Fn(usize, &Field) -> bool,
    ) -> Result<Self, NotOpened> {
        let cursor = Self::find(schema, names).map_err(|wrong| NotOpened::no_cursor(schema, wrong))?;
        match cursor.columns.iter().find(|&&column| !is_compared(column, schema.field(column))) {
            None => Ok(cursor),
            Some(&column) => {
                let why = "is made another type here than what the database orders it by; leave its type away in `columns`, \
                           or convert it in a `query`";
                Err(NotOpened::no_cursor(schema, Some((schema.field(column).name(), why))))
            }
        }
    }

    /// A cursor of columns of these names, or the first name that is none, with why; nothing if there are no names.
    pub(crate) fn find<'a>(schema: &Schema, names: &'a [String]) -> Result<Self, Option<(&'a str, &'static str)>> {
        if names.is_empty() {
            return Err(None);
        }
        let column = |name: &'a String| match schema.column_with_name(name) {
            None => Err(Some((name.as_str(), "is no column"))),
            Some((_, field)) if !is_ordered(field.data_type()) => {
                Err(Some((name.as_str(), "is a column whose values have no order that all databases agree on")))
            }
            Some((number, _)) => Ok(number),
        };
        let columns = names.iter().map(column).collect::<Result<Vec<_>, _>>()?;
        let types = columns.iter().map(|&number| schema.field(number).data_type().clone()).collect();
        Ok(Self { columns, names: names.to_vec(), types })
    }

    /// The same cursor among the columns of another schema, which has them all.
    pub(crate) fn within(&self, schema: &Schema) -> Self {
        Self::find(schema, &self.names).expect("the schema has the columns of the cursor")
    }

    /// A cursor of all columns.
    pub(crate) fn whole(schema: &Schema) -> Self {
        let fields = || schema.fields().iter();
        Self {
            columns: (0..fields().len()).collect(),
            names: fields().map(|field| field.name().clone()).collect(),
            types: fields().map(|field| field.data_type().clone()).collect(),
        }
    }

    /// The numbers of its columns.
    pub(crate) fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// The types of its columns.
    pub(crate) fn types(&self) -> &[DataType] {
        &self.types
    }

    /// The names of its columns.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.names.iter().map(String::as_str).collect()
    }

    /// The names of its columns, as people read them.
    pub(crate) fn named(&self) -> String {
        self.names.join(", ")
    }

    /// The position that a person has written: the value of its column, or a list in JSON where there are several, or
    /// what is stored.
    pub(crate) fn read(&self, text: &str) -> Result<Position, String> {
        let position = Position::from_stored(Some(text)).ok().filter(|position| self.admits(position));
        position.or_else(|| self.read_values(text)).ok_or_else(|| {
            let values = if self.columns.len() == 1 { "one value" } else { "a list of values in JSON" };
            format!("`{text}` is not {values} of the type of the cursor {}", self.named())
        })
    }

    fn read_values(&self, text: &str) -> Option<Position> {
        let texts = match self.columns.len() {
            1 => vec![text.to_owned()],
            _ => {
                let list: Vec<Json> = serde_json::from_str(text).ok()?;
                list.iter().map(|json| json.as_str().map_or_else(|| json.to_string(), str::to_owned)).collect()
            }
        };
        let values = texts.iter().zip(&self.types).map(|(text, data_type)| value_of(text, data_type));
        (texts.len() == self.types.len()).then(|| values.collect::<Option<Vec<_>>>().map(Position::of)).flatten()
    }

    /// The cursor of a record. None of its values is NULL.
    pub(crate) fn at(&self, records: &RecordBatch, row: usize) -> Position {
        Position::of(self.columns.iter().map(|&column| value(records.column(column), row)).collect())
    }

    /// The cursor of a record that need not be one of the source, unless it has none.
    pub(crate) fn of(&self, records: &RecordBatch, row: usize) -> Option<Position> {
        let is_whole = self.columns.iter().all(|&column| records.column(column).is_valid(row));
        is_whole.then(|| self.at(records, row))
    }

    /// Whether a position can be one of this cursor.
    pub(crate) fn admits(&self, position: &Position) -> bool {
        let values = position.values();
        *position == Position::Start
            || (values.len() == self.types.len()
                && values.iter().zip(&self.types).all(|(value, data_type)| is_of(value, data_type)))
    }

    /// How many of the records, which are in the order of the cursor, are at or in front of a position.
    pub(crate) fn count_upto(&self, records: &RecordBatch, position: &Position) -> usize {
        count_first(records.num_rows(), |row| self.at(records, row) <= *position)
    }

    /// How many of the records, which are in the order of the cursor, have a lower value in its first column.
    pub(crate) fn count_before(&self, records: &RecordBatch, first: &Value) -> usize {
        let column = records.column(self.columns[0]);
        count_first(records.num_rows(), |row| value(column, row) < *first)
    }

    /// The values of a record, of which some may be NULL.
    pub(crate) fn values(&self, records: &RecordBatch, row: usize) -> Vec<Option<Value>> {
        let columns = self.columns.iter().map(|&column| records.column(column));
        columns.map(|column| column.is_valid(row).then(|| value(column, row))).collect()
    }

    /// The first record that has NULL in a column of the cursor, the number of that column, and its name.
    pub(crate) fn null<'a>(&'a self, records: &RecordBatch) -> Option<(usize, usize, &'a str)> {
        let null_of = |(&column, name): (&usize, &'a String)| {
            let array = records.column(column);
            let row = (array.null_count() > 0).then(|| (0..array.len()).find(|&row| array.is_null(row)))?;
            Some((row?, column, name.as_str()))
        };
        self.columns.iter().zip(&self.names).filter_map(null_of).min()
    }

    /// The column that has a longer text, or more bytes, in one of the records than a position may have.
    pub(crate) fn overlong<'a>(&'a self, records: &RecordBatch) -> Option<&'a str> {
        let is_overlong = |array: &dyn Array| match array.data_type() {
            DataType::Utf8 => array.as_string::<i32>().iter().flatten().any(|text| text.len() > MOST_BYTES),
            DataType::Binary => array.as_binary::<i32>().iter().flatten().any(|bytes| bytes.len() > MOST_BYTES),
            _ => false,
        };
        let place = self.columns.iter().position(|&column| is_overlong(records.column(column)))?;
        Some(&self.names[place])
    }

    /// Whether the records are in the order of the cursor, and how many of them have another cursor than the last.
    pub(crate) fn before_last(&self, records: &RecordBatch) -> Result<usize, String> {
        let rows = records.num_rows();
        let compare = self.comparator(records)?;
        if (1..rows).any(|row| compare(row - 1, row) == Ordering::Greater) {
            return Err(format!("the source is not in the order of the cursor {}", self.named()));
        }
        Ok((0..rows).rev().find(|&row| compare(row, rows - 1) != Ordering::Equal).map_or(0, |row| row + 1))
    }

    fn comparator<'a>(&self, records: &'a RecordBatch) -> Result<Box<dyn Fn(usize, usize) -> Ordering + 'a>, String> {
        if let [column] = self.columns[..]
            && let Some(integers) = records.column(column).as_primitive_opt::<Int64Type>()
        {
            let integers = integers.values();
            return Ok(Box::new(|left, right| integers[left].cmp(&integers[right])));
        }
        let column = |&column: &usize| SortColumn { values: records.column(column).clone(), options: None };
        let columns: Vec<_> = self.columns.iter().map(column).collect();
        let comparator = LexicographicalComparator::try_new(&columns).map_err(|error| error.to_string())?;
        Ok(Box::new(move |left, right| comparator.compare(left, right)))
    }
}

/// Whether values of a type have an order that all databases agree on.
pub(crate) fn is_ordered(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Int64
            | DataType::UInt64
            | DataType::Decimal128(..)
            | DataType::Date32
            | DataType::Timestamp(..)
            | DataType::Utf8
            | DataType::Binary
            | DataType::FixedSizeBinary(_)
    )
}

fn is_of(value: &Value, data_type: &DataType) -> bool {
    match (value, data_type) {
        (Value::Decimal { scale, .. }, DataType::Decimal128(_, expected)) => scale == expected,
        (Value::Integer(_), DataType::Int64 | DataType::UInt64 | DataType::Decimal128(_, 0))
        | (Value::Date(_), DataType::Date32)
        | (Value::Timestamp(_), DataType::Timestamp(..))
        | (Value::Text(_), DataType::Utf8)
        | (Value::Bytes(_), DataType::Binary | DataType::FixedSizeBinary(_)) => true,
        _ => false,
    }
}

/// How many rows there are in front of the first for which it does not hold. It holds for none behind that.
fn count_first(rows: usize, holds: impl Fn(usize) -> bool) -> usize {
    let (mut begin, mut end) = (0, rows);
    while begin < end {
        let middle = begin + (end - begin) / 2;
        if holds(middle) {
            begin = middle + 1;
        } else {
            end = middle;
        }
    }
    begin
}

fn value_of(text: &str, data_type: &DataType) -> Option<Value> {
    Some(match data_type {
        DataType::Int64 | DataType::UInt64 | DataType::Decimal128(_, 0) => Value::Integer(text.parse().ok()?),
        DataType::Decimal128(_, scale) => Value::Decimal { scale: *scale, unscaled: decimal_from_text(text, *scale)? },
        DataType::Timestamp(..) => Value::Timestamp(timestamp_from_text(text)?),
        DataType::Date32 => Value::from_text("date", text)?,
        DataType::Binary | DataType::FixedSizeBinary(_) => Value::from_text("bytes", text)?,
        _ => Value::Text(text.to_owned()),
    })
}

fn value(array: &dyn Array, row: usize) -> Value {
    match array.data_type() {
        DataType::Int64 => Value::Integer(array.as_primitive::<Int64Type>().value(row).into()),
        DataType::UInt64 => Value::Integer(array.as_primitive::<UInt64Type>().value(row).into()),
        DataType::Decimal128(_, 0) => Value::Integer(array.as_primitive::<Decimal128Type>().value(row)),
        DataType::Decimal128(_, scale) => {
            Value::Decimal { scale: *scale, unscaled: array.as_primitive::<Decimal128Type>().value(row) }
        }
        DataType::Date32 => Value::Date(array.as_primitive::<Date32Type>().value(row)),
        DataType::Timestamp(..) => Value::Timestamp(array.as_primitive::<TimestampMicrosecondType>().value(row)),
        DataType::Binary => Value::Bytes(array.as_binary::<i32>().value(row).to_vec()),
        DataType::FixedSizeBinary(_) => Value::Bytes(array.as_fixed_size_binary().value(row).to_vec()),
        _ => Value::Text(array.as_string::<i32>().value(row).to_owned()),
    }
}
