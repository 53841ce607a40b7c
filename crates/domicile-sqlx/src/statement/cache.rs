//! Analysing each text once.

use std::sync::Arc;

use quick_cache::sync::Cache;

use super::analysis::Analysis;
use super::dialect::Dialect;
use super::key_column::KeyColumns;

/// How many texts are kept. An application has a few hundred; what is built for each call does not drive them out,
/// because the cache keeps what is asked for again.
const CACHED_TEXTS_MAX: usize = 2_048;

/// The longest text that is kept. Longer ones are built for one call, as an `INSERT` of many rows is.
const CACHED_TEXT_MAX_BYTES: usize = 32 * 1_024;

/// Analyses of statements by their text.
pub(crate) struct Statements {
    dialect: Dialect,
    key_columns: KeyColumns,
    analysed: Cache<Arc<str>, Arc<Analysis>>,
}

impl Statements {
    pub(crate) fn new(dialect: Dialect, key_columns: KeyColumns) -> Self {
        Self { dialect, key_columns, analysed: Cache::new(CACHED_TEXTS_MAX) }
    }

    pub(crate) fn key_columns(&self) -> &KeyColumns {
        &self.key_columns
    }

    pub(crate) fn analyse(&self, sql: &str) -> Arc<Analysis> {
        if let Some(analysis) = self.analysed.get(sql) {
            return analysis;
        }
        let analysis = Arc::new(Analysis::of(self.dialect, sql, &self.key_columns));
        if sql.len() <= CACHED_TEXT_MAX_BYTES {
            self.analysed.insert(sql.into(), Arc::clone(&analysis));
        }
        analysis
    }
}
