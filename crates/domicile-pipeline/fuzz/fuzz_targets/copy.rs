//! The decoder of PostgreSQL's binary COPY never panics, and holds no more memory than what it was given explains.

#![no_main]

use domicile_pipeline::fuzz_copy;
use libfuzzer_sys::fuzz_target;

/// As in `tests/it/copies.rs`.
const BYTES_PER_BYTE: u64 = 16;
const BYTES_OF_COLUMNS: u64 = 64 * 1024;

fuzz_target!(|bytes: &[u8]| {
    let used = allocation_counter::measure(|| drop(fuzz_copy(bytes)));
    let most = BYTES_PER_BYTE * bytes.len() as u64 + BYTES_OF_COLUMNS;
    assert!(used.bytes_max <= most, "{} bytes for {}", used.bytes_max, bytes.len());
});
