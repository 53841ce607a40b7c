//! What a query makes of records: rows of its own for each record, or aggregates that can be merged.
//!
//! A source is read in batches, and a batch is split by home. A query may therefore only ask for what does not depend
//! on how the records were cut: a projection, a filter, or aggregates whose partial results can be merged.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::{AggregateFunction, Alias};
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan};

use crate::sql::{HOME, RECORD, is_varying};
use crate::table::Merge;

/// A query that cannot be run batch by batch: why, and what to do.
#[derive(Debug)]
pub(crate) struct Unmergeable {
    pub(crate) message: String,
    pub(crate) help: String,
}

fn unmergeable(message: impl Into<String>, help: impl Into<String>) -> Unmergeable {
    Unmergeable { message: message.into(), help: help.into() }
}

/// One column of an aggregating query's result.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Digits behind the point; more than any type has for what is no exact number.
    scale: i8,
    /// The type that the query casts the column to, if it does.
    pub(crate) cast: Option<DataType>,
}

/// Where a result column comes from.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// An expression of GROUP BY, by its number.
    Group(usize),
    /// An aggregate that merges.
    Aggregate(Box<AggregateFunction>, Merge),
    /// An average, which is kept as its sum and its count.
    Average(Box<AggregateFunction>),
}

/// Checks a query whose result is a row for each record (or none).
pub(crate) fn check_rows(plan: &LogicalPlan) -> Result<(), Unmergeable> {
    let mut found = Ok(());
    let visited = plan.apply(|node| {
        found = check_node(node).and_then(|()| check_expressions(node));
        Ok(if found.is_ok() { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    visited.expect("the visit never fails");
    found
}

fn check_node(node: &LogicalPlan) -> Result<(), Unmergeable> {
    let what = match node {
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Unnest(_) => {
            return Ok(());
        }
        LogicalPlan::TableScan(scan) if scan.table_name.table() == RECORD => return Ok(()),
        LogicalPlan::TableScan(_) => "another table than `record`",
        LogicalPlan::Aggregate(_) => {
            return Err(unmergeable(
                "the query aggregates, but its rows are not merged",
                "say write = \"merge\", so that each batch's partial results are merged by key",
            ));
        }
        LogicalPlan::Distinct(_) => "DISTINCT",
        LogicalPlan::Sort(_) => "ORDER BY",
        LogicalPlan::Limit(_) => "LIMIT",
        LogicalPlan::Window(_) => "a window function",
        LogicalPlan::Join(_) => "a join",
        LogicalPlan::Union(_) => "UNION",
        _ => "this kind of statement",
    };
    Err(unmergeable(
        format!("{what}: the result would depend on how the records were cut into batches"),
        "an analyser sees one batch of one home: use a projection, a filter or a GROUP BY with write = \"merge\"",
    ))
}

/// Refuses what makes an expression depend on more than its record.
fn check_expressions(node: &LogicalPlan) -> Result<(), Unmergeable> {
    let mut found = None;
    let visited = node.apply_expressions(|expression| {
        expression.apply(|part| {
            match part {
                Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) | Expr::SetComparison(_) => {
                    found = Some(String::from("a subquery in an expression"));
                }
                Expr::ScalarFunction(call) if call.name() != HOME && is_varying(call) => {
                    found = Some(format!("{}(), which gives another value each time,", call.name()));
                }
                _ => {}
            }
            Ok(if found.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })
    });
    visited.expect("the visit never fails");
    match found {
        None => Ok(()),
        Some(what) => Err(unmergeable(
            format!("{what} makes the result depend on more than the record"),
            "an analyser makes the same objects of the same record each time: use the record's own columns",
        )),
    }
}

/// The GROUP BY of a query, and what each column of its result is.
pub(crate) fn aggregate_outputs(plan: &LogicalPlan) -> Result<(&Aggregate, Vec<Output>), Unmergeable> {
    let aggregate = find_aggregate(plan)?;
    if find_aggregate(&aggregate.input).is_ok() {
        return Err(unmergeable(
            "the query aggregates aggregates, and those of one batch are not those of all records",
            "keep the inner aggregate as a table, and aggregate it when you read",
        ));
    }
    check_rows(&aggregate.input)?;
    check_expressions(plan)?;
    check_expressions(&LogicalPlan::Aggregate(aggregate.clone()))?;
    if aggregate.group_expr.is_empty() || aggregate.group_expr.iter().any(|group| matches!(group, Expr::GroupingSet(_)))
    {
        return Err(unmergeable(
            "merging needs a plain GROUP BY, whose expressions are the key",
            "group by the columns of the key, for example SELECT day, sum(amount) AS revenue FROM record GROUP BY day",
        ));
    }
    let schema = plan.schema();
    let outputs: Result<Vec<_>, _> =
        (0..schema.fields().len()).map(|column| output(plan, column, schema.field(column).name())).collect();
    let outputs = outputs?;
    for (number, group) in aggregate.group_expr.iter().enumerate() {
        if !outputs.iter().any(|output| matches!(output.kind, Kind::Group(found) if found == number)) {
            return Err(unmergeable(
                format!("the result lacks `{group}`, by which it is grouped"),
                "select every expression of GROUP BY: together they are the key",
            ));
        }
    }
    Ok((aggregate, outputs))
}

fn find_aggregate(plan: &LogicalPlan) -> Result<&Aggregate, Unmergeable> {
    match plan {
        LogicalPlan::Aggregate(aggregate) => Ok(aggregate),
        LogicalPlan::Projection(projection) => find_aggregate(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => find_aggregate(&alias.input),
        LogicalPlan::Filter(_) => Err(unmergeable(
            "HAVING drops partial results before they are merged",
            "leave it out, and filter when you read the table",
        )),
        other => check_node(other).and(Err(unmergeable(
            "the query does not aggregate, so there is nothing to merge",
            "add a GROUP BY, or say write = \"insert\" or \"replace\"",
        ))),
    }
}

/// Follows a result column down to the aggregate that makes it.
fn output(plan: &LogicalPlan, column: usize, name: &str) -> Result<Output, Unmergeable> {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => output(&alias.input, column, name),
        LogicalPlan::Projection(projection) => {
            let (expression, cast) = without_cast(&projection.expr[column]);
            let Expr::Column(inner) = expression else {
                return Err(if expression.column_refs().is_empty() { ungrouped(name) } else { computed(name) });
            };
            let below = projection.input.schema().maybe_index_of_column(inner).ok_or_else(|| computed(name))?;
            let found = output(&projection.input, below, name)?;
            match (cast, &found.cast) {
                (None, _) => Ok(found),
                (Some(cast), None) if found.takes(&cast) => Ok(Output { cast: Some(cast), ..found }),
                _ => Err(computed(name)),
            }
        }
        LogicalPlan::Aggregate(aggregate) => {
            let groups = aggregate.group_expr.len();
            let kind = if column < groups {
                Kind::Group(column)
            } else {
                aggregate_kind(name, &aggregate.aggr_expr[column - groups])?
            };
            let scale = match aggregate.schema.field(column).data_type() {
                DataType::Decimal128(_, scale) => *scale,
                found if found.is_integer() => 0,
                _ => i8::MAX,
            };
            Ok(Output { name: name.to_owned(), kind, scale, cast: None })
        }
        _ => Err(computed(name)),
    }
}

impl Output {
    /// Whether casting the merged result gives the same as merging cast partial results. A sum that is rounded in
    /// each batch is another sum, and the least number is not the least text.
    fn takes(&self, cast: &DataType) -> bool {
        let is_wide = match cast {
            DataType::Int64 => matches!(&self.kind, Kind::Aggregate(_, Merge::Count)),
            DataType::Decimal128(_, scale) => *scale >= self.scale,
            _ => false,
        };
        matches!(self.kind, Kind::Group(_)) || is_wide
    }
}

fn computed(name: &str) -> Unmergeable {
    unmergeable(
        format!("`{name}` is computed from aggregates, and what is computed cannot be merged"),
        "keep its parts (sum, count, min, max) as columns of their own, and compute when you read the table; \
         avg(x) AS a is kept as a_sum and a_count",
    )
}

/// A constant, or `home()`: it is the same in all rows, and nothing says how it is merged.
fn ungrouped(name: &str) -> Unmergeable {
    unmergeable(
        format!("`{name}` is no aggregate, and the query does not group by it"),
        "add its expression to GROUP BY, as in GROUP BY day, home()",
    )
}

fn without_cast(expression: &Expr) -> (&Expr, Option<DataType>) {
    match without_alias(expression) {
        Expr::Cast(cast) => (without_alias(&cast.expr), Some(cast.field.data_type().clone())),
        other => (other, None),
    }
}

fn without_alias(expression: &Expr) -> &Expr {
    match expression {
        Expr::Alias(Alias { expr, .. }) => without_alias(expr),
        other => other,
    }
}

fn aggregate_kind(name: &str, expression: &Expr) -> Result<Kind, Unmergeable> {
    let Expr::AggregateFunction(call) = without_alias(expression) else { return Err(computed(name)) };
    if call.params.distinct {
        return Err(unmergeable(
            format!("`{name}` is DISTINCT, and distinct values of two batches cannot be merged"),
            "make the distinct value part of the key (GROUP BY), and count when you read the table",
        ));
    }
    let call = Box::new(call.clone());
    match call.func.name() {
        "sum" => Ok(Kind::Aggregate(call, Merge::Sum)),
        "count" => Ok(Kind::Aggregate(call, Merge::Count)),
        "min" => Ok(Kind::Aggregate(call, Merge::Min)),
        "max" => Ok(Kind::Aggregate(call, Merge::Max)),
        "avg" => Ok(Kind::Average(call)),
        other => Err(unmergeable(
            format!("`{name}` is {other}(…), whose partial results cannot be merged"),
            "use sum, count, min, max or avg (avg(x) AS a is kept as a_sum and a_count)",
        )),
    }
}
