//! The scanner reads what serde_json reads, no more and no less.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::{generate, oracle};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn any_bytes_are_read_alike(bytes in vec(any::<u8>(), 0..64)) {
        oracle::compare(&bytes);
    }

    #[test]
    fn any_json_is_read_alike(text in generate::text()) {
        oracle::compare(text.as_bytes());
    }

    #[test]
    fn any_message_is_read_alike(text in generate::message()) {
        oracle::compare(text.as_bytes());
    }

    #[test]
    fn damaged_json_is_refused_alike(bytes in generate::damaged(generate::text())) {
        oracle::compare(&bytes);
    }

    #[test]
    fn damaged_messages_are_refused_alike(bytes in generate::damaged(generate::message())) {
        oracle::compare(&bytes);
    }

    #[test]
    fn nesting_is_measured_alike(depth in 100_usize..160, objects in any::<bool>()) {
        let (open, close) = if objects { (r#"{"a":"#, "}") } else { ("[", "]") };
        let text = [&open.repeat(depth), "1", &close.repeat(depth)].concat();
        oracle::compare(text.as_bytes());
    }
}
