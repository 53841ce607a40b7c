//! An aggregator whose analyser makes several objects of a record and never names a database.
fn main() {}
