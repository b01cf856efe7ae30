//! Calls that need a person's consent: of the user, by elicitation, or of somebody else.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::peer::{self, toolgate};
use crate::support::{
    Answer, Ask, Call, Gateway, Modern, RedisServer, Server, Wire, legacy, modern, post,
};

const OK: &str = r#"{"resultType":"complete","content":[{"type":"text","text":"deleted"}]}"#;
pub const DELETE: &str = r#"{"id":100000000000000000001,"why":"old"}"#;

const TOOLS: &str = r#"{"resultType":"complete","tools":[{"name":"delete","inputSchema":{"type":"object"}},{"name":"twice","inputSchema":{"type":"object"}},{"name":"find","inputSchema":{"type":"object"}}],"ttlMs":0,"cacheScope":"private"}"#;

pub async fn modern_server() -> Server {
    modern(|call: Call| async move {
        match call.name() {
            _ if call.method() == "tools/list" => call.result(TOOLS),
            "twice" if call.json["params"]["requestState"].is_null() => call.result(
                r#"{"resultType":"input_required","requestState":"up","inputRequests":{"who":{"method":"elicitation/create","params":{"mode":"form","message":"Who?","requestedSchema":{"type":"object","properties":{"n":{"type":"string"}}}}}}}"#,
            ),
            _ => call.result(OK),
        }
    })
    .await
}

async fn legacy_server() -> Server {
    legacy(|call: Call| async move {
        call.result(if call.method() == "tools/list" { TOOLS } else { OK })
    })
    .await
}

pub struct Scene {
    pub gateway: Gateway,
    /// Ada calls; Bob and Eve may decide, Eve in another house.
    keys: [String; 3],
    folder: TempDir,
    yaml: String,
}

fn key(words: &[&str], file: &Path) -> String {
    let mut all = vec!["key", "new"];
    all.extend(words);
    all.extend(["--file", file.to_str().unwrap()]);
    let made = toolgate(&all);
    assert_eq!(made.code, 0, "{}", made.err);
    made.out.trim().to_owned()
}

impl Scene {
    pub async fn before(server: &Server, approvals: &str) -> Scene {
        Scene::with(server, approvals, "").await
    }

    /// The same with more in the configuration.
    pub async fn with(server: &Server, approvals: &str, more: &str) -> Scene {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("keys.yaml");
        let keys = [
            key(&["ada", "--tenant", "acme", "--role", "user", "--role", "boss"], &file),
            key(&["bob", "--tenant", "acme", "--role", "boss"], &file),
            key(&["eve", "--tenant", "other", "--role", "boss"], &file),
        ];
        let yaml = format!(
            r#"
{more}
authentication: {{ api_keys: {{ file: '{}' }} }}
approvals: {approvals}
policy:
  policies:
    - |
      permit (principal, action, resource);
      @approve("This deletes for good.")
      permit (principal, action, resource == Tool::"crm/delete");
      @approve("This asks twice.")
      permit (principal, action, resource == Tool::"crm/twice");
servers: [{}]"#,
            file.display(),
            server.entry("crm", "")
        );
        Scene { gateway: Gateway::serve(&yaml).await, keys, folder, yaml }
    }

    /// Another replica of the same.
    async fn beside(&self) -> Scene {
        let (keys, yaml) = (self.keys.clone(), self.yaml.clone());
        let folder = TempDir::new().unwrap();
        Scene { gateway: Gateway::serve(&yaml).await, keys, folder, yaml }
    }

    pub fn sign(&self, ask: Ask, who: usize) -> Ask {
        ask.header("Authorization", &format!("Bearer {}", self.keys[who]))
    }

    fn client(&self, able: bool) -> Modern {
        let client = Modern::of(&self.gateway);
        if able { client.able(r#"{"elicitation":{"form":{}}}"#) } else { client }
    }

    pub async fn call(&self, able: bool, tool: &str, members: &str) -> Answer {
        let params = format!(r#"{{"name":"{tool}",{members}}}"#);
        let ask = self.client(able).ask("1", "tools/call", &params);
        self.gateway.ask(&self.sign(ask, 0)).await
    }

    /// The call again, with what was answered.
    pub async fn answer(&self, tool: &str, arguments: &str, state: &Value, answer: &str) -> Answer {
        let members = format!(
            r#""arguments":{arguments},"inputResponses":{{"dev.toolgate.approval":{answer}}},"requestState":{state}"#
        );
        self.call(true, tool, &members).await
    }

    /// A session of Ada's, whose client knows elicitation or not.
    async fn session(&self, able: bool) -> Session<'_> {
        let capabilities = if able { r#"{"elicitation":{}}"# } else { "{}" };
        let hello = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{{"protocolVersion":"2025-11-25","capabilities":{capabilities},"clientInfo":{{"name":"t","version":"1"}}}}}}"#
        );
        let opened = self.gateway.ask(&self.sign(post(hello), 0)).await;
        let session = opened.header("mcp-session-id").unwrap().to_owned();
        Session { scene: self, session }
    }

    pub fn admin(&self, who: usize, words: &[&str]) -> peer::Ended {
        let file = self.folder.path().join("credential");
        std::fs::write(&file, &self.keys[who]).unwrap();
        let url = format!("http://{}", self.gateway.address);
        let mut all = vec!["approvals"];
        all.extend(words);
        all.extend(["--url", &url, "--key-file", file.to_str().unwrap()]);
        toolgate(&all)
    }
}

struct Session<'a> {
    scene: &'a Scene,
    session: String,
}

impl Session<'_> {
    fn sign(&self, body: String) -> Ask {
        self.scene.sign(post(body), 0).header("Mcp-Session-Id", &self.session)
    }

    async fn begin(&self, arguments: &str) -> Wire {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"delete","arguments":{arguments}}}}}"#
        );
        self.scene.gateway.send(&self.sign(body)).await
    }

    async fn reply(&self, question: &Value, outcome: &str) {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{},{outcome}}}"#, question["id"]);
        assert_eq!(self.scene.gateway.ask(&self.sign(body)).await.status, 202);
    }
}

pub fn arguments(json: &str) -> String {
    format!(r#""arguments":{json}"#)
}

pub const YES: &str = r#"{"action":"accept","content":{"approve":true}}"#;

pub fn category(answer: &Answer) -> Value {
    answer.result()["_meta"]["dev.toolgate/error"]["category"].clone()
}

#[tokio::test]
async fn the_user_is_asked_and_what_was_agreed_to_runs_once() {
    for server in [modern_server().await, legacy_server().await] {
        let scene = Scene::before(&server, "{ roles: [boss] }").await;
        let asked = scene.call(true, "delete", &arguments(DELETE)).await.result();
        assert_eq!(asked["resultType"], "input_required", "{asked}");
        let question = &asked["inputRequests"]["dev.toolgate.approval"];
        assert_eq!(question["method"], "elicitation/create");
        let text = question["params"]["message"].as_str().unwrap();
        assert!(
            text.contains("This deletes for good.") && text.contains("100000000000000000001"),
            "{text}"
        );
        assert_eq!(server.count("tools/call"), 0);
        let state = &asked["requestState"];

        // No answer at all: asked again.
        let again = scene
            .call(true, "delete", &format!(r#"{},"requestState":{state}"#, arguments(DELETE)))
            .await;
        assert_eq!(again.result()["resultType"], "input_required");
        let ran = scene.answer("delete", DELETE, state, YES).await.result();

        assert_eq!(ran["content"][0]["text"], "deleted", "{ran}");
        let arrived = server.nth("tools/call", 0).await;
        assert!(
            arrived.body.contains(r#""arguments":{"id":100000000000000000001,"why":"old"}"#),
            "{}",
            arrived.body
        );
        assert!(
            !arrived.body.contains("approval") && !arrived.body.contains("requestState"),
            "{}",
            arrived.body
        );
        // Used once: the same answer opens nothing again.
        let replayed = scene.answer("delete", DELETE, state, YES).await.result();
        assert_eq!(replayed["resultType"], "input_required", "{replayed}");
        assert_eq!(server.count("tools/call"), 1);
    }
}

#[tokio::test]
async fn consent_is_for_these_arguments_of_this_caller_and_no_others() {
    let server = modern_server().await;
    let scene = Scene::before(&server, "{ roles: [boss] }").await;
    let asked = scene.call(true, "delete", &arguments(DELETE)).await.result();
    let state = &asked["requestState"];

    // Other arguments, by a digit that a double does not keep apart; another tool; another caller.
    let other = DELETE.replace("001", "002");
    for changed in [other.as_str(), r#"{"id":1}"#] {
        let refused = scene.answer("delete", changed, state, YES).await;
        assert!(refused.body.contains("not valid for this request"), "{}", refused.body);
    }
    assert!(scene.answer("twice", DELETE, state, YES).await.body.contains("not valid"));
    let members = format!(
        r#"{{"name":"delete","arguments":{DELETE},"inputResponses":{{"dev.toolgate.approval":{YES}}},"requestState":{state}}}"#
    );
    let stolen = scene.sign(scene.client(true).ask("1", "tools/call", &members), 1);
    assert!(scene.gateway.ask(&stolen).await.body.contains("not valid"));
    // One bit of the state.
    let mut text = state.as_str().unwrap().to_owned().into_bytes();
    text[60] ^= 1;
    let forged = json!(String::from_utf8_lossy(&text));
    assert!(scene.answer("delete", DELETE, &forged, YES).await.body.contains("not valid"));
    assert_eq!(server.count("tools/call"), 0);
}

#[tokio::test]
async fn a_user_who_does_not_agree_is_heard() {
    let server = modern_server().await;
    let scene = Scene::before(&server, "{ roles: [boss] }").await;
    for answer in [
        r#"{"action":"decline"}"#,
        r#"{"action":"cancel"}"#,
        r#"{"action":"accept","content":{"approve":false}}"#,
        r#"{"action":"accept","content":{}}"#,
        r#"{"action":"accept","content":{"approve":"true"}}"#,
    ] {
        let asked = scene.call(true, "delete", &arguments(DELETE)).await.result();
        let refused = scene.answer("delete", DELETE, &asked["requestState"], answer).await;
        assert_eq!(category(&refused), "declined", "{answer}: {}", refused.body);
    }
    assert_eq!(server.count("tools/call"), 0);
    scene.call(true, "find", &arguments("{}")).await.result();
    assert_eq!(server.count("tools/call"), 1);
}

#[tokio::test]
async fn the_user_of_an_older_client_is_asked_on_its_stream() {
    for server in [modern_server().await, legacy_server().await] {
        let scene = Scene::before(&server, "{ roles: [boss] }").await;
        let session = scene.session(true).await;
        for (outcome, ran) in [
            (format!(r#""result":{YES}"#), true),
            (r#""result":{"action":"decline"}"#.to_owned(), false),
            (r#""error":{"code":-32603,"message":"no"}"#.to_owned(), false),
        ] {
            let before = server.count("tools/call");
            let mut wire = session.begin(DELETE).await;
            wire.head().await.unwrap();
            let question = wire.message().await;
            assert_eq!(question["method"], "elicitation/create", "{question}");
            assert_eq!(server.count("tools/call"), before);
            session.reply(&question, &outcome).await;
            let answer = wire.message().await;
            assert_eq!(answer["result"]["isError"] != true, ran, "{answer}");
            assert_eq!(server.count("tools/call"), before + usize::from(ran));
        }
    }
}

/// Case Z9: whoever called does not decide, whatever its roles.
#[tokio::test]
async fn somebody_else_decides_and_never_the_caller_itself() {
    let server = modern_server().await;
    let scene = Scene::before(&server, "{ by: other, roles: [boss] }").await;
    let waiting = scene.call(true, "delete", &arguments(DELETE)).await;
    assert_eq!(category(&waiting), "approval_required", "{}", waiting.body);
    let listed = scene.admin(1, &["list", "--json"]).json();
    let one = &listed["approvals"][0];
    let id = one["id"].as_str().unwrap();
    assert!(waiting.body.contains(id), "{}", waiting.body);
    assert_eq!((&one["caller"], &one["tool"]), (&json!("ada"), &json!("delete")));

    // Ada has the role, and is the one who called; Eve is of another house.
    let own = scene.admin(0, &["grant", id]);
    assert!(own.code == 1 && own.err.contains("their own"), "{}", own.err);
    assert_eq!(scene.admin(2, &["list", "--json"]).json()["approvals"], json!([]));
    assert!(scene.admin(2, &["grant", id]).err.contains("no such call"));
    assert_eq!(
        category(&scene.call(true, "delete", &arguments(DELETE)).await),
        "approval_required"
    );
    assert_eq!(server.count("tools/call"), 0);

    let shown = scene.admin(1, &["show", id]);
    assert!(shown.out.contains(r#"{"id":100000000000000000001,"why":"old"}"#), "{}", shown.out);
    assert_eq!(scene.admin(1, &["grant", id]).out, format!("granted {id}\n"));

    // Granted for these arguments alone, once.
    let other = DELETE.replace("001", "002");
    assert_eq!(
        category(&scene.call(true, "delete", &arguments(&other)).await),
        "approval_required"
    );
    let ran = scene.call(true, "delete", &arguments(DELETE)).await.result();
    assert_eq!(ran["content"][0]["text"], "deleted");
    assert_eq!(
        category(&scene.call(true, "delete", &arguments(DELETE)).await),
        "approval_required"
    );
    assert_eq!(server.count("tools/call"), 1);
}

#[tokio::test]
async fn a_client_that_cannot_ask_its_user_is_told_whom_to_ask_in_both_eras() {
    let server = legacy_server().await;
    let scene = Scene::before(&server, "{ roles: [boss] }").await;
    let session = scene.session(false).await;
    let waiting = scene.call(false, "delete", &arguments(DELETE)).await;
    let same = session.begin(DELETE).await.answer().await;
    // One wish, however often and by whatever client it is made.
    let listed = scene.admin(1, &["list", "--json"]).json();
    let [one] = &listed["approvals"].as_array().unwrap()[..] else { panic!("{listed}") };
    let id = one["id"].as_str().unwrap();
    for answer in [&waiting, &same] {
        assert_eq!(category(answer), "approval_required");
        assert!(answer.body.contains(id), "{}", answer.body);
    }

    assert_eq!(scene.admin(1, &["refuse", id]).code, 0);

    assert_eq!(category(&session.begin(DELETE).await.answer().await), "declined");
    assert_eq!(server.count("tools/call"), 0);
}

#[tokio::test]
async fn there_is_nothing_to_decide_for_whoever_has_no_role() {
    let server = modern_server().await;
    let scene = Scene::before(&server, "{ roles: [nobody-has-it] }").await;
    scene.call(false, "delete", &arguments(DELETE)).await;

    for who in 0..3 {
        let ended = scene.admin(who, &["list"]);
        assert!(ended.code == 1 && ended.err.contains("nothing to decide"), "{}", ended.err);
    }
    assert_eq!(scene.gateway.ask(&Ask::new("GET", "/admin/approvals")).await.status, 401);
    let open = Gateway::before(&server).await;
    assert_eq!(open.ask(&Ask::new("GET", "/admin/approvals")).await.status, 404);
}

#[tokio::test]
async fn consent_goes_with_a_call_into_its_next_round_and_no_further() {
    let server = modern_server().await;
    let scene = Scene::before(&server, "{ roles: [boss] }").await;
    let asked = scene.call(true, "twice", &arguments("{}")).await.result();
    let further = scene.answer("twice", "{}", &asked["requestState"], YES).await.result();
    assert!(further["inputRequests"]["who"].is_object(), "{further}");
    let members = format!(
        r#""arguments":{{}},"inputResponses":{{"who":{{"action":"accept","content":{{"n":"x"}}}}}},"requestState":{}"#,
        further["requestState"]
    );

    let done = scene.call(true, "twice", &members).await.result();
    assert_eq!(done["content"][0]["text"], "deleted", "{done}");
    let arrived = server.nth("tools/call", 1).await;
    assert_eq!(arrived.json["params"]["requestState"], "up");

    // The round cannot be run again without being asked.
    let replayed = scene.call(true, "twice", &members).await.result();
    assert!(replayed["inputRequests"]["dev.toolgate.approval"].is_object(), "{replayed}");
    assert_eq!(server.count("tools/call"), 2);
}

/// A store, and keys that its replicas share.
fn on(redis: &RedisServer) -> String {
    format!(
        "keys: [kq3v9Z0eTn1bXw7RyP5sLd2HfJ8mCa4G]\nstore: {{ redis: '{}' }}\nrate_limits: {{ defaults: false }}",
        redis.url()
    )
}

#[tokio::test]
async fn what_is_asked_for_at_one_replica_is_granted_at_another_and_used_once() {
    let (mut redis, server) = (RedisServer::start(), modern_server().await);
    let a = Scene::with(&server, "{ by: other, roles: [boss] }", &on(&redis)).await;
    let b = a.beside().await;
    let waiting = a.call(true, "delete", &arguments(DELETE)).await;
    assert_eq!(category(&waiting), "approval_required", "{}", waiting.body);
    // Asked for already, wherever it comes again.
    b.call(true, "delete", &arguments(DELETE)).await;
    let listed = b.admin(1, &["list", "--json"]).json();
    assert_eq!(listed["approvals"].as_array().unwrap().len(), 1, "{listed}");
    let id = listed["approvals"][0]["id"].as_str().unwrap();
    assert!(waiting.body.contains(id), "{}", waiting.body);

    assert!(b.admin(0, &["grant", id]).err.contains("their own"));
    assert!(b.admin(2, &["grant", id]).err.contains("no such call"));
    assert_eq!(b.admin(1, &["grant", id]).out, format!("granted {id}\n"));

    let members = arguments(DELETE);
    let (one, other) =
        tokio::join!(a.call(true, "delete", &members), b.call(true, "delete", &members));
    let served = [&one, &other].iter().filter(|it| it.body.contains("deleted")).count();
    assert_eq!((served, server.count("tools/call")), (1, 1), "{}\n{}", one.body, other.body);

    redis.end();
    let away = a.call(true, "delete", &arguments(DELETE)).await;
    assert_eq!(category(&away), "unavailable", "{}", away.body);
    assert!(a.admin(1, &["list"]).code != 0);
    assert_eq!(server.count("tools/call"), 1);
}

#[tokio::test]
async fn what_the_user_agreed_to_runs_once_at_whichever_replica() {
    let (redis, server) = (RedisServer::start(), modern_server().await);
    let a = Scene::with(&server, "{ roles: [boss] }", &on(&redis)).await;
    let b = a.beside().await;
    let asked = a.call(true, "delete", &arguments(DELETE)).await.result();
    let state = &asked["requestState"];

    let served = b.answer("delete", DELETE, state, YES).await;
    assert!(served.body.contains("deleted"), "{}", served.body);
    for replica in [&a, &b] {
        let again = replica.answer("delete", DELETE, state, YES).await.result();
        assert_eq!(again["resultType"], "input_required", "{again}");
    }
    assert_eq!(server.count("tools/call"), 1);
}
