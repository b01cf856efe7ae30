//! Each era as a client meets it, without sockets.

use http_body_util::BodyExt;
use hyper::Request;

use super::*;
use crate::answers::Text;

fn server(era: Era) -> Service {
    Service::new(era, Answers::new(2, 8, Text::Letters), Duration::ZERO)
}

/// Status and body of the reply to one request.
async fn send(
    service: &Service,
    http: Method,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, String) {
    let mut request = Request::builder().method(http).uri("/mcp");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (head, ()) = request.body(()).unwrap().into_parts();
    let reply = service.answer(&head, body.as_bytes()).await;
    let status = reply.status().as_u16();
    let body = reply.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.into()).unwrap())
}

fn ask(method: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":7,"method":"{method}","params":{{}}}}"#)
}

async fn modern(era: Era, method: &str) -> (u16, String) {
    let headers = [(VERSION, MODERN), (METHOD, method), (NAME, "echo_00000")];
    send(&server(era), Method::POST, &headers, &ask(method)).await
}

#[tokio::test]
async fn a_modern_client_needs_no_handshake() {
    let (status, call) = modern(Era::Both, "tools/call").await;
    let (_, list) = modern(Era::Both, "tools/list").await;
    let (_, greeting) = modern(Era::Both, "server/discover").await;

    assert_eq!(status, 200);
    assert!(call.starts_with(r#"{"jsonrpc":"2.0","id":7,"result":{"content":"#));
    assert!(call.contains("xxxxxxxx") && call.contains(r#""resultType":"complete""#));
    assert!(list.contains("echo_00001") && list.contains(r#""ttlMs":"#));
    assert!(greeting.contains(r#""supportedVersions":["2026-07-28"]"#));
}

#[tokio::test]
async fn a_header_lost_on_the_way_is_noticed() {
    for headers in [
        &[(VERSION, MODERN), (METHOD, "tools/call")][..],
        &[(VERSION, MODERN), (NAME, "echo_00000")],
        &[(VERSION, MODERN), (METHOD, "tools/list"), (NAME, "x")],
    ] {
        let reply = send(&server(Era::Both), Method::POST, headers, &ask("tools/call")).await;

        assert_eq!(reply.0, 400, "{headers:?}");
        assert!(reply.1.contains("-32020"), "{}", reply.1);
    }
}

#[tokio::test]
async fn a_legacy_client_lives_in_a_session() {
    let service = server(Era::Both);
    let session = [(SESSION, "1")];

    let (_, greeting) = send(&service, Method::POST, &[], &ask("initialize")).await;
    let ready = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    let (accepted, _) = send(&service, Method::POST, &session, ready).await;
    let (_, call) = send(&service, Method::POST, &session, &ask("tools/call")).await;
    let (ended, _) = send(&service, Method::DELETE, &session, "").await;
    let (gone, _) = send(&service, Method::POST, &session, &ask("tools/call")).await;
    let (outside, _) = send(&service, Method::POST, &[], &ask("tools/call")).await;

    assert!(greeting.contains(r#""protocolVersion":"2025-11-25""#));
    assert!(call.contains("xxxxxxxx") && !call.contains("resultType"));
    assert_eq!((accepted, ended, gone, outside), (202, 204, 404, 400));
}

#[tokio::test]
async fn each_era_alone_refuses_the_other_as_real_servers_do() {
    let (status, probed) = modern(Era::Legacy, "server/discover").await;
    assert_eq!(status, 400);
    assert!(probed.contains("-32600"), "{probed}");

    let service = server(Era::Modern);
    let (status, refused) = send(&service, Method::POST, &[], &ask("initialize")).await;
    assert_eq!(status, 400);
    assert!(refused.contains(r#"-32022,"message":"unsupported version","data":{"supported":["#));

    let (status, removed) = modern(Era::Both, "initialize").await;
    assert_eq!(status, 404);
    assert!(removed.contains("-32601"), "{removed}");
}

#[tokio::test]
async fn there_is_no_stream_to_get() {
    assert_eq!(send(&server(Era::Both), Method::GET, &[], "").await.0, 405);
    assert_eq!(send(&server(Era::Modern), Method::DELETE, &[], "").await.0, 405);
}
