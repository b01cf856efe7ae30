//! The example `examples/cloud-resources` with its stand-in for a cloud, as its README says.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::peer::toolgate;
use crate::support::{Gateway, Modern, example, soon};

const EXAMPLE: &str = include_str!("../../../../examples/cloud-resources/gateway.yaml");
const FORM: &str = r#"{"elicitation":{"form":{}}}"#;
const YES: &str = r#"{"q1":{"action":"accept","content":{"approve":true}}}"#;

/// The example on a cloud of its own.
struct Scene {
    gateway: Gateway,
    yaml: String,
    _cloud: Child,
}

impl Scene {
    async fn open() -> Scene {
        let mut cloud = Command::new("python3")
            .arg("-I")
            .arg(example("cloud-resources").join("standin.py"))
            .arg("0")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(cloud.stdout.take().unwrap()).lines();
        let url = soon("the cloud", lines.next_line()).await.unwrap().unwrap();
        let yaml =
            EXAMPLE.replace("http://127.0.0.1:8098", &url).replace("listen: 127.0.0.1:8080\n", "");
        let gateway = Gateway::serve(&yaml).await;
        Scene { gateway, yaml, _cloud: cloud }
    }

    /// Provisions a machine, and agrees when asked.
    async fn provision(&self, arguments: &Value) -> Value {
        const TOOL: &str = "resources_provision_machine";
        let client = Modern::within(&self.gateway, "agents").able(FORM);
        let arguments = arguments.to_string();
        let asked = client.call(TOOL, &arguments).await.result();
        if asked["resultType"] != "input_required" {
            return asked;
        }
        let message = asked["inputRequests"]["q1"]["params"]["message"].as_str().unwrap();
        assert!(message.starts_with("Create the "), "{message}");
        client.retry(TOOL, &arguments, &asked["requestState"], YES).await.result()
    }

    async fn resources(&self) -> Value {
        let client = Modern::of(&self.gateway);
        let result = client.call("cloud_list_resources", r#"{"project":"shop"}"#).await.result();
        result["structuredContent"].clone()
    }
}

#[tokio::test]
async fn a_machine_is_provisioned_in_one_call_or_not_at_all() {
    let scene = Scene::open().await;

    let web = json!({ "project": "shop", "name": "web", "tags": ["blue", "root", "eu"] });
    let made = scene.provision(&web).await;
    let huge = json!({ "project": "shop", "name": "db", "size": "huge" });
    let failed = scene.provision(&huge).await;

    let expected = json!({
        "machine": "vm-2", "network": "net-1", "address": "10.0.0.2", "tags": ["blue", "eu"],
    });
    assert_eq!(made["structuredContent"]["result"], expected, "{made}");
    // One tag is reserved, which the machine can do without.
    assert_eq!(made["structuredContent"]["status"], "partial");
    let text = failed["content"][0]["text"].as_str().unwrap();
    assert!(
        text.starts_with(
            "step attached of resources.provision_machine failed at cloud.attach_machine: "
        ),
        "{text}"
    );
    assert!(text.contains("undone: network, machine"), "{text}");
    let stands = json!({
        "networks": [{ "id": "net-1", "name": "web-net" }],
        "machines": [{ "id": "vm-2", "name": "web" }],
    });
    assert_eq!(scene.resources().await, stands);
}

#[tokio::test]
async fn agents_see_the_workflow_alone_and_a_full_project_orders_nothing() {
    let scene = Scene::open().await;

    let client = Modern::within(&scene.gateway, "agents");
    let list = client.request("1", "tools/list", "{}").await.result();
    for name in ["a", "b", "c"] {
        scene.provision(&json!({ "project": "shop", "name": name })).await;
    }
    let full = scene.provision(&json!({ "project": "shop", "name": "d" })).await;

    let names: Vec<_> = list["tools"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["resources_provision_machine"]);
    let text = full["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("shop has all of its 3 machines"), "{text}");
    assert_eq!(full["_meta"]["dev.toolgate/error"]["sideEffect"], "none");
}

#[tokio::test]
async fn the_example_checks_and_scans_clean_and_is_drawn() {
    let scene = Scene::open().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.yaml");
    std::fs::write(&file, &scene.yaml).unwrap();
    let file = file.to_str().unwrap();

    let checked = toolgate(&["check", file]);
    let scanned = toolgate(&["scan", file]);
    let graph = toolgate(&["workflow", "graph", "provision_machine", "-c", file]);
    let picture = toolgate(&[
        "workflow",
        "graph",
        "resources.provision_machine",
        "--format",
        "svg",
        "-c",
        file,
    ]);
    let wrong = scene.yaml.replace("call: cloud.tag_machine", "call: cloud.attach_machine");
    std::fs::write(file, wrong).unwrap();
    let unfit = toolgate(&["check", file]);

    assert_eq!((checked.code, checked.out.trim()), (0, "ok: 2 servers"));
    assert_eq!(scanned.code, 0, "{}", scanned.out);
    insta::assert_snapshot!(graph.out);
    assert!(picture.out.starts_with("<svg ") && picture.out.trim_end().ends_with("</svg>"));
    assert_eq!(unfit.code, 1);
    insta::assert_snapshot!(unfit.out.replace(file, "gateway.yaml"));
}
