//! One line after the other.

use super::Check;
use crate::chain::{Tip, unsealed};
use crate::line::unhex;
use crate::sink::Frame;

/// How many lines the head may be behind: those of one write that a crash cut short of it.
const BEHIND: usize = 1 << 20;

type Place = Option<(u64, Option<String>)>;

impl Check {
    /// Checks a line; returns what it says, for the next one.
    pub(super) fn line(
        &mut self,
        name: &str,
        number: u64,
        line: &[u8],
        place: &Place,
        before: Option<Frame>,
    ) -> Option<Frame> {
        self.report.lines += 1;
        let read = serde_json::from_slice::<Frame>(line).ok();
        let parts = read
            .zip(unsealed(line))
            .and_then(|(frame, parts)| Some((unhex(frame.prev.as_bytes())?, frame, parts)));
        let Some((prev, frame, (content, hash))) = parts else {
            self.defect(name, number, "this is no line of a ledger");
            self.tip = None;
            return None;
        };
        if number == 1 {
            self.first(name, &frame, place);
        } else if frame.kind == "file" {
            self.defect(name, number, "a header in the middle of a file");
        }
        if before.is_some_and(|before| before.next.is_some()) {
            self.defect(name, number, "a line after the end of the file");
        }
        if self.readable(&frame) && self.seal.hash(content) != hash {
            self.defect(name, number, "the line was changed: its hash does not fit");
        }
        self.follows(name, number, &frame, prev);
        self.tip = Some(Tip { seq: frame.seq, hash });
        self.seen.extend(self.tip);
        if self.seen.len() > 2 * BEHIND {
            self.seen.drain(..BEHIND);
        }
        self.report.last = self.report.last.max(frame.seq);
        self.count(name, number, &frame);
        Some(frame)
    }

    /// Without the key of a sealed header every line would be called changed; one defect is enough.
    fn readable(&self, frame: &Frame) -> bool {
        frame.kind == "file" || !self.strange
    }

    fn first(&mut self, name: &str, frame: &Frame, place: &Place) {
        if frame.kind != "file" {
            self.defect(name, 1, "the header is missing");
            return;
        }
        if place.as_ref().is_some_and(|(number, _)| frame.number != Some(*number)) {
            self.defect(name, 1, "this is the header of another file");
        }
        if frame.chain != self.chain {
            self.defect(name, 1, "this is the header of another chain");
        }
        self.strange = frame.method.as_deref() != Some(self.seal.method())
            || frame.key.as_deref() != self.seal.key();
        if self.strange {
            let text = match (frame.key.is_some(), self.seal.key().is_some()) {
                (true, false) => "it is sealed with a key: give that key",
                (true, true) => "it is sealed with another key",
                (false, _) => "it is not sealed with the key: anybody may have written it",
            };
            self.defect(name, 1, text);
        }
        self.report.keyed = self.seal.key().is_some() && !self.strange;
        let open = frame.open.iter().flatten().copied().collect();
        if self.origin.is_none() {
            self.open = open;
        } else if self.open != open && self.report.is_sound() {
            self.defect(name, 1, "the calls that were open do not fit");
        }
    }

    /// Does the line follow on the one before?
    fn follows(&mut self, name: &str, number: u64, frame: &Frame, prev: crate::line::Hash) {
        if self.origin.is_none() {
            self.origin = Some(Tip { seq: frame.seq.saturating_sub(1), hash: prev });
            return;
        }
        let Some(tip) = self.tip else { return };
        if frame.seq > tip.seq.saturating_add(1) {
            let text = format!("lines {} to {} are missing before it", tip.seq + 1, frame.seq - 1);
            self.defect(name, number, text);
        } else if frame.seq != tip.seq.saturating_add(1) {
            self.defect(name, number, format!("line {} follows on line {}", frame.seq, tip.seq));
        } else if prev != tip.hash {
            self.defect(
                name,
                number,
                "it does not follow on the line before: one of them was changed",
            );
        }
    }

    fn count(&mut self, name: &str, number: u64, frame: &Frame) {
        match frame.kind.as_str() {
            "intent" => {
                self.report.intents += 1;
                self.open.insert(frame.seq);
            }
            "outcome" => {
                let known = self.open.remove(&frame.of.unwrap_or_default());
                if !known && self.report.is_sound() {
                    self.defect(name, number, "the outcome of a call that was not open");
                }
            }
            "event" => self.report.events += 1,
            "missing" => {
                self.report.unrecorded += frame.unrecorded.unwrap_or_default();
                self.report.waived += frame.waived.unwrap_or_default();
                self.report.counted += frame.counted.unwrap_or_default();
            }
            "removed" => self.removed.extend(frame.file.clone().zip(frame.last.clone())),
            "start" if frame.head.as_deref() == Some("missing") => {
                self.defect(
                    name,
                    number,
                    "the head was missing at this start: lines before it may be missing",
                );
            }
            _ => {}
        }
    }
}
