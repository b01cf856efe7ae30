//! What was found, without what it was.

/// Something that a rule found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The rule, such as `github-token`, or the declared path.
    pub rule: String,
    /// Where, as a JSON pointer (RFC 6901) that goes on inside JSON text. A key that was itself
    /// redacted shows as `[redacted]`. Empty for plain text.
    pub path: String,
    /// How often.
    pub count: u32,
}

/// Hits that are told apart; beyond, only counted.
const MOST: usize = 100;

#[derive(Default)]
pub(super) struct Hits(Vec<Hit>);

impl Hits {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn add(&mut self, rule: &str, path: String) {
        if let Some(same) = self.0.iter_mut().find(|hit| hit.rule == rule && hit.path == path) {
            same.count += 1;
            return;
        }
        if self.0.len() < MOST {
            self.0.push(Hit { rule: rule.to_owned(), path, count: 1 });
        } else if let Some(last) = self.0.last_mut() {
            // The last one stands for all that follow.
            "*".clone_into(&mut last.rule);
            last.path.clear();
            last.count += 1;
        }
    }

    /// Puts `prefix` before the paths of all hits from `from` on.
    pub(super) fn prefix(&mut self, from: usize, prefix: &str) {
        for hit in self.0.iter_mut().skip(from) {
            hit.path.insert_str(0, prefix);
        }
    }

    pub(super) fn list(self) -> Vec<Hit> {
        self.0
    }
}
