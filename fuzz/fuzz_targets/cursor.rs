//! Tokens of ours that come back through a client's hands: whatever it made of them, they open as
//! what was sealed or not at all.
#![no_main]

use std::sync::OnceLock;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use toolgate_gateway::call::Caller;
use toolgate_gateway::clock::Timestamp;
use toolgate_gateway::seal::{Keyring, Purpose};
use toolgate_gateway::session::Session;

const SEALED: (&str, Option<u64>) = ("github", Some(7));

fn keys() -> &'static Keyring {
    static KEYS: OnceLock<Keyring> = OnceLock::new();
    KEYS.get_or_init(|| Keyring::new([&b"one key"[..], b"another"]).expect("randomness"))
}

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    // Nobody but us can have sealed it.
    assert!(keys().open::<(String, Option<u64>)>(Purpose::Cursor, &text).is_none());
    let now = Timestamp::from_seconds(1);
    let session =
        Session::open(&text, &Caller::anonymous(), None, keys(), now, Duration::from_secs(60));
    assert!(session.is_err());

    // A real token with one place changed is no token any more.
    let mut token = keys().seal(Purpose::Cursor, &SEALED).into_bytes();
    if let [at, value, ..] = *data {
        let at = usize::from(at) % token.len();
        let same = token[at] == value;
        token[at] = value;
        let token = String::from_utf8_lossy(&token);
        let opened = keys().open::<(String, Option<u64>)>(Purpose::Cursor, &token);
        // The last character has spare bits, which strict decoding refuses.
        assert_eq!(opened.is_some(), same);
    }
});
