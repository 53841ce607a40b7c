//! What the rows of a query are, which says how those of several homes may become one.

use domicile::Aggregate;
use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArguments, GroupByExpr, LimitClause, Query, Select, SelectItem,
    SetExpr, Visit, Visitor,
};
use std::ops::ControlFlow;

/// Functions whose result over several rows is one value. Any other function is taken for one of a single row.
const AGGREGATES: &[&str] = &[
    "any_value",
    "array_agg",
    "avg",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "covar_pop",
    "covar_samp",
    "every",
    "group_concat",
    "json_agg",
    "json_arrayagg",
    "json_group_array",
    "json_group_object",
    "json_object_agg",
    "json_objectagg",
    "jsonb_agg",
    "jsonb_object_agg",
    "max",
    "median",
    "min",
    "mode",
    "percentile_cont",
    "percentile_disc",
    "std",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "string_agg",
    "sum",
    "total",
    "var_pop",
    "var_samp",
    "variance",
    "xmlagg",
];

/// What the rows of a query are.
pub(super) fn of(query: &Query) -> Aggregate {
    let SetExpr::Select(select) = query.body.as_ref() else { return Aggregate::Unknown };
    let other = |what: &str| Aggregate::Other(what.into());
    if select.distinct.is_some() {
        return other("DISTINCT rows");
    }
    if is_grouped(select) {
        return other("groups");
    }
    match (aggregates_of(select).as_slice(), select.projection.as_slice()) {
        ([], _) => rows(query),
        ([_], [SelectItem::UnnamedExpr(value) | SelectItem::ExprWithAlias { expr: value, .. }]) => single(value),
        ([name, ..], _) => Aggregate::Other(format!("{name} beside other values")),
    }
}

fn is_grouped(select: &Select) -> bool {
    let is_grouped = !matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.is_empty());
    is_grouped || select.having.is_some()
}

fn rows(query: &Query) -> Aggregate {
    match &query.limit_clause {
        None => Aggregate::Rows,
        Some(LimitClause::LimitOffset { offset: None, .. }) if query.order_by.is_some() => Aggregate::Rows,
        Some(LimitClause::LimitOffset { offset: None, .. }) => {
            Aggregate::Other("rows of a LIMIT without an ORDER BY".into())
        }
        Some(_) => Aggregate::Other("rows behind an OFFSET".into()),
    }
}

/// An aggregate that stands alone; what is computed from one cannot be put together any more.
fn single(value: &Expr) -> Aggregate {
    let Expr::Function(function) = value else { return Aggregate::Other("computed from an aggregate".into()) };
    let name = name(function);
    let is_distinct = matches!(
        &function.args,
        FunctionArguments::List(list) if list.duplicate_treatment == Some(DuplicateTreatment::Distinct)
    );
    match name.as_str() {
        _ if function.over.is_some() => Aggregate::Other("window functions".into()),
        "min" => Aggregate::Min,
        "max" => Aggregate::Max,
        _ if is_distinct => Aggregate::Other(format!("{name}(DISTINCT)")),
        "sum" => Aggregate::Sum,
        "count" => Aggregate::Count,
        _ => Aggregate::Other(name),
    }
}

fn name(function: &Function) -> String {
    function.name.to_string().to_lowercase()
}

/// The aggregate functions that a projection uses, those of subqueries left out.
fn aggregates_of(select: &Select) -> Vec<String> {
    struct Found {
        names: Vec<String>,
        depth: usize,
    }
    impl Visitor for Found {
        type Break = ();

        fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            self.depth += 1;
            ControlFlow::Continue(())
        }

        fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            self.depth -= 1;
            ControlFlow::Continue(())
        }

        fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
            if let Expr::Function(function) = expression
                && self.depth == 0
                && (AGGREGATES.contains(&name(function).as_str()) || function.over.is_some())
            {
                self.names.push(name(function));
            }
            ControlFlow::Continue(())
        }
    }
    let mut found = Found { names: Vec::new(), depth: 0 };
    let _ = select.projection.visit(&mut found);
    found.names
}
