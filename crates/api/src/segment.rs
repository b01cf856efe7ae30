//! The segments of a path, in which values and literal texts may stand side by side: `{name}.{ext}`.

use crate::escape::{is_dots, is_one_segment};
use crate::wrong::Wrong;

/// A path in the making, as it is sent.
pub(crate) struct Segments<'a>(Vec<Segment<'a>>);

#[derive(Default)]
struct Segment<'a> {
    text: String,
    /// What of it the operator or the document wrote.
    literal: Vec<&'a str>,
    /// The arguments in it.
    given: Vec<String>,
}

impl<'a> Segments<'a> {
    pub fn new() -> Segments<'a> {
        Segments(vec![Segment::default()])
    }

    /// Adds what the operator or the document wrote.
    pub fn literal(&mut self, text: &'a str) {
        self.add(text, |segment, part| segment.literal.push(part));
    }

    /// Adds what an argument of this name says.
    pub fn given(&mut self, argument: &str, text: &str) {
        self.add(text, |segment, _| segment.given.push(argument.to_owned()));
    }

    fn add<'b>(&mut self, text: &'b str, note: impl Fn(&mut Segment<'a>, &'b str)) {
        for (index, part) in text.split('/').enumerate() {
            if index > 0 {
                self.0.push(Segment::default());
            }
            if let Some(segment) = self.0.last_mut() {
                segment.text.push_str(part);
                note(segment, part);
            }
        }
    }

    /// The path.
    ///
    /// # Errors
    /// What stands in a segment makes another path together, though none of it does so by itself.
    pub fn path(self) -> Result<String, Wrong> {
        for Segment { text, literal, given } in &self.0 {
            if given.is_empty() && is_dots(text) {
                return Err(Wrong("the arguments would lead to another path: give others".into()));
            }
            if !given.is_empty() && !is_one_segment(text, literal) {
                return Err(Wrong(format!(
                    "{} cannot stand in a path as they would be read together: give simpler names, without % and leading dots",
                    given.join(" and ")
                )));
            }
        }
        let texts: Vec<_> = self.0.into_iter().map(|segment| segment.text).collect();
        Ok(texts.join("/"))
    }
}
