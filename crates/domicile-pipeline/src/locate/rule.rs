//! An SQL expression over a record, of which each record has a value.

use std::collections::BTreeMap;

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, new_null_array};
use datafusion::arrow::compute::{cast, concat};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::DataFusionError;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::Expr;

use crate::config::UNTOLD;
use crate::sql::{Plan, Planner, evaluate, is_varying, said};

/// An SQL expression over a record.
pub(super) struct Rule {
    /// As the configuration writes it, without what the environment holds.
    pub(super) shown: String,
    /// A value of the environment is in it.
    conceals: bool,
    expression: Plan,
    pub(super) columns: Vec<usize>,
}

impl Rule {
    pub(super) fn new(
        planner: &Planner,
        schema: &SchemaRef,
        sql: &str,
        (shown, conceals): (&str, bool),
        data_type: &DataType,
    ) -> Result<(Self, Expr), String> {
        let (written, expression) = planner.expression(sql).map_err(|error| said(&error))?;
        let mut varying = None;
        let visited = written.apply(|part| {
            if let Expr::ScalarFunction(call) = part
                && is_varying(call)
            {
                varying = Some(call.name().to_owned());
            }
            Ok(TreeNodeRecursion::Continue)
        });
        visited.expect("the visit never fails");
        if let Some(name) = varying {
            return Err(format!("{name}() depends on more than the record, which would have another home each time"));
        }
        let found = expression.schema().field(0).data_type().clone();
        if crate::table::delivered_as(&found).as_ref() != Some(data_type) {
            let wanted = match data_type {
                DataType::Utf8 => format!("a routing key is text: CAST({shown} AS VARCHAR)"),
                _ => String::from("what is ignored is said by true or false"),
            };
            return Err(format!("it gives {found}, and {wanted}"));
        }
        let columns =
            written.column_refs().into_iter().filter_map(|column| schema.index_of(column.name()).ok()).collect();
        Ok((Self { shown: shown.to_owned(), conceals, expression, columns }, written))
    }

    fn told(&self, error: &DataFusionError) -> String {
        if self.conceals { String::from(UNTOLD) } else { said(error) }
    }

    /// The expression's value for every record. A record for which it fails has NULL, and the reason is kept.
    pub(super) fn evaluate(
        &self,
        records: &RecordBatch,
        data_type: &DataType,
        failures: &mut BTreeMap<usize, String>,
    ) -> Result<ArrayRef, String> {
        let mut values = Vec::new();
        let mut parts = vec![(0, records.num_rows())];
        while let Some((begin, rows)) = parts.pop() {
            match evaluate(&self.expression, &records.slice(begin, rows)) {
                Ok(array) => values.push(cast(&array, data_type).map_err(|error| error.to_string())?),
                Err(error) if rows == 1 => {
                    failures.insert(begin, format!("`{}`: {}", self.shown, self.told(&error)));
                    values.push(new_null_array(data_type, 1));
                }
                Err(error) if rows == 0 => return Err(self.told(&error)),
                // One record's value makes the whole evaluation fail; halve them until it stands alone.
                Err(_) => parts.extend([(begin + rows / 2, rows - rows / 2), (begin, rows / 2)]),
            }
        }
        let values: Vec<&dyn Array> = values.iter().map(|array| &**array).collect();
        concat(&values).map_err(|error| error.to_string())
    }
}
