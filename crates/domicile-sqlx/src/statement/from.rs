//! The tables of a FROM.

use sqlparser::ast::{Expr, JoinConstraint, JoinOperator, TableAlias, TableFactor, TableWithJoins};

/// What stands in a FROM, and the conditions that all of its rows fulfil.
pub(super) struct Relations<'a> {
    pub(super) factors: Vec<Factor<'a>>,
    /// The WHERE, and what inner joins demand.
    filters: Vec<&'a Expr>,
    filter: Option<&'a Expr>,
    only_inner: bool,
}

/// A table, a subquery or a function of a FROM.
pub(super) struct Factor<'a> {
    pub(super) table: &'a TableFactor,
    /// Whether its columns have other names here, as in `orders AS o(id, country)`.
    pub(super) is_renamed: bool,
}

impl<'a> Relations<'a> {
    pub(super) fn of(from: impl IntoIterator<Item = &'a TableWithJoins>, filter: Option<&'a Expr>) -> Self {
        let filters = filter.into_iter().collect();
        let mut relations = Self { factors: Vec::new(), filters, filter, only_inner: true };
        for table in from {
            relations.add(table, false);
        }
        relations
    }

    /// What holds for every row that is touched.
    pub(super) fn filters(&self) -> &[&'a Expr] {
        // What an outer join demands holds only for the rows that it finds, which are not all that it touches.
        if self.only_inner { &self.filters } else { self.filter.as_slice() }
    }

    fn add(&mut self, table: &'a TableWithJoins, is_renamed: bool) {
        self.add_factor(&table.relation, is_renamed);
        for join in &table.joins {
            self.add_factor(&join.relation, is_renamed);
            match &join.join_operator {
                JoinOperator::Join(constraint)
                | JoinOperator::Inner(constraint)
                | JoinOperator::StraightJoin(constraint) => {
                    if let JoinConstraint::On(on) = constraint {
                        self.filters.push(on);
                    }
                }
                JoinOperator::CrossJoin(_) => {}
                _ => self.only_inner = false,
            }
        }
    }

    fn add_factor(&mut self, table: &'a TableFactor, is_renamed: bool) {
        let renames = |alias: &Option<TableAlias>| alias.as_ref().is_some_and(|alias| !alias.columns.is_empty());
        match table {
            TableFactor::NestedJoin { table_with_joins, alias } => {
                self.add(table_with_joins, is_renamed || renames(alias));
            }
            TableFactor::Table { alias, .. } => {
                self.factors.push(Factor { table, is_renamed: is_renamed || renames(alias) });
            }
            table => self.factors.push(Factor { table, is_renamed }),
        }
    }
}
