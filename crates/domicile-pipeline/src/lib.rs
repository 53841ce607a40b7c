//! Reads records from a source, finds each one's home from its own data, analyses them and delivers them exactly once.
//!
//! [`Pipeline`] lists the stages; [`Config`] says what they work on. Modules are in the order of the flow.

mod account;
mod analyse;
mod batch;
mod blocking;
mod check;
pub mod config;
mod control;
pub mod country;
mod cursor;
mod database;
mod deliver;
mod error;
mod explain;
mod extension;
pub mod fault;
mod inspect;
mod lease;
mod locate;
mod overlap;
mod pipeline;
mod plan;
mod position;
mod quarantine;
mod report;
mod source;
mod sql;
mod state;
mod status;
mod table;
mod text;
mod trace;
mod verify;

pub use account::Account;
pub use analyse::{Analyser, Kinds, Object, Objects, Shape};
pub use check::{Checked, CheckedSource};
pub use config::{Config, InvalidSchedule, Problem, Problems, Schedule};
#[doc(hidden)]
pub use database::postgres::fuzz::{Copied, fuzz_copy};
pub use error::{Error, Failure, FailureClass, Refusal};
pub use explain::{Explained, ExplainedObject, Outcome, Records};
pub use pipeline::{Pipeline, Until};
pub use position::{Position, Values};
pub use quarantine::{
    Cause, QuarantineFilter, QuarantineGroup, QuarantineList, QuarantinedRecord, Replay, ReplayedPlace, Resolution,
    UnreachedQuarantine,
};
pub use report::{BatchRead, Committed, Event, HomeReport, ObjectCount, Observer, Report, Silent, SourceReport};
pub use source::{Guarantee, GuaranteeClass};
pub use state::Condition;
pub use status::{HomeState, HomeStatus, Lag, RunUnderWay, SourceStatus, Status};
pub use trace::{
    Passage, PassageState, RowState, Trace, TracedBatch, TracedQuarantine, TracedRecord, TracedRow, Verdict,
};
pub use verify::{
    Difference, DifferenceKind, Verification, Verified, VerifiedAccount, VerifiedHome, VerifiedSource, VerifiedTable,
};
