//! Whatever comes back: what is redacted and made harmless is JSON again, and nothing panics.

#![no_main]

use std::sync::LazyLock;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use toolgate_screen::clean::{self, Policy};
use toolgate_screen::detect::Detector;
use toolgate_screen::imitation;
use toolgate_screen::neutral::Treatment;
use toolgate_screen::redact::{Action, Compiled, Rule, Rules, Scope};

static RULES: LazyLock<[Compiled; 3]> = LazyLock::new(|| {
    [Action::Mask, Action::Hash, Action::Drop].map(|action| {
        let paths = vec!["/a/*/b".to_owned(), "/structuredContent/**/c".to_owned()];
        let rule = Rule { detect: Detector::ALL.to_vec(), paths, action, ..Rule::default() };
        Rules(vec![rule]).compile().expect("the rules are valid")
    })
});

fuzz_target!(|data: &[u8]| {
    let text = Bytes::copy_from_slice(data);
    let scope = Scope { caller: None, tool: None, is_error: true, key: b"key" };
    let policy = Policy { characters: Some(Treatment::Show), markup: true };
    let is_json = |bytes: &[u8]| serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok();
    for rules in RULES.iter() {
        // Text that is no JSON is treated as text, and comes to no harm either.
        let _ = rules.lenient(&text, scope);
        let _ = rules.scanned(&text, scope);
        if let Ok(redacted) = rules.json(&text, scope)
            && is_json(&text)
        {
            assert!(is_json(&redacted.bytes), "no longer JSON");
        }
    }
    let cleaned = clean::json(&text, policy);
    if is_json(&text) {
        assert!(is_json(&cleaned.bytes), "no longer JSON");
    }
    let _ = imitation::json(&text);
});
