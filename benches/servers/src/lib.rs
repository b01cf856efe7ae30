//! What all programs of the benchmark share: the tools' work, and the way to the API that they call.

pub mod sdk;
pub mod wire;
pub mod work;
