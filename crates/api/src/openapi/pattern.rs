//! Can a pattern be matched here? Documents have those of ECMA 262, and arguments are checked in
//! linear time, without look-around and back-references.

/// The longest pattern, in bytes.
const LONGEST: usize = 500;

/// Whether arguments can be checked by it. What cannot is left to the API.
pub(crate) fn is_usable(pattern: &str) -> bool {
    pattern.len() <= LONGEST
        && toolgate_screen::schema::Compiled::new(
            serde_json::json!({ "pattern": pattern }).to_string().as_bytes(),
        )
        .is_ok()
}
