//! A harness for benchmarks whose result is a ratio: what we need for something, over what somebody else needs for it.
//!
//! The two are measured in turns within one process, so that whatever slows the machine down slows down both. A median
//! of many rounds is what the table shows. With `--check` the program fails if a ratio is over its limit; with
//! other arguments it measures the rows that contain one of them.

// Each benchmark uses the part that it needs.
#![allow(dead_code)]

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How often the candidates of one row take turns.
const ROUNDS: usize = 101;

/// How long a candidate runs in each round, unless the benchmark says otherwise: long enough for the clock, short enough
/// to fall between interruptions.
const ROUND: Duration = Duration::from_micros(400);

/// At how many places in memory the stack is in turns.
const DEPTHS: usize = 50;

/// How many iterations a candidate may need to fill a round.
const ITERATIONS_MAX: u32 = 1 << 24;

/// Something that is measured: it runs an operation that many times.
pub(crate) type Candidate<'a> = &'a mut dyn FnMut(u32);

/// Makes a candidate of one operation, whose result is needed. The loop is compiled with the operation in it.
pub(crate) fn repeated<R>(mut operation: impl FnMut() -> R) -> impl FnMut(u32) {
    move |times| {
        for _ in 0..times {
            black_box(operation());
        }
    }
}

/// One line of the table.
struct Row {
    what: String,
    ours: f64,
    theirs: f64,
    limit: Option<f64>,
}

impl Row {
    fn ratio(&self) -> f64 {
        self.ours / self.theirs
    }

    fn is_over(&self) -> bool {
        self.limit.is_some_and(|limit| self.ratio() > limit)
    }
}

/// The rows that were measured so far.
pub(crate) struct Ratios {
    rows: Vec<Row>,
    round: Duration,
}

impl Default for Ratios {
    fn default() -> Self {
        Self::of_rounds(ROUND)
    }
}

impl Ratios {
    /// Lets a candidate run for about this long in each round, for what wakes other threads up or waits.
    pub(crate) fn of_rounds(round: Duration) -> Self {
        Self { rows: Vec::new(), round }
    }

    /// Measures one operation against another. A ratio above `limit` is over; without one it is only shown.
    pub(crate) fn compare(&mut self, what: &str, limit: Option<f64>, ours: Candidate<'_>, theirs: Candidate<'_>) {
        if !is_wanted(what) {
            return;
        }
        let [ours, theirs] = medians(self.round, [ours, theirs]);
        self.push(Row { what: what.to_owned(), ours, theirs, limit });
    }

    /// Measures what one operation adds to `bare`, against what another adds to it.
    pub(crate) fn compare_above(
        &mut self,
        what: &str,
        limit: Option<f64>,
        bare: Candidate<'_>,
        ours: Candidate<'_>,
        theirs: Candidate<'_>,
    ) {
        if !is_wanted(what) {
            return;
        }
        let [bare, ours, theirs] = medians(self.round, [bare, ours, theirs]);
        self.push(Row { what: what.to_owned(), ours: ours - bare, theirs: theirs - bare, limit });
    }

    fn push(&mut self, row: Row) {
        eprintln!("{}: {:.2} ns, {:.2} ns", row.what, row.ours, row.theirs);
        self.rows.push(row);
    }

    /// Prints the table, and fails if the program was told to `--check` and a ratio is over its limit.
    pub(crate) fn finish(&self) -> ExitCode {
        println!("\n| what | ours, ns | theirs, ns | ratio | limit | |");
        println!("|---|--:|--:|--:|--:|---|");
        for row in &self.rows {
            let (limit, verdict) = match row.limit {
                Some(limit) => (format!("{limit:.2}"), if row.is_over() { "over" } else { "ok" }),
                None => ("".to_owned(), ""),
            };
            let (ours, theirs, ratio) = (row.ours, row.theirs, row.ratio());
            println!("| {} | {ours:.1} | {theirs:.1} | {ratio:.2} | {limit} | {verdict} |", row.what);
        }
        let checks = std::env::args().any(|argument| argument == "--check");
        if checks && self.rows.iter().any(Row::is_over) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

/// Tells whether a row contains one of the texts that the program was called with, if there are any.
fn is_wanted(what: &str) -> bool {
    let mut texts = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).peekable();
    texts.peek().is_none() || texts.any(|text| what.contains(&text))
}

/// Lets the candidates take turns, and returns the median of what each needs for one iteration, in nanoseconds.
fn medians<const N: usize>(round: Duration, mut candidates: [Candidate<'_>; N]) -> [f64; N] {
    let times = candidates.each_mut().map(|candidate| iterations(round, candidate));
    let mut measured = [const { Vec::new() }; N];
    for round in 0..ROUNDS {
        for ((candidate, times), measured) in candidates.iter_mut().zip(times).zip(&mut measured) {
            measured.push(nanoseconds_deeper(round % DEPTHS, candidate, times) / f64::from(times));
        }
    }
    measured.map(|mut measured| {
        measured.sort_by(f64::total_cmp);
        measured[ROUNDS / 2]
    })
}

/// Returns how many iterations fill a round. Finding it out warms the candidate up, too.
fn iterations(round: Duration, candidate: Candidate<'_>) -> u32 {
    let enough = round.as_secs_f64() * 1e9;
    let mut times = 1;
    while times < ITERATIONS_MAX && nanoseconds(candidate, times) < enough {
        times *= 2;
    }
    times
}

/// Measures with the stack at another place in memory. Code that takes nanoseconds can take three times as long where two
/// addresses happen to be in each other's way in the processor, and no round should decide which they are for all.
#[inline(never)]
fn nanoseconds_deeper(levels: usize, candidate: &mut dyn FnMut(u32), times: u32) -> f64 {
    let room = black_box([0_u8; 48]);
    let needed = match levels {
        0 => nanoseconds(candidate, times),
        _ => nanoseconds_deeper(levels - 1, candidate, times),
    };
    black_box(&room);
    needed
}

fn nanoseconds(candidate: &mut dyn FnMut(u32), times: u32) -> f64 {
    let start = Instant::now();
    candidate(times);
    start.elapsed().as_secs_f64() * 1e9
}
