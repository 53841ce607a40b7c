//! An analyser that is a query over the records.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::functions_aggregate::expr_fn::{count, sum};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, cast};
use datafusion::prelude::Column;

use super::Analyse;
use super::shape::{Kind, Output, Unmergeable, aggregate_outputs, check_rows};
use crate::config::{AnalyserConfig, Document, UNTOLD, WriteMode};
use crate::sql::{Plan, Planner, SQL_HELP, said};
use crate::table::{Merge, Table, Write, delivered_as};

/// A query, planned once.
pub(crate) struct SqlAnalyser {
    /// A value of the environment is in it.
    conceals: bool,
    plan: Plan,
    reads: Vec<String>,
    tables: [Table; 1],
}

/// Why an analyser cannot be planned: the setting that is wrong, and what to do.
#[derive(Debug)]
pub(crate) struct Unplanned {
    pub(crate) setting: &'static str,
    pub(crate) message: String,
    pub(crate) help: String,
}

impl Unplanned {
    fn new(setting: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { setting, message: message.into(), help: help.into() }
    }
}

impl From<Unmergeable> for Unplanned {
    fn from(Unmergeable { message, help }: Unmergeable) -> Self {
        Self { setting: "sql", message, help }
    }
}

impl From<datafusion::error::DataFusionError> for Unplanned {
    fn from(error: datafusion::error::DataFusionError) -> Self {
        Self::new("sql", said(&error), SQL_HELP)
    }
}

impl SqlAnalyser {
    pub(crate) fn plan(planner: &Planner, config: &AnalyserConfig, document: &Document) -> Result<Self, Unplanned> {
        let query = planner.logical_plan(&config.sql)?;
        let (query, write) = match config.write {
            WriteMode::Insert => (rows(query)?, Write::Insert),
            WriteMode::Replace => (rows(query)?, Write::Replace),
            WriteMode::Merge => {
                let (query, merges) = merging(&query)?;
                (query, Write::Merge(merges))
            }
        };
        let query = deliverable(query)?;
        let (plan, reads) = (planner.physical_plan(&query)?, planner.reads(&query)?);
        let schema = plan.schema();
        let key = key(config, &schema, &write)?;
        let table = Table { name: config.into.clone(), schema, key, write, adds_columns: false };
        if let Some(name) = table.twice_named() {
            let message = format!("the result has two columns `{name}`; a database does not tell names by their case");
            return Err(Unplanned::new("sql", message, "give one of them another name, with AS"));
        }
        Ok(Self { conceals: document.conceals(&config.setting.key("sql")), plan, reads, tables: [table] })
    }
}

impl Analyse for SqlAnalyser {
    fn tables(&self) -> &[Table] {
        &self.tables
    }

    fn reads(&self) -> Option<Vec<String>> {
        Some(self.reads.clone())
    }

    fn analyse(&self, records: &RecordBatch) -> Result<Vec<(usize, RecordBatch)>, String> {
        let batches = self.plan.run(records.clone());
        let batches =
            batches.map_err(|error| if self.conceals { format!("the query fails; {UNTOLD}") } else { said(&error) })?;
        Ok(batches.into_iter().map(|batch| (0, batch)).collect())
    }
}

fn rows(query: LogicalPlan) -> Result<LogicalPlan, Unmergeable> {
    check_rows(&query)?;
    Ok(query)
}

/// A query whose partial results can be merged, and the function that merges each column.
pub(super) fn merging(query: &LogicalPlan) -> Result<(LogicalPlan, Vec<Option<Merge>>), Unplanned> {
    let (aggregate, outputs) = aggregate_outputs(query)?;
    let mut aggregates: Vec<Expr> = Vec::new();
    let mut columns: Vec<(String, Source, Option<DataType>)> = Vec::new();
    let mut add = |name: String, expression: Expr, merge: Merge, cast: Option<DataType>| {
        aggregates.push(expression.alias(format!("aggregate_{}", aggregates.len())));
        columns.push((name, Source::Aggregate(aggregates.len() - 1, merge), cast));
    };
    let mut groups = Vec::new();
    for Output { name, kind, cast, .. } in outputs {
        match kind {
            Kind::Group(number) => groups.push((name, number, cast)),
            Kind::Aggregate(call, Merge::Sum) => {
                let (expression, found) = exact_sum(&name, *call, aggregate.input.schema())?;
                add(name, expression, Merge::Sum, cast.or(found));
            }
            Kind::Aggregate(call, merge) => add(name, Expr::AggregateFunction(*call), merge, cast),
            Kind::Average(call) => {
                let mut parts = call.clone();
                parts.func = sum_function();
                let (expression, found) = exact_sum(&name, *parts, aggregate.input.schema())?;
                add(format!("{name}_sum"), expression, Merge::Sum, found);
                let mut parts = call;
                parts.func = count_function();
                add(format!("{name}_count"), Expr::AggregateFunction(*parts), Merge::Count, None);
            }
        }
    }
    let keys = groups.into_iter().map(|(name, number, cast)| (name, Source::Group(number), cast));
    let columns: Vec<_> = keys.chain(columns).collect();
    let built = LogicalPlanBuilder::from(Arc::unwrap_or_clone(Arc::clone(&aggregate.input)))
        .aggregate(aggregate.group_expr.clone(), aggregates)?
        .build()?;
    let fields = built.schema().columns();
    let groups = aggregate.group_expr.len();
    let projection = columns.iter().map(|(name, source, wanted)| {
        let column: &Column = match source {
            Source::Group(number) => &fields[*number],
            Source::Aggregate(number, _) => &fields[groups + number],
        };
        let column = Expr::Column(column.clone());
        wanted.clone().map_or(column.clone(), |wanted| cast(column, wanted)).alias(name)
    });
    let projection: Vec<_> = projection.collect();
    let plan = LogicalPlanBuilder::from(built).project(projection)?.build()?;
    let merges = columns.iter().map(|(_, source, _)| match source {
        Source::Group(_) => None,
        Source::Aggregate(_, merge) => Some(*merge),
    });
    Ok((plan, merges.collect()))
}

/// Where a column of the rebuilt query comes from.
enum Source {
    Group(usize),
    Aggregate(usize, Merge),
}

fn sum_function() -> Arc<datafusion::logical_expr::AggregateUDF> {
    function_of(sum(Expr::Literal(datafusion::common::ScalarValue::Null, None)))
}

fn count_function() -> Arc<datafusion::logical_expr::AggregateUDF> {
    function_of(count(Expr::Literal(datafusion::common::ScalarValue::Null, None)))
}

fn function_of(call: Expr) -> Arc<datafusion::logical_expr::AggregateUDF> {
    match call {
        Expr::AggregateFunction(AggregateFunction { func, .. }) => func,
        _ => unreachable!("an aggregate function makes a call of itself"),
    }
}

/// A sum that cannot overflow unseen and does not depend on order: integers are added as decimals and cast back, and
/// floating-point numbers are refused.
fn exact_sum(
    name: &str,
    mut call: AggregateFunction,
    schema: &datafusion::common::DFSchema,
) -> Result<(Expr, Option<DataType>), Unplanned> {
    let argument = call
        .params
        .args
        .first()
        .ok_or_else(|| Unplanned::new("sql", format!("`{name}` sums nothing"), "name what to sum"))?;
    match argument.get_type(schema)? {
        DataType::Decimal32(..) | DataType::Decimal64(..) => Ok((Expr::AggregateFunction(call), None)),
        // Ten digits are left for the number of records; with fewer, 128 bits could overflow unseen.
        DataType::Decimal128(precision, _) if precision <= 28 => Ok((Expr::AggregateFunction(call), None)),
        DataType::Decimal128(_, scale) => {
            call.params.args = vec![cast(argument.clone(), DataType::Decimal256(76, scale))];
            Ok((Expr::AggregateFunction(call), Some(DataType::Decimal128(38, scale))))
        }
        found if found.is_integer() => {
            call.params.args = vec![cast(argument.clone(), DataType::Decimal128(38, 0))];
            Ok((Expr::AggregateFunction(call), Some(DataType::Int64)))
        }
        found => Err(Unplanned::new(
            "sql",
            format!("`{name}` sums {found}, whose sum depends on the order of the records"),
            "cast it: sum(CAST(amount AS DECIMAL(12,2)))",
        )),
    }
}

/// Adds the casts that make each column of a type that deliveries take.
fn deliverable(query: LogicalPlan) -> Result<LogicalPlan, Unplanned> {
    let mut columns = Vec::new();
    for (qualifier, field) in query.schema().iter() {
        let wanted = delivered_as(field.data_type()).ok_or_else(|| {
            let message = format!("the column `{}` is {}, which no home can hold", field.name(), field.data_type());
            Unplanned::new("sql", message, "cast it to text, an integer, a decimal, a date or TIMESTAMP(6)")
        })?;
        let column = Expr::from((qualifier, field));
        columns.push(if &wanted == field.data_type() { column } else { cast(column, wanted).alias(field.name()) });
    }
    Ok(LogicalPlanBuilder::from(query).project(columns)?.build()?)
}

/// The numbers of the key's columns. A merging query's key is its GROUP BY; a `key` that is given must say the same.
fn key(config: &AnalyserConfig, schema: &Schema, write: &Write) -> Result<Vec<usize>, Unplanned> {
    let mut key = Vec::new();
    for name in &config.key {
        let column = schema.column_with_name(name).map(|(column, _)| column);
        key.push(column.ok_or_else(|| {
            let names: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
            Unplanned::new(
                "key",
                format!("the result has no column `{name}`"),
                format!("its columns are {}", names.join(", ")),
            )
        })?);
    }
    let Write::Merge(merges) = write else { return Ok(key) };
    let groups: Vec<_> = (0..merges.len()).filter(|&column| merges[column].is_none()).collect();
    key.sort_unstable();
    if !key.is_empty() && key != groups {
        let names: Vec<_> = groups.iter().map(|&column| schema.field(column).name().as_str()).collect();
        return Err(Unplanned::new(
            "key",
            "the key is not what the query groups by",
            format!("it groups by {}", names.join(", ")),
        ));
    }
    Ok(groups)
}
