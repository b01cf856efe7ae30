//! HTTP/1.1 by hand, so that a test says which bytes travel and sees which come back.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::soon;

/// One connection.
pub struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
    framing: Framing,
    text: String,
    /// The last message, as it was written.
    pub last: String,
}

#[derive(Clone, Copy)]
enum Framing {
    Ended,
    Length(usize),
    Chunked,
    UntilClose,
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// One event of a stream.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Event {
    pub id: Option<String>,
    pub name: Option<String>,
    pub data: String,
}

impl Event {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error}: {}", self.data))
    }
}

impl Wire {
    pub async fn connect(address: SocketAddr) -> Wire {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Wire {
            stream,
            buffer: Vec::new(),
            framing: Framing::Ended,
            text: String::new(),
            last: String::new(),
        }
    }

    /// Sends these bytes, as they are.
    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Sends what may be refused on the way, as by a peer that has heard enough.
    pub async fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }

    async fn fill(&mut self) -> bool {
        let mut piece = vec![0; 16 * 1024];
        match soon("bytes from the gateway", self.stream.read(&mut piece)).await {
            Ok(0) | Err(_) => false,
            Ok(read) => {
                self.buffer.extend_from_slice(&piece[..read]);
                true
            }
        }
    }

    /// Whether the peer has closed the connection, having sent nothing more.
    pub async fn is_closed(&mut self) -> bool {
        self.buffer.is_empty() && !self.fill().await
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line = String::from_utf8(self.buffer[..end].to_vec()).unwrap();
                self.buffer.drain(..end + 2);
                return Some(line);
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    /// The head of an answer; `None` when the connection ends instead.
    pub async fn head(&mut self) -> Option<Answer> {
        let line = self.line().await?;
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let line = self.line().await?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let answer = Answer { status, headers, body: String::new() };
        self.framing = if matches!(status, 204 | 304) {
            Framing::Ended
        } else if answer.header("transfer-encoding") == Some("chunked") {
            Framing::Chunked
        } else if let Some(length) = answer.header("content-length") {
            Framing::Length(length.parse().unwrap())
        } else {
            Framing::UntilClose
        };
        Some(answer)
    }

    /// The next piece of the body.
    async fn piece(&mut self) -> Option<Vec<u8>> {
        match self.framing {
            Framing::Ended => None,
            Framing::Length(0) => {
                self.framing = Framing::Ended;
                None
            }
            Framing::Length(left) => {
                if self.buffer.is_empty() && !self.fill().await {
                    panic!("the body ended {left} bytes early");
                }
                let take = left.min(self.buffer.len());
                self.framing = Framing::Length(left - take);
                Some(self.buffer.drain(..take).collect())
            }
            Framing::Chunked => {
                let size = self.line().await?;
                let size = usize::from_str_radix(size.trim(), 16).unwrap();
                while self.buffer.len() < size + 2 {
                    if !self.fill().await {
                        return None;
                    }
                }
                let piece = self.buffer.drain(..size).collect();
                self.buffer.drain(..2);
                if size == 0 {
                    self.framing = Framing::Ended;
                    return None;
                }
                Some(piece)
            }
            Framing::UntilClose => {
                if self.buffer.is_empty() && !self.fill().await {
                    return None;
                }
                Some(std::mem::take(&mut self.buffer))
            }
        }
    }

    /// Reads the rest of a body and forgets it.
    pub async fn rest(&mut self) {
        while self.piece().await.is_some() {}
    }

    /// The whole answer.
    pub async fn answer(&mut self) -> Answer {
        let mut answer = self.head().await.expect("an answer, not the end of the connection");
        let mut body = Vec::new();
        while let Some(piece) = self.piece().await {
            body.extend(piece);
        }
        answer.body = String::from_utf8(body).unwrap();
        answer
    }

    /// The next event, past any sign of life; `None` when the stream ends.
    pub async fn event(&mut self) -> Option<Event> {
        loop {
            while let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                if let Some(event) = read_event(&block) {
                    return Some(event);
                }
            }
            let piece = self.piece().await?;
            self.text.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }

    /// The next event that carries a message, as JSON.
    pub async fn message(&mut self) -> Value {
        loop {
            let event = self.event().await.expect("a message, not the end of the stream");
            if !event.data.is_empty() {
                self.last.clone_from(&event.data);
                return event.json();
            }
        }
    }
}

fn read_event(block: &str) -> Option<Event> {
    let mut event = Event::default();
    let mut said = false;
    for line in block.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => event.id = Some(value.to_owned()),
            "event" => event.name = Some(value.to_owned()),
            "data" => event.data.push_str(value),
            _ => continue,
        }
        said = true;
    }
    said.then_some(event)
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body, which must be one JSON text.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {:?}", self.status, self.body))
    }

    /// The events of the body.
    pub fn events(&self) -> Vec<Event> {
        self.body.split_inclusive("\n\n").filter_map(read_event).collect()
    }

    /// All messages, whether they came as a stream or at once.
    pub fn messages(&self) -> Vec<Value> {
        let streamed = self.header("content-type").is_some_and(|t| t.contains("event-stream"));
        if !streamed {
            return vec![self.json()];
        }
        self.events().iter().filter(|event| !event.data.is_empty()).map(Event::json).collect()
    }

    /// The response that ends the exchange.
    pub fn last(&self) -> Value {
        self.messages().pop().expect("a response")
    }

    /// What the response says as a result.
    pub fn result(&self) -> Value {
        let last = self.last();
        assert!(last.get("result").is_some(), "{} {last}", self.status);
        last["result"].clone()
    }

    /// The category of the failure that the result tells of; null if it tells of none.
    pub fn category(&self) -> Value {
        self.result()["_meta"]["dev.toolgate/error"]["category"].clone()
    }

    /// The code of the error in the response.
    pub fn code(&self) -> i64 {
        self.last()["error"]["code"].as_i64().unwrap_or_else(|| panic!("no error: {self:?}"))
    }
}
