//! What is known by a word: addresses, tokens, keys and the inside of a system.
//!
//! Each keyword hangs on one place of [`super::starts`]. Almost all places are told apart from all
//! keywords by one look into a filter of three bytes.

use std::ops::Range;
use std::sync::LazyLock;

use super::rules::{Matcher, RULES, Rule};
use super::{Detector, Detectors, Findings, Found, email, inner, jwt, pem, starts, trace};

/// What a keyword calls for.
#[derive(Clone, Copy)]
pub(super) enum Call {
    Email,
    Jwt,
    PrivateKey,
    Trace,
    Url,
    Pairs,
    Address,
    Rule(usize),
}

/// Keywords of what is no token, and what each calls for. Upper and lower case are alike.
const OTHERS: &[(&str, Call)] = &[
    ("@", Call::Email),
    ("eyj", Call::Jwt),
    ("-----begin", Call::PrivateKey),
    ("traceback (most recent", Call::Trace),
    ("goroutine ", Call::Trace),
    ("stack backtrace:", Call::Trace),
    ("   at ", Call::Trace),
    ("\tat ", Call::Trace),
    ("#0 ", Call::Trace),
    ("://", Call::Url),
    ("password=", Call::Pairs),
    ("pwd=", Call::Pairs),
    ("10.", Call::Address),
    ("127.", Call::Address),
    ("169.254.", Call::Address),
    ("172.", Call::Address),
    ("192.168.", Call::Address),
    ("localhost:", Call::Address),
];

struct Keyword {
    word: &'static str,
    /// Which byte of the word stands at a place.
    hook: usize,
    call: Call,
}

impl Keyword {
    fn new(word: &'static str, call: Call) -> Self {
        let in_words = match call {
            Call::Pairs => true,
            Call::Rule(index) => RULES.get(index).is_some_and(|rule| rule.back > 0),
            _ => false,
        };
        let hook = hook(word, in_words).expect("a test looks at the hook of each keyword");
        Self { word, hook, call }
    }

    /// Where the word begins if it stands around the place at `at`.
    fn around(&self, text: &[u8], at: usize) -> Option<usize> {
        let start = at.checked_sub(self.hook)?;
        let part = text.get(start..start + self.word.len())?;
        part.eq_ignore_ascii_case(self.word.as_bytes()).then_some(start)
    }
}

/// Which byte of a keyword stands at a place: its first letter, if three bytes from there tell it
/// and it cannot stand inside a longer word, otherwise its first mark.
fn hook(word: &str, in_words: bool) -> Option<usize> {
    let lead = word.bytes().take_while(|byte| !byte.is_ascii_alphanumeric()).count();
    if lead + HEAD <= word.len() && (lead > 0 || !in_words) {
        return Some(lead);
    }
    word.bytes().position(|byte| starts::MARKS.contains(&byte))
}

/// How many bytes tell keywords apart.
const HEAD: usize = 3;

/// The first bytes of a word, in one case. Some other bytes become one too, which does no harm.
fn head(text: [u8; 4]) -> u32 {
    (u32::from_le_bytes(text) | 0x0020_2020) & 0x00ff_ffff
}

/// The bit of the filter that stands for a head.
fn bit(head: u32) -> (usize, u64) {
    let hash = head.wrapping_mul(0x9e37_79b1) >> 20;
    (hash as usize / 64, 1 << (hash % 64))
}

struct Index {
    matchers: Vec<Matcher>,
    /// Keywords that begin at a word, by their heads.
    words: Vec<(u32, Keyword)>,
    /// Which heads there are.
    filter: [u64; 64],
    /// Keywords that hang on a mark, in the order of the marks.
    marks: [Vec<Keyword>; starts::MARKS.len()],
}

static INDEX: LazyLock<Index> = LazyLock::new(Index::new);

/// All keywords, and what each calls for.
pub(super) fn keywords() -> impl Iterator<Item = (&'static str, Call)> {
    let of_rule = |(index, rule): (usize, &'static Rule)| {
        rule.words.iter().map(move |word| (*word, Call::Rule(index)))
    };
    OTHERS.iter().copied().chain(RULES.iter().enumerate().flat_map(of_rule))
}

impl Index {
    fn new() -> Self {
        let matchers = RULES.iter().map(Matcher::new).collect();
        let mut index =
            Self { matchers, words: Vec::new(), filter: [0; 64], marks: Default::default() };
        for (word, call) in keywords() {
            let keyword = Keyword::new(word, call);
            let hooked = word.as_bytes().get(keyword.hook..).unwrap_or_default();
            let mark = starts::MARKS.iter().position(|mark| hooked.first() == Some(mark));
            match (mark, hooked) {
                (Some(mark), _) => index.marks[mark].push(keyword),
                (None, [a, b, c, ..]) => {
                    let head = head([*a, *b, *c, 0]);
                    let (slot, bit) = bit(head);
                    index.filter[slot] |= bit;
                    index.words.push((head, keyword));
                }
                _ => {}
            }
        }
        // The shorter of two that begin alike comes first.
        index.words.sort_by_key(|(head, keyword)| (*head, keyword.word.len()));
        index
    }

    /// The keywords that begin with a head.
    fn of_head(&self, head: u32) -> impl Iterator<Item = &Keyword> {
        let from = self.words.partition_point(|(other, _)| *other < head);
        let rest = self.words.get(from..).unwrap_or_default();
        rest.iter().take_while(move |(other, _)| *other == head).map(|(_, keyword)| keyword)
    }

    /// The keywords that hang on a mark.
    fn of_mark(&self, byte: u8) -> &[Keyword] {
        let mark = starts::MARKS.iter().position(|mark| *mark == byte);
        mark.and_then(|mark| self.marks.get(mark)).map_or(&[], Vec::as_slice)
    }
}

/// A search in one text, which is told its places in order.
pub(super) struct Search<'a> {
    index: &'static Index,
    text: &'a [u8],
    wanted: Detectors,
    /// Where what was found last ends, of each kind: nothing is looked for in it again.
    tokens: usize,
    addresses: usize,
    traces: usize,
    connections: usize,
    internals: usize,
    /// The last run of base64url, see [`jwt::at`].
    run: Range<usize>,
}

impl<'a> Search<'a> {
    /// Of all that is known by a word.
    pub(super) const DETECTORS: [Detector; 8] = [
        Detector::Email,
        Detector::Token,
        Detector::PrivateKey,
        Detector::Jwt,
        Detector::UrlPassword,
        Detector::StackTrace,
        Detector::InternalUrl,
        Detector::ConnectionString,
    ];

    pub(super) fn new(text: &'a [u8], wanted: Detectors) -> Self {
        Self {
            index: &INDEX,
            text,
            wanted,
            tokens: 0,
            addresses: 0,
            traces: 0,
            connections: 0,
            internals: 0,
            run: 0..0,
        }
    }

    /// Looks at the place at `at`.
    #[inline]
    pub(super) fn at(&mut self, at: usize, all: &mut Findings) {
        let index = self.index;
        match self.text.get(at..) {
            // Whatever a word begins goes on after its head.
            Some([a, b, c, d, ..]) if a.is_ascii_alphanumeric() => {
                let head = head([*a, *b, *c, *d]);
                let (slot, bit) = bit(head);
                if index.filter[slot] & bit != 0 {
                    index.of_head(head).for_each(|keyword| self.around(keyword, at, all));
                }
            }
            Some([mark, ..]) => {
                index.of_mark(*mark).iter().for_each(|keyword| self.around(keyword, at, all));
            }
            _ => {}
        }
    }

    fn around(&mut self, keyword: &Keyword, at: usize, all: &mut Findings) {
        let Some(start) = keyword.around(self.text, at) else { return };
        match keyword.call {
            Call::Email => self.email(start, all),
            Call::Jwt => {
                let mut run = self.run.clone();
                self.token(start, all, Detector::Jwt, "jwt", |text| jwt::at(text, start, &mut run));
                self.run = run;
            }
            Call::PrivateKey => {
                let find = |text: &[u8]| pem::private_key(text, start);
                self.token(start, all, Detector::PrivateKey, "private-key", find);
            }
            Call::Rule(index) => {
                let Some(matcher) = self.index.matchers.get(index) else { return };
                let Rule { id, detector, .. } = *matcher.rule;
                self.token(start, all, detector, id, |text| matcher.find(text, start));
            }
            Call::Trace | Call::Url | Call::Pairs | Call::Address => {
                self.inside(keyword.call, start, all);
            }
        }
    }

    fn email(&mut self, at: usize, all: &mut Findings) {
        if !self.wanted.has(Detector::Email) || at < self.addresses {
            return;
        }
        if let Some(range) = email::around(self.text, at) {
            self.addresses = range.end;
            all.push(Found { detector: Detector::Email, rule: "email", range });
        }
    }

    /// Appends what `find` finds at a keyword that is in no token yet.
    fn token(
        &mut self,
        start: usize,
        all: &mut Findings,
        detector: Detector,
        rule: &'static str,
        find: impl FnOnce(&[u8]) -> Option<Range<usize>>,
    ) {
        if !self.wanted.has(detector) || start < self.tokens {
            return;
        }
        if let Some(range) = find(self.text) {
            self.tokens = self.tokens.max(range.end);
            all.push(Found { detector, rule, range });
        }
    }

    /// Appends what tells of the inside of a system.
    fn inside(&mut self, call: Call, at: usize, all: &mut Findings) {
        let mut add = |detector, rule, end: &mut usize, find: fn(&[u8], usize) -> _| {
            // A long trace has a keyword in each line.
            if self.wanted.has(detector)
                && at >= *end
                && let Some(range) = find(self.text, at)
            {
                let range: Range<usize> = range;
                *end = range.end;
                all.push(Found { detector, rule, range });
            }
        };
        use Detector::{ConnectionString, InternalUrl, StackTrace};
        match call {
            Call::Trace => add(StackTrace, "stack-trace", &mut self.traces, trace::at),
            Call::Url => {
                let end = &mut self.connections;
                add(ConnectionString, "connection-url", end, inner::connection);
                add(InternalUrl, "internal-url", &mut self.internals, inner::url);
            }
            Call::Pairs => {
                add(ConnectionString, "connection-pairs", &mut self.connections, inner::pairs);
            }
            Call::Address => {
                add(InternalUrl, "internal-address", &mut self.internals, inner::address);
            }
            Call::Email | Call::Jwt | Call::PrivateKey | Call::Rule(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_keyword_stands_at_a_place_in_each_case() {
        for (word, _) in keywords() {
            for word in [word.to_owned(), word.to_ascii_uppercase()] {
                let text = format!("{word}0123456789");
                let mut found = false;
                starts::each(text.as_bytes(), |at| {
                    let index = &*INDEX;
                    let head = match text.as_bytes()[at..] {
                        [a, b, c, d, ..] => head([a, b, c, d]),
                        _ => return,
                    };
                    let of_mark = index.of_mark(text.as_bytes()[at]).iter();
                    found |= of_mark.chain(index.of_head(head)).any(|keyword| {
                        keyword.word.eq_ignore_ascii_case(&word)
                            && keyword.around(text.as_bytes(), at) == Some(0)
                    });
                });
                assert!(found, "{word}");
            }
        }
    }
}
