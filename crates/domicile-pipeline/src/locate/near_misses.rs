//! Countries that are near to a label that names none, for the reason why a record has no home.

use std::collections::HashMap;

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::Expr;

use crate::country;
use crate::sql::COUNTRY_CODE;

/// How many near misses a reason names.
const SUGGESTIONS: usize = 3;

/// The columns that an expression hands to `country_code` as they are.
pub(super) fn country_columns(expression: &Expr, schema: &SchemaRef) -> Vec<usize> {
    let mut columns = Vec::new();
    let visited = expression.apply(|node| {
        if let Expr::ScalarFunction(call) = node
            && call.name() == COUNTRY_CODE
            && let Some(Expr::Column(column)) = call.args.first()
            && let Ok(number) = schema.index_of(column.name())
        {
            columns.push(number);
        }
        Ok(TreeNodeRecursion::Continue)
    });
    visited.expect("the visit never fails");
    columns
}

/// Countries that are near to labels which name none. Finding them is slow, so each label is looked at once, and of a
/// batch full of rubbish only so many.
#[derive(Default)]
pub(crate) struct NearMisses {
    known: HashMap<String, String>,
}

impl NearMisses {
    const MOST_LABELS: usize = 256;

    /// What a record's column holds, for the reason why it has no home.
    pub(super) fn of(&mut self, records: &RecordBatch, column: usize, row: usize) -> String {
        let schema = records.schema();
        let name = schema.field(column).name();
        let label = cast(&records.column(column).slice(row, 1), &DataType::Utf8);
        let label =
            label.ok().filter(|label| label.is_valid(0)).map(|label| label.as_string::<i32>().value(0).to_owned());
        let Some(label) = label else { return format!("`{name}` is NULL") };
        let said = format!("`{name}` is {label:?}");
        if self.known.len() >= Self::MOST_LABELS && !self.known.contains_key(&label) {
            return said;
        }
        let near = self.known.entry(label).or_insert_with_key(|label| suggested(label));
        if near.is_empty() { said } else { format!("{said}; did you mean {near}?") }
    }
}

fn suggested(label: &str) -> String {
    let near = country::suggestions(label, SUGGESTIONS);
    let near: Vec<_> = near.iter().map(|suggestion| format!("{} ({})", suggestion.name, suggestion.code)).collect();
    near.join(" or ")
}
