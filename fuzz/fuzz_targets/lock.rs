//! No text is a lock file that panics or hangs the reader; none is refused without saying where and
//! why; and what is written reads back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use toolgate_catalog::lock::Lock;

fuzz_target!(|text: &str| {
    match Lock::parse(text) {
        Ok(lock) => {
            let written = lock.to_text();
            let again = Lock::parse(&written).expect("what is written can be read");
            assert_eq!(again.to_text(), written);
        }
        Err(problems) => {
            assert!(!problems.is_empty(), "refused without a reason");
            for problem in &problems {
                assert!(!problem.to_string().contains('\n'), "a problem is one line");
            }
        }
    }
});
