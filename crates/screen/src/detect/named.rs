//! Does the name of a member say that its value is a secret, and does the value look like one?
//!
//! Generic rules of this kind fire on ordinary prose, so they read names of members only.

use super::entropy;

/// Names, or their last words, of what people choose; written without separators.
const CHOSEN: &[&str] = &["password", "passwd", "passphrase", "pwd"];
/// Names, or their last words, of what machines make.
const MADE: &[&str] = &[
    "secret",
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "signingkey",
    "encryptionkey",
    "authkey",
    "sharedkey",
    "masterkey",
    "token",
    "credential",
    "credentials",
    "authorization",
];
/// The last two letters of all of these.
const ENDS: [&[u8; 2]; 9] = [b"rd", b"wd", b"se", b"et", b"ey", b"en", b"al", b"ls", b"on"];
/// Tokens that open nothing.
const HARMLESS: &[&str] =
    &["next", "page", "continu", "sync", "progress", "cursor", "cancel", "public", "idempot"];
const LONGEST_NAME: usize = 64;

pub(super) fn is_secret(name: &str, value: &[u8]) -> bool {
    if value.len() < 6 || name.len() < 3 || name.len() > LONGEST_NAME {
        return false;
    }
    // Most names end otherwise than any of ours.
    let mut letters = name.bytes().rev().filter(u8::is_ascii_alphanumeric);
    let (Some(last), Some(before)) = (letters.next(), letters.next()) else { return false };
    if !ENDS.contains(&&[before | 0x20, last | 0x20]) {
        return false;
    }
    let mut plain = [0; LONGEST_NAME];
    let mut length = 0;
    for byte in name.bytes().filter(u8::is_ascii_alphanumeric) {
        if let Some(slot) = plain.get_mut(length) {
            *slot = byte.to_ascii_lowercase();
            length += 1;
        }
    }
    let plain = plain.get(..length).unwrap_or_default();
    let ends = |words: &[&str]| words.iter().any(|word| plain.ends_with(word.as_bytes()));
    if ends(CHOSEN) {
        return !has_space(value) && (kinds(value) >= 2 || entropy(value) >= 3.0);
    }
    ends(MADE)
        && value.len() >= 16
        && !HARMLESS.iter().any(|word| memchr::memmem::find(plain, word.as_bytes()).is_some())
        && entropy(value) >= 3.0
        && (!has_space(value) || is_scheme(value))
}

fn has_space(value: &[u8]) -> bool {
    value.iter().any(u8::is_ascii_whitespace)
}

/// One word, a space, and the rest: an `Authorization` value.
fn is_scheme(value: &[u8]) -> bool {
    value.iter().filter(|byte| byte.is_ascii_whitespace()).count() == 1
}

/// How many of lower case, upper case, digits and other characters appear.
fn kinds(value: &[u8]) -> usize {
    let has = |is: fn(&u8) -> bool| usize::from(value.iter().any(is));
    has(u8::is_ascii_lowercase)
        + has(u8::is_ascii_uppercase)
        + has(u8::is_ascii_digit)
        + has(|byte| !byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_names_end_as_it_is_said() {
        for name in CHOSEN.iter().chain(MADE) {
            assert!(ENDS.iter().any(|end| name.as_bytes().ends_with(*end)), "{name}");
        }
    }
}
