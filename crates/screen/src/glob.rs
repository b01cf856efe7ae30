//! Names of tools with `*` for any run of characters.

/// Whether `pattern` covers the whole of `name`. Linear in both: only the last `*` is taken up again.
pub(crate) fn covers(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    let mut resume: Option<(usize, usize)> = None;
    while let Some(byte) = name.get(n) {
        match pattern.get(p) {
            Some(b'*') => {
                resume = Some((p + 1, n));
                p += 1;
            }
            Some(same) if same == byte => {
                p += 1;
                n += 1;
            }
            _ => match resume {
                Some((after, from)) => {
                    resume = Some((after, from + 1));
                    p = after;
                    n = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|byte| *byte == b'*')
}

/// Whether any of `patterns` covers `name`; no patterns cover every name.
pub(crate) fn any_covers(patterns: &[String], name: &str) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| covers(pattern, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_run() {
        for (pattern, name, expected) in [
            ("crm_find", "crm_find", true),
            ("crm_find", "crm_find2", false),
            ("crm_*", "crm_", true),
            ("*_find", "crm_find", true),
            ("*_fi*d", "crm_find_fiend", true),
            ("a*b*c", "a__b_b", false),
            ("*", "", true),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(covers(pattern, name), expected, "{pattern} {name}");
        }
        assert!(any_covers(&[], "anything"));
    }
}
