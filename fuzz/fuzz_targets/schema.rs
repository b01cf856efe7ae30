//! A schema of a server and an instance of a caller, apart at the first zero byte: nothing panics,
//! and nothing takes long.

#![no_main]

use libfuzzer_sys::fuzz_target;
use toolgate_screen::schema::{Compiled, Hint};

fuzz_target!(|data: &[u8]| {
    let at = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    let (schema, instance) = data.split_at(at);
    let Ok(compiled) = Compiled::new(schema) else { return };
    if let Err(hints) = compiled.check(instance.get(1..).unwrap_or_default()) {
        assert!(!hints.is_empty() && hints.len() <= Hint::MOST);
    }
});
