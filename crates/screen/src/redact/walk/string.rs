//! One string: as it reads, and what is packed inside it.

use std::borrow::Cow;
use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde::de::IgnoredAny;
use toolgate_protocol::json::quote;

use super::{Action, Edit, LEVELS, Quoted, Stack, States, Work, mark, pointer};
use crate::detect;
use crate::view::{Undo, View};

/// How much of a base64 text is decoded, in bytes of base64.
const PACKED: usize = 4 << 20;
/// Nothing shorter is taken for base64.
const PACKED_LEAST: usize = 24;

impl Work<'_> {
    /// Treats a string that is a value.
    pub(super) fn string(
        &mut self,
        text: &[u8],
        string: Quoted,
        (level, states): (usize, States),
        stack: &Stack,
        edits: &mut Vec<Edit>,
    ) {
        let raw = string.raw(text);
        if level == 0 && is_of_the_protocol(text, stack) {
            return;
        }
        if level < LEVELS && string.escaped && may_be_json(raw) {
            let mut view = self.pool.pop().unwrap_or_default();
            view.fill(raw, Undo::Escapes);
            if serde_json::from_slice::<IgnoredAny>(&view.bytes).is_ok() {
                let hits = self.hits.len();
                let nested = self.level(&view.bytes, level + 1, states);
                if self.hits.len() > hits {
                    self.hits.prefix(hits, &pointer(text, stack));
                }
                for edit in nested {
                    let range = view.source(edit.range);
                    let with = quote(&edit.with);
                    let with = with.get(1..with.len() - 1).unwrap_or_default().to_owned();
                    let start = string.inside.start;
                    edits.push(Edit { range: start + range.start..start + range.end, with });
                }
                self.pool.push(view);
                return;
            }
            self.pool.push(view);
        }
        let before = edits.len();
        let hits = self.hits.len();
        let name = name(text, stack);
        self.inside(text, &string, &name, false, edits);
        if edits.len() == before && level < LEVELS {
            self.packed(raw, string.inside, &name, edits);
        }
        if self.hits.len() > hits {
            self.hits.prefix(hits, &pointer(text, stack));
        }
    }

    /// Looks through the inside of one string as text.
    pub(super) fn inside(
        &mut self,
        text: &[u8],
        string: &Quoted,
        name: &str,
        is_key: bool,
        edits: &mut Vec<Edit>,
    ) {
        let raw = string.raw(text);
        if raw.len() < detect::SHORTEST {
            return;
        }
        let inside = &string.inside;
        if !string.escaped && raw.is_ascii() {
            for found in detect::find(raw, name, self.active.wanted) {
                let value = raw.get(found.range.clone()).unwrap_or_default();
                let with = self.replacement(&found, value, is_key);
                let range = inside.start + found.range.start..inside.start + found.range.end;
                edits.push(Edit { range, with });
            }
            return;
        }
        let mut view = self.pool.pop().unwrap_or_default();
        view.fill(raw, Undo::EscapesAndDisguise);
        for found in detect::find(&view.bytes, name, self.active.wanted) {
            let value = view.bytes.get(found.range.clone()).unwrap_or_default();
            let with = self.replacement(&found, value, is_key);
            let range = view.source(found.range);
            edits.push(Edit { range: inside.start + range.start..inside.start + range.end, with });
        }
        self.pool.push(view);
    }

    fn replacement(&mut self, found: &detect::Found, value: &[u8], is_key: bool) -> String {
        let action = self.active.action(found.detector);
        self.refused |= action == Action::Refuse;
        self.hits.add(found.rule, String::new());
        let kind = found.detector.as_str();
        if is_key && action != Action::Hash {
            // Members are not dropped for their key, and two keys must not become one.
            self.marks += 1;
            return format!("[redacted:{kind}:{}]", self.marks);
        }
        mark(action, kind, value, self.key)
    }

    /// Looks into a string that is base64 of text. What is found there takes the whole string
    /// with it.
    fn packed(&mut self, raw: &[u8], inside: Range<usize>, name: &str, edits: &mut Vec<Edit>) {
        let Some(with) = self.unpack(raw, 0) else { return };
        let is_blob = matches!(name, "blob" | "data");
        // What has to be base64 stays base64.
        let with = if is_blob { STANDARD.encode(with) } else { with };
        edits.push(Edit { range: inside, with });
    }

    /// What stands in the place of a string that is base64 of a text, or of base64 again, which
    /// holds something.
    fn unpack(&mut self, raw: &[u8], level: usize) -> Option<String> {
        let body = raw.trim_ascii_end();
        if body.len() < PACKED_LEAST || !may_pack_text(body) {
            return None;
        }
        let padding = body.iter().rev().take_while(|byte| **byte == b'=').count().min(2);
        let body = body.get(..body.len() - padding)?;
        // A look at the beginning tells most strings apart, images among them.
        let head = body.get(..PACKED_LEAST - 4)?;
        let mut start = [0; PACKED_LEAST];
        let length = codec(head).decode_slice(head, &mut start).ok()?;
        if !is_text(start.get(..length)?) {
            return None;
        }
        let part = body.get(..body.len().min(PACKED))?;
        let codec = codec(part);
        let length = part.len();
        let length = if body.len() > PACKED || length % 4 == 1 { length / 4 * 4 } else { length };
        let mut view = self.pool.pop().unwrap_or_default();
        let mut packed = std::mem::take(&mut view.bytes);
        packed.clear();
        let decoded = codec.decode_vec(part.get(..length)?, &mut packed);
        let mut with = None;
        if decoded.is_ok() && is_text(&packed) {
            let found = detect::find(&packed, "", self.active.wanted);
            with = match found.first() {
                Some(found) => {
                    let value = packed.get(found.range.clone()).unwrap_or_default();
                    Some(self.replacement(found, value, false))
                }
                None if level + 1 < LEVELS => self.unpack(&packed, level + 1),
                None => None,
            };
        }
        view.bytes = packed;
        self.pool.push(view);
        with
    }
}

/// Whether the first three bytes that a base64 text stands for may begin a text. It costs less than
/// to decode them, and few strings pass.
fn may_pack_text(base64: &[u8]) -> bool {
    let Some(&[a, b, c, d]) = base64.first_chunk() else { return false };
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    };
    let (Some(a), Some(b), Some(c), Some(d)) = (value(a), value(b), value(c), value(d)) else {
        return false;
    };
    is_text(&[a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d])
}

/// The alphabet that a base64 text is written in.
fn codec(text: &[u8]) -> &'static GeneralPurpose {
    match memchr::memchr2(b'-', b'_', text) {
        Some(_) => &URL_SAFE_NO_PAD,
        None => &STANDARD_NO_PAD,
    }
}

/// Whether the current member is one that the protocol hands on and nobody reads.
fn is_of_the_protocol(text: &[u8], stack: &Stack) -> bool {
    let [frame] = stack.as_slice() else { return false };
    let name = frame.name.raw(text);
    matches!(name, b"requestState" | b"taskId" | b"progressToken" | b"nextCursor" | b"resultType")
}

/// What the nearest member around is called.
pub(super) fn name<'a>(text: &'a [u8], stack: &Stack) -> Cow<'a, str> {
    let Some(frame) = stack.last() else { return Cow::Borrowed("") };
    let raw = frame.name.raw(text);
    if !frame.name.escaped {
        return Cow::Borrowed(std::str::from_utf8(raw).unwrap_or_default());
    }
    let mut view = View::default();
    view.fill(raw, Undo::EscapesAndDisguise);
    Cow::Owned(String::from_utf8_lossy(&view.bytes).into_owned())
}

/// Whether a string with escapes may hold an object or array as text. Without escapes there are no
/// strings in it.
fn may_be_json(raw: &[u8]) -> bool {
    let mut rest = raw;
    loop {
        rest = match rest {
            [b' ', after @ ..] | [b'\\', b'n' | b'r' | b't', after @ ..] => after,
            // Brackets may be escaped like everything else.
            [b'\\', b'u', ..] => return true,
            [first, ..] => return matches!(first, b'{' | b'['),
            [] => return false,
        };
    }
}

/// Text has no control characters other than those of lines; a character may be cut at the end.
fn is_text(bytes: &[u8]) -> bool {
    let is_control = |byte: &u8| *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r');
    let is_utf8 = match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    is_utf8 && !bytes.iter().any(is_control)
}
