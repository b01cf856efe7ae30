//! Whatever a server says of its tools: reading and scanning it neither panics nor hangs, and what
//! can be approved comes back from a lock file as it was.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use toolgate_catalog::lock::Lock;
use toolgate_catalog::manifest;
use toolgate_catalog::report;
use toolgate_catalog::scan::scan;
use toolgate_catalog::visible::is_hidden;

fuzz_target!(|data: &[u8]| {
    let Ok(manifests) = manifest::parse("server", Bytes::copy_from_slice(data)) else { return };
    let mut lock = Lock::default();
    for manifest in &manifests {
        for definition in manifest.pinnable() {
            lock.approve(&manifest.server, definition);
        }
    }
    let back = Lock::parse(&lock.to_text()).expect("what is approved can be read");
    for server in lock.servers() {
        for definition in lock.definitions(server) {
            let (kind, name) = (definition.kind(), definition.name());
            let same = back.approved(server, kind, name).map(|it| it.hash());
            assert_eq!(same, Some(definition.hash()), "{kind} {name}");
        }
    }

    let report = scan(&manifests, None, Vec::new());
    let hides = |c: char| c != '\n' && is_hidden(c);
    assert!(!report::table(&report).contains(hides), "the table hides something");
    let _ = report::sarif(&report, "saved.json");
});
