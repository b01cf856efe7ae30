//! What the requests to a scripted server share: answers to its questions, and announcements.

use std::collections::HashMap;
use std::sync::Mutex;

use serde_json::Value;
use tokio::sync::{broadcast, watch};

/// The place where they meet.
pub struct Hall {
    answers: Mutex<HashMap<String, Value>>,
    grown: watch::Sender<usize>,
    announcements: broadcast::Sender<String>,
}

impl Default for Hall {
    fn default() -> Hall {
        Hall {
            answers: Mutex::default(),
            grown: watch::channel(0).0,
            announcements: broadcast::channel(64).0,
        }
    }
}

impl Hall {
    /// A client has answered.
    pub fn answered(&self, response: Value) {
        let id = response["id"].as_str().unwrap_or_default().to_owned();
        self.answers.lock().unwrap().insert(id, response);
        self.grown.send_modify(|count| *count += 1);
    }

    /// Waits for the answer to a question of the server.
    pub async fn answer_to(&self, id: &str) -> Value {
        let mut grown = self.grown.subscribe();
        loop {
            grown.borrow_and_update();
            if let Some(answer) = self.answers.lock().unwrap().remove(id) {
                return answer;
            }
            grown.changed().await.unwrap();
        }
    }

    pub fn listen(&self) -> broadcast::Receiver<String> {
        let listening = self.announcements.subscribe();
        self.grown.send_modify(|count| *count += 1);
        listening
    }

    /// Says something to all who listen, once there is somebody.
    pub async fn announce(&self, json: &str) {
        let mut grown = self.grown.subscribe();
        loop {
            grown.borrow_and_update();
            if self.announcements.send(json.to_owned()).is_ok() {
                return;
            }
            grown.changed().await.unwrap();
        }
    }
}
