//! Routed.
