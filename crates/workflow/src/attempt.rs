//! One call of a tool: sent, followed, and made again where that is safe.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{oneshot, watch};
use toolgate_gateway::call::{Ask, End, Frame, Reply};
use toolgate_gateway::calls::{Inner, Input};
use toolgate_gateway::deadline::{Bounds, bounded};
use toolgate_gateway::fault::{Fault, Reason, SideEffect};
use toolgate_gateway::gateway::Gateway;
use toolgate_gateway::parking::is_input_required;
use toolgate_hosted::{Asked, Failed, MOST_VALUES, is_bearable};
use toolgate_protocol::jsonrpc::Message;
use toolgate_protocol::version::Era;

use crate::budget::Budget;
use crate::failure::Failure;
use crate::held::Held;
use crate::plan::Call;

/// How often one call may ask back.
const ROUNDS: u32 = 10;

/// What calls are made with: the gateway and the rules that the run began with, its caller, its time.
#[derive(Clone)]
pub(crate) struct Line {
    pub gateway: Arc<Gateway>,
    pub asked: Arc<Asked>,
    pub budget: Arc<Budget>,
    /// What its calls gave so far.
    pub held: Arc<Held>,
    /// Whether the server of the workflow is about to end.
    pub closing: watch::Receiver<bool>,
}

impl Line {
    /// Why no further call is made, once that is so: the caller has left, or the server ends.
    pub fn stopped(&self) -> Option<Failure> {
        if self.asked.is_abandoned() {
            return Some(Fault::new(Reason::Cancelled, "the caller left").unsent().into());
        }
        let closing = *self.closing.borrow();
        closing.then(|| Fault::new(Reason::Draining, "the gateway ends").unsent().into())
    }

    /// Resolves with that.
    async fn stop(&self) -> Failure {
        loop {
            if let Some(failure) = self.stopped() {
                return failure;
            }
            let mut closing = self.closing.clone();
            let closed = async {
                if closing.wait_for(|closing| *closing).await.is_err() {
                    // Nobody is left who could close it.
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = self.asked.abandoned() => {}
                () = closed => {}
            }
        }
    }

    /// Makes a call, again where that is safe, and gives what the tool gave. `label` names it in
    /// records. Once the run has to stop, a call that reads is given up, and none is made again; one
    /// that may change something is followed to its end, for only then is it known what to undo.
    ///
    /// # Errors
    /// Why the last attempt failed.
    pub async fn call(
        &self,
        call: &Call,
        arguments: &Value,
        label: &str,
    ) -> Result<Value, Failure> {
        self.has_room()?;
        let mut attempt = 1;
        loop {
            let once = self.once(call, arguments, label);
            let outcome = match call.reads {
                false => once.await,
                true => tokio::select! {
                    outcome = once => outcome,
                    stopped = self.stop() => return Err(stopped),
                },
            };
            let (failure, wait) = match outcome {
                Ok((output, size)) if self.held.take(size, &output) => return Ok(output),
                Ok(_) if call.reads => return Err(self.too_much().unsent().into()),
                Ok(_) => return Err(self.too_much().into()),
                Err(failure) => self.again(call, failure, attempt)?,
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => attempt += 1,
                _ = self.stop() => return Err(failure),
            }
        }
    }

    /// The same for a call that has to be made though nobody may wait for it any more.
    ///
    /// # Errors
    /// Why the last attempt failed.
    pub async fn persist(
        &self,
        call: &Call,
        arguments: &Value,
        label: &str,
    ) -> Result<Value, Failure> {
        let mut attempt = 1;
        loop {
            let (_, wait) = match self.once(call, arguments, label).await {
                Ok((output, _)) => return Ok(output),
                Err(failure) => self.again(call, failure, attempt)?,
            };
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    /// Whether what the run holds leaves room for more: all of it may take as much as one reply.
    ///
    /// # Errors
    /// It does not. Better no further call than one of which nobody can read what it gave.
    fn has_room(&self) -> Result<(), Failure> {
        match self.held.is_full(self.gateway.config.limits.reply.bytes()) {
            false => Ok(()),
            true => Err(self.too_much().unsent().into()),
        }
    }

    fn too_much(&self) -> Fault {
        let most = self.gateway.config.limits.reply;
        let text = format!(
            "the steps of the workflow gave {most} (limits.reply) or {MOST_VALUES} values, or more, together"
        );
        Fault::new(Reason::TooLarge, text)
    }

    /// How long to wait before the next attempt.
    ///
    /// # Errors
    /// The failure, where there is no next one.
    fn again(
        &self,
        call: &Call,
        mut failure: Failure,
        attempt: u32,
    ) -> Result<(Failure, Duration), Failure> {
        if call.reads {
            failure.side_effect = SideEffect::None;
        }
        let wait = wait(call, attempt).max(failure.retry_after.unwrap_or_default());
        let is_time = wait < self.budget.left();
        match attempt < call.attempts && may_repeat(call, &failure) && is_time {
            true => Ok((failure, wait)),
            false => Err(failure),
        }
    }

    /// What the tool gave, and how many bytes told it.
    async fn once(
        &self,
        call: &Call,
        arguments: &Value,
        label: &str,
    ) -> Result<(Value, usize), Failure> {
        let begun = self.budget.left();
        let time = call.time.map_or(begun, |time| time.min(begun));
        if time.is_zero() {
            let text = "the time of the workflow is used up";
            return Err(Fault::new(Reason::Timeout, text).unsent().into());
        }
        let id = within(self.asked.id(), label);
        let arguments = arguments.to_string();
        let mut input = None;
        for _ in 0..ROUNDS {
            // All rounds share one time, in which the client's answers do not count.
            let time = time.saturating_sub(begun.saturating_sub(self.budget.left()));
            let bounds = Bounds { silence: time, total: time };
            let inner = Inner {
                server: &call.server,
                tool: &call.tool,
                arguments: &arguments,
                input: input.take(),
                id: &id,
                who: self.asked.who(),
                abilities: self.asked.abilities(),
                trace: self.asked.trace(),
                depth: self.asked.depth().saturating_add(1),
            };
            let reply = bounded(&call.server, bounds, self.gateway.call_within(inner)).await?;
            let end = self.follow(reply).await?;
            if end.era == Era::Modern && is_input_required(&end) {
                input = Some(self.answers(&end).await?);
                continue;
            }
            return Ok((output(&end.message)?, end.message.bytes().len()));
        }
        let text = format!("server \"{}\" asked back more than {ROUNDS} times", call.server);
        Err(Fault::new(Reason::Garbage, text).into())
    }

    /// Reads to the end. Questions go on to the client; what the tool tells meanwhile is dropped, as
    /// the workflow tells of its own progress.
    async fn follow(&self, mut reply: Reply) -> Result<End, Fault> {
        while let Some(frame) = reply.next().await {
            match frame {
                Frame::End(end) => return Ok(end),
                Frame::Fail(fault) => return Err(fault),
                Frame::Ask(question) => self.pass_on(question).await,
                Frame::Opened | Frame::Notification(_) | Frame::Pause(_) => {}
            }
        }
        Err(Fault::new(Reason::Broken, "the server ended without an answer"))
    }

    /// Hands a question to the client; until it is answered no time passes.
    async fn pass_on(&self, question: Ask) {
        let Ask { method, params, answer: mut asking } = question;
        let (answer, answered) = oneshot::channel();
        let pause = self.budget.pause();
        tokio::spawn(async move {
            let outcome = tokio::select! {
                outcome = answered => outcome.ok(),
                // Whoever asked has given up: time goes on.
                () = asking.closed() => None,
            };
            drop(pause);
            if let Some(outcome) = outcome {
                let _ = asking.send(outcome);
            }
        });
        self.asked.put(Ask { method, params, answer }).await;
    }

    /// Asks the client; until it answers no time passes.
    ///
    /// # Errors
    /// It gave no answer.
    pub async fn ask(&self, method: &str, params: &Value) -> Result<Value, Failure> {
        let _pause = self.budget.pause();
        self.asked.ask(method, params).await.map_err(|failed| match failed {
            Failed::Fault(fault) => fault.into(),
            Failed::Refused(refusal) => Fault::new(Reason::Cancelled, refusal.message).into(),
        })
    }

    /// What a modern server asked for, answered by the client (2026-07-28, MRTR).
    async fn answers(&self, end: &End) -> Result<Input, Failure> {
        let broken = || Fault::new(Reason::Garbage, "input_required without a request or a state");
        let whole: Value =
            serde_json::from_slice(end.message.bytes()).map_err(|error| broken().because(error))?;
        let result = &whole["result"];
        let state = result.get("requestState").map(Value::to_string);
        let mut responses = serde_json::Map::new();
        for (key, question) in result["inputRequests"].as_object().into_iter().flatten() {
            let method = question["method"].as_str().ok_or_else(broken)?;
            let answer = self.ask(method, &question["params"]).await?;
            responses.insert(key.clone(), answer);
        }
        if responses.is_empty() {
            if state.is_none() {
                return Err(broken().into());
            }
            // Nothing to answer: the server wants time.
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        Ok(Input { responses: Value::Object(responses).to_string(), state })
    }
}

/// Whether a call may be made again. A write of which nobody knows whether it took effect is not.
fn may_repeat(call: &Call, failure: &Failure) -> bool {
    // A person decides, and may take long.
    if matches!(failure.reason, Some(Reason::ApprovalRequired)) {
        return false;
    }
    if call.reads || call.idempotent {
        // Other servers seldom say anything of it.
        return failure.retryable != Some(false);
    }
    failure.retryable == Some(true) && failure.side_effect == SideEffect::None
}

fn wait(call: &Call, attempt: u32) -> Duration {
    call.after.saturating_mul(1 << (attempt - 1).min(16))
}

/// The id of a call within a call: `7/network` for the step `network` of the request 7.
fn within(outer: &str, label: &str) -> String {
    let text = serde_json::from_str::<String>(outer);
    format!("{}/{label}", text.as_deref().unwrap_or(outer))
}

/// What a tool gave: its structured content, or what its text says.
fn output(message: &Message) -> Result<Value, Failure> {
    let broken = |error: serde_json::Error| {
        Fault::new(Reason::Garbage, "a result that cannot be read").because(error)
    };
    bearable(message.bytes())?;
    let mut whole: Value = serde_json::from_slice(message.bytes()).map_err(broken)?;
    if let Some(failure) = Failure::told(&whole) {
        return Err(failure);
    }
    let result = &mut whole["result"];
    if let Some(structured) = result.get_mut("structuredContent") {
        return Ok(structured.take());
    }
    let blocks = result["content"].as_array();
    let texts: Vec<_> =
        blocks.into_iter().flatten().filter_map(|block| block["text"].as_str()).collect();
    let text = texts.join("\n");
    bearable(text.as_bytes())?;
    // What is written as JSON is meant as such; a lone word or number is text all the same.
    let json = serde_json::from_str::<Value>(&text).ok();
    let json = json.filter(|value| value.is_object() || value.is_array());
    Ok(json.unwrap_or(Value::String(text)))
}

/// Whether what a tool gave can be read for expressions.
///
/// # Errors
/// It holds too many values.
fn bearable(json: &[u8]) -> Result<(), Failure> {
    if is_bearable(json) {
        return Ok(());
    }
    let text = format!("the tool gave more than {MOST_VALUES} values");
    Err(Fault::new(Reason::TooLarge, text).into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;
    use toolgate_protocol::jsonrpc;

    use super::*;
    use crate::template::Template;

    fn call(reads: bool, idempotent: bool) -> Call {
        Call {
            server: "api".into(),
            tool: "do".to_owned(),
            arguments: Template::object(BTreeMap::new().iter()).unwrap(),
            attempts: 3,
            after: Duration::from_secs(1),
            time: None,
            reads,
            idempotent,
        }
    }

    #[test]
    fn a_write_whose_outcome_is_unknown_is_never_repeated() {
        let timeout = || Failure::from(Fault::new(Reason::Timeout, "late"));
        let away = || Failure::from(Fault::new(Reason::Unreachable, "away"));
        let forbidden = || Failure::from(Fault::new(Reason::Forbidden, "no"));
        let told = |details: Value| {
            let result = json!({ "content": [], "isError": true, "_meta": { "dev.toolgate/error": details } });
            Failure::told(&json!({ "result": result })).unwrap()
        };
        for (call, failure, expected) in [
            (call(false, false), timeout(), false),
            (call(false, true), timeout(), true),
            (call(true, false), timeout(), true),
            (call(false, false), away(), true),
            (call(true, false), forbidden(), false),
            (call(true, true), Fault::new(Reason::ApprovalRequired, "ask").into(), false),
            // Of what others say, what nobody says anything of is repeated if it reads.
            (call(true, false), told(json!({})), true),
            (call(false, false), told(json!({})), false),
            (call(true, false), told(json!({ "retryable": false })), false),
            (call(false, false), told(json!({ "retryable": true, "sideEffect": "none" })), true),
            (call(false, false), told(json!({ "retryable": true })), false),
        ] {
            assert_eq!(may_repeat(&call, &failure), expected, "{failure:?}");
        }
    }

    #[test]
    fn each_wait_is_twice_the_one_before() {
        let call = call(false, false);
        let waits: Vec<_> = (1..=3).map(|attempt| wait(&call, attempt).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4]);
    }

    #[test]
    fn the_output_is_what_programs_read_or_else_what_the_text_says() {
        for (result, expected) in [
            (json!({ "content": [], "structuredContent": { "id": 1 } }), json!({ "id": 1 })),
            (json!({ "content": [{ "type": "text", "text": "{\"id\":2}" }] }), json!({ "id": 2 })),
            (json!({ "content": [{ "type": "text", "text": "12" }] }), json!("12")),
            (json!({ "content": [{ "type": "text", "text": "done" }] }), json!("done")),
        ] {
            let bytes = jsonrpc::result("1", &result.to_string());
            let message = Message::scan_reply(bytes, &Default::default()).unwrap();
            assert_eq!(output(&message).unwrap(), expected);
        }
    }

    #[test]
    fn an_output_of_too_many_values_is_not_read() {
        let many = format!("[{}0]", "0,".repeat(MOST_VALUES));
        for result in [
            format!(r#"{{"content":[],"structuredContent":{{"a":{many}}}}}"#),
            json!({ "content": [{ "type": "text", "text": many }] }).to_string(),
        ] {
            let bytes = jsonrpc::result("1", &result);
            let message = Message::scan_reply(bytes, &Default::default()).unwrap();
            assert_eq!(output(&message).unwrap_err().reason, Some(Reason::TooLarge));
        }
    }

    #[test]
    fn a_call_within_a_call_names_the_outer_one() {
        assert_eq!(within("7", "network"), "7/network");
        assert_eq!(within(r#""a-1""#, "tags[2]"), "a-1/tags[2]");
    }
}
