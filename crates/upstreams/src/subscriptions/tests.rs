use std::time::Duration;

use toolgate_protocol::jsonrpc::{self, Message};

use super::*;

/// A server that takes its time, and notes what reached it.
#[derive(Default)]
struct Server {
    asked: Mutex<Vec<String>>,
    refuses: bool,
}

impl Asks for Server {
    fn ask<'a>(&'a self, method: &'a str, params: &'a str) -> Boxed<'a, Result<Message, Fault>> {
        Box::pin(async move {
            // What is under way may be overtaken by what is sent after it.
            let travel = if method.ends_with("unsubscribe") { 50 } else { 10 };
            tokio::time::sleep(Duration::from_millis(travel)).await;
            assert_eq!(params, r#"{"uri":"r://1"}"#);
            self.asked.lock().unwrap().push(method.trim_start_matches("resources/").to_owned());
            let answer = if self.refuses {
                jsonrpc::error(Some("1"), -32002, "no such resource", None)
            } else {
                jsonrpc::result("1", "{}")
            };
            Ok(Message::scan_reply(answer, &Default::default()).unwrap())
        })
    }
}

impl Server {
    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn quiet() {
    tokio::time::sleep(Duration::from_secs(5)).await;
}

#[tokio::test(start_paused = true)]
async fn many_listeners_are_one_subscription_that_ends_with_the_last() {
    let (all, server) = (Arc::new(Subscriptions::default()), Arc::new(Server::default()));
    let subscribing = (0..100).map(|_| all.subscribe(&server, "r://1"));
    let mut leases = futures_util::future::join_all(subscribing).await;

    leases.truncate(1);
    quiet().await;
    assert_eq!(server.asked(), ["subscribe"]);

    drop(leases);
    quiet().await;
    assert_eq!(server.asked(), ["subscribe", "unsubscribe"]);
    assert!(all.resources().is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_subscribes_while_the_last_one_leaves_stays_subscribed() {
    let (all, server) = (Arc::new(Subscriptions::default()), Arc::new(Server::default()));
    drop(all.subscribe(&server, "r://1").await.unwrap());
    // The end of the subscription is on its way to the server now.
    tokio::time::sleep(Duration::from_millis(1)).await;

    let lease = all.subscribe(&server, "r://1").await.unwrap();
    quiet().await;

    assert_eq!(server.asked(), ["subscribe", "unsubscribe", "subscribe"]);
    drop(lease);
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_before_the_server_was_told_costs_nothing() {
    let (all, server) = (Arc::new(Subscriptions::default()), Arc::new(Server::default()));
    drop(all.subscribe(&server, "r://1").await.unwrap());

    let lease = all.subscribe(&server, "r://1").await.unwrap();
    quiet().await;

    assert_eq!(server.asked(), ["subscribe"]);
    drop(lease);
}

#[tokio::test(start_paused = true)]
async fn a_refused_subscription_is_refused_to_everybody_who_asked() {
    let server = Arc::new(Server { refuses: true, ..Server::default() });
    let all = Arc::new(Subscriptions::default());

    let (one, two) = tokio::join!(all.subscribe(&server, "r://1"), all.subscribe(&server, "r://1"));

    assert!(one.is_err() && two.is_err());
    quiet().await;
    assert!(all.resources().is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_while_subscribing_does_not_leave_a_subscription_behind() {
    let (all, server) = (Arc::new(Subscriptions::default()), Arc::new(Server::default()));

    let subscribing = all.subscribe(&server, "r://1");
    assert!(tokio::time::timeout(Duration::from_millis(5), subscribing).await.is_err());
    quiet().await;

    // The server may have heard the question that nobody waits for.
    assert_eq!(server.asked(), ["unsubscribe"]);
}
