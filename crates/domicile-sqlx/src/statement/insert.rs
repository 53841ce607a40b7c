//! The keys of the rows that an `INSERT` brings.

use sqlparser::ast::{
    Assignment, AssignmentTarget, Expr, Insert, ObjectName, OnConflictAction, OnInsert, Query, SelectItem, SetExpr,
};

use super::analysis::last;
use super::key_column::KeyColumn;
use super::term::{Placeholders, Term};
use super::touch::Keys;

/// The keys of all rows that are inserted.
pub(super) fn keys(insert: &Insert, key: &KeyColumn, placeholders: &Placeholders) -> Keys {
    if !insert.assignments.is_empty() {
        let assigned = insert.assignments.iter().find(|assignment| assigns(assignment, &key.column));
        return match assigned.map(|assignment| placeholders.term(&assignment.value)) {
            Some(Some(term)) => Keys::Named(vec![term]),
            Some(None) => Keys::undecided("the value of its key column is not a literal or a parameter"),
            None => Keys::undecided("it does not name the key column"),
        };
    }
    if insert.columns.is_empty() {
        return Keys::undecided("it does not list its columns, so that its key column cannot be told");
    }
    let is_key = |column: &ObjectName| last(column).eq_ignore_ascii_case(&key.column);
    let Some(at) = insert.columns.iter().position(is_key) else {
        return Keys::undecided("it does not name the key column");
    };
    if insert.columns[at + 1..].iter().any(is_key) {
        return Keys::undecided("it names the key column twice");
    }
    match &insert.source {
        Some(query) => source_keys(query, at, placeholders),
        None => Keys::undecided("it brings no values"),
    }
}

fn source_keys(query: &Query, at: usize, placeholders: &Placeholders) -> Keys {
    match query.body.as_ref() {
        SetExpr::Values(values) => {
            let terms = values.rows.iter().map(|row| row.content.get(at).and_then(|value| placeholders.term(value)));
            match terms.collect::<Option<Vec<Term>>>() {
                Some(terms) => Keys::named(terms),
                None => Keys::undecided("the value of its key column is not a literal or a parameter in every row"),
            }
        }
        SetExpr::Select(select) => {
            let value = match select.projection.get(at) {
                Some(SelectItem::UnnamedExpr(value) | SelectItem::ExprWithAlias { expr: value, .. }) => Some(value),
                _ => None,
            };
            // A star before it would move it to another place.
            let is_counted = select
                .projection
                .iter()
                .take(at)
                .all(|item| matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. }));
            match value.filter(|_| is_counted).and_then(|value| placeholders.term(value)) {
                Some(term) => Keys::Named(vec![term]),
                None => Keys::unreadable(
                    "it inserts what it selects, and the selected value of its key column is not a literal or a \
                     parameter",
                ),
            }
        }
        _ => Keys::unreadable("it inserts what a query makes, and the keys of that cannot be told"),
    }
}

/// The keys of the rows of a table that is made by a query. Its columns are called as those that are selected, so that
/// each of these must have a name for sure.
pub(super) fn made_keys(query: &SetExpr, column: &str, placeholders: &Placeholders) -> Keys {
    let SetExpr::Select(select) = query else {
        return Keys::unreadable("it is made of what a query makes, and the keys of that cannot be told");
    };
    let mut values = Vec::new();
    for item in &select.projection {
        let (name, value) = match item {
            SelectItem::ExprWithAlias { expr, alias } => (alias, expr),
            SelectItem::UnnamedExpr(value @ Expr::Identifier(name)) => (name, value),
            SelectItem::UnnamedExpr(value @ Expr::CompoundIdentifier(parts)) if !parts.is_empty() => {
                (&parts[parts.len() - 1], value)
            }
            _ => return Keys::unreadable("it is made of columns without a name that is known"),
        };
        if name.value.eq_ignore_ascii_case(column) {
            values.push(placeholders.term(value));
        }
    }
    match values.as_slice() {
        [] => Keys::undecided("it does not name the key column"),
        [Some(term)] => Keys::Named(vec![term.clone()]),
        _ => Keys::unreadable(
            "it is made of what is selected, and the selected value of its key column is not a literal or a parameter",
        ),
    }
}

/// Whether a row that is there already would get another key.
pub(super) fn updates_key(insert: &Insert, column: &str) -> bool {
    let assignments = match &insert.on {
        Some(OnInsert::DuplicateKeyUpdate(assignments)) => assignments.as_slice(),
        Some(OnInsert::OnConflict(conflict)) => match &conflict.action {
            OnConflictAction::DoUpdate(update) => update.assignments.as_slice(),
            OnConflictAction::DoNothing => &[],
        },
        _ => &[],
    };
    assignments.iter().any(|assignment| assigns(assignment, column) && !keeps(&assignment.value, column))
}

/// Whether an assignment is to this column.
pub(super) fn assigns(assignment: &Assignment, column: &str) -> bool {
    let is = |name: &ObjectName| last(name).eq_ignore_ascii_case(column);
    match &assignment.target {
        AssignmentTarget::ColumnName(name) => is(name),
        AssignmentTarget::Tuple(names) => names.iter().any(is),
    }
}

/// Whether a value is the column's own, so that assigning it changes nothing.
fn keeps(value: &Expr, column: &str) -> bool {
    matches!(value, Expr::Identifier(own) if own.value.eq_ignore_ascii_case(column))
}
