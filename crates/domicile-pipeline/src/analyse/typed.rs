//! An analyser that is a Rust type.

use std::error::Error;

use datafusion::arrow::array::RecordBatch;
use serde::de::DeserializeOwned;

use super::Analyse;
use super::fields::fields;
use super::object::{Object, Objects, Shape};
use crate::table::Table;

/// A pure function from a typed record to the objects that it makes.
///
/// It never names a database. The home whose records it sees is in the context, and it sees no other home's records
/// at the same time.
///
/// An implementation MUST make the same objects of the same record each time: a batch that is rolled back is analysed
/// again. It MUST NOT write anywhere itself.
pub trait Analyser: Send + Sync + 'static {
    /// The record: fields by the names of the source's columns. Decimals are read from text, for example into
    /// `rust_decimal::Decimal`; columns without a field are not read.
    type Record: DeserializeOwned;

    /// Declares the types of objects that [`analyse`](Self::analyse) adds.
    fn declare(&self, kinds: &mut Kinds);

    /// Makes any number of objects, of any declared types, of one record.
    ///
    /// # Errors
    ///
    /// An error sends the record to quarantine, with the error as its reason.
    fn analyse(&self, record: Self::Record, objects: &mut Objects) -> Result<(), Box<dyn Error + Send + Sync>>;
}

/// Collects the types of objects that an analyser makes.
pub struct Kinds {
    shapes: Vec<Shape>,
    declare: Vec<fn(&mut Objects)>,
}

impl Kinds {
    /// Declares a type.
    pub fn add<O: Object>(&mut self) -> &mut Self {
        self.shapes.push(O::shape());
        self.declare.push(Objects::declare::<O>);
        self
    }
}

/// A Rust analyser without its types.
pub(crate) struct TypedAnalyser<A> {
    analyser: A,
    tables: Vec<Table>,
    declare: Vec<fn(&mut Objects)>,
}

impl<A: Analyser> TypedAnalyser<A> {
    pub(crate) fn new(analyser: A) -> Result<Self, String> {
        let mut kinds = Kinds { shapes: Vec::new(), declare: Vec::new() };
        analyser.declare(&mut kinds);
        let tables = kinds.shapes.into_iter().map(Shape::table).collect::<Result<_, _>>()?;
        Ok(Self { analyser, tables, declare: kinds.declare })
    }
}

impl<A: Analyser> Analyse for TypedAnalyser<A> {
    fn tables(&self) -> &[Table] {
        &self.tables
    }

    fn reads(&self) -> Option<Vec<String>> {
        Some(fields::<A::Record>()?.iter().map(|name| (*name).to_owned()).collect())
    }

    fn analyse(&self, records: &RecordBatch) -> Result<Vec<(usize, RecordBatch)>, String> {
        let typed: Vec<A::Record> = serde_arrow::from_record_batch(records).map_err(|error| error.to_string())?;
        let mut objects = Objects::new();
        for declare in &self.declare {
            declare(&mut objects);
        }
        for record in typed {
            self.analyser.analyse(record, &mut objects).map_err(|error| error.to_string())?;
        }
        objects.take_rows(&self.tables)
    }
}
