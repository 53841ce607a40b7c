//! The text that is served: OpenMetrics, which Prometheus reads.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::families::{Family, Value, of_homes, of_runs, of_sources};
use super::{Metrics, State};

/// What the text is.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Labels<'a> = Vec<(&'a str, &'a str)>;

impl Metrics {
    /// All metrics as they are at one moment.
    pub(crate) fn text(self: &Arc<Self>) -> String {
        let (mut registry, mut text) = (Registry::default(), String::new());
        registry.register_collector(Box::new(Arc::clone(self)));
        encode(&mut text, &registry).expect("a String takes it");
        text
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let state: &State = &self.state();
        for family in of_runs() {
            family.encode(&mut encoder, [(Labels::new(), &state.runs)])?;
        }
        for family in of_sources() {
            let sources = state.sources.iter().map(|(source, of)| (vec![("source", source.as_str())], of));
            family.encode(&mut encoder, sources)?;
        }
        for family in of_homes() {
            let labels = |source, home| vec![("source", source), ("home", home)];
            let homes = state.homes.iter().map(|((source, home), of)| (labels(source.as_str(), home.as_str()), of));
            family.encode(&mut encoder, homes)?;
        }
        Ok(())
    }
}

impl<T> Family<T> {
    fn encode<'a>(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        of: impl IntoIterator<Item = (Labels<'a>, &'a T)>,
    ) -> fmt::Result
    where
        T: 'a,
    {
        let kind = match self.value {
            Value::Counter(_) | Value::Counters(..) => MetricType::Counter,
            Value::Gauge(_) => MetricType::Gauge,
            Value::Histogram(_) => MetricType::Histogram,
        };
        let mut encoder = encoder.encode_descriptor(self.name, self.help, self.unit.as_ref(), kind)?;
        for (labels, of) in of {
            match self.value {
                Value::Counter(count) => ConstCounter::new(count(of)).encode(encoder.encode_family(&labels)?)?,
                Value::Counters(label, counts) => {
                    for (value, count) in counts(of) {
                        let labels = [&labels[..], &[(label, value.as_str())]].concat();
                        ConstCounter::new(count).encode(encoder.encode_family(&labels)?)?;
                    }
                }
                Value::Gauge(value) => {
                    if let Some(value) = value(of) {
                        ConstGauge::new(value).encode(encoder.encode_family(&labels)?)?;
                    }
                }
                Value::Histogram(histogram) => histogram(of).encode(encoder.encode_family(&labels)?)?,
            }
        }
        Ok(())
    }
}
