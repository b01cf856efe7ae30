//! Passing over what holds nothing: strings, numbers and words.

use super::{Error, Scanner};
use crate::json::text::plain;

impl Scanner<'_> {
    /// Passes over a string whose opening quote was just seen; true if it holds an escape.
    pub(super) fn string(&mut self) -> Result<bool, Error> {
        self.at += 1;
        let mut escaped = false;
        loop {
            self.at += plain(self.rest());
            match self.rest() {
                [b'"', ..] => {
                    self.at += 1;
                    return Ok(escaped);
                }
                [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => self.at += 2,
                [b'\\', b'u', a, b, c, d, ..]
                    if [a, b, c, d].into_iter().all(u8::is_ascii_hexdigit) =>
                {
                    self.at += 6;
                }
                [b'\\', ..] => return Err(self.syntax("invalid escape")),
                [_, ..] => return Err(self.syntax("control character in a string")),
                [] => return Err(self.syntax("unexpected end")),
            }
            escaped = true;
        }
    }

    /// Passes over a number: `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`.
    pub(super) fn number(&mut self) -> Result<(), Error> {
        if self.rest().first() == Some(&b'-') {
            self.at += 1;
        }
        if self.rest().first() == Some(&b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.rest().first() == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.rest().first() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.rest().first() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Error> {
        let count = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            return Err(self.syntax("expected a digit"));
        }
        self.at += count;
        Ok(())
    }

    /// Passes over `true`, `false` or `null`, whose first letter was just seen.
    pub(super) fn word(&mut self, word: &[u8]) -> Result<(), Error> {
        if !self.rest().starts_with(word) {
            return Err(self.syntax("expected a value"));
        }
        self.at += word.len();
        Ok(())
    }
}
