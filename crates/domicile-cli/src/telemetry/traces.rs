//! Traces for an OpenTelemetry collector: a run, its sources, and their reads and transactions.

use std::env;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::runtime::Tokio;
use opentelemetry_sdk::trace::SdkTracerProvider;
use opentelemetry_sdk::trace::span_processor_with_async_runtime::BatchSpanProcessor;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

/// A collector that is away keeps a command for no longer.
const FLUSH: Duration = Duration::from_secs(2);

/// Spans on their way to a collector; dropped, they are sent.
pub(super) struct Traces {
    provider: SdkTracerProvider,
    _running: oneshot::Sender<()>,
}

/// Whether the environment names a collector.
fn is_asked_for() -> bool {
    let is = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_disabled = env::var("OTEL_SDK_DISABLED").is_ok_and(|value| value.eq_ignore_ascii_case("true"));
    !is_disabled && (is("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") || is("OTEL_EXPORTER_OTLP_ENDPOINT"))
}

impl Traces {
    /// Sends to the collector that the environment names, by a thread of its own.
    ///
    /// # Errors
    ///
    /// If the environment names what is none.
    pub(super) fn start() -> Result<Option<Self>, String> {
        if !is_asked_for() {
            return Ok(None);
        }
        let failed =
            |error: &dyn std::fmt::Display| format!("traces cannot be sent (OTEL_EXPORTER_OTLP_ENDPOINT): {error}");
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| failed(&error))?;
        let provider = {
            let _entered = runtime.enter();
            let exporter = SpanExporter::builder().with_http().build().map_err(|error| failed(&error))?;
            let processor = BatchSpanProcessor::builder(exporter, Tokio).build();
            let resource = Resource::builder();
            let resource = match env::var_os("OTEL_SERVICE_NAME") {
                Some(_) => resource,
                None => resource.with_service_name("domicile"),
            };
            SdkTracerProvider::builder().with_span_processor(processor).with_resource(resource.build()).build()
        };
        let (running, ended) = oneshot::channel();
        thread::spawn(move || runtime.block_on(ended));
        Ok(Some(Self { provider, _running: running }))
    }

    /// What makes spans of those of the pipeline.
    pub(super) fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> impl Layer<S> + use<S> {
        let tracer = self.provider.tracer("domicile");
        let is_ours = filter_fn(|metadata| metadata.is_span() && metadata.target().starts_with("domicile"));
        tracing_opentelemetry::layer().with_tracer(tracer).with_location(false).with_threads(false).with_filter(is_ours)
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        let (provider, (sent, waiting)) = (self.provider.clone(), mpsc::channel());
        thread::spawn(move || sent.send(provider.shutdown()));
        let _ = waiting.recv_timeout(FLUSH);
    }
}
