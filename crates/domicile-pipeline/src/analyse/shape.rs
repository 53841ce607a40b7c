//! What a query makes of records: rows of its own for each record, or aggregates that can be merged.
//!
//! A source is read in batches, and a batch is split by home. A query may therefore only ask for what does not depend
//! on how the records were cut: a projection, a filter, or aggregates whose partial results can be merged.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::{AggregateFunction, Alias};
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan};

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
    /// The type that the query casts the column to, if it does.
    pub(crate) cast: Option<datafusion::arrow::datatypes::DataType>,
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
    let visited = plan.apply_with_subqueries(|node| {
        found = check_node(node);
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
        | LogicalPlan::TableScan(_)
        | LogicalPlan::Unnest(_) => return Ok(()),
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
        LogicalPlan::Subquery(_) => "a subquery in an expression",
        _ => "this kind of statement",
    };
    Err(unmergeable(
        format!("{what}: the result would depend on how the records were cut into batches"),
        "an analyser sees one batch of one home: use a projection, a filter or a GROUP BY with write = \"merge\"",
    ))
}

/// The GROUP BY of a query, and what each column of its result is.
pub(crate) fn aggregate_outputs(plan: &LogicalPlan) -> Result<(&Aggregate, Vec<Output>), Unmergeable> {
    let aggregate = find_aggregate(plan)?;
    check_rows(&aggregate.input)?;
    if aggregate.group_expr.is_empty() || aggregate.group_expr.iter().any(|group| matches!(group, Expr::GroupingSet(_))) {
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
        LogicalPlan::TableScan(_) => Err(unmergeable(
            "the query does not aggregate, so there is nothing to merge",
            "add a GROUP BY, or say write = \"insert\" or \"replace\"",
        )),
        other => check_node(other).map(|()| unreachable!("nodes that pass are matched above")),
    }
}

/// Follows a result column down to the aggregate that makes it.
fn output(plan: &LogicalPlan, column: usize, name: &str) -> Result<Output, Unmergeable> {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => output(&alias.input, column, name),
        LogicalPlan::Projection(projection) => {
            let (expression, cast) = without_cast(&projection.expr[column]);
            let Expr::Column(inner) = expression else { return Err(computed(name)) };
            let below = projection.input.schema().maybe_index_of_column(inner).ok_or_else(|| computed(name))?;
            let mut found = output(&projection.input, below, name)?;
            found.cast = cast.or(found.cast);
            Ok(found)
        }
        LogicalPlan::Aggregate(aggregate) => {
            let groups = aggregate.group_expr.len();
            let kind = if column < groups {
                Kind::Group(column)
            } else {
                aggregate_kind(name, &aggregate.aggr_expr[column - groups])?
            };
            Ok(Output { name: name.to_owned(), kind, cast: None })
        }
        _ => Err(computed(name)),
    }
}

fn computed(name: &str) -> Unmergeable {
    unmergeable(
        format!("`{name}` is computed from aggregates, and what is computed cannot be merged"),
        "keep its parts (sum, count, min, max) as columns of their own, and compute when you read the table",
    )
}

fn without_cast(expression: &Expr) -> (&Expr, Option<datafusion::arrow::datatypes::DataType>) {
    match expression {
        Expr::Alias(Alias { expr, .. }) => without_cast(expr),
        Expr::Cast(cast) => (without_cast(&cast.expr).0, Some(cast.field.data_type().clone())),
        other => (other, None),
    }
}

fn aggregate_kind(name: &str, expression: &Expr) -> Result<Kind, Unmergeable> {
    let Expr::AggregateFunction(call) = without_cast(expression).0 else { return Err(computed(name)) };
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
            "use sum, count, min, max or avg (which is kept as its sum and count)",
        )),
    }
}
