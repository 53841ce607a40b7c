//! What the demonstration is made of: a source of dirty, interleaved orders, and the configuration that syncs it.

pub(crate) mod config;
mod labels;
pub(crate) mod orders;
