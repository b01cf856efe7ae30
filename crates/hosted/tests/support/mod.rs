//! What the tests share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use toolgate_hosted::{Annotations, Tool};

/// A tool of a test, which takes any arguments.
pub fn tool(name: &str) -> Tool {
    Tool {
        name: name.to_owned(),
        title: None,
        description: "A test.".to_owned(),
        input_schema: json!({ "type": "object" }),
        output_schema: None,
        annotations: Annotations::READS,
    }
}

/// Says when it is dropped.
pub struct Flag(pub Arc<AtomicBool>);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
