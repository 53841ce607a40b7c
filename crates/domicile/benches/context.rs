//! What the context costs, against tokio's `task_local!` and the context of opentelemetry: see BENCHMARKS.md.
//!
//! ```sh
//! cargo bench -p domicile --bench context
//! ```

mod ratio;

use std::hint::black_box;
use std::pin::Pin;
use std::process::ExitCode;
use std::task::{Context as Wakeup, Poll, Waker};

use domicile::{Context, RoutingKey, context};
use opentelemetry::Context as Telemetry;
use opentelemetry::context::FutureExt;
use ratio::{Candidate, Ratios, repeated};

/// The value that all of them keep: small, and copied freely.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Country([u8; 2]);

/// A value of another type, for scopes within scopes.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Tenant(u32);

const SPAIN: Country = Country(*b"ES");

tokio::task_local! {
    static COUNTRY: Country;
}

/// A future that is pending whenever it is polled.
#[derive(Default)]
struct Pending(u32);

impl Future for Pending {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Wakeup<'_>) -> Poll<()> {
        self.0 = black_box(self.0.wrapping_add(1));
        Poll::Pending
    }
}

fn main() -> ExitCode {
    let mut ratios = Ratios::default();
    measure(&mut ratios, "");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime can be built");
    let task = async move {
        measure(&mut ratios, ", in a task");
        ratios
    };
    let ratios = runtime.block_on(async { tokio::spawn(task).await }).expect("the task ends");
    ratios.finish()
}

fn measure(ratios: &mut Ratios, place: &str) {
    reads(ratios, place);
    polls(ratios, place);
    scopes(ratios, place);
}

fn reads(ratios: &mut Ratios, place: &str) {
    let _telemetry = Telemetry::current_with_value(SPAIN).attach();
    let mut compare = |what: &str, limit, ours: Candidate<'_>, theirs: Candidate<'_>| {
        // Each in a scope of its own, as what was asked of a scope before may make a difference.
        let compare = || ratios.compare(&format!("{what}{place}"), limit, ours, theirs);
        COUNTRY.sync_scope(SPAIN, || context::with(SPAIN, compare));
    };
    compare(
        "copy a value out: `copied`, tokio `try_with`",
        Some(0.5),
        &mut repeated(context::copied::<Country>),
        &mut repeated(|| COUNTRY.try_with(|country| *country).ok()),
    );
    compare(
        "copy a value out: `copied`, opentelemetry `map_current`",
        None,
        &mut repeated(context::copied::<Country>),
        &mut repeated(|| Telemetry::map_current(|here| here.get::<Country>().copied())),
    );
    compare(
        "copy a value out of an async scope: `copied`, tokio `try_with`",
        None,
        // A `Context` is what an async scope puts on the thread, too.
        &mut |times| Context::current().run(|| repeated(context::copied::<Country>)(times)),
        &mut repeated(|| COUNTRY.try_with(|country| *country).ok()),
    );
    compare(
        "lend a value: `read`, tokio `try_with`",
        None,
        &mut repeated(|| context::read::<Country, _>(|country| *black_box(country.unwrap_or(&SPAIN)) == SPAIN)),
        &mut repeated(|| COUNTRY.try_with(|country| *black_box(country) == SPAIN).is_ok()),
    );
    compare(
        "share a value: `get`, opentelemetry `current`",
        None,
        &mut repeated(context::get::<Country>),
        &mut repeated(Telemetry::current),
    );
}

fn polls(ratios: &mut Ratios, place: &str) {
    let mut bare = Box::pin(Pending::default());
    let mut ours = Box::pin(context::scope(SPAIN, Pending::default()));
    let mut tokio = Box::pin(COUNTRY.scope(SPAIN, Pending::default()));
    let telemetry = Telemetry::current_with_value(SPAIN);
    let mut telemetry = Box::pin(Pending::default().with_context(telemetry));
    ratios.compare_above(
        &format!("an async scope, each poll: `scope`, tokio `scope`{place}"),
        Some(1.0),
        &mut polled(&mut bare),
        &mut polled(&mut ours),
        &mut polled(&mut tokio),
    );
    ratios.compare_above(
        &format!("an async scope, each poll: `scope`, opentelemetry `with_context`{place}"),
        None,
        &mut polled(&mut bare),
        &mut polled(&mut ours),
        &mut polled(&mut telemetry),
    );
}

fn polled<F: Future<Output = ()>>(future: &mut Pin<Box<F>>) -> impl FnMut(u32) {
    repeated(|| future.as_mut().poll(&mut Wakeup::from_waker(Waker::noop())))
}

fn scopes(ratios: &mut Ratios, place: &str) {
    let telemetry = || {
        let guard = Telemetry::current_with_value(black_box(SPAIN)).attach();
        black_box(&guard);
    };
    let entered = || {
        let guard = context::enter(black_box(SPAIN));
        black_box(&guard);
    };
    let with = || context::with(black_box(SPAIN), || black_box(()));
    let compare = |ratios: &mut Ratios, what: &str| {
        let what = |ours: &str| format!("a scope{what}: `{ours}`, opentelemetry `attach`{place}");
        ratios.compare(&what("with"), Some(0.1), &mut repeated(with), &mut repeated(telemetry));
        ratios.compare(&what("enter"), Some(0.1), &mut repeated(entered), &mut repeated(telemetry));
    };
    compare(ratios, "");
    {
        let _telemetry = Telemetry::current_with_value(Tenant(7)).attach();
        let _tenant = context::enter(Tenant(7));
        compare(ratios, " within a scope");
    }
    let key = RoutingKey::new("ES");
    ratios.compare(
        &format!("a scope, a `RoutingKey`: `with`, opentelemetry `attach`{place}"),
        None,
        &mut repeated(|| context::with(key.clone(), || black_box(()))),
        &mut repeated(|| drop(black_box(Telemetry::current_with_value(key.clone()).attach()))),
    );
    ratios.compare(
        &format!("a scope: `with`, tokio `sync_scope`{place}"),
        None,
        &mut repeated(with),
        &mut repeated(|| COUNTRY.sync_scope(black_box(SPAIN), || black_box(()))),
    );
}
