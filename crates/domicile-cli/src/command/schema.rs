//! `domicile schema`

use domicile_pipeline::config::json_schema;

use super::Ended;
use crate::output::report;

pub(crate) fn schema() -> Ended {
    report::json(&json_schema());
    Ended::Done
}
