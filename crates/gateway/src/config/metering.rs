//! What is measured, and for whom, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

/// What is measured, and who collects it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Metering {
    /// Who collects it.
    pub backend: Backend,
    /// What is shown. Without it: all.
    pub metrics: Vec<Metric>,
}

/// Who collects what is measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Backend {
    /// Prometheus, which reads `/metrics`.
    #[default]
    Prometheus,
    /// Nobody.
    None,
}

/// One kind of measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// How many requests went to each server, by method and tool, and how many are at work.
    ToolCalls,
    /// How long they took.
    Latency,
    /// How many of them failed, and why.
    ErrorRate,
    /// How large the answers were.
    Size,
    /// What each tenant used.
    Usage,
    /// What the gateway holds: sessions, processes, connections; records, and definitions that
    /// were not as approved.
    Gateway,
}

impl Metric {
    /// All of them.
    pub const ALL: [Metric; 6] = [
        Metric::ToolCalls,
        Metric::Latency,
        Metric::ErrorRate,
        Metric::Size,
        Metric::Usage,
        Metric::Gateway,
    ];
}

impl Default for Metering {
    fn default() -> Self {
        Self { backend: Backend::default(), metrics: Metric::ALL.into() }
    }
}

impl Metering {
    /// Whether Prometheus may read `/metrics`.
    pub fn is_served(&self) -> bool {
        self.backend == Backend::Prometheus
    }
}
