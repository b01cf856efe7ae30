//! Can a pattern be matched here? Documents have those of ECMA 262, and arguments are checked in
//! linear time, without look-around and back-references.

/// The longest pattern, in bytes.
const LONGEST: usize = 500;
/// The longest pattern that is shown where it is not checked, in bytes.
const SHOWN: usize = 120;

/// Whether arguments can be checked by it. What cannot is left to the API.
pub(crate) fn is_usable(pattern: &str) -> bool {
    pattern.len() <= LONGEST
        && toolgate_screen::schema::Compiled::new(
            serde_json::json!({ "pattern": pattern }).to_string().as_bytes(),
        )
        .is_ok()
}

/// What a model is told of a pattern that the API alone checks; nothing of one that is checked here.
pub(crate) fn remark(pattern: &str) -> Option<String> {
    match is_usable(pattern) {
        true => None,
        false if pattern.len() <= SHOWN => {
            Some(format!("The API wants it to match the pattern {pattern} (ECMA 262)."))
        }
        false => Some("The API wants it to match a pattern that is too long for here.".to_owned()),
    }
}
