//! Conversions of texts, data and images, as they are written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toolgate_values::{Size, Span};

/// Convert texts, data and images.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Transform {
    /// Bounds of one call, which is the work of a process of its own.
    #[serde(default)]
    pub limits: TransformLimits,
}

impl Transform {
    /// What its tools are called.
    pub const TOOLS: [&str; 5] =
        ["convert_image", "convert_pdf", "convert_text", "query_data", "validate_data"];
}

/// Bounds of one call.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TransformLimits {
    /// The largest input, as JSON.
    pub input: Size,
    /// The largest result.
    pub output: Size,
    /// The most pixels of an image.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub pixels: u64,
    /// How long it may take.
    #[schemars(example = &"10s")]
    pub time: Span,
    /// How much memory it may take.
    pub memory: Size,
}

impl Default for TransformLimits {
    fn default() -> Self {
        Self {
            input: Size::mib(4),
            output: Size::mib(2),
            pixels: 24_000_000,
            time: Span::seconds(8),
            memory: Size::mib(512),
        }
    }
}
