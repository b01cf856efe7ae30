//! One streamed answer: its events as frames, taken up again where the stream broke.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use toolgate_gateway::call::{End, Frame};
use toolgate_gateway::fault::Fault;
use toolgate_protocol::jsonrpc::{Kind, Message};
use toolgate_protocol::sse;
use toolgate_protocol::version::Era;

use super::asked::{self, Asked};
use super::cancel::CancelGuard;
use super::{LONGEST_PAUSE, PAUSE, Streamable};
use crate::endpoint::{self, Shape};
use crate::http::Body;
use crate::link::{self, Link, Outbound};
use crate::stepped::Steps;

/// How often a broken stream is resumed before the call fails.
const RESUMES: u32 = 5;

/// The frames of one streamed answer.
pub(super) struct Stream {
    link: Arc<Streamable>,
    guard: CancelGuard,
    asked: Option<Asked>,
    id: String,
    token: Option<Box<str>>,
    may_ask: bool,
    body: Option<Body>,
    decoder: sse::Decoder,
    last_event: Option<String>,
    retry: Option<u64>,
    resumes: u32,
}

impl Steps for Stream {
    async fn step(&mut self) -> Result<Frame, Fault> {
        loop {
            while let Some(event) = self.next_event()? {
                if let Some(frame) = self.frame(event)? {
                    return Ok(frame);
                }
            }
            let Some(body) = &mut self.body else {
                self.resume().await?;
                continue;
            };
            let chunk = tokio::select! {
                biased;
                chunk = body.chunk() => chunk,
                question = asked::next(&mut self.asked) => return Ok(question),
            };
            match chunk {
                Ok(Some(chunk)) => self.decoder.feed(chunk),
                // With an event id the rest can be had later, as a server that wants its
                // connection back relies on (2025-11-25, transports: polling).
                outcome => {
                    self.body = None;
                    if self.last_event.is_none() {
                        return Err(self.cut_short(outcome.err()));
                    }
                    return Ok(Frame::Pause(self.retry.map(Duration::from_millis)));
                }
            }
        }
    }

    fn failed(&mut self) {
        self.guard.disarm();
    }
}

impl Stream {
    pub fn new(
        link: Arc<Streamable>,
        guard: CancelGuard,
        asked: Option<Asked>,
        outbound: Outbound,
        body: Body,
    ) -> Stream {
        Stream {
            guard,
            asked,
            id: outbound.id.to_string(),
            token: outbound.token,
            may_ask: outbound.may_ask,
            body: Some(body),
            decoder: link.endpoint.decoder(),
            link,
            last_event: None,
            retry: None,
            resumes: 0,
        }
    }

    fn next_event(&mut self) -> Result<Option<sse::Event>, Fault> {
        self.decoder.next_event().map_err(|error| self.link.endpoint.too_long(error))
    }

    async fn resume(&mut self) -> Result<(), Fault> {
        self.resumes += 1;
        if self.resumes > RESUMES {
            return Err(self.cut_short(None));
        }
        let pause = self.retry.map_or(PAUSE, Duration::from_millis).min(LONGEST_PAUSE);
        tokio::time::sleep(pause).await;
        let mut response = self.link.get(self.last_event.as_deref()).await?;
        if !response.status().is_success() || endpoint::shape(&response) != Shape::Events {
            let status = response.status();
            let body = self.link.endpoint.collect(&mut response).await?;
            return Err(self.link.endpoint.not_mcp(status, &body));
        }
        self.decoder = self.link.endpoint.decoder();
        self.body = Some(response.into_body());
        Ok(())
    }

    fn frame(&mut self, event: sse::Event) -> Result<Option<Frame>, Fault> {
        self.last_event = event.id.or(self.last_event.take());
        self.retry = event.retry.or(self.retry);
        if event.data.is_empty() {
            return Ok(None);
        }
        let message = self.link.endpoint.message(StatusCode::OK, event.data)?;
        Ok(match message.kind() {
            Kind::Notification => self.notification(message).map(Frame::Notification),
            Kind::Request => self.question(&message),
            Kind::Result | Kind::Error if message.id() == Some(&self.id) => {
                self.guard.disarm();
                if let Some(body) = self.body.take() {
                    body.finish_later();
                }
                Some(Frame::End(End { message, era: Era::Legacy, status: None }))
            }
            Kind::Result | Kind::Error => {
                self.link.endpoint.ignore_stray(&message);
                None
            }
        })
    }

    fn notification(&self, message: Message) -> Option<Message> {
        match link::progress_id(&message) {
            Some(id) if id.to_string() == self.id => {
                link::with_token(&message, self.token.as_deref()?)
            }
            Some(_) => None,
            None => Some(message),
        }
    }

    fn question(&self, message: &Message) -> Option<Frame> {
        let link = self.link.clone();
        if message.method() == Some("ping") || !self.may_ask {
            let refusal = link::unsolicited(message);
            tokio::spawn(async move { link.send(refusal).await });
            return None;
        }
        let (ask, answered) = link::ask_of(message);
        self.link.respond(message, answered);
        Some(Frame::Ask(ask))
    }

    fn cut_short(&self, error: Option<crate::http::HttpError>) -> Fault {
        let fault = self.link.endpoint.cut_short();
        match error {
            Some(error) => fault.because(error),
            None => fault,
        }
    }
}
