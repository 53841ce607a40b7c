//! The tables of a FROM.

use sqlparser::ast::{Expr, JoinConstraint, JoinOperator, TableFactor, TableWithJoins};

/// Collects the tables of a FROM and the conditions of its inner joins.
pub(super) fn collect<'a>(
    table: &'a TableWithJoins,
    factors: &mut Vec<&'a TableFactor>,
    filters: &mut Vec<&'a Expr>,
    only_inner: &mut bool,
) {
    factor(&table.relation, factors, filters, only_inner);
    for join in &table.joins {
        factor(&join.relation, factors, filters, only_inner);
        match &join.join_operator {
            JoinOperator::Join(constraint)
            | JoinOperator::Inner(constraint)
            | JoinOperator::StraightJoin(constraint) => {
                if let JoinConstraint::On(on) = constraint {
                    filters.push(on);
                }
            }
            JoinOperator::CrossJoin(_) => {}
            _ => *only_inner = false,
        }
    }
}

fn factor<'a>(
    table: &'a TableFactor,
    factors: &mut Vec<&'a TableFactor>,
    filters: &mut Vec<&'a Expr>,
    only_inner: &mut bool,
) {
    match table {
        TableFactor::NestedJoin { table_with_joins, .. } => collect(table_with_joins, factors, filters, only_inner),
        table => factors.push(table),
    }
}
