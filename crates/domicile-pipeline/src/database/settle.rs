//! Waiting until a source is settled up to an id: until nobody is left who may have drawn a lower one.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::config::SourceConfig;
use crate::position::Position;
use crate::source::{Guarantee, GuaranteeClass, Horizon};

/// How long writers are waited for that were under way when a run began.
const WAIT: Duration = Duration::from_secs(10);

/// A transaction that may have written to the source.
#[derive(Clone)]
pub(super) struct Writer {
    /// What no other transaction is called.
    pub(super) transaction: String,
    /// How people are told of it.
    pub(super) told: String,
}

/// Tells which transactions may have written to the source and are not at their end.
#[async_trait]
pub(super) trait Watch: Send {
    type Error: Send;

    /// The writers now. One that was told before MUST be told under the same name until its end.
    async fn writers(&mut self) -> Result<Vec<Writer>, Self::Error>;
}

/// Waits for the writers that there are now, after `upto` was read as the highest id. It is settled when they have ended;
/// `reached` is what is settled anyhow, if they stay longer than they are waited for.
pub(super) async fn settled<W: Watch>(
    watch: &mut W,
    look_again: Duration,
    upto: Position,
    reached: &Position,
) -> Result<Horizon, W::Error> {
    let mut left = watch.writers().await?;
    let began = Instant::now();
    while !left.is_empty() && upto > *reached {
        if began.elapsed() > WAIT {
            let told: Vec<_> = left.iter().map(|writer| writer.told.as_str()).collect();
            let waits_for = format!("nothing is read beyond {reached} before they end: {}", told.join(", "));
            return Ok(Horizon { upto: reached.clone(), waits_for: Some(waits_for) });
        }
        tokio::time::sleep(look_again).await;
        let waited: BTreeSet<_> = left.into_iter().map(|writer| writer.transaction).collect();
        // What is told of them is what holds now.
        left = watch.writers().await?.into_iter().filter(|writer| waited.contains(&writer.transaction)).collect();
    }
    Ok(Horizon::all(upto))
}

/// What is guaranteed of a query, whose rows may come from anywhere.
pub(super) fn of_query(config: &SourceConfig) -> Guarantee {
    let cursor = config.cursor.join(", ");
    let reason = format!(
        "a query can show a record later with the same or a lower `{cursor}`, for example when a joined row comes late"
    );
    heuristic(config, &reason, "read a table")
}

/// What is guaranteed of a view, of which it is not known what it shows.
pub(super) fn of_view(config: &SourceConfig) -> Guarantee {
    let cursor = config.cursor.join(", ");
    let reason = format!("of a view it is not known who still writes records with the same or a lower `{cursor}`");
    heuristic(config, &reason, "read the table that it shows")
}

/// What is guaranteed where the server may forget what was committed, and how it may.
pub(super) fn of_volatile(config: &SourceConfig, how: &str, mend: &str) -> Guarantee {
    let cursor = config.cursor.join(", ");
    let reason = format!(
        "exact while the server does not crash: {how}, so that a crash may take back records that were read, and give their \
         `{cursor}` to others"
    );
    Guarantee { class: GuaranteeClass::Bounded, reason, raise: Some(mend.to_owned()) }
}

/// What is guaranteed where the database does not draw the cursor by itself.
pub(super) fn of_application(config: &SourceConfig, raise: &str) -> Guarantee {
    let cursor = config.cursor.join(", ");
    let reason =
        format!("whoever writes a record sets its `{cursor}`, and one can come later with the same or a lower one");
    heuristic(config, &reason, raise)
}

/// Records can come late for this reason. Those within the overlap are read.
pub(super) fn heuristic(config: &SourceConfig, reason: &str, raise: &str) -> Guarantee {
    let (reason, raise) = match &config.overlap {
        Some(overlap) => {
            let span = span_text(overlap.span);
            (format!("{reason}; it is read if it comes within {span}, and not later"), raise.to_owned())
        }
        None => (
            format!("{reason}; it would not be read"),
            format!("{raise}; or, with a timestamp as cursor, give an `overlap` within which late records are read"),
        ),
    };
    Guarantee { class: GuaranteeClass::Heuristic, reason, raise: Some(raise) }
}

/// A span as the configuration writes it.
fn span_text(span: Duration) -> String {
    let seconds = span.as_secs();
    let units = [(24 * 60 * 60, 'd'), (60 * 60, 'h'), (60, 'm'), (1, 's')];
    let (unit, name) = units.into_iter().find(|(unit, _)| seconds.is_multiple_of(*unit)).unwrap_or((1, 's'));
    format!("{}{name}", seconds / unit)
}
