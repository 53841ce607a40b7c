//! What a predicate demands of a key column.

use sqlparser::ast::{BinaryOperator, Expr, Ident};

use super::term::{Placeholders, Term};

/// A table as one `FROM` names it, with the key column that it has.
pub(super) struct Relation<'a> {
    /// The name that columns are qualified with: its alias, or the table's own.
    pub(super) alias: String,
    /// The name of the table, with what stands before it.
    pub(super) name: String,
    pub(super) column: &'a str,
}

impl Relation<'_> {
    /// The values that the key column of this relation must have one of, where the predicate is true; `None` if it may
    /// have any.
    ///
    /// A column without a qualifier is taken for this relation's. If another relation had one of that name as well, the
    /// database would refuse the statement as ambiguous.
    pub(super) fn demanded(&self, predicate: &Expr, placeholders: &Placeholders) -> Option<Vec<Term>> {
        let demanded = |predicate: &Expr| self.demanded(predicate, placeholders);
        match predicate {
            Expr::Nested(inner) => demanded(inner),
            Expr::BinaryOp { op: BinaryOperator::And | BinaryOperator::Or, .. } => {
                // A chain is as deep as it is long, and is walked without going deeper.
                let (mut first, mut rest) = (predicate, Vec::new());
                while let Expr::BinaryOp { left, op: op @ (BinaryOperator::And | BinaryOperator::Or), right } = first {
                    rest.push((op, right));
                    first = left;
                }
                rest.into_iter().rev().fold(demanded(first), |before, (op, next)| match op {
                    BinaryOperator::And => fewer(before, demanded(next)),
                    _ => either(before?, demanded(next)?),
                })
            }
            Expr::BinaryOp { left, op: BinaryOperator::Eq | BinaryOperator::Spaceship, right } => {
                let pair = if self.is_key(left) { right } else { Some(left).filter(|_| self.is_key(right))? };
                placeholders.term(pair).map(|term| vec![term])
            }
            Expr::InList { expr, list, negated: false } if self.is_key(expr) => {
                list.iter().map(|value| placeholders.term(value)).collect()
            }
            _ => None,
        }
    }

    /// Whether this is the relation where a schema is named: two tables of one name may stand in one FROM.
    fn is_in(&self, schemas: &[Ident]) -> bool {
        let Some((own, _)) = self.name.rsplit_once('.') else { return true };
        let mut own = own.rsplit('.');
        schemas.iter().rev().all(|schema| own.next().is_none_or(|own| schema.value.eq_ignore_ascii_case(own)))
    }

    fn is_key(&self, expression: &Expr) -> bool {
        let is = |ident: &Ident, name: &str| ident.value.eq_ignore_ascii_case(name);
        match expression {
            Expr::Nested(inner) => self.is_key(inner),
            Expr::Identifier(column) => is(column, self.column),
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [schemas @ .., table, column] => {
                    is(column, self.column) && is(table, &self.alias) && self.is_in(schemas)
                }
                _ => false,
            },
            _ => false,
        }
    }
}

/// The values of two demands of which one must be fulfilled.
fn either(mut one: Vec<Term>, other: Vec<Term>) -> Option<Vec<Term>> {
    one.extend(other);
    Some(one)
}

/// Of two demands that must both be fulfilled, the one that says more. Either is true of every row.
pub(super) fn fewer(one: Option<Vec<Term>>, other: Option<Vec<Term>>) -> Option<Vec<Term>> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other.len() < one.len() { other } else { one }),
        (one, other) => one.or(other),
    }
}
