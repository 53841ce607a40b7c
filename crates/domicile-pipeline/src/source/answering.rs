//! A bound on how long a source may take for one answer.

use std::ops::Bound;
use std::time::Duration;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::{Counting, Guarantee, Horizon, NotOpened, Source, Unindexed, Unopened, Waits};
use crate::batch::{Batch, BatchLimit};
use crate::config::{Database, Document, SourceConfig};
use crate::cursor::Cursor;
use crate::database::{self, WRITERS_WAITED_FOR};
use crate::error::{Error, Unread};
use crate::position::Position;

/// A source that may hang: its server is stopped, or the network swallows what is sent.
struct Answering {
    source: Box<dyn Source>,
    name: String,
    database: Database,
    within: Duration,
    /// An answer did not come. Nothing more is asked then, on a connection that may still be at work.
    is_lost: bool,
}

/// Opens a source without writing to it, and learns its columns. It takes no longer than this for that, and for any answer.
pub(crate) async fn open(
    config: &SourceConfig,
    document: &Document,
    within: Duration,
) -> Result<Box<dyn Source>, NotOpened> {
    let opened = timeout(within, database::source(config, document)).await;
    let source = opened.unwrap_or_else(|_| Err(vec![unopened(&config.database, within)].into()))?;
    let (name, database) = (config.name.clone(), config.database.clone());
    Ok(Box::new(Answering { source, name, database, within, is_lost: false }))
}

/// What is told of one that takes longer.
fn late(within: Duration) -> String {
    format!("it has not answered in {} s (`delivery.answer_seconds`)", within.as_secs_f64())
}

fn unopened(database: &Database, within: Duration) -> Unopened {
    Unopened::unreachable(database, &late(within))
}

impl Answering {
    fn unread(&self) -> Error {
        Error::unread(&self.name, Unread { message: late(self.within), may_pass: true })
    }
}

/// Asks, and waits for so much longer than for any other answer.
macro_rules! answered {
    ($self:ident, $longer:expr, $ask:expr) => {{
        if $self.is_lost {
            return Err($self.unread());
        }
        let answer = timeout($self.within + $longer, $ask).await;
        $self.is_lost = answer.is_err();
        answer.unwrap_or_else(|_| Err($self.unread()))
    }};
}

#[async_trait]
impl Source for Answering {
    fn schema(&self) -> SchemaRef {
        self.source.schema()
    }

    fn narrow(&mut self, columns: &[usize]) {
        self.source.narrow(columns);
    }

    async fn check_access(&mut self) -> Result<(), Unopened> {
        let answer = timeout(self.within, self.source.check_access()).await;
        self.is_lost = answer.is_err();
        answer.unwrap_or_else(|_| Err(unopened(&self.database, self.within)))
    }

    fn cursor(&self) -> &Cursor {
        self.source.cursor()
    }

    fn guarantee(&self) -> &Guarantee {
        self.source.guarantee()
    }

    async fn unindexed(&mut self) -> Result<Option<Unindexed>, Error> {
        answered!(self, Duration::ZERO, self.source.unindexed())
    }

    fn given(&self, objects: &[Map<String, Value>]) -> Result<Batch, String> {
        self.source.given(objects)
    }

    async fn horizon(&mut self, reached: &Position, waits: Option<&Waits>) -> Result<Horizon, Error> {
        // Writers are waited for besides.
        answered!(self, WRITERS_WAITED_FOR, self.source.horizon(reached, waits))
    }

    fn hurry(&mut self, wait: Duration) {
        self.source.hurry(wait);
    }

    async fn count(&mut self, positions: &[Position], counting: Counting) -> Result<Vec<Option<u64>>, Error> {
        answered!(self, counting.within, self.source.count(positions, counting))
    }

    async fn read(&mut self, from: &Bound<Position>, upto: &Position, limit: BatchLimit) -> Result<Batch, Error> {
        answered!(self, Duration::ZERO, self.source.read(from, upto, limit))
    }
}
