//! What a server asks in the middle of a call, answered by a person, by defaults, or declined.

use std::io::{self, BufRead, IsTerminal};

use bytes::Bytes;
use serde_json::{Map, Value, json};
use toolgate_gateway::call::{Answer, Ask};
use toolgate_protocol::client::Abilities;

use super::form::{Field, Form};
use super::status::Status;

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Nobody: the server is told that it gets no answer.
    Silent,
    /// The defaults of the form.
    Defaults,
    /// The person at the terminal.
    Person,
    /// Nobody, politely.
    Decline,
}

/// The answers to a server's questions.
pub struct Dialogue {
    manner: Manner,
}

impl Dialogue {
    /// What we can be asked: forms, and nothing else.
    pub const ABILITIES: Abilities = Abilities::FORM;

    /// For requests that ask nothing back.
    pub fn silent() -> Dialogue {
        Dialogue { manner: Manner::Silent }
    }

    /// The person at the terminal answers if there is one, or the defaults do.
    pub fn new(accept_defaults: bool) -> Dialogue {
        let manner = match (accept_defaults, io::stdin().is_terminal()) {
            (true, _) => Manner::Defaults,
            (false, true) => Manner::Person,
            (false, false) => Manner::Decline,
        };
        Dialogue { manner }
    }

    /// Answers a legacy server; one that may not ask is told so by the question's end.
    pub async fn answer(&mut self, ask: Ask, status: &Status) {
        let params = ask.params.as_deref().unwrap_or(b"{}");
        if let Ok(result) = self.respond(&ask.method, params, status).await {
            let _ = ask.answer.send(Answer::Result(Bytes::from(result)));
        }
    }

    /// The result for a question.
    ///
    /// # Errors
    /// One sentence, when it is none that we said we can be asked.
    pub async fn respond(
        &mut self,
        method: &str,
        params: &[u8],
        status: &Status,
    ) -> Result<String, String> {
        let params: Value = serde_json::from_slice(params).unwrap_or_default();
        let is_form = params["mode"].as_str().is_none_or(|mode| mode == "form");
        if self.manner == Manner::Silent || method != "elicitation/create" || !is_form {
            return Err(format!("the server asks {method}, which was not offered to it"));
        }
        let form = Form::read(&params["requestedSchema"]);
        let message = params["message"].as_str().unwrap_or_default();
        let answer = match self.manner {
            Manner::Person => fill_in(message, form, status).await,
            Manner::Defaults => accept_defaults(message, &form, status),
            Manner::Decline | Manner::Silent => {
                status.note(&format!("declined, as nobody is here to answer: {message}"));
                json!({ "action": "decline" })
            }
        };
        Ok(answer.to_string())
    }
}

fn accept_defaults(message: &str, form: &Form, status: &Status) -> Value {
    match form.defaults() {
        Ok(content) => {
            status.note(&format!("answered with its defaults: {message}"));
            json!({ "action": "accept", "content": content })
        }
        Err(field) => {
            status.note(&format!("declined, as \"{field}\" has no default: {message}"));
            json!({ "action": "decline" })
        }
    }
}

async fn fill_in(message: &str, form: Form, status: &Status) -> Value {
    status.note(&format!("the server asks: {message}"));
    // A person may take as long as it takes; only the process's end interrupts them.
    let asking = tokio::task::spawn_blocking(move || {
        let status = Status::new();
        let mut lines = io::stdin().lock().lines().map_while(Result::ok);
        ask_fields(&form, &mut lines, &status)
    });
    match asking.await {
        Ok(Some((content, true))) => json!({ "action": "accept", "content": content }),
        Ok(Some((_, false))) => json!({ "action": "decline" }),
        // The end of the input is no answer.
        Ok(None) | Err(_) => json!({ "action": "cancel" }),
    }
}

/// Asks for every field, and then whether to send them. `None` when the input ends.
fn ask_fields(
    form: &Form,
    lines: &mut dyn Iterator<Item = String>,
    status: &Status,
) -> Option<(Map<String, Value>, bool)> {
    let mut content = Map::new();
    for field in &form.0 {
        if let Some(value) = ask_field(field, lines, status)? {
            content.insert(field.name.clone(), value);
        }
    }
    status.note("send this? [Y/n]");
    let sent = !lines.next()?.trim().to_ascii_lowercase().starts_with('n');
    Some((content, sent))
}

fn ask_field(
    field: &Field,
    lines: &mut dyn Iterator<Item = String>,
    status: &Status,
) -> Option<Option<Value>> {
    let fits = field.fits();
    let fits = if fits.is_empty() { fits } else { format!(", {fits}") };
    let default = match &field.default {
        Some(default) => format!(" [{default}]"),
        None if field.required => String::new(),
        None => " [nothing]".to_owned(),
    };
    loop {
        status.note(&format!("  {}{fits}{default}:", field.label));
        let typed = lines.next()?;
        if typed.trim().is_empty() {
            match &field.default {
                Some(default) => return Some(Some(default.clone())),
                None if !field.required => return Some(None),
                None => continue,
            }
        }
        match field.read(&typed) {
            Ok(value) => return Some(Some(value)),
            Err(fits) => status.note(&format!("  expected {fits}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(lines: &[&str]) -> Option<(Value, bool)> {
        let form = Form::read(&json!({
            "properties": {
                "name": { "type": "string" },
                "age": { "type": "integer", "default": 30 },
                "mail": { "type": "string" },
            },
            "required": ["name"],
        }));
        let mut lines = lines.iter().map(|&line| line.to_owned());
        let (content, sent) = ask_fields(&form, &mut lines, &Status::new())?;
        Some((Value::Object(content), sent))
    }

    #[test]
    fn a_person_is_asked_until_the_answer_fits() {
        let answer = typed(&["", "Jo", "old", "31", "", "y"]);

        assert_eq!(answer, Some((json!({ "name": "Jo", "age": 31 }), true)));
    }

    #[test]
    fn an_empty_line_means_the_default_and_no_means_no() {
        assert_eq!(typed(&["Jo", "", "", "no"]), Some((json!({ "name": "Jo", "age": 30 }), false)));
        assert_eq!(typed(&["Jo", ""]), None);
    }
}
