//! What a handle knows of all operations that are sent through it.

use domicile::{Home, Operation, Origin, Record, RoutingKey};

use std::sync::Arc;

/// What a handle knows of all operations that are sent through it, whatever is in the context.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) on: Option<(Home, Origin)>,
    pub(crate) record: Option<Known>,
    pub(crate) transaction: Option<(Home, Arc<str>)>,
}

/// What is known of a record.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    key: Option<RoutingKey>,
    loaded_from: Option<Home>,
}

impl Known {
    pub(crate) fn of(record: &dyn Record) -> Self {
        Self { key: record.routing_key(), loaded_from: record.loaded_from() }
    }
}

impl Record for Known {
    fn routing_key(&self) -> Option<RoutingKey> {
        self.key.clone()
    }

    fn loaded_from(&self) -> Option<Home> {
        self.loaded_from.clone()
    }
}

impl Facts {
    /// Adds what is known to an operation.
    pub(crate) fn tell<'a>(&'a self, mut operation: Operation<'a>) -> Operation<'a> {
        if let Some(record) = &self.record {
            operation = operation.with_record(record);
        }
        if let Some((home, origin)) = &self.on {
            operation = operation.on_from(home.clone(), origin.clone());
        }
        if let Some((home, opened)) = &self.transaction {
            operation = operation.in_transaction_of(home.clone(), Arc::clone(opened));
        }
        operation
    }
}
