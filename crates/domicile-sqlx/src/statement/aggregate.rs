//! What the rows of a query are, which says how those of several homes may become one.

use std::ops::ControlFlow;

use domicile::Aggregate;
use sqlparser::ast::{
    DuplicateTreatment, Expr, Fetch, Function, FunctionArguments, GroupByExpr, LimitClause, Query, Select, SelectItem,
    SetExpr, SetOperator, SetQuantifier, Visit, Visitor,
};

use super::analysis::{full, last};

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
    "json_agg_strict",
    "json_arrayagg",
    "json_group_array",
    "json_group_object",
    "json_object_agg",
    "json_object_agg_strict",
    "json_object_agg_unique",
    "json_objectagg",
    "jsonb_agg",
    "jsonb_agg_strict",
    "jsonb_group_array",
    "jsonb_group_object",
    "jsonb_object_agg",
    "max",
    "median",
    "min",
    "mode",
    "percentile",
    "percentile_cont",
    "percentile_disc",
    "range_agg",
    "range_intersect_agg",
    "regr_avgx",
    "regr_avgy",
    "regr_count",
    "regr_intercept",
    "regr_r2",
    "regr_slope",
    "regr_sxx",
    "regr_sxy",
    "regr_syy",
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

/// The schema of PostgreSQL's own functions. What another schema calls `sum` may be anything.
const OWN_SCHEMA: &str = "pg_catalog";

/// What the rows of a query are.
pub(super) fn of(query: &Query) -> Aggregate {
    let SetExpr::Select(select) = query.body.as_ref() else { return Aggregate::Unknown };
    if let Some(what) = is_one(select) {
        return Aggregate::Other(what.into());
    }
    // What a home made of all its rows is not what all homes together would have made of theirs.
    if let Some(what) = is_made(query) {
        return Aggregate::Other(format!("rows of a query within it, which makes {what}"));
    }
    let is_limited = query.limit_clause.is_some() || query.fetch.is_some();
    match (aggregates_of(select).as_slice(), select.projection.as_slice()) {
        ([], _) => rows(query),
        // A LIMIT or an OFFSET may leave out its only row.
        _ if is_limited => Aggregate::Other("an aggregate with a LIMIT".into()),
        ([_], [SelectItem::UnnamedExpr(value) | SelectItem::ExprWithAlias { expr: value, .. }]) => single(value),
        ([name, ..], _) => Aggregate::Other(format!("{name} beside other values")),
    }
}

/// What the rows of a SELECT are, where several of a table become one.
fn is_one(select: &Select) -> Option<&'static str> {
    let is_grouped = !matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.is_empty());
    match select {
        _ if select.distinct.is_some() => Some("DISTINCT rows"),
        _ if is_grouped || select.having.is_some() => Some("groups"),
        _ => None,
    }
}

/// What the queries within a query, wherever they are, make of several rows, where one of them does. A value that each
/// home has computed of its own rows decides the answer also where it is only compared with.
fn is_made(query: &Query) -> Option<&'static str> {
    struct Within {
        depth: usize,
    }
    impl Visitor for Within {
        type Break = &'static str;

        fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<&'static str> {
            self.depth += 1;
            let made = if self.depth > 1 { makes(query) } else { None };
            made.map_or(ControlFlow::Continue(()), ControlFlow::Break)
        }

        fn post_visit_query(&mut self, _: &Query) -> ControlFlow<&'static str> {
            self.depth -= 1;
            ControlFlow::Continue(())
        }
    }
    query.visit(&mut Within { depth: 0 }).break_value()
}

/// What a query makes of several rows, if its rows are not simply some of a table's; what is within it is left out.
fn makes(query: &Query) -> Option<&'static str> {
    if query.limit_clause.is_some() || query.fetch.is_some() {
        return Some("the rows of a LIMIT");
    }
    let mut body = query.body.as_ref();
    let mut parts = Vec::new();
    while let SetExpr::SetOperation { left, op: SetOperator::Union, set_quantifier: SetQuantifier::All, right } = body {
        parts.push(right.as_ref());
        body = left;
    }
    parts.push(body);
    parts.into_iter().find_map(|part| match part {
        SetExpr::Select(select) => {
            is_one(select).or_else(|| (!aggregates_of(select).is_empty()).then_some("an aggregate"))
        }
        SetExpr::Query(_) => None,
        _ => Some("what is no SELECT"),
    })
}

fn rows(query: &Query) -> Aggregate {
    let other = |what: &str| Aggregate::Other(what.into());
    let is_limited = match (&query.limit_clause, &query.fetch) {
        (None, None) => false,
        (None, Some(Fetch { with_ties: false, percent: false, .. })) => true,
        (None, Some(_)) => return other("rows of a FETCH with ties or percents"),
        (Some(LimitClause::LimitOffset { limit, offset: None, .. }), None) => limit.is_some(),
        (Some(_), _) => return other("rows behind an OFFSET"),
    };
    if is_limited && query.order_by.is_none() {
        return other("rows of a LIMIT without an ORDER BY");
    }
    Aggregate::Rows
}

/// An aggregate that stands alone; what is computed from one cannot be put together any more.
fn single(value: &Expr) -> Aggregate {
    let Expr::Function(function) = value else { return Aggregate::Other("computed from an aggregate".into()) };
    let name = own_name(function);
    let is_distinct = is_distinct(function);
    match name.as_deref() {
        _ if function.over.is_some() => Aggregate::Other("window functions".into()),
        None => Aggregate::Other(full(&function.name)),
        Some("min") => Aggregate::Min,
        Some("max") => Aggregate::Max,
        Some(name) if is_distinct => Aggregate::Other(format!("{name}(DISTINCT)")),
        Some("sum") => Aggregate::Sum,
        Some("count") => Aggregate::Count,
        Some(name) => Aggregate::Other(name.into()),
    }
}

/// The name of a function that is the database's own, in lower case.
fn own_name(function: &Function) -> Option<String> {
    let is_own = match full(&function.name).rsplit_once('.') {
        Some((schema, _)) => schema == OWN_SCHEMA,
        None => true,
    };
    is_own.then(|| last(&function.name).to_lowercase())
}

fn is_distinct(function: &Function) -> bool {
    matches!(
        &function.args,
        FunctionArguments::List(list) if list.duplicate_treatment == Some(DuplicateTreatment::Distinct)
    )
}

/// Whether a function makes one value of several rows.
fn is_aggregate(function: &Function) -> bool {
    let FunctionArguments::List(list) = &function.args else { return function.over.is_some() };
    let is_marked = function.over.is_some()
        || function.filter.is_some()
        || !function.within_group.is_empty()
        || is_distinct(function)
        || !list.clauses.is_empty();
    let name = last(&function.name).to_lowercase();
    // SQLite's `max(a, b)` is the greater of two values of one row.
    let is_of_one_row = ["max", "min"].contains(&name.as_str()) && list.args.len() > 1;
    is_marked || (AGGREGATES.contains(&name.as_str()) && !is_of_one_row)
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
                && is_aggregate(function)
            {
                self.names.push(full(&function.name));
            }
            ControlFlow::Continue(())
        }
    }
    let mut found = Found { names: Vec::new(), depth: 0 };
    let _ = select.projection.visit(&mut found);
    found.names
}
