//! Why the API did not do it, and what the model can do about it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, Response, StatusCode};
use serde_json::Value;
use toolgate_gateway::fault::{Fault, Reason, SideEffect};

use crate::operation::{Fixed, Operation, Place, shown};
use crate::transport::Lost;

/// How much of the API's own words a model gets, in characters.
const WORDS: usize = 500;
/// The longest answer that is searched for them, in bytes.
const LONGEST_WORDS: usize = 64 << 10;
/// When to ask again where the API does not say.
const PAUSE: Duration = Duration::from_secs(60);
/// The longest pause that is believed.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

/// The failure that a status stands for; `api` is what the model knows it by.
pub(crate) fn of_status<B: AsRef<[u8]>>(
    api: &str,
    operation: &Operation,
    response: &Response<B>,
) -> Fault {
    let status = response.status();
    let code = status.as_u16();
    let (reason, sentence) = sentence(api, operation, response);
    let sentence = match operation.errors.get(&code) {
        Some(told) => format!("{told} ({code})"),
        None => sentence,
    };
    let mut fault = Fault::new(reason, sentence);
    // Whoever did what was asked may send the client on to see it (RFC 9110, 15.4.4).
    if status.is_redirection() && !operation.reads() {
        fault.side_effect = SideEffect::Unknown;
    }
    match reason {
        Reason::RateLimited => {
            fault.retry_after(pause(response.headers()).unwrap_or(PAUSE)).unsent()
        }
        _ => match pause(response.headers()) {
            Some(wait) if reason.retryable() => fault.retry_after(wait),
            _ => fault,
        },
    }
}

fn sentence<B: AsRef<[u8]>>(
    api: &str,
    operation: &Operation,
    response: &Response<B>,
) -> (Reason, String) {
    let (status, headers) = (response.status(), response.headers());
    let code = status.as_u16();
    let said = words(&operation.fixed, response.body().as_ref());
    let because = said.as_deref().map_or(String::new(), |said| format!(": {said}"));
    if status == StatusCode::TOO_MANY_REQUESTS || is_used_up(status, headers) {
        let wait = pause(headers).unwrap_or(PAUSE).as_secs();
        let sentence = format!("\"{api}\" is asked too often ({code}): wait {wait} s");
        return (Reason::RateLimited, sentence);
    }
    match code {
        401 => {
            let sentence = format!(
                "\"{api}\" refused the key (401): ask the user to check the key of this server"
            );
            (Reason::Refused, sentence)
        }
        403 => {
            let sentence = format!(
                "\"{api}\" does not allow this (403){because}: ask the user which permissions its key needs"
            );
            (Reason::Refused, sentence)
        }
        404 | 410 => {
            let names: Vec<_> = operation
                .parameters
                .iter()
                .filter(|it| it.place == Place::Path)
                .map(|it| shown(&it.argument))
                .collect();
            let check = match names.is_empty() {
                true => "this may not exist here".to_owned(),
                false => format!("check {}", names.join(" and ")),
            };
            (Reason::Arguments, format!("\"{api}\" has no such thing ({code}){because}: {check}"))
        }
        409 | 412 => {
            let sentence = format!(
                "\"{api}\" refused the request as it does not fit what is there now ({code}){because}: read it again first"
            );
            (Reason::Arguments, sentence)
        }
        300..400 => {
            let sentence = format!(
                "\"{api}\" sent the request elsewhere ({code}), and it is not followed there"
            );
            (Reason::Refused, sentence)
        }
        400..500 => (Reason::Arguments, format!("\"{api}\" refused the request ({code}){because}")),
        // Nothing was to be changed, so nothing was.
        _ if operation.reads() => {
            (Reason::Unreachable, format!("\"{api}\" failed ({code}){because}"))
        }
        _ => (Reason::Broken, format!("\"{api}\" failed ({code}){because}")),
    }
}

/// Some APIs say with 403 that a limit is used up.
fn is_used_up(status: StatusCode, headers: &HeaderMap) -> bool {
    status == StatusCode::FORBIDDEN
        && (headers.contains_key(RETRY_AFTER)
            || headers.get("x-ratelimit-remaining").is_some_and(|left| left == "0"))
}

/// How long the API wants to be left alone (RFC 9110, 10.2.3; `X-RateLimit-Reset` in seconds since
/// 1970).
pub(crate) fn pause(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let until = |time: SystemTime| {
        // By the API's own clock, if it tells it.
        let now = text(DATE.as_str()).and_then(|date| httpdate::parse_http_date(date).ok());
        let wait = time.duration_since(now.unwrap_or_else(SystemTime::now));
        wait.unwrap_or_default()
    };
    let wait = match text(RETRY_AFTER.as_str()) {
        Some(value) => match value.parse::<u64>() {
            Ok(seconds) => Some(Duration::from_secs(seconds)),
            Err(_) => httpdate::parse_http_date(value).ok().map(until),
        },
        None if text("x-ratelimit-remaining") == Some("0") => {
            let reset = text("x-ratelimit-reset")?.parse::<u64>().ok()?;
            UNIX_EPOCH.checked_add(Duration::from_secs(reset)).map(until)
        }
        None => None,
    };
    wait.map(|wait| wait.min(LONGEST_PAUSE))
}

/// What the API says of its failure in the usual places, in one line.
fn words(fixed: &Fixed, body: &[u8]) -> Option<String> {
    // Nobody explains themselves at such length.
    if body.len() > LONGEST_WORDS {
        return None;
    }
    let json: Value = serde_json::from_slice(body).ok()?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let found = [&json["error"]["message"], &json["message"], &json["detail"], &json["title"]]
        .into_iter()
        .chain([&json["error_description"], &json["error"]])
        .find_map(text)?;
    let details = &json["errors"];
    let found = match details.is_null() || details.as_array().is_some_and(Vec::is_empty) {
        true => found,
        false => format!("{found} {details}"),
    };
    let line: String = fixed
        .masked(&found)
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(WORDS)
        .collect();
    let line = line.trim().trim_end_matches('.').to_owned();
    (!line.is_empty()).then_some(line)
}

/// The failure of a request without an answer.
pub(crate) fn of_lost(api: &str, operation: &Operation, lost: Lost) -> Fault {
    let fault = match &lost {
        Lost::Unreachable(_) => Fault::new(Reason::Unreachable, format!("cannot reach \"{api}\"")),
        Lost::Broken(_) => Fault::new(Reason::Broken, format!("\"{api}\" ended without an answer")),
        Lost::TooLarge(limit) => {
            let sentence = format!("the answer of \"{api}\" is larger than {limit} bytes");
            Fault::new(Reason::TooLarge, sentence)
        }
    };
    let fault = fault.because(lost);
    if operation.reads() { fault.unsent() } else { fault }
}

/// The failure of a request that the API has answered with success: what it asked for is done.
pub(crate) fn of_answered(operation: &Operation, mut fault: Fault) -> Fault {
    fault.side_effect = match operation.reads() {
        true => SideEffect::None,
        false => SideEffect::Unknown,
    };
    fault
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_read_in_every_form_and_bounded() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        for (headers, expected) in [
            (&[("retry-after", "7")][..], Some(7)),
            (&[("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT"), ("date", date)], Some(30)),
            (&[("retry-after", "Sun, 06 Nov 1994 08:49:00 GMT"), ("date", date)], Some(0)),
            (
                &[
                    ("x-ratelimit-remaining", "0"),
                    ("x-ratelimit-reset", "784111787"),
                    ("date", date),
                ],
                Some(10),
            ),
            (&[("x-ratelimit-remaining", "3"), ("x-ratelimit-reset", "784111787")], None),
            (&[("retry-after", "99999999999")], Some(86_400)),
            (&[("retry-after", "soon")], None),
            (&[], None),
        ] {
            let pairs = headers
                .iter()
                .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()));
            let pause = pause(&HeaderMap::from_iter(pairs));
            assert_eq!(pause.map(|wait| wait.as_secs()), expected, "{headers:?}");
        }
    }

    #[test]
    fn an_api_says_why_in_one_bounded_line() {
        let words = |body: &str| words(&Fixed::default(), body.as_bytes());
        for (body, expected) in [
            (r#"{"message":"Not\nFound."}"#, Some("Not Found")),
            (r#"{"error":{"message":"No such customer"}}"#, Some("No such customer")),
            (r#"{"error":"invalid_grant"}"#, Some("invalid_grant")),
            (
                r#"{"message":"Validation Failed","errors":[{"field":"title"}]}"#,
                Some(r#"Validation Failed [{"field":"title"}]"#),
            ),
            (r#"{"message":7}"#, None),
            ("<html>", None),
        ] {
            assert_eq!(words(body).as_deref(), expected, "{body}");
        }
        let long = format!(r#"{{"message":"{}"}}"#, "é".repeat(2000));
        assert_eq!(words(&long).unwrap().chars().count(), WORDS);
        let longer = format!(r#"{{"message":"{}"}}"#, "e".repeat(LONGEST_WORDS));
        assert_eq!(words(&longer), None);
    }

    #[test]
    fn an_api_that_repeats_a_key_tells_it_nobody() {
        let secret = toolgate_values::Secret::new;
        let mut fixed = Fixed::default();
        fixed.header("authorization", &secret("Bearer sk-0123456789")).unwrap();
        fixed.header("accept", &secret("application/json")).unwrap();
        fixed.query =
            vec![("key".into(), secret("k&y-0123456789")), ("sort".into(), secret("name"))];
        let body = r#"{"message":"no sk-0123456789 at /x?key=k%26y-0123456789&sort=name, k&y-0123456789; send application/json"}"#;

        let told = words(&fixed, body.as_bytes()).unwrap();

        assert_eq!(told, "no *** at /x?key=***&sort=name, ***; send application/json");
    }
}
