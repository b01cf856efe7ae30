//! Records as an export request in JSON (OTLP 1.x, `ExportLogsServiceRequest`).

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use super::Record;
use crate::line::{Line, quote};
use crate::record::Status;

/// The body of one request.
pub(super) fn request(records: &[Record]) -> String {
    let mut out = String::with_capacity(records.len() * 1024);
    let version = env!("CARGO_PKG_VERSION");
    let _ = write!(
        out,
        r#"{{"resourceLogs":[{{"resource":{{"attributes":[{},{}]}},"scopeLogs":[{{"scope":{{"name":"toolgate.audit","version":"{version}"}},"logRecords":["#,
        attribute("service.name", "toolgate"),
        attribute("service.version", version),
    );
    for (at, one) in records.iter().enumerate() {
        out.push_str(if at == 0 { "" } else { "," });
        record(&mut out, one);
    }
    out.push_str("]}]}]}");
    out
}

fn record(out: &mut String, record: &Record) {
    let Record { intent, outcome } = record;
    // Severity numbers of the logs data model: 9 is INFO, 13 is WARN.
    let (severity, text) = match outcome.status {
        Status::Ok | Status::Cancelled => (9, "INFO"),
        Status::Failed | Status::Refused | Status::Unknown => (13, "WARN"),
    };
    let _ = write!(
        out,
        // 64-bit integers are strings in this encoding.
        r#"{{"timeUnixNano":"{}","observedTimeUnixNano":"{}","severityNumber":{severity},"severityText":"{text}","eventName":"toolgate.audit""#,
        nanoseconds(intent.time),
        nanoseconds(SystemTime::now()),
    );
    let mut body = "{".to_owned();
    let mut line = Line(&mut body);
    intent.write(&mut line);
    outcome.write(&mut line);
    body.push('}');
    let _ = write!(out, r#","body":{{"stringValue":{}}}"#, quote(&body));
    let attributes = [
        ("mcp.method.name", Some(&*intent.method)),
        ("gen_ai.tool.name", intent.tool.as_deref()),
        ("enduser.id", Some(&*intent.caller.principal)),
        ("toolgate.decision", Some(outcome.decision.as_str())),
        ("toolgate.outcome", Some(outcome.status.as_str())),
        ("toolgate.reason", outcome.reason.as_deref()),
        ("toolgate.server", outcome.upstream.as_deref()),
    ];
    let attributes: Vec<_> =
        attributes.into_iter().filter_map(|(key, value)| Some(attribute(key, value?))).collect();
    let _ = write!(out, r#","attributes":[{}]"#, attributes.join(","));
    // The trace id is 16 bytes in hexadecimal; anything else would void the whole batch.
    let trace = intent
        .trace
        .as_deref()
        .filter(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if let Some(trace) = trace {
        let _ = write!(out, r#","traceId":"{trace}""#);
    }
    out.push('}');
}

fn attribute(key: &str, value: &str) -> String {
    format!(r#"{{"key":"{key}","value":{{"stringValue":{}}}}}"#, quote(value))
}

fn nanoseconds(time: SystemTime) -> u128 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::Value;
    use toolgate_protocol::caller::Caller;

    use super::*;
    use crate::record::{Intent, Outcome};
    use crate::text::Text;

    #[test]
    fn a_record_is_one_log_record_whatever_it_holds() {
        let mut intent = Intent::new(Caller::anonymous(), "tools/call");
        intent.time = UNIX_EPOCH + Duration::from_nanos(1_700_000_000_000_000_001);
        intent.tool = Some(Text::from("x\"\n]}{\u{202e}"));
        intent.trace = Some(Text::from("0af7651916cd43dd8448eb211c80319c"));
        let outcome = Outcome::new(Status::Refused).because("forbidden");
        let one = || Record { intent: Box::new(intent.clone()), outcome: outcome.clone() };

        let request: Value = serde_json::from_str(&request(&[one(), one()])).unwrap();

        let scope = &request["resourceLogs"][0]["scopeLogs"][0];
        assert_eq!(scope["scope"]["name"], "toolgate.audit");
        let [first, _] = &scope["logRecords"].as_array().unwrap()[..] else { panic!("{scope}") };
        assert_eq!(first["timeUnixNano"], "1700000000000000001");
        assert_eq!(first["severityText"], "WARN");
        assert_eq!(first["traceId"], "0af7651916cd43dd8448eb211c80319c");
        let body: Value =
            serde_json::from_str(first["body"]["stringValue"].as_str().unwrap()).unwrap();
        assert_eq!(
            (&body["tool"], &body["reason"]),
            (&"x\"\n]}{\u{202e}".into(), &"forbidden".into())
        );
        assert_eq!(first["attributes"][1]["value"]["stringValue"], "x\"\n]}{\u{202e}");
    }

    #[test]
    fn a_trace_that_is_none_is_left_out() {
        let mut intent = Intent::new(Caller::anonymous(), "ping");
        intent.trace = Some(Text::from("no trace"));
        let record = Record { intent: Box::new(intent), outcome: Outcome::new(Status::Ok) };

        assert!(!request(&[record]).contains("traceId"));
    }
}
