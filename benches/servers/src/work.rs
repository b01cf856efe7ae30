//! What the tools do, whatever serves them.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::wire::Wire;

/// Arguments of `calculate_fibonacci`.
#[derive(Deserialize, JsonSchema)]
pub struct Fibonacci {
    /// Which number of the sequence.
    #[schemars(range(min = 0, max = 90))]
    pub n: u32,
}

/// Arguments of `fetch_external_data`.
#[derive(Deserialize, JsonSchema)]
pub struct Fetch {
    /// What to fetch.
    #[schemars(length(min = 1, max = 100))]
    pub endpoint: String,
}

/// Arguments of `process_json_data`.
#[derive(Deserialize, JsonSchema)]
pub struct Process {
    /// What to turn into upper case.
    pub data: Map<String, Value>,
}

/// Arguments of `simulate_database_query`.
#[derive(Deserialize, JsonSchema)]
pub struct Query {
    /// The query.
    #[schemars(length(min = 1, max = 1000))]
    pub query: String,
    /// How long it takes, in milliseconds.
    #[schemars(range(min = 0, max = 1000))]
    pub delay_ms: u64,
}

/// A result that is a number.
#[derive(Serialize, JsonSchema)]
pub struct Number {
    /// The number.
    pub result: u64,
}

/// A result that is a text.
#[derive(Serialize, JsonSchema)]
pub struct Text {
    /// The text.
    pub result: String,
}

/// A result that is an object.
#[derive(Serialize, JsonSchema)]
pub struct Processed {
    /// The same with texts in upper case.
    pub result: Map<String, Value>,
}

/// A number of the sequence; beyond the 93rd it wraps.
pub fn fibonacci(n: u32) -> Number {
    let (mut a, mut b) = (0_u64, 1_u64);
    for _ in 0..n {
        (a, b) = (b, a.wrapping_add(b));
    }
    Number { result: a }
}

/// Turns the texts of an object into upper case.
pub fn process(data: Map<String, Value>) -> Processed {
    let upper = |value| match value {
        Value::String(text) => Value::String(text.to_uppercase()),
        other => other,
    };
    Processed { result: data.into_iter().map(|(key, value)| (key, upper(value))).collect() }
}

/// Waits as long as a query would take.
pub async fn query(query: &Query) -> Text {
    tokio::time::sleep(Duration::from_millis(query.delay_ms)).await;
    Text { result: format!("ran {} in {} ms", query.query, query.delay_ms) }
}

/// The API that is fetched from.
pub struct Api(Wire);

impl Api {
    /// The one at this address.
    pub fn at(address: SocketAddr) -> Api {
        Api(Wire::to(address))
    }

    /// What it answers.
    ///
    /// # Errors
    /// One sentence: the endpoint is none, or cannot be reached.
    pub async fn fetch(&self, endpoint: &str) -> Result<Text, String> {
        let path = endpoint.chars().all(|c| c.is_ascii_alphanumeric() || c == '/');
        if !path {
            return Err("an endpoint has letters, digits and /".to_owned());
        }
        let request = http::Request::get(format!("/{endpoint}")).body(Full::<Bytes>::default());
        let answer = self.0.send(request.map_err(|error| error.to_string())?).await;
        let answer = answer.map_err(|error| error.to_string())?;
        Ok(Text { result: String::from_utf8_lossy(answer.body()).into_owned() })
    }
}
