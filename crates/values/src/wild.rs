//! Patterns in which `*` stands for any text, as rules name tools and things by.

/// Whether `pattern` covers the whole of `text`. Linear but for the last `*`.
#[must_use]
pub fn covers(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match text.split_once(part) {
            Some((_, after)) => text = after,
            None => return false,
        }
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text_and_nothing_else_does() {
        for (pattern, text, expected) in [
            ("get_*", "get_issue", true),
            ("get_*", "forget_issue", false),
            ("*_issue", "get_issue", true),
            ("g*t*e", "get_issue", true),
            ("ab*ba", "aba", false),
            ("*", "", true),
            ("get?", "gets", false),
            ("a**b", "ab", true),
            ("crm_find", "crm_find", true),
            ("crm_find", "crm_find2", false),
            ("crm_*", "crm_", true),
            ("*_find", "crm_find", true),
            ("*_fi*d", "crm_find_fiend", true),
            ("a*b*c", "a__b_b", false),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(covers(pattern, text), expected, "{pattern} {text}");
        }
    }
}
