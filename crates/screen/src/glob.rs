//! Names of tools with `*` for any run of characters.

use toolgate_values::covers;

/// Whether any of `patterns` covers `name`; no patterns cover every name.
pub(crate) fn any_covers(patterns: &[String], name: &str) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| covers(pattern, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_patterns_cover_every_name() {
        assert!(any_covers(&[], "anything"));
        assert!(!any_covers(&["crm_*".to_owned()], "find"));
    }
}
