//! Failures that pass by themselves.

use std::io::{Error, ErrorKind};

/// Whether the way to a server is cut in a way that may pass: it is down, it starts, or the network is away.
pub(super) fn may_pass(error: &Error) -> bool {
    use ErrorKind::*;
    matches!(
        error.kind(),
        AddrNotAvailable
            | BrokenPipe
            | ConnectionAborted
            | ConnectionRefused
            | ConnectionReset
            | HostUnreachable
            | Interrupted
            | NetworkDown
            | NetworkUnreachable
            | NotConnected
            // The socket of a server that is down.
            | NotFound
            | TimedOut
            | UnexpectedEof
            | WouldBlock
    )
}
