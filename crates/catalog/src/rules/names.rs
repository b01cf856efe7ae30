//! Is a name what it looks like?

use crate::confusable;
use crate::definition::Kind;
use crate::findings::{Findings, Subject};
use crate::rules;
use crate::visible::shown;

pub(crate) fn look(subject: &Subject<'_>, found: &mut Findings) {
    // Resources are named by URIs, which have rules of their own.
    if !matches!(subject.definition.kind(), Kind::Tool | Kind::Prompt) {
        return;
    }
    let name = subject.definition.name();
    let place = || subject.place("/name");
    if confusable::deceives(name) {
        let message = format!("looks like {}", shown(&confusable::plain(name)));
        found.add(&rules::MIXED_NAME, place(), message, Some(foreign(name)));
    } else if !is_recommended(name) {
        let message = "outside the recommended alphabet".to_owned();
        found.add(
            &rules::ODD_NAME,
            place(),
            message,
            Some(shown(name).chars().take(128).collect()),
        );
    }
}

/// 2025-11-25, server/tools: tool names.
fn is_recommended(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte))
}

/// The name with every character outside printable ASCII as its code point.
fn foreign(name: &str) -> String {
    name.chars()
        .take(128)
        .map(|c| match c {
            ' '..='~' => c.to_string(),
            c => format!("\\u{{{:x}}}", u32::from(c)),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_not_plain_in_a_foreign_name_is_spelt_out() {
        assert_eq!(foreign("re\u{430}d\u{7f}\u{1b}[2J"), "re\\u{430}d\\u{7f}\\u{1b}[2J");
    }
}
