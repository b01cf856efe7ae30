//! No text is a configuration that panics, recurses or hangs the reader, and none is refused
//! without saying why.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use toolgate_gateway::config::{self, Fixed};

fuzz_target!(|text: &str| {
    let mut sources = Fixed::default();
    sources.env.insert("KEY".to_owned(), "kq3v9Z0eTn1bXw7RyP5sLd2HfJ8mCa4G".to_owned());
    sources.files.insert("/notes/a.md".into(), "a line\n".to_owned());

    if let Err(problems) = config::parse(text, Path::new("gateway.yaml"), &sources) {
        assert!(!problems.0.is_empty(), "refused without a reason");
        for problem in &problems.0 {
            assert!(!problem.to_string().contains('\n'), "a problem is one line");
            // What the schema accepts, the tree must accept.
            assert!(!problem.message.contains("please report"), "{problem}");
        }
    }
});
