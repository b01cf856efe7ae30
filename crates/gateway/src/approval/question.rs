//! What a person is shown that is asked for consent: all of the call, and nothing that hides in it.

use std::fmt::Write;
use std::sync::Arc;

use toolgate_protocol::json::quote;
use toolgate_protocol::method::Method;
use toolgate_values::hidden::is_hidden;

use crate::call::Request;

/// Characters of the arguments that are shown.
const MOST: usize = 2000;

/// The question as an elicitation, with `method` and `params`.
pub(super) fn elicitation(tool: &str, request: &Request, questions: &[Arc<str>]) -> String {
    let why = questions.iter().map(|why| plain(why, MOST)).collect::<Vec<_>>().join(" ");
    let message =
        format!("May \"{}\" be called? {why}\nArguments: {}", plain(tool, 200), shown(request));
    format!(
        r#"{{"method":"elicitation/create","params":{{"mode":"form","message":{},"requestedSchema":{{"type":"object","properties":{{"approve":{{"type":"boolean","title":"Allow this call","description":"Allows this one call with exactly these arguments"}}}},"required":["approve"]}}}}}}"#,
        quote(&message)
    )
}

/// The arguments, as text that means what it looks like. All that a method takes which MCP does
/// not define.
pub(super) fn shown(request: &Request) -> String {
    let params = request.message.params();
    let arguments = params.and_then(|params| match request.method {
        Method::Other(_) => Some(params.value()),
        _ => params.get("arguments"),
    });
    arguments.map_or_else(|| "none".to_owned(), |arguments| plain(arguments.raw(), MOST))
}

/// Text for a person without what moves a cursor, turns its direction or cannot be seen; of text of
/// more than `most` characters the beginning and the end.
pub fn plain(text: &str, most: usize) -> String {
    let count = text.chars().count();
    let mut out = String::new();
    for (at, c) in text.chars().enumerate() {
        if count > most && at == most * 3 / 4 {
            let _ = write!(out, " […{} characters are not shown…] ", count - most);
        }
        if count > most && (most * 3 / 4..count - most / 4).contains(&at) {
            continue;
        }
        match c {
            '\n' | '\t' => out.push(' '),
            c if is_hidden(c) => {
                let _ = write!(out, "\\u{{{:04x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hides_in_what_a_person_is_shown() {
        assert_eq!(
            plain("a\u{202e}b\u{200b}\u{1b}[2Jc\n", 100),
            "a\\u{202e}b\\u{200b}\\u{001b}[2Jc "
        );
        let long = format!("{}{}", "a".repeat(5000), "END");
        let shown = plain(&long, 100);
        assert!(shown.ends_with("END") && shown.contains("4903 characters"), "{shown}");
    }
}
