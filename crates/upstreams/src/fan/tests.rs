use std::sync::Mutex;

use bytes::Bytes;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use toolgate_gateway::call::{End, Frames};
use toolgate_protocol::jsonrpc::{self, Message};
use toolgate_protocol::version::Era;

use super::*;
use crate::topic::{Topic, interest_in};

/// A modern server that keeps every listen it was asked for.
#[derive(Default)]
struct Server {
    listens: Mutex<Vec<Open>>,
    /// What it grants nobody.
    withheld: Mutex<Topics>,
    /// A name for which it refuses the whole request.
    poison: Option<Topic>,
}

struct Open {
    asked: Topics,
    frames: UnboundedSender<Frame>,
}

struct Stream(UnboundedReceiver<Frame>);

impl Frames for Stream {
    fn next(&mut self) -> Boxed<'_, Option<Frame>> {
        Box::pin(self.0.recv())
    }
}

impl Source for Server {
    fn listen(self: Arc<Self>, request: Request) -> Boxed<'static, Result<Reply, Fault>> {
        let params = request.message.params().unwrap();
        let asked = listen::granted(&params).unwrap();
        let (frames, stream) = unbounded_channel();
        if self.poison.as_ref().is_some_and(|poison| asked.contains(poison)) {
            let message = message(jsonrpc::error(Some("\"listen\""), -32602, "bad name", None));
            let _ = frames.send(Frame::End(End { message, era: Era::Modern, status: None }));
        } else {
            let granted = asked.difference(&self.withheld.lock().unwrap()).cloned().collect();
            let acknowledged = "notifications/subscriptions/acknowledged";
            let _ = frames.send(told(acknowledged, &listen::filter(&granted)));
        }
        self.listens.lock().unwrap().push(Open { asked, frames });
        Box::pin(async { Ok(Reply::Stream(Box::new(Stream(stream)))) })
    }
}

impl Server {
    fn new() -> Arc<Server> {
        Arc::default()
    }

    fn asked(&self) -> usize {
        self.listens.lock().unwrap().len()
    }

    fn last_asked(&self) -> Topics {
        self.listens.lock().unwrap().last().unwrap().asked.clone()
    }

    /// How many listens are still read by somebody.
    fn open(&self) -> usize {
        self.listens.lock().unwrap().iter().filter(|open| !open.frames.is_closed()).count()
    }

    /// Announces on every open listen, as a server does.
    fn announce(&self, method: &str, params: &str) {
        for open in &*self.listens.lock().unwrap() {
            let _ = open.frames.send(told(method, params));
        }
    }

    fn go_away(&self) {
        self.listens.lock().unwrap().clear();
    }
}

fn message(bytes: Bytes) -> Message {
    Message::scan_reply(bytes, &Default::default()).unwrap()
}

fn told(method: &str, params: &str) -> Frame {
    Frame::Notification(message(jsonrpc::notification(method, params)))
}

fn resource(uri: &str) -> Topic {
    Topic::Resource(uri.into())
}

fn interest(topics: impl IntoIterator<Item = Topic>) -> Interest {
    interest_in(&topics.into_iter().collect())
}

async fn watch(fan: &Arc<Fan>, server: &Arc<Server>, topics: &[Topic]) -> Result<Watch, Fault> {
    fan.watch(server.clone(), interest(topics.iter().cloned())).await
}

async fn quiet() {
    tokio::time::sleep(Duration::from_secs(5)).await;
}

fn heard(watch: &mut Watch) -> Vec<String> {
    let next = || watch.events.try_recv().ok();
    std::iter::from_fn(next).map(|event| event.method().unwrap_or_default().to_owned()).collect()
}

const TOOLS: &str = "notifications/tools/list_changed";
const UPDATED: &str = "notifications/resources/updated";

#[tokio::test(start_paused = true)]
async fn a_thousand_watchers_of_lists_share_one_listen() {
    let (fan, server) = (Arc::new(Fan::default()), Server::new());
    let topics = [Topic::Tools, Topic::Prompts];
    let joining = (0..1000).map(|_| watch(&fan, &server, &topics));
    let mut watches: Vec<_> =
        futures_util::future::join_all(joining).await.into_iter().map(Result::unwrap).collect();

    server.announce(TOOLS, "{}");
    quiet().await;

    assert_eq!(server.asked(), 1);
    assert!(watches.iter_mut().all(|watch| heard(watch) == [TOOLS]));
}

#[tokio::test(start_paused = true)]
async fn a_thousand_watchers_of_different_resources_cost_few_listens() {
    let (fan, server) = (Arc::new(Fan::default()), Server::new());
    let mut joining = Vec::new();
    for at in 0..1000 {
        let (fan, server) = (fan.clone(), server.clone());
        joining.push(tokio::spawn(async move {
            // They come over five seconds, not all at once.
            tokio::time::sleep(Duration::from_millis(at * 5)).await;
            watch(&fan, &server, &[resource(&format!("r://{at}"))]).await.unwrap()
        }));
    }
    let watches = futures_util::future::join_all(joining).await;

    assert_eq!(watches.len(), 1000);
    assert!(server.asked() < 20, "{} listens", server.asked());
    assert_eq!(server.last_asked().len(), 1000);
}

#[tokio::test(start_paused = true)]
async fn each_watcher_hears_only_what_it_asked_for() {
    let (fan, server) = (Arc::new(Fan::default()), Server::new());
    let mut one = watch(&fan, &server, &[Topic::Tools, resource("r://1")]).await.unwrap();
    let mut two = watch(&fan, &server, &[resource("r://2")]).await.unwrap();
    quiet().await;

    server.announce(TOOLS, "{}");
    server.announce(UPDATED, r#"{"uri":"r://2"}"#);
    quiet().await;

    assert_eq!(heard(&mut one), [TOOLS]);
    assert_eq!(heard(&mut two), [UPDATED]);
}

#[tokio::test(start_paused = true)]
async fn each_watcher_is_granted_what_the_server_grants_of_its_own_interest() {
    let (fan, server) = (Arc::new(Fan::default()), Server::new());
    *server.withheld.lock().unwrap() = [Topic::Prompts, resource("r://secret")].into();

    let one = watch(&fan, &server, &[Topic::Tools, Topic::Prompts]).await.unwrap();
    let two = watch(&fan, &server, &[Topic::Tools, resource("r://secret")]).await.unwrap();
    let again = watch(&fan, &server, &[Topic::Tools, Topic::Prompts]).await.unwrap();

    assert_eq!(one.accepted, interest([Topic::Tools]));
    assert_eq!(two.accepted, interest([Topic::Tools]));
    assert_eq!(again.accepted, interest([Topic::Tools]));
    // A list once refused is not asked for again and again.
    assert_eq!(server.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_while_one_listen_takes_over_from_another() {
    let (fan, server) = (Arc::new(Fan::default()), Server::new());
    let mut first = watch(&fan, &server, &[Topic::Tools]).await.unwrap();
    let second = watch(&fan, &server, &[resource("r://1")]).await.unwrap();

    // Sent on the old listen just before the new one was acknowledged, and read after.
    let old = server.listens.lock().unwrap()[0].frames.clone();
    old.send(told(TOOLS, "{}")).unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;

    assert_eq!(heard(&mut first), [TOOLS]);
    quiet().await;
    assert_eq!(server.open(), 1);
    drop(second);
}

#[tokio::test(start_paused = true)]
async fn the_listen_ends_with_its_last_watcher_and_narrows_before() {
    let (fan, server) = (Arc::new(Fan::default()), Server::new());
    let lists = watch(&fan, &server, &[Topic::Tools]).await.unwrap();
    let named = watch(&fan, &server, &[resource("r://1")]).await.unwrap();

    drop(named);
    quiet().await;
    assert_eq!(server.last_asked(), [Topic::Tools].into());
    assert_eq!(server.open(), 1);

    drop(lists);
    quiet().await;
    assert_eq!(server.open(), 0);
    assert!(fan.is_idle());
}

#[tokio::test(start_paused = true)]
async fn everybody_learns_that_the_server_went_away_and_can_listen_again() {
    let (fan, server) = (Arc::new(Fan::default()), Server::new());
    let mut one = watch(&fan, &server, &[Topic::Tools]).await.unwrap();
    let mut two = watch(&fan, &server, &[Topic::Tools]).await.unwrap();

    server.go_away();

    assert!(one.events.recv().await.is_none());
    assert!(two.events.recv().await.is_none());
    let again = watch(&fan, &server, &[Topic::Tools]).await.unwrap();
    // The guards of those who were cut off do not end what began since.
    drop((one, two));
    quiet().await;
    assert_eq!(server.open(), 1);
    drop(again);
}

#[tokio::test(start_paused = true)]
async fn a_watcher_that_does_not_read_loses_hints_and_holds_up_nobody() {
    let (fan, server) = (Arc::new(Fan::default()), Server::new());
    let mut slow = watch(&fan, &server, &[Topic::Tools]).await.unwrap();
    let mut quick = watch(&fan, &server, &[Topic::Tools]).await.unwrap();

    let mut all = 0;
    for _ in 0..10 {
        for _ in 0..100 {
            server.announce(TOOLS, "{}");
        }
        quiet().await;
        all += heard(&mut quick).len();
    }

    assert_eq!(all, 1000);
    assert_eq!(heard(&mut slow).len(), BACKLOG);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_the_server_refuses_is_refused_to_its_owner_alone() {
    let server = Arc::new(Server { poison: Some(resource("r://37")), ..Server::default() });
    let fan = Arc::new(Fan::default());
    let named: Vec<_> = (0..100).map(|at| [resource(&format!("r://{at}"))]).collect();

    let joined =
        futures_util::future::join_all(named.iter().map(|names| watch(&fan, &server, names))).await;

    let refused: Vec<_> =
        joined.iter().enumerate().filter(|(_, one)| one.is_err()).map(|(at, _)| at).collect();
    assert_eq!(refused, [37]);
    assert!(server.asked() < 40, "{} listens", server.asked());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_acknowledges_fails_the_watch() {
    struct Silent;
    impl Source for Silent {
        fn listen(self: Arc<Self>, _: Request) -> Boxed<'static, Result<Reply, Fault>> {
            Box::pin(std::future::pending())
        }
    }
    let fan = Arc::new(Fan::default());

    let outcome = fan.watch(Arc::new(Silent), interest([Topic::Tools])).await;

    assert_eq!(outcome.map(drop).unwrap_err().reason, Reason::Timeout);
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_waiting_leaves_nothing_behind() {
    let (fan, server) = (Arc::new(Fan::default()), Server::new());

    let waiting = watch(&fan, &server, &[Topic::Tools]);
    let gave_up = tokio::time::timeout(Duration::from_millis(1), waiting).await;

    assert!(gave_up.is_err());
    quiet().await;
    assert!(fan.is_idle());
    assert_eq!(server.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn log_messages_alone_are_nothing_to_listen_for() {
    let (fan, server) = (Arc::new(Fan::default()), Server::new());
    let logs = Interest { logs_of: Some("session".into()), ..Interest::default() };

    let outcome = fan.watch(server.clone(), logs).await;

    assert_eq!(outcome.map(drop).unwrap_err().reason, Reason::NoMethod);
    assert_eq!(server.asked(), 0);
}
