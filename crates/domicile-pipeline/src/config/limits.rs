//! How much is read and delivered at once.

use std::num::NonZero;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::findings::Findings;
use super::setting::SettingPath;
use crate::deliver::PoisonLimits;

/// The size of a batch: it ends with the record that reaches one of the two bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Batch")]
pub struct BatchLimits {
    /// How many records a batch has at most, from 1 to 1000000. Default: 12288.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub rows: usize,
    /// How many bytes of records a batch has at most, from 1024 to 1073741824 (1 GiB). Default: 4194304 (4 MiB).
    #[schemars(range(min = 1_024, max = 1_073_741_824))]
    pub bytes: usize,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self { rows: 12_288, bytes: 4 * 1_024 * 1_024 }
    }
}

/// How homes are delivered to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeliveryLimits {
    /// A home's transaction ends once it holds so many records.
    pub commit_rows: u64,
    /// A home's transaction ends once it is so old; `None` for what is usual for its kind of database.
    pub commit_interval: Option<Duration>,
    /// How many connections to homes are kept open.
    pub open_homes: usize,
    /// How many homes are delivered to at once, and as many again of those that catch up; at least 1, and no more than
    /// `open_homes`.
    pub parallel: usize,
    /// Whether columns that a table of a home lacks are added to it.
    pub add_columns: bool,
    /// How long a run that is held up stays the one that delivers.
    pub lease: Duration,
    /// How long a database may take for one answer.
    pub answer: Duration,
    /// How long a home may be at what it was given while others wait for it.
    pub others_wait: Duration,
    /// How long homes may go on catching up once the others are done; `None` for as long as they need.
    pub catch_up: Option<Duration>,
    /// How many records may go to quarantine at once.
    pub poison: PoisonLimits,
}

/// How homes are delivered to.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Delivery")]
pub(super) struct DeliveryFile {
    /// A home's transaction ends once it holds so many records, from 1 to 10000000. Default: 100000.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub(super) commit_rows: u64,
    /// A home's transaction ends once it is so many seconds old, from 0.01 to 3600. Default: 1.0 for SQLite, where nobody
    /// else can write meanwhile, and 10.0 for servers.
    #[schemars(range(min = 0.01, max = 3600.0))]
    pub(super) commit_seconds: Option<f64>,
    /// How many connections to homes are kept open, from 1 to 10000. Default: 128.
    #[schemars(range(min = 1, max = 10_000))]
    pub(super) open_homes: usize,
    /// How many homes are delivered to at once, and as many again of those that catch up, up to `open_homes`; 0 is twice as
    /// many as there are cores, because one waits for its disk while another works. Default: 0.
    #[schemars(range(max = 10_000))]
    pub(super) parallel: usize,
    /// Whether a column of an analyser that a table of a home lacks is added to it, as one that may be NULL. Columns of a
    /// key and aggregates are not: they are refused with the `ALTER TABLE` that adds them. Default: false.
    pub(super) add_columns: bool,
    /// How many seconds a run that does not stir stays the one that delivers, from 3 to 3600: after that another run may
    /// take over, and homes on servers undo what it has not committed. Default: 60.0.
    #[schemars(range(min = 3.0, max = 3600.0))]
    pub(super) lease_seconds: f64,
    /// How many seconds a home may take for one answer, such as what a statement says, and a source for opening it or reading
    /// a batch, from 1 to 86400. One that takes longer has failed, and the others wait for it no more. Default: 300.0.
    #[schemars(range(min = 1.0, max = 86_400.0))]
    pub(super) answer_seconds: f64,
    /// How many seconds the other homes wait for one that is at what it was given, because it hangs or is slow, from 1 to 86400.
    /// Then it is left alone, what it has not committed is undone, and it catches up by a reader of its own. Default: 5.0.
    #[schemars(range(min = 1.0, max = 86_400.0))]
    pub(super) others_wait_seconds: f64,
    /// How many seconds a run goes on for homes that catch up once the others are done, from 0 to 86400; the next run goes on with
    /// them. A run of a schedule also ends with that when the next one is due. Default: as many as they need.
    #[schemars(range(min = 0.0, max = 86_400.0))]
    pub(super) catch_up_seconds: Option<f64>,
    /// The share of a home's transaction, from 0.0 to 1.0, that may go to quarantine, and of a batch that may have no home, where
    /// it has 1000 records or more. Beyond it nothing of it is kept: the home, or the source, stays where it is and says
    /// why, until the cause is gone. Default: 0.5.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(super) poison_share_max: f64,
    /// The same as a number of records, however few there are in all, up to 10000000. Default: any number.
    #[schemars(range(max = 10_000_000))]
    pub(super) poison_records_max: Option<u64>,
}

impl Default for DeliveryFile {
    fn default() -> Self {
        Self {
            commit_rows: 100_000,
            commit_seconds: None,
            open_homes: 128,
            parallel: 0,
            add_columns: false,
            lease_seconds: 60.0,
            answer_seconds: 300.0,
            others_wait_seconds: 5.0,
            catch_up_seconds: None,
            poison_share_max: 0.5,
            poison_records_max: None,
        }
    }
}

/// The limits that the file asks for, with what depends on the number of cores put in.
pub(super) fn delivery(file: DeliveryFile, findings: &mut Findings<'_>) -> DeliveryLimits {
    let DeliveryFile { commit_rows, open_homes, parallel, add_columns, .. } = file;
    if parallel > open_homes {
        let message = format!("{parallel} homes cannot be delivered to at once with {open_homes} connections");
        let help = format!("raise `open_homes`, or write `parallel = {open_homes}` or less");
        findings.report(&SettingPath::root().key("delivery").key("parallel"), message, help);
    }
    let twice_the_cores = || (2 * std::thread::available_parallelism().map_or(1, NonZero::get)).min(open_homes);
    DeliveryLimits {
        commit_rows,
        commit_interval: file.commit_seconds.map(Duration::from_secs_f64),
        open_homes,
        parallel: if parallel == 0 { twice_the_cores() } else { parallel },
        add_columns,
        lease: Duration::from_secs_f64(file.lease_seconds),
        answer: Duration::from_secs_f64(file.answer_seconds),
        others_wait: Duration::from_secs_f64(file.others_wait_seconds),
        catch_up: file.catch_up_seconds.map(Duration::from_secs_f64),
        poison: PoisonLimits { share_max: file.poison_share_max, records_max: file.poison_records_max },
    }
}
