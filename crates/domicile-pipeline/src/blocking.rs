//! Work that would hold up the tasks that wait: it blocks, or it takes long. And work that may panic.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures::FutureExt;

/// Runs work on a thread for blocking work.
///
/// # Panics
///
/// When the work panics, with what it panics with.
pub(crate) async fn run<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
    match tokio::task::spawn_blocking(work).await.map_err(tokio::task::JoinError::try_into_panic) {
        Ok(result) => result,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        // The runtime is shutting down, and this task with it.
        Err(Err(_cancelled)) => std::future::pending().await,
    }
}

/// Runs work on a thread for blocking work, with what stands in `slot`, and puts that back.
///
/// # Panics
///
/// When the work panics, or when an earlier call was cancelled half-way and took the slot's value with it.
pub(crate) async fn with<T, R>(slot: &mut Option<T>, work: impl FnOnce(&mut T) -> R + Send + 'static) -> R
where
    T: Send + 'static,
    R: Send + 'static,
{
    let mut value = slot.take().expect("a cancelled call cannot be followed by another");
    let (value, result) = run(move || {
        let result = work(&mut value);
        (value, result)
    })
    .await;
    *slot = Some(value);
    result
}

/// Waits for work that may panic, so that only what it worked on is given up. The error says what the panic said.
pub(crate) async fn caught<R>(work: impl Future<Output = R>) -> Result<R, String> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|panic| format!("panicked: {}", said(&*panic)))
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("it does not say why")
}
