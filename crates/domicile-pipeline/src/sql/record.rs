//! The table `record`: its rows are handed over with each run, so that one plan serves every slice of every home.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::{Result, internal_datafusion_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;

/// What a run reads, kept in the run's task context.
struct Records(RecordBatch);

#[derive(Debug)]
struct RecordStream(SchemaRef);

impl PartitionStream for RecordStream {
    fn schema(&self) -> &SchemaRef {
        &self.0
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let records = context
            .session_config()
            .get_extension::<Records>()
            .map(|records| records.0.clone())
            .ok_or_else(|| internal_datafusion_err!("a plan over records was run without records"));
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.0), futures::stream::iter([records])))
    }
}

/// The table that stands for the records of a run.
pub(super) fn table(schema: SchemaRef) -> Result<StreamingTable> {
    StreamingTable::try_new(Arc::clone(&schema), vec![Arc::new(RecordStream(schema))])
}

/// A task context in which the table holds `records`.
pub(super) fn with_records(context: &TaskContext, records: RecordBatch) -> TaskContext {
    let config = context.session_config().clone().with_extension(Arc::new(Records(records)));
    // Functions are part of the plan; a default context would make a runtime of its own only to drop it.
    let none = (HashMap::new(), HashMap::new(), HashMap::new(), HashMap::new());
    let session = context.session_id();
    TaskContext::new(None, session, config, none.0, none.1, none.2, none.3, context.runtime_env())
}
