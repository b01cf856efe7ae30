//! Scopes as lists of words (RFC 6749, section 3.3).

use crate::answer::Failure;
use crate::ask::Parameters;

/// Those that a request asks for.
///
/// # Errors
/// What it names is no list of scopes.
pub fn asked(parameters: &Parameters) -> Result<Vec<String>, Failure> {
    let asked = words(parameters.get("scope"));
    asked.ok_or_else(|| Failure::new("invalid_scope", "not a list of scopes"))
}

/// The words of `text`, each once; `None` if one is no scope.
pub fn words(text: Option<&str>) -> Option<Vec<String>> {
    let mut words = Vec::<String>::new();
    for word in text.unwrap_or_default().split(' ').filter(|word| !word.is_empty()) {
        let sound = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        if !word.bytes().all(sound) || words.len() >= 100 {
            return None;
        }
        if !words.iter().any(|known| known == word) {
            words.push(word.to_owned());
        }
    }
    Some(words)
}

/// Those of `wanted` that `allowed` has; `*` among them stands for every one.
pub fn granted(wanted: &[String], allowed: &[String]) -> Vec<String> {
    let every = allowed.iter().any(|scope| scope == "*");
    let has = |scope: &&String| every || allowed.contains(scope) || is_of_openid(scope);
    wanted.iter().filter(has).cloned().collect()
}

/// These give nothing at a resource, so they are nobody's to have.
fn is_of_openid(scope: &str) -> bool {
    matches!(scope, "openid" | "profile" | "offline_access")
}
