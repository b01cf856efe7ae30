//! What rules took out of a request or its answer: which rules and how often, never a value.

use toolgate_screen::redact::Hit;

use crate::line::{Line, quote};
use crate::text::Text;

/// The rules that found something, each with how often.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Redacted(Vec<(Text, u64)>);

impl Redacted {
    /// Rules that are told apart; those beyond are counted together, as `*`.
    pub const MOST: usize = 32;

    /// Adds what was found.
    pub fn add(&mut self, hits: &[Hit]) {
        for hit in hits {
            self.count(&hit.rule, hit.count.into());
        }
    }

    fn count(&mut self, rule: &str, count: u64) {
        let rule = Text::from(rule);
        if let Some((_, sum)) = self.0.iter_mut().find(|(known, _)| *known == rule) {
            *sum += count;
        } else if self.0.len() < Self::MOST {
            self.0.push((rule, count));
        } else if let Some((last, sum)) = self.0.last_mut() {
            *last = Text::from("*");
            *sum += count;
        }
    }

    pub(crate) fn write(&self, line: &mut Line<'_>, name: &str) {
        if self.0.is_empty() {
            return;
        }
        let members: Vec<_> =
            self.0.iter().map(|(rule, count)| format!("{}:{count}", quote(rule))).collect();
        line.json(name, &format!("{{{}}}", members.join(",")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(rule: &str, path: &str) -> Hit {
        Hit { rule: rule.to_owned(), path: path.to_owned(), count: 2 }
    }

    #[test]
    fn a_rule_is_counted_once_wherever_it_found_something() {
        let mut redacted = Redacted::default();

        redacted.add(&[hit("email", "/a"), hit("/**/\"iban", "/b"), hit("email", "/c")]);

        let mut out = String::new();
        redacted.write(&mut Line(&mut out), "redacted");
        assert_eq!(out, r#","redacted":{"email":4,"/**/\"iban":2}"#);
    }

    #[test]
    fn rules_without_end_do_not_make_a_record_without_end() {
        let mut redacted = Redacted::default();

        for n in 0..100 {
            redacted.add(&[hit(&n.to_string(), "")]);
        }

        assert_eq!(redacted.0.len(), Redacted::MOST);
        assert_eq!(redacted.0.last(), Some(&(Text::from("*"), 2 * 69)));
    }
}
