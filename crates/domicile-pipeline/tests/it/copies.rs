//! The decoder of PostgreSQL's binary COPY on what a server sent, and on what is made of that by chance: what a fuzzer does
//! for long, without one.

use std::path::Path;

use domicile_pipeline::{Copied, fuzz_copy};
use domicile_testkit::SplitMix64;

/// How much memory is held at once: that of the input in a buffer and in columns, each of which may be twice as large as
/// what is in it, and that of what is told of a value.
const BYTES_PER_BYTE: u64 = 16;
/// What columns take that hold next to nothing.
const BYTES_OF_COLUMNS: u64 = 64 * 1024;
/// How often each seed is changed.
const CHANGES: usize = 3000;

fn seeds() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/copy");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut seeds: Vec<_> =
        files.map(|path| (path.file_name().unwrap().display().to_string(), std::fs::read(&path).unwrap())).collect();
    seeds.sort();
    seeds
}

/// What becomes of bytes, with a bound on the memory for it.
fn bounded(bytes: &[u8]) -> Copied {
    let mut copied = Copied::default();
    let used = allocation_counter::measure(|| copied = fuzz_copy(bytes));
    let most = BYTES_PER_BYTE * bytes.len() as u64 + BYTES_OF_COLUMNS;
    assert!(used.bytes_max <= most, "{} bytes for {}", used.bytes_max, bytes.len());
    copied
}

/// The bytes with some of them changed, taken out, doubled, or made one of the numbers that lengths go wrong with.
fn changed(random: &mut SplitMix64, bytes: &[u8]) -> Vec<u8> {
    const LENGTHS: [i32; 6] = [i32::MAX, i32::MIN, -1, -2, 0, 1 << 24];
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(4) {
        let length = bytes.len() as u64;
        if length < 8 {
            break;
        }
        let at = usize::try_from(random.below(length - 4)).unwrap();
        match random.below(5) {
            0 => bytes[at] = u8::try_from(random.below(256)).unwrap(),
            1 => bytes.truncate(at),
            2 => drop(bytes.drain(at..at + 4)),
            3 => bytes.extend_from_within(at..),
            _ => {
                let number = LENGTHS[usize::try_from(random.below(6)).unwrap()];
                bytes[at..at + 4].copy_from_slice(&number.to_be_bytes());
            }
        }
    }
    bytes
}

#[test]
fn what_a_server_sent_is_read_to_its_end() {
    let seeds = seeds();
    let read: Vec<_> = seeds.iter().map(|(name, bytes)| (name.as_str(), bounded(bytes))).collect();
    let of = |records, unfit| Copied { records, unfit, broken: None };
    let expected = [
        ("converted", of(2, 4)),
        ("decimals", of(2, 3)),
        ("empty", of(1, 0)),
        ("floats", of(2, 0)),
        ("integers", of(2, 0)),
        ("texts", of(1, 0)),
        ("times", of(2, 4)),
    ];
    assert_eq!(read, expected);
}

#[test]
fn what_is_no_copy_is_told_without_a_panic_and_without_memory_for_what_is_not_there() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_126);
    let mut random = SplitMix64::seeded(seed);
    let (mut broken, mut unfit) = (0, 0);
    for (_, bytes) in seeds() {
        for _ in 0..CHANGES {
            let copied = bounded(&changed(&mut random, &bytes));
            broken += usize::from(copied.broken.is_some());
            unfit += copied.unfit;
        }
    }
    assert!(broken > CHANGES && unfit > CHANGES, "{broken} were no COPY, and {unfit} values did not fit");
}

#[test]
fn a_length_that_is_not_there_takes_no_memory() {
    let claim = |length: i32| {
        [&[1, 13, 255][..], b"PGCOPY\n\xff\r\n\0", &[0; 8], &1i16.to_be_bytes(), &length.to_be_bytes()].concat()
    };
    let used = |bytes: &[u8]| allocation_counter::measure(|| drop(fuzz_copy(bytes))).bytes_max;
    assert!(used(&claim(i32::MAX)) < 4096, "{}", used(&claim(i32::MAX)));
    // The twin whose bytes are there takes what they need.
    let whole = [claim(1 << 20), vec![b'a'; 1 << 20]].concat();
    assert!(used(&whole) > 1 << 20);
}
