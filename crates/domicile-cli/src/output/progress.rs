//! Progress on standard error: a bar where it is a terminal, plain lines where it isn't.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use domicile_pipeline::{Event, Observer, Position};
use indicatif::{ProgressBar, ProgressStyle};

use super::{note, plain};

/// Plain lines come at most this often.
const LINE_INTERVAL: Duration = Duration::from_secs(2);

/// Shows how far a run has got.
pub(crate) struct Progress {
    state: Mutex<State>,
}

struct State {
    bar: Option<ProgressBar>,
    /// The source that is shown, which was begun last. Of those before it some homes may be catching up yet.
    source: String,
    begin: i128,
    read: u64,
    delivered: u64,
    last_line: Instant,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{prefix} [{bar:30}] {percent}% {msg} ({elapsed})");
            ProgressBar::new(0).with_style(style.expect("the template is sound").progress_chars("=> "))
        });
        // A terminal that cannot draw (TERM is unset, or dumb) gets plain lines as well.
        let bar = bar.filter(|bar| !bar.is_hidden());
        let state = State { bar, source: String::new(), begin: 0, read: 0, delivered: 0, last_line: Instant::now() };
        Self { state: Mutex::new(state) }
    }

    pub(crate) fn finish(&self) {
        self.with(|state| {
            if let Some(bar) = state.bar.take() {
                bar.finish_and_clear();
            }
        });
    }

    fn with(&self, work: impl FnOnce(&mut State)) {
        work(&mut self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }
}

impl State {
    fn show(&mut self) {
        let text = format!("{} read, {} dealt with", self.read, self.delivered);
        match &self.bar {
            Some(bar) => bar.set_message(text),
            None if self.last_line.elapsed() >= LINE_INTERVAL => {
                self.last_line = Instant::now();
                self.say(&text);
            }
            None => {}
        }
    }

    fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => text.lines().for_each(|line| bar.println(plain(line))),
            None => note(text),
        }
    }

    fn start(&mut self, source: &str, after: &Position, upto: &Position) {
        source.clone_into(&mut self.source);
        self.begin = after.integer().unwrap_or(0);
        (self.read, self.delivered) = (0, 0);
        if let Some(bar) = &self.bar {
            let length = upto.integer().unwrap_or(0).saturating_sub(self.begin);
            bar.set_prefix(source.to_owned());
            bar.set_position(0);
            bar.set_length(u64::try_from(length).unwrap_or(0));
        }
    }

    fn advance(&mut self, records: usize, upto: &Position) {
        self.read += records as u64;
        if let (Some(bar), Some(cursor)) = (&self.bar, upto.integer()) {
            bar.set_position(u64::try_from(cursor.saturating_sub(self.begin)).unwrap_or(0));
        }
        self.show();
    }

    fn tell(&mut self, event: &Event<'_>) {
        match event {
            Event::SourceStarted { source, guarantee, after, upto } => {
                self.start(source, after, upto);
                self.say(&format!("source {source}: from {after} up to {upto} ({guarantee})"));
            }
            Event::SourceWaits { source, waits_for } => self.say(&format!("source {source} waits: {waits_for}")),
            // The bar shows how far those are which are ahead.
            Event::BatchRead(read) if !read.is_catching_up && read.source == self.source => {
                self.advance(read.records, read.upto)
            }
            Event::Committed(commit) if commit.source == self.source => {
                self.delivered += commit.account.read;
                self.show();
            }
            Event::SourceFails { source, error, wait } => {
                let seconds = wait.as_secs_f64();
                self.say(&format!("source {source} fails, and is read again in {seconds:.1} s: {error}"));
            }
            Event::HomeWaits { home, failure, wait, .. } => {
                let seconds = wait.as_secs_f64();
                self.say(&format!("{home} fails, and is tried again in {seconds:.1} s: {failure}"));
            }
            Event::HomesCatchUp { source, homes, after, upto } => {
                let (verb, homes) = (if homes.len() == 1 { "catches" } else { "catch" }, homes.join(", "));
                self.say(&format!("source {source}: {homes} {verb} up from {after} up to {upto}"));
            }
            Event::HomeFailed { home, failure, .. } => self.say(&format!("{home} FAILED: {failure}")),
            _ => {}
        }
    }
}

impl Observer for Progress {
    fn observe(&self, event: &Event<'_>) {
        self.with(|state| state.tell(event));
    }
}
