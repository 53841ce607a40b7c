//! SQL over records, planned once and run on many slices.

mod functions;
mod record;

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::{DFSchema, Result};
use datafusion::execution::TaskContext;
use datafusion::execution::context::SessionContext;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::{ExecutionPlan, collect, execution_plan::reset_plan_states};
use datafusion::prelude::SessionConfig;

pub(crate) use functions::{COUNTRY_CODE, HOME};

/// The name by which SQL speaks of the records.
pub(crate) const RECORD: &str = "record";

/// Plans SQL over records of one schema.
pub(crate) struct Planner {
    session: SessionContext,
    schema: SchemaRef,
}

impl Planner {
    /// A planner for `SELECT … FROM record`, where `record` has these columns.
    pub(crate) fn new(schema: SchemaRef) -> Result<Self> {
        // One partition: the work is spread over homes, and every operator then runs on the thread that polls it,
        // where the home is in the context.
        // Names keep their case, as they do in the databases that records come from.
        let config = SessionConfig::new()
            .with_target_partitions(1)
            .set_bool("datafusion.sql_parser.enable_ident_normalization", false)
            .set_bool("datafusion.sql_parser.parse_float_as_decimal", true);
        let state = SessionStateBuilder::new().with_config(config).with_default_features().build();
        let session = SessionContext::new_with_state(state);
        functions::register(&session);
        session.register_table(RECORD, Arc::new(record::table(Arc::clone(&schema))?))?;
        Ok(Self { session, schema })
    }

    /// The logical plan of a query, not yet optimised.
    pub(crate) fn logical_plan(&self, sql: &str) -> Result<LogicalPlan> {
        futures::executor::block_on(self.session.state().create_logical_plan(sql))
    }

    /// A plan that can be run.
    pub(crate) fn physical_plan(&self, plan: &LogicalPlan) -> Result<Plan> {
        let state = self.session.state();
        let physical = futures::executor::block_on(state.create_physical_plan(plan))?;
        Ok(Plan { physical, context: state.task_ctx() })
    }

    /// An expression over a record, as written and as it runs.
    pub(crate) fn expression(&self, sql: &str) -> Result<(Expr, Arc<dyn PhysicalExpr>)> {
        let schema = DFSchema::try_from(Arc::clone(&self.schema))?;
        let state = self.session.state();
        let expression = state.create_logical_expr(sql, &schema)?;
        let physical = state.create_physical_expr(expression.clone(), &schema)?;
        Ok((expression, physical))
    }
}

/// A query that is planned and can be run on any number of slices, also at the same time.
#[derive(Clone)]
pub(crate) struct Plan {
    physical: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
}

impl Plan {
    pub(crate) fn schema(&self) -> SchemaRef {
        self.physical.schema()
    }

    /// Runs the query on the calling thread, where the context of the caller is seen by SQL functions.
    pub(crate) fn run(&self, records: RecordBatch) -> Result<Vec<RecordBatch>> {
        // Operators keep metrics and other state; without a reset they would pile up from run to run.
        let plan = reset_plan_states(Arc::clone(&self.physical))?;
        let context = Arc::new(record::with_records(&self.context, records));
        futures::executor::block_on(collect(plan, context))
    }
}

/// Evaluates an expression on every record.
pub(crate) fn evaluate(expression: &Arc<dyn PhysicalExpr>, records: &RecordBatch) -> Result<ArrayRef> {
    expression.evaluate(records)?.into_array(records.num_rows())
}
