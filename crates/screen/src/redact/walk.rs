//! One pass over a JSON text that was found valid: every key, string and number is looked at where
//! it stands, and JSON or base64 inside a string is opened up to a bound.

mod string;

use std::cell::Cell;
use std::fmt::Write;
use std::ops::Range;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use smallvec::SmallVec;

use super::hits::Hits;
use super::paths::{Paths, States};
use super::{Action, Active};
use crate::detect;
use crate::view::{Undo, View};

/// How often a text inside a text is opened.
const LEVELS: usize = 2;

/// Put `with`, which is ASCII, in the place of `range`.
pub(super) struct Edit {
    pub(super) range: Range<usize>,
    pub(super) with: String,
}

/// A string where it stands: what is between its quotes, and whether that holds an escape.
#[derive(Clone, Default)]
struct Quoted {
    inside: Range<usize>,
    escaped: bool,
}

impl Quoted {
    /// The string whose first quote stands at `start`, and the byte after its last one.
    fn at(text: &[u8], start: usize) -> (Self, usize) {
        let (end, escaped) = end_of_string(text, start);
        (Self { inside: start + 1..end - 1, escaped }, end)
    }

    fn raw<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        text.get(self.inside.clone()).unwrap_or_default()
    }
}

pub(super) struct Outcome {
    pub(super) edits: Vec<Edit>,
    pub(super) hits: Hits,
    pub(super) refused: bool,
}

thread_local! {
    /// Buffers of the last text on this thread, so that a clean text costs no allocation.
    static POOL: Cell<Vec<View>> = const { Cell::new(Vec::new()) };
}

/// Looks through `text`, which must be valid JSON.
pub(super) fn document(text: &[u8], active: &Active, paths: &Paths, key: &[u8]) -> Outcome {
    let states = paths.start(&active.rules);
    let pool = POOL.take();
    let mut work =
        Work { active, paths, key, hits: Hits::default(), refused: false, marks: 0, pool };
    let edits = work.level(text, 0, states);
    work.pool.retain(View::is_small);
    POOL.set(work.pool);
    Outcome { edits, hits: work.hits, refused: work.refused }
}

/// What stands in the place of a value.
pub(super) fn mark(action: Action, kind: &str, value: &[u8], key: &[u8]) -> String {
    match action {
        Action::Mask | Action::Refuse => format!("[redacted:{kind}]"),
        Action::Drop => String::new(),
        Action::Hash => {
            // HMAC takes keys of any length (RFC 2104).
            let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
                return format!("[redacted:{kind}]");
            };
            mac.update(kind.as_bytes());
            mac.update(&[0]);
            mac.update(value);
            let mut mark = format!("[{kind}:");
            for byte in mac.finalize().into_bytes().iter().take(6) {
                let _ = write!(mark, "{byte:02x}");
            }
            mark.push(']');
            mark
        }
    }
}

struct Work<'a> {
    active: &'a Active,
    paths: &'a Paths,
    key: &'a [u8],
    hits: Hits,
    refused: bool,
    /// Marks in keys so far: they are numbered, so that no two keys become one.
    marks: u32,
    pool: Vec<View>,
}

/// Keys of one text in which nothing was found. The rows of a table have the same keys over and
/// over, and a look at one that is known costs a comparison.
#[derive(Default)]
struct CleanKeys([Quoted; 16]);

impl CleanKeys {
    fn holds(&self, text: &[u8], key: &Quoted) -> bool {
        let raw = key.raw(text);
        self.0.get(Self::slot(raw)).is_some_and(|known| known.raw(text) == raw)
    }

    fn keep(&mut self, text: &[u8], key: Quoted) {
        if let Some(slot) = self.0.get_mut(Self::slot(key.raw(text))) {
            *slot = key;
        }
    }

    fn slot(raw: &[u8]) -> usize {
        let first = raw.first().copied().unwrap_or_default();
        (usize::from(first) ^ raw.len()) % 16
    }
}

/// An object or array that is open.
struct Frame {
    is_object: bool,
    states: States,
    /// The key of the current member; in an array, that of the array itself.
    name: Quoted,
    /// Whether the key holds something that may not be shown.
    is_tainted: bool,
    index: usize,
    /// The start of the current member or element.
    start: usize,
    /// Edits before the current member.
    edits: usize,
    /// Whether a member before the current one stays, and where the last one ends.
    stays: bool,
    end: usize,
    /// The start of a run of dropped members with nothing before them.
    dropped: Option<usize>,
}

type Stack = SmallVec<[Frame; 12]>;

impl Work<'_> {
    /// Looks through one text at a level of opening, and says what changes in it.
    fn level(&mut self, text: &[u8], level: usize, states: States) -> Vec<Edit> {
        let mut edits = Vec::new();
        let mut stack = Stack::new();
        let mut clean = CleanKeys::default();
        let mut at = 0;
        let mut follows_colon = false;
        while let Some(byte) = text.get(at) {
            let is_object = || stack.last().is_some_and(|frame| frame.is_object);
            at = match byte {
                b' ' | b'\t' | b'\n' | b'\r' => {
                    at += 1;
                    continue;
                }
                b'"' if !follows_colon && is_object() => {
                    let (key, end) = Quoted::at(text, at);
                    self.key(text, key, &mut clean, &mut stack, &mut edits);
                    end
                }
                b',' | b':' => at + 1,
                b'}' | b']' => {
                    let closed = stack.pop();
                    if let Some((start, end)) = closed.and_then(|f| Some((f.dropped?, f.end))) {
                        edits.push(Edit { range: start..end, with: String::new() });
                    }
                    ends(&mut stack, at + 1);
                    at + 1
                }
                _ => self.value(text, at, level, states, &mut stack, &mut edits),
            };
            follows_colon = *byte == b':';
        }
        edits
    }

    /// Takes up a value at `at`; returns where to go on.
    fn value(
        &mut self,
        text: &[u8],
        at: usize,
        level: usize,
        root: States,
        stack: &mut Stack,
        edits: &mut Vec<Edit>,
    ) -> usize {
        if let Some(frame) = stack.last_mut().filter(|frame| !frame.is_object) {
            frame.begins(at, edits);
        }
        let states = match stack.last() {
            Some(frame) => self.step(text, frame),
            None => root,
        };
        if let Some((rule, path)) = self.paths.reached(states) {
            let end = end_of_value(text, at);
            let action = self.active.rules.get(rule).copied().flatten().unwrap_or_default();
            self.hits.add(path, pointer(text, stack));
            self.declared(text, at..end, action, stack, edits);
            return end;
        }
        match text.get(at) {
            Some(open @ (b'{' | b'[')) => {
                let name = stack.last().map(|frame| frame.name.clone()).unwrap_or_default();
                stack.push(Frame::new(*open == b'{', states, name));
                at + 1
            }
            Some(b'"') => {
                let (string, end) = Quoted::at(text, at);
                self.string(text, string, (level, states), stack, edits);
                ends(stack, end);
                end
            }
            _ => {
                let end = end_of_value(text, at);
                self.number(text, at..end, stack, edits);
                ends(stack, end);
                end
            }
        }
    }

    /// Treats a value that a path names.
    fn declared(
        &mut self,
        text: &[u8],
        range: Range<usize>,
        action: Action,
        stack: &mut Stack,
        edits: &mut Vec<Edit>,
    ) {
        self.refused |= action == Action::Refuse;
        let Some(frame) = stack.last_mut().filter(|_| action == Action::Drop) else {
            let raw = text.get(range.clone()).unwrap_or_default();
            let with = match (action, raw.first()) {
                (Action::Drop, _) => "null".to_owned(),
                (_, Some(b'"')) => {
                    let mut view = self.pool.pop().unwrap_or_default();
                    view.fill(raw.get(1..raw.len() - 1).unwrap_or_default(), Undo::Escapes);
                    let mark = mark(action, "value", &view.bytes, self.key);
                    self.pool.push(view);
                    format!("\"{mark}\"")
                }
                _ => format!("\"{}\"", mark(action, "value", raw, self.key)),
            };
            edits.push(Edit { range: range.clone(), with });
            ends(stack, range.end);
            return;
        };
        // What was changed in the key goes with it.
        edits.truncate(frame.edits);
        if frame.stays {
            edits.push(Edit { range: frame.end..range.end, with: String::new() });
        } else {
            frame.dropped = Some(frame.start);
        }
        frame.end = range.end;
        frame.index += 1;
    }

    fn step(&self, text: &[u8], frame: &Frame) -> States {
        if frame.states == 0 {
            return 0;
        }
        if !frame.is_object {
            return self.paths.step(frame.states, &frame.index.to_string());
        }
        let raw = frame.name.raw(text);
        if !frame.name.escaped {
            return self.paths.step(frame.states, std::str::from_utf8(raw).unwrap_or_default());
        }
        let mut view = View::default();
        view.fill(raw, Undo::Escapes);
        self.paths.step(frame.states, &String::from_utf8_lossy(&view.bytes))
    }

    fn key(
        &mut self,
        text: &[u8],
        key: Quoted,
        clean: &mut CleanKeys,
        stack: &mut Stack,
        edits: &mut Vec<Edit>,
    ) {
        let Some(frame) = stack.last_mut() else { return };
        frame.begins(key.inside.start - 1, edits);
        frame.name = key.clone();
        frame.is_tainted = false;
        if clean.holds(text, &key) {
            return;
        }
        let hits = self.hits.len();
        let before = edits.len();
        self.inside(text, &key, "", true, edits);
        if edits.len() > before {
            frame.is_tainted = true;
            self.hits.prefix(hits, &pointer(text, stack));
        } else {
            clean.keep(text, key);
        }
    }

    fn number(&mut self, text: &[u8], range: Range<usize>, stack: &Stack, edits: &mut Vec<Edit>) {
        let raw = text.get(range.clone()).unwrap_or_default();
        if raw.len() < 7 || !raw.iter().all(u8::is_ascii_digit) {
            return;
        }
        let name = string::name(text, stack);
        let found = detect::find(raw, &name, self.active.wanted);
        let Some(found) = found.first() else { return };
        let action = self.active.action(found.detector);
        self.refused |= action == Action::Refuse;
        self.hits.add(found.rule, pointer(text, stack));
        let with = match action {
            Action::Drop => "null".to_owned(),
            _ => format!("\"{}\"", mark(action, found.detector.as_str(), raw, self.key)),
        };
        edits.push(Edit { range, with });
    }
}

impl Frame {
    fn new(is_object: bool, states: States, name: Quoted) -> Self {
        Self {
            is_object,
            states,
            name,
            is_tainted: false,
            index: 0,
            start: 0,
            edits: 0,
            stays: false,
            end: 0,
            dropped: None,
        }
    }

    /// A member or element begins at `start`.
    fn begins(&mut self, start: usize, edits: &mut Vec<Edit>) {
        if let Some(from) = self.dropped.take() {
            edits.push(Edit { range: from..start, with: String::new() });
        }
        self.start = start;
        self.edits = edits.len();
    }
}

/// A value that stays ends at `end`.
fn ends(stack: &mut Stack, end: usize) {
    if let Some(frame) = stack.last_mut() {
        frame.stays = true;
        frame.end = end;
        frame.index += 1;
    }
}

/// The byte after the closing quote of the string that begins at `start`, and whether there is an
/// escape in it.
fn end_of_string(text: &[u8], start: usize) -> (usize, bool) {
    let mut at = start + 1;
    let mut escaped = false;
    while let Some(found) = text.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        if text.get(at) == Some(&b'"') {
            return (at + 1, escaped);
        }
        escaped = true;
        at += 2;
    }
    (text.len(), escaped)
}

/// The byte after the value that begins at `start`.
fn end_of_value(text: &[u8], start: usize) -> usize {
    let mut at = start;
    let mut open = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                (at, _) = end_of_string(text, at);
                if open == 0 {
                    return at;
                }
                continue;
            }
            b'{' | b'[' => open += 1,
            b'}' | b']' if open <= 1 => return at + open,
            b'}' | b']' => open -= 1,
            b',' | b' ' | b'\t' | b'\n' | b'\r' if open == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    at
}

/// Where the current value stands.
fn pointer(text: &[u8], stack: &Stack) -> String {
    const LONGEST_KEY: usize = 64;
    let mut path = String::new();
    for frame in stack {
        path.push('/');
        if !frame.is_object {
            let _ = write!(path, "{}", frame.index);
        } else if frame.is_tainted {
            path.push_str("[redacted]");
        } else {
            let mut view = View::default();
            view.fill(frame.name.raw(text), Undo::Escapes);
            let key = String::from_utf8_lossy(&view.bytes);
            let key: String = key.chars().filter(|c| !c.is_control()).take(LONGEST_KEY).collect();
            path.push_str(&key.replace('~', "~0").replace('/', "~1"));
        }
    }
    path
}
