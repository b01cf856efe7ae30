//! Declared members, matched on the way down: every path is a row of states, and one number holds
//! the set of states that all of them are in.

use super::{Action, Rule};
use crate::Problem;

/// States that can still lead to a match.
pub(super) type States = u128;

#[derive(Debug)]
enum Segment {
    Key(Box<str>),
    /// `*`
    One,
    /// `**`
    Any,
    /// The path has matched.
    End {
        rule: usize,
        path: Box<str>,
    },
}

#[derive(Debug, Default)]
pub(super) struct Paths {
    segments: Vec<Segment>,
    starts: Vec<(usize, usize)>,
}

impl Paths {
    pub(super) fn compile(rules: &[Rule], problems: &mut Vec<Problem>) -> Self {
        let mut paths = Self::default();
        for (index, rule) in rules.iter().enumerate() {
            for (place, path) in rule.paths.iter().enumerate() {
                let at = || format!("/{index}/paths/{place}");
                if !path.starts_with('/') || path.len() < 2 {
                    let text = "is no path: begin with `/`, such as `/structuredContent/*/email`";
                    problems.push(Problem::new(at(), text));
                    continue;
                }
                paths.add(index, path, path);
                // What is structured is told as text too (MCP, tools, structured content).
                if let Some(rest) = path.strip_prefix("/structuredContent/") {
                    paths.add(index, &format!("/content/*/text/{rest}"), path);
                }
                if paths.segments.len() > States::BITS as usize {
                    let text = "is one path too many: all paths together may have 128 parts; \
                        shorten some with `**`";
                    problems.push(Problem::new(at(), text));
                    return paths;
                }
            }
        }
        paths
    }

    fn add(&mut self, rule: usize, path: &str, declared: &str) {
        self.starts.push((rule, self.segments.len()));
        for part in path.split('/').skip(1) {
            self.segments.push(match part {
                "*" => Segment::One,
                "**" => Segment::Any,
                key => Segment::Key(key.replace("~1", "/").replace("~0", "~").into()),
            });
        }
        self.segments.push(Segment::End { rule, path: declared.into() });
    }

    /// The states at the root, of the rules that hold.
    pub(super) fn start(&self, active: &[Option<Action>]) -> States {
        let holds = |rule: usize| active.get(rule).is_some_and(Option::is_some);
        let starts = self.starts.iter().filter(|(rule, _)| holds(*rule));
        starts.fold(0, |states, (_, state)| states | self.entered(*state))
    }

    /// The states after a step to the member called `key`.
    pub(super) fn step(&self, states: States, key: &str) -> States {
        self.each(states).fold(0, |next, (state, segment)| {
            next | match segment {
                Segment::Key(own) if **own == *key => self.entered(state + 1),
                Segment::One => self.entered(state + 1),
                Segment::Any => self.entered(state),
                Segment::Key(_) | Segment::End { .. } => 0,
            }
        })
    }

    /// The first rule that names what was reached, and its path.
    pub(super) fn reached(&self, states: States) -> Option<(usize, &str)> {
        let ends = self.each(states).filter_map(|(_, segment)| match segment {
            Segment::End { rule, path } => Some((*rule, &**path)),
            _ => None,
        });
        ends.min_by_key(|(rule, _)| *rule)
    }

    fn entered(&self, state: usize) -> States {
        let mut states = 0;
        let mut state = state;
        loop {
            states |= 1_u128.checked_shl(state as u32).unwrap_or(0);
            match self.segments.get(state) {
                // Any number of keys may be none.
                Some(Segment::Any) => state += 1,
                _ => return states,
            }
        }
    }

    fn each(&self, mut states: States) -> impl Iterator<Item = (usize, &Segment)> {
        std::iter::from_fn(move || {
            let state = states.trailing_zeros() as usize;
            let segment = self.segments.get(state)?;
            states &= states - 1;
            Some((state, segment))
        })
    }
}
