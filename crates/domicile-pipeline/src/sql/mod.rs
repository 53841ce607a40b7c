//! SQL over records, planned once and run on many slices.

mod functions;
mod record;

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DFSchema, DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::execution::context::SessionContext;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Volatility};
use datafusion::physical_plan::{ExecutionPlan, collect, execution_plan::reset_plan_states};
use datafusion::prelude::SessionConfig;
use datafusion::sql::parser::DFParser;
use tokio::task::unconstrained;

pub(crate) use functions::{COUNTRY_CODE, HOME};

/// The name by which SQL speaks of the records.
pub(crate) const RECORD: &str = "record";

/// How the SQL of analysers is written.
pub(crate) const SQL_HELP: &str =
    "`record` is the table to select from; its columns are the source's, and its functions are DataFusion's";

/// What the planner says is wrong, for people: without its own name for the table.
pub(crate) fn said(error: &DataFusionError) -> String {
    error.strip_backtrace().replace("datafusion.public.", "")
}

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

    /// What is wrong with a query, or with an expression, whatever the columns are.
    pub(crate) fn syntax_error(sql: &str, is_expression: bool) -> Option<String> {
        let query = if is_expression { format!("SELECT {sql}\n") } else { sql.to_owned() };
        DFParser::parse_sql(&query).err().map(|error| said(&error))
    }

    /// The columns of a record that a query reads.
    pub(crate) fn reads(&self, plan: &LogicalPlan) -> Result<Vec<String>> {
        let mut columns = Vec::new();
        // Optimised, a scan says which columns are wanted of it.
        self.session.state().optimize(plan)?.apply_with_subqueries(|part| {
            if let LogicalPlan::TableScan(scan) = part {
                columns.extend(scan.projected_schema.fields().iter().map(|field| field.name().clone()));
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(columns)
    }

    /// A plan that can be run.
    pub(crate) fn physical_plan(&self, plan: &LogicalPlan) -> Result<Plan> {
        let state = self.session.state();
        let physical = futures::executor::block_on(state.create_physical_plan(plan))?;
        Ok(Plan { physical, context: state.task_ctx() })
    }

    /// An expression over a record, as written and as a plan with one column that gives it for every record.
    pub(crate) fn expression(&self, sql: &str) -> Result<(Expr, Plan)> {
        let schema = DFSchema::try_from(Arc::clone(&self.schema))?;
        let expression = self.session.state().create_logical_expr(sql, &schema)?;
        let records = self.logical_plan("SELECT * FROM record")?;
        let plan = LogicalPlanBuilder::from(records).project([expression.clone()])?.build()?;
        Ok((expression, self.physical_plan(&plan)?))
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
        // Operators yield to Tokio once they have used up a task's budget, and nobody would give them a new one here.
        futures::executor::block_on(unconstrained(collect(plan, context)))
    }
}

/// Whether a function's value depends on more than its arguments: on chance, the time or the context.
pub(crate) fn is_varying(call: &ScalarFunction) -> bool {
    call.func.signature().volatility != Volatility::Immutable
}

/// The value of a planned expression for every record.
pub(crate) fn evaluate(expression: &Plan, records: &RecordBatch) -> Result<ArrayRef> {
    let values = concat_batches(&expression.schema(), &expression.run(records.clone())?)?;
    Ok(Arc::clone(values.column(0)))
}
