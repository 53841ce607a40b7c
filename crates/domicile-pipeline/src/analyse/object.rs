//! What Rust analysers make: objects of several types, each with its table.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};
use serde::Serialize;
use serde_json::Value;

use crate::extension::{JSON, UUID, extended};
use crate::table::{Merge, Table, Write, instant, reserved};
use crate::text;

/// A type of object that an analyser makes. Its fields are serialised by name into the columns of its shape: each field
/// has a column, and each column a field. A value that its column cannot hold exactly is an error of the record.
///
/// ```
/// use domicile_pipeline::{Object, Shape};
/// use serde::Serialize;
///
/// #[derive(Serialize)]
/// struct DailySales {
///     day: String,
///     orders: i64,
///     revenue: rust_decimal::Decimal,
/// }
///
/// impl Object for DailySales {
///     fn shape() -> Shape {
///         Shape::new("daily_sales").date("day").key().integer("orders").count().decimal("revenue", 18, 2).sum()
///     }
/// }
/// ```
pub trait Object: Serialize + Send + Sync + 'static {
    /// The table, its columns and how objects reach it.
    fn shape() -> Shape;
}

/// A table in the making: columns in order, each followed by what is special about it.
#[derive(Clone, Debug)]
pub struct Shape {
    name: String,
    columns: Vec<(Field, Option<Merge>)>,
    key: Vec<usize>,
    replace: bool,
}

impl Shape {
    /// A table of this name. Without more, objects are inserted.
    #[must_use]
    pub fn new(table: impl Into<String>) -> Self {
        Self { name: table.into(), columns: Vec::new(), key: Vec::new(), replace: false }
    }

    fn column(mut self, name: &str, data_type: DataType) -> Self {
        self.columns.push((Field::new(name, data_type, true), None));
        self
    }

    /// A column of text.
    #[must_use]
    pub fn text(self, name: &str) -> Self {
        self.column(name, DataType::Utf8)
    }

    /// A column of integers of 64 bits.
    #[must_use]
    pub fn integer(self, name: &str) -> Self {
        self.column(name, DataType::Int64)
    }

    /// A column of exact decimals: `precision` digits, `scale` of them behind the point.
    #[must_use]
    pub fn decimal(self, name: &str, precision: u8, scale: u8) -> Self {
        self.column(name, DataType::Decimal128(precision, scale.cast_signed()))
    }

    /// A column of floating-point numbers. An integer that is serialised into it becomes the nearest of them.
    #[must_use]
    pub fn float(self, name: &str) -> Self {
        self.column(name, DataType::Float64)
    }

    /// A column of true and false.
    #[must_use]
    pub fn boolean(self, name: &str) -> Self {
        self.column(name, DataType::Boolean)
    }

    /// A column of dates, serialised as `YYYY-MM-DD`.
    #[must_use]
    pub fn date(self, name: &str) -> Self {
        self.column(name, DataType::Date32)
    }

    /// A column of timestamps without zone, serialised as text: `YYYY-MM-DDTHH:MM:SS[.ffffff]`.
    #[must_use]
    pub fn timestamp(self, name: &str) -> Self {
        self.column(name, DataType::Timestamp(TimeUnit::Microsecond, None))
    }

    /// A column of instants, serialised as text with a zone: `YYYY-MM-DDTHH:MM:SS[.ffffff]Z`.
    #[must_use]
    pub fn timestamptz(self, name: &str) -> Self {
        self.column(name, instant())
    }

    /// A column of times of day, serialised as text: `HH:MM:SS[.ffffff]`.
    #[must_use]
    pub fn time(self, name: &str) -> Self {
        self.column(name, DataType::Time64(TimeUnit::Microsecond))
    }

    /// A column of integers of 64 bits that are not negative.
    #[must_use]
    pub fn unsigned(self, name: &str) -> Self {
        self.column(name, DataType::UInt64)
    }

    /// A column of UUIDs, serialised as text in their usual form.
    #[must_use]
    pub fn uuid(self, name: &str) -> Self {
        self.extended(name, UUID)
    }

    /// A column of JSON, serialised as text.
    #[must_use]
    pub fn json(self, name: &str) -> Self {
        self.extended(name, JSON)
    }

    fn extended(mut self, name: &str, extension: &str) -> Self {
        self.columns.push((extended(Field::new(name, DataType::Utf8, true), extension), None));
        self
    }

    /// The column before this call is part of the key.
    #[must_use]
    pub fn key(mut self) -> Self {
        self.key.push(self.last());
        self
    }

    /// The column before this call is added up by key.
    #[must_use]
    pub fn sum(self) -> Self {
        self.merge(Merge::Sum)
    }

    /// The column before this call is a count, added up by key.
    #[must_use]
    pub fn count(self) -> Self {
        self.merge(Merge::Count)
    }

    /// Of the column before this call, the least value stays.
    #[must_use]
    pub fn min(self) -> Self {
        self.merge(Merge::Min)
    }

    /// Of the column before this call, the greatest value stays.
    #[must_use]
    pub fn max(self) -> Self {
        self.merge(Merge::Max)
    }

    /// An object replaces the row with its key.
    #[must_use]
    pub fn replace(mut self) -> Self {
        self.replace = true;
        self
    }

    fn merge(mut self, merge: Merge) -> Self {
        let last = self.last();
        let (field, merged) = &mut self.columns[last];
        // What is merged is compared as text.
        field.metadata_mut().clear();
        *merged = Some(merge);
        self
    }

    fn last(&self) -> usize {
        assert!(!self.columns.is_empty(), "Shape of `{}`: name a column first", self.name);
        self.columns.len() - 1
    }

    /// The finished table, or what is wrong with it.
    pub(super) fn table(self) -> Result<Table, String> {
        if let Some(why) = reserved(&self.name) {
            return Err(format!("`{}` is reserved: {why}", self.name));
        }
        if let Some((field, _)) = self.columns.iter().find(|(field, _)| !is_decimal_sound(field.data_type())) {
            let rule = "a decimal has 1 to 38 digits, and no more of them behind the point";
            return Err(format!("`{}.{}`: {rule}", self.name, field.name()));
        }
        let (fields, merges): (Vec<_>, Vec<_>) = self.columns.into_iter().unzip();
        let merging = merges.iter().any(Option::is_some);
        let loose = merges.iter().enumerate().find(|(column, merge)| merge.is_none() != self.key.contains(column));
        if (merging || self.replace) && self.key.is_empty() {
            return Err(format!("`{}` is merged or replaced by key, but has no key", self.name));
        }
        if merging && let Some((column, _)) = loose {
            let name = fields[column].name();
            return Err(format!("`{}.{name}` must be either part of the key or merged", self.name));
        }
        let write = match (merging, self.replace) {
            (true, true) => return Err(format!("`{}` is both merged and replaced", self.name)),
            (true, false) => Write::Merge(merges),
            (false, true) => Write::Replace,
            (false, false) => Write::Insert,
        };
        let table =
            Table { name: self.name, schema: Arc::new(Schema::new(fields)), key: self.key, write, adds_columns: false };
        match table.twice_named() {
            Some(column) => Err(format!(
                "`{}` has two columns `{column}`; a database does not tell names by their case",
                table.name
            )),
            None => Ok(table),
        }
    }
}

fn is_decimal_sound(data_type: &DataType) -> bool {
    match data_type {
        DataType::Decimal128(precision, scale) => {
            (1..=38).contains(precision) && (0..=*precision).contains(&scale.cast_unsigned())
        }
        _ => true,
    }
}

/// The objects that an analyser makes of records, of any of the types that it has declared.
pub struct Objects {
    kinds: HashMap<TypeId, usize>,
    pending: Vec<Box<dyn Pending>>,
}

/// Objects of one type that are not rows yet.
trait Pending: Send {
    fn as_any(&mut self) -> &mut dyn Any;
    fn take_rows(&mut self, fields: &Fields) -> Result<Option<RecordBatch>, String>;
}

impl<O: Object> Pending for Vec<O> {
    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    fn take_rows(&mut self, fields: &Fields) -> Result<Option<RecordBatch>, String> {
        let objects = std::mem::take(self);
        if objects.is_empty() {
            return Ok(None);
        }
        check_names(fields, &objects[0])?;
        let rows = serde_arrow::to_record_batch(&text::taken(fields), &objects).map_err(|error| error.to_string())?;
        let columns = fields.iter().zip(rows.columns()).map(|(field, column)| match field {
            _ if text::is_read(field) => {
                text::read(column.as_string(), field).map_err(|wanted| format!("`{}` is not {wanted}", field.name()))
            }
            _ => Ok(Arc::clone(column)),
        });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        RecordBatch::try_new(Arc::new(Schema::new(fields.clone())), columns)
            .map(Some)
            .map_err(|error| error.to_string())
    }
}

/// A field without a column would be lost, and a column without a field would be NULL.
fn check_names(fields: &Fields, object: &impl Serialize) -> Result<(), String> {
    let object = serde_json::to_value(object).map_err(|error| error.to_string())?;
    let Value::Object(object) = object else { return Err(String::from("an object is a struct with named fields")) };
    let names: Vec<_> = fields.iter().map(|field| field.name()).collect();
    if let Some(field) = object.keys().find(|name| !names.contains(name)) {
        return Err(format!("the field `{field}` has no column"));
    }
    match names.iter().find(|name| !object.contains_key(name.as_str())) {
        Some(column) => Err(format!("the column `{column}` has no field")),
        None => Ok(()),
    }
}

impl Objects {
    pub(super) fn new() -> Self {
        Self { kinds: HashMap::new(), pending: Vec::new() }
    }

    pub(super) fn declare<O: Object>(&mut self) {
        self.kinds.insert(TypeId::of::<O>(), self.pending.len());
        self.pending.push(Box::new(Vec::<O>::new()));
    }

    /// Adds an object.
    ///
    /// # Panics
    ///
    /// When the type is not among those that the analyser declares.
    pub fn add<O: Object>(&mut self, object: O) {
        let number = self.kinds.get(&TypeId::of::<O>());
        let number = *number.unwrap_or_else(|| panic!("the analyser does not declare {}", type_name::<O>()));
        let pending = self.pending[number].as_any().downcast_mut::<Vec<O>>();
        pending.expect("the number is that of the type").push(object);
    }

    pub(super) fn take_rows(&mut self, tables: &[Table]) -> Result<Vec<(usize, RecordBatch)>, String> {
        let mut all = Vec::new();
        for (number, (pending, table)) in self.pending.iter_mut().zip(tables).enumerate() {
            let rows = pending.take_rows(table.schema.fields());
            let rows = rows.map_err(|error| format!("objects of `{}`: {error}", table.name))?;
            all.extend(rows.map(|rows| (number, rows)));
        }
        Ok(all)
    }
}
