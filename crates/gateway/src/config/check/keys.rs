//! Sealing keys: strong, few, and not in the file itself.

use super::Checks;
use crate::config::tree::Config;
use toolgate_values::Secret;

/// 256 bits, the size of the sealing key itself; a shorter secret could be guessed offline from any
/// session id.
const SHORTEST: usize = 32;
const MOST: usize = 4;
const MAKE_ONE: &str = "make one with: openssl rand -base64 32";

pub(super) fn check(checks: &mut Checks<'_>, config: &mut Config) {
    for key in &mut config.keys {
        *key = Secret::new(key.reveal().trim());
    }
    if config.keys.len() > MOST {
        let message = format!(
            "{} keys (keep the newest {MOST} at most; two are enough for a rotation)",
            config.keys.len()
        );
        checks.problem("keys", message);
    }
    for (index, key) in config.keys.iter().enumerate() {
        let path = format!("keys[{index}]");
        if let Some(message) = weakness(key.reveal()) {
            checks.problem(&path, format!("{message} ({MAKE_ONE})"));
        }
        if let Some(first) = config.keys[..index].iter().position(|other| other == key) {
            checks.problem(&path, format!("the same as keys[{first}] (remove one)"));
        }
        if checks.places.is_literal(&path) {
            checks.warning(
                &path,
                "the key stands in the file itself (write ${env:NAME} or ${file:PATH})",
            );
        }
    }
}

/// Why a key is easy to guess. Says nothing of what it is.
fn weakness(key: &str) -> Option<String> {
    if key.len() < SHORTEST {
        return Some(format!("the key has {} bytes and needs {SHORTEST}", key.len()));
    }
    let plain: String =
        key.to_ascii_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    let known = [
        "changeme",
        "password",
        "yoursecret",
        "secretkey",
        "mysecret",
        "example",
        "placeholder",
        "0123456789",
        "abcdefgh",
    ];
    if known.iter().any(|known| plain.contains(known)) {
        return Some("the key contains a well-known placeholder".to_owned());
    }
    if repeats(key.as_bytes()) || distinct(key.as_bytes()) < 10 {
        return Some("the key repeats itself".to_owned());
    }
    None
}

/// Whether the whole is a shorter block, written again and again.
fn repeats(key: &[u8]) -> bool {
    (1..=key.len() / 2).any(|period| key.iter().zip(&key[period..]).all(|(a, b)| a == b))
}

fn distinct(key: &[u8]) -> usize {
    let mut bytes = key.to_vec();
    bytes.sort_unstable();
    bytes.dedup();
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_keys_pass_and_guessable_ones_do_not() {
        assert_eq!(weakness("kq3v9Z0eTn1bXw7RyP5sLd2HfJ8mCa4G"), None);
        assert_eq!(weakness("9f86d081884c7d659a2feaa0c55ad015"), None);

        for weak in [
            "short",
            "changeme-changeme-changeme-12345",
            "Your-Secret-Key-That-Is-Quite-Long!",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "Xk3!Xk3!Xk3!Xk3!Xk3!Xk3!Xk3!Xk3!Xk3!",
            "01234567890123456789012345678901",
        ] {
            assert!(weakness(weak).is_some(), "{weak}");
        }
    }
}
