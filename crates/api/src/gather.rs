//! Several pages as one result. Where one of them fails, those before it are the result, which says
//! so: to a model, what was fetched is worth more than a failure.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout_at};
use toolgate_gateway::config::servers::http as config;
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_hosted::{Answer, Asked, Content};

use crate::answer::{self, Held, written};
use crate::aside::aside;
use crate::engine::{Engine, Question, REST, Stop};
use crate::fields::Items;
use crate::operation::Mapping;
use crate::pages::{Pages, Unnamed};
use crate::wrong::Wrong;

/// One page.
struct Page {
    /// Its JSON, after the mapping.
    text: String,
    /// What asks for the page after it, if there is one.
    next: Result<Option<String>, Unnamed>,
}

/// What was fetched so far.
#[derive(Default)]
struct Gathered {
    pages: Vec<String>,
    /// How much that is, in bytes.
    size: usize,
    /// What asked for pages, so that none is asked for twice.
    cursors: Vec<String>,
    /// What asks for the rest, if there is any and anything does.
    next: Option<String>,
    /// Why the rest could not be had, which is what `next` asks for.
    failure: Option<Fault>,
}

/// Runs an operation whose result comes in pages, from the page on that the arguments ask for.
///
/// # Errors
/// The first of them cannot be had.
pub(crate) async fn gather(
    engine: &Engine,
    question: Question<'_>,
    pages: &Arc<Pages>,
    asked: &Asked,
) -> Result<Answer, Stop> {
    let deadline = engine.deadline();
    // What is left then is for telling what is there.
    let last_moment = deadline - REST.min(engine.budget / 4);
    let mut all = Gathered { next: given_cursor(question.arguments)?, ..Gathered::default() };
    loop {
        let cursor = all.next.clone();
        all.cursors.extend(cursor.clone());
        let page = page(engine, question, pages, cursor, deadline);
        if all.pages.is_empty() {
            all.add(&engine.name, page.await?);
        } else {
            match timeout_at(last_moment, page).await {
                // It would make the answer too large, and is the first of the next call.
                Ok(Ok(page)) if all.size + page.text.len() > engine.largest => break,
                Ok(Ok(page)) => all.add(&engine.name, page),
                Ok(Err(stop)) => all.failure = Some(stop.into()),
                Err(_) => all.failure = Some(late(&engine.name)),
            }
        }
        let done = all.pages.len() as u64;
        // What is there is worth more than a page that comes too late.
        let is_late = Instant::now() + engine.budget / 2 > deadline;
        if all.failure.is_some() || all.next.is_none() || done >= pages.limit || is_late {
            break;
        }
        asked.progress(done as f64, Some(pages.limit as f64), None).await;
    }
    if let Some(error) = &all.failure {
        let tool = &question.operation.tool.name;
        tracing::debug!(upstream = %engine.name, tool, %error, "a result lacks its later pages");
    }
    let (size, trace) = (all.size, asked.trace().id().to_owned());
    Ok(aside(size, move || all.told(&trace)).await??)
}

/// The cursor that the model gives back.
fn given_cursor(arguments: &Map<String, Value>) -> Result<Option<String>, Wrong> {
    match arguments.get("cursor") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.len() <= config::Pages::LONGEST_CURSOR => {
            Ok(Some(text.clone()))
        }
        Some(_) => Err(Wrong("cursor is the next_cursor of the page before".into())),
    }
}

async fn page(
    engine: &Engine,
    question: Question<'_>,
    pages: &Arc<Pages>,
    cursor: Option<String>,
    deadline: Instant,
) -> Result<Page, Stop> {
    let asked_for = cursor.as_deref().map(|cursor| (pages.parameter.as_str(), cursor));
    let response = engine.fetch(question, asked_for, deadline).await?;
    let (api, pages) = (engine.name.clone(), pages.clone());
    let mapping = question.operation.answer.clone();
    let read = aside(response.body().len(), move || {
        Page::read(&api, &mapping, &pages, cursor.as_deref(), &response)
    });
    Ok(read.await??)
}

fn late(api: &str) -> Fault {
    Fault::new(Reason::Timeout, format!("\"{api}\" did not answer in time"))
}

impl Page {
    fn read(
        api: &str,
        mapping: &Mapping,
        pages: &Pages,
        cursor: Option<&str>,
        response: &Response<Bytes>,
    ) -> Result<Page, Fault> {
        let text = match answer::read(api, mapping, response)? {
            Held::Json(text) => text,
            // 204: there is nothing on it.
            Held::Nothing(_) => "[]".to_owned(),
            Held::Text { .. } | Held::Media(_) | Held::Opaque { .. } => {
                let sentence = format!("\"{api}\" answered no JSON");
                return Err(Fault::new(Reason::Misfit, sentence));
            }
        };
        // What is no list is one entry.
        let entries = serde_json::from_str::<Items<'_>>(&text).map_or(1, |all| all.len());
        if pages.next.is_some() {
            answer::bearable(api, response.body())?;
        }
        let next = pages.next(cursor, response, entries);
        Ok(Page { text, next })
    }
}

impl Gathered {
    fn add(&mut self, api: &str, page: Page) {
        self.size += page.text.len();
        self.pages.push(page.text);
        let lost = match &page.next {
            Err(Unnamed) => "says that there is more, and not how to ask for it",
            Ok(Some(next)) if self.cursors.contains(next) => "goes round in circles",
            Ok(_) => {
                self.next = page.next.unwrap_or_default();
                return;
            }
        };
        self.next = None;
        self.failure = Some(Fault::new(Reason::Misfit, format!("\"{api}\" {lost}")));
    }

    /// The result: the entries of all pages, where to go on, and what went wrong.
    ///
    /// # Errors
    /// It cannot be written, which is a mistake of ours.
    fn told(self, trace: &str) -> Result<Answer, Fault> {
        let mut members = self.members();
        let Some(failure) = self.failure else {
            let text = format!("{{{members}}}");
            return written(vec![Content::text(text.clone())], Some(text), None);
        };
        // Pages are read, and reading changes nothing.
        let failure = failure.unsent();
        // First, so that it is seen also where the rest is cut.
        members.insert_str(0, &format!(r#""error":{},"#, told_as(&failure)));
        let text = format!("{{{members}}}");
        let mut sentence = format!(
            "incomplete: page {} of this call could not be had: {}; {}",
            self.pages.len() + 1,
            failure.message,
            failure.advice(),
        );
        if self.next.is_some() {
            sentence.push_str(
                ". For the rest call again with the same arguments and next_cursor as cursor",
            );
        }
        let content = vec![Content::text(sentence), Content::text(text.clone())];
        written(content, Some(text), Some(failure.structured(trace)))
    }

    /// The members of the result, as JSON without its braces.
    fn members(&self) -> String {
        let pages = self.pages.iter().map(String::as_str);
        let lists: Result<Vec<_>, _> =
            pages.clone().map(serde_json::from_str::<Items<'_>>).collect();
        let (key, listed): (_, Vec<_>) = match lists {
            Ok(lists) => ("items", lists.into_iter().flatten().map(RawValue::get).collect()),
            Err(_) => ("pages", pages.collect()),
        };
        let (listed, has_more) = (listed.join(","), self.next.is_some() || self.failure.is_some());
        let mut members = format!(r#""{key}":[{listed}],"has_more":{has_more}"#);
        if let Some(next) = &self.next {
            members.push_str(&format!(r#","next_cursor":{}"#, Value::from(next.as_str())));
        }
        members
    }
}

/// A failure in a result, as workflows tell those of their steps.
fn told_as(failure: &Fault) -> Value {
    let mut told = json!({
        "category": failure.reason.label(),
        "message": failure.message,
        "retryable": failure.reason.retryable(),
    });
    if let Some(wait) = failure.retry_after {
        told["retry_after_ms"] = json!(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    }
    told
}
