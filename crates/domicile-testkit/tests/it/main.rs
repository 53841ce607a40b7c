//! Tests of the test support as tests use it.

#[cfg(unix)]
mod proxy;
#[cfg(unix)]
mod server;
