//! Configuration files from their text to their problems, as an operator meets them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use toolgate_gateway::config::{
    self, CacheScope, Checked, EraChoice, FilesPlace, Fixed, Kind, Level, Problems, Secret, Server,
    Sessions, Sources, Transport, Warning,
};

const KEY: &str = "kq3v9Z0eTn1bXw7RyP5sLd2HfJ8mCa4G";
const TOKEN: &str = "tok-7f3a9c-never-printed";

/// An environment, a few files and what a server called `known` lists, none of it the machine's.
fn world() -> Fixed {
    let env =
        [("KEY", KEY), ("TOKEN", TOKEN), ("HOME", "/home/op"), ("PORT", "9000"), ("ON", "true")];
    let files = [
        ("/etc/gate/token", "from-file-5150\n"),
        ("/etc/gate/two-lines", "one\ntwo\n"),
        ("/etc/gate/notes/a.md", ""),
        ("/etc/gate/articles/a.md", ""),
        ("/etc/gate/drafts/a.md", ""),
        ("/etc/gate/cert.pem", ""),
        ("/etc/gate/key.pem", ""),
    ];
    let tool = json!({
        "name": "t",
        "inputSchema": {
            "type": "object",
            "properties": { "by": { "type": "string" }, "id": { "type": "integer" } },
            "required": ["by", "id"],
            "additionalProperties": false,
        },
        "outputSchema": {
            "type": "object",
            "properties": { "word": { "type": "string" } },
            "additionalProperties": false,
        },
    });
    Fixed {
        env: env.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        files: files.map(|(path, text)| (PathBuf::from(path), text.to_owned())).into(),
        tools: BTreeMap::from([("known".to_owned(), vec![tool])]),
        ..Fixed::default()
    }
}

fn parse(text: &str) -> Result<(Checked, Vec<Warning>), Problems> {
    config::parse(text, Path::new("/etc/gate/gateway.yaml"), &world())
}

/// The problems without the folder, which is the same for all.
fn problems(text: &str) -> String {
    parse(text).expect_err("the file is wrong").to_string().replace("/etc/gate/", "")
}

fn sound(text: &str) -> (Checked, String) {
    let (checked, warnings) = parse(text).expect("the file is sound");
    let warnings: Vec<String> =
        warnings.iter().map(|warning| warning.to_string().replace("/etc/gate/", "")).collect();
    (checked, warnings.join("\n"))
}

/// A server on one line, with its secrets, which only this test may show.
fn outline(server: &Server) -> String {
    let reveal = |secrets: &BTreeMap<String, Secret>| {
        secrets
            .iter()
            .map(|(name, secret)| format!("{name}={}", secret.reveal()))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let kind = match &server.kind {
        Kind::Http { url, headers, era, transport } => {
            format!("{url} {era:?} {transport:?} {}", reveal(headers))
        }
        Kind::Stdio { program, arguments, env, .. } => {
            format!("{program} {arguments:?} {}", reveal(env))
        }
        Kind::Hosted => "of this program".to_owned(),
        Kind::Knowledge(knowledge) => format!("{knowledge:?}"),
        Kind::Files(files) => {
            let root = &files.roots[0];
            format!("{:?} write={}", root.place, root.write)
        }
        Kind::Sql(rules) => format!("{:?}", rules.place),
        Kind::HttpApi(api) => format!("{} tools at {}", api.tools.len(), api.base),
        Kind::OpenApi(api) => format!("operations of {}", api.document),
        Kind::Content(content) => format!("{} prompts", content.prompts.len()),
        Kind::Transform(transform) => format!("{} bytes", transform.limits.input),
        Kind::State(state) => format!("{} for each {:?}", state.plural(), state.scope),
        Kind::Workflow(workflow) => format!("{} workflows", workflow.tools.len()),
    };
    format!("{} = {kind}", server.name)
}

#[test]
fn every_problem_of_a_thoroughly_wrong_file_is_reported_at_once() {
    insta::assert_snapshot!(problems(include_str!("config/wrong.yaml")));
}

#[test]
fn one_mistake_is_one_problem_on_its_own_line() {
    let cases = include_str!("config/mistakes.txt").split("\n===\n").map(str::trim_end);

    for case in cases {
        let (text, expected) =
            case.split_once("\n---- ").expect("a case is a file and its problem");
        assert_eq!(problems(text), format!("gateway.yaml:{expected}"), "of:\n{text}");
    }
}

#[test]
fn the_documented_example_checks_clean() {
    let mut world = world();
    world.env.insert("TOOLGATE_KEY".to_owned(), KEY.to_owned());
    world.env.insert("GITHUB_TOKEN".to_owned(), TOKEN.to_owned());
    world.env.insert("TRACKER_KEY".to_owned(), TOKEN.to_owned());
    world.env.insert("PETSTORE_KEY".to_owned(), TOKEN.to_owned());
    world.env.insert("EMBEDDINGS_KEY".to_owned(), TOKEN.to_owned());

    let text = include_str!("../../../examples/gateway.yaml");
    let (checked, warnings) =
        config::parse(text, Path::new("/etc/gate/gateway.yaml"), &world).unwrap();

    assert_eq!(warnings, []);
    let prefixes: Vec<&str> = checked.servers().iter().map(Server::published_prefix).collect();
    let expected = [
        "gh_",
        "time_",
        "archive_",
        "notes_",
        "shared_",
        "sales_",
        "tracker_",
        "petstore_",
        "carts_",
        "desk_",
        "convert_",
        "kb_",
        "flow_",
    ];
    assert_eq!(prefixes, expected);
}

#[test]
fn a_minimal_file_has_the_documented_defaults() {
    let (checked, warnings) =
        sound("servers: [{name: time, command: uvx mcp-server-time==1.2.3 --utc}]");

    assert_eq!(warnings, "");
    assert_eq!(checked.name, "toolgate");
    assert_eq!(checked.listen.address().to_string(), "127.0.0.1:8080");
    assert_eq!(checked.limits.body.bytes(), 8 << 20);
    assert_eq!(checked.drain.duration(), Duration::from_secs(10));
    assert_eq!(checked.log.level, Level::Info);
    assert!(checked.metering.is_served() && !checked.several());
    let server = &checked.servers()[0];
    assert_eq!((server.published_prefix(), server.sessions), ("", Sessions::Shared));
    assert_eq!(
        (server.timeout, server.timeout_total),
        (Duration::from_secs(10), Duration::from_secs(300))
    );
    let Kind::Stdio { program, arguments, inherit_env, idle, .. } = &server.kind else {
        panic!("{server:?}")
    };
    assert_eq!(
        (program.as_str(), arguments.as_slice()),
        ("uvx", &["mcp-server-time==1.2.3".to_owned(), "--utc".to_owned()][..])
    );
    assert!(inherit_env.contains(&"PATH".to_owned()));
    assert_eq!(*idle, Some(Duration::from_secs(600)));
}

#[test]
fn a_bound_that_is_left_out_gives_way_to_a_smaller_one_around_it() {
    let text = "limits: {in_flight: 10}\nsessions: {lifetime: 5m}\nservers: [{name: a, command: run, timeout_total: 2s}]";

    let (checked, _) = sound(text);

    assert_eq!(checked.limits.in_flight_per_client, 10);
    assert_eq!(checked.sessions.idle.duration(), Duration::from_secs(300));
    assert_eq!(checked.servers()[0].timeout, Duration::from_secs(2));
}

#[test]
fn references_are_replaced_once_and_paths_are_relative_to_the_file() {
    let text = r#"
        limits: { connections: "${env:PORT}" }
        insecure_public: ${env:ON}
        servers:
          - name: web
            upstream: http://localhost:${env:PORT}/mcp
            headers: { A: "Bearer ${env:TOKEN}", B: "${file:token}", C: "a $${env:TOKEN} $x" }
          - name: notes
            files: { root: notes }
    "#;

    let (checked, _) = sound(text);

    assert_eq!(checked.limits.connections, 9000);
    let Kind::Http { url, headers, era, transport } = &checked.servers()[0].kind else { panic!() };
    assert_eq!(url.to_string(), "http://localhost:9000/mcp");
    assert_eq!((*era, *transport), (EraChoice::Auto, Transport::Auto));
    assert_eq!(headers["A"].reveal(), format!("Bearer {TOKEN}"));
    assert_eq!(headers["B"].reveal(), "from-file-5150");
    assert_eq!(headers["C"].reveal(), "a ${env:TOKEN} $x");
    let Kind::Files(files) = &checked.servers()[1].kind else { panic!() };
    assert_eq!(files.roots[0].place, FilesPlace::Shared("/etc/gate/notes".into()));
    assert!(!files.roots[0].write && files.roots[0].name.is_none());
}

#[test]
fn the_folder_of_a_caller_is_found_by_names_behind_what_is_there() {
    let root = |path: &str| {
        let text = format!(
            "authentication: {{resource: 'https://g/mcp', jwt: [{{issuer: 'https://i'}}]}}\nservers: [{{name: a, files: {{roots: [{{path: '{path}'}}]}}}}]"
        );
        let (checked, _) = sound(&text);
        let Kind::Files(files) = &checked.servers()[0].kind else { panic!() };
        let FilesPlace::PerCaller { base, names } = &files.roots[0].place else { panic!() };
        let name = |name: &config::HomeName| {
            let of = name.of.as_ref().map_or(String::new(), |of| format!("{:?}", of.0[0]));
            format!("{}<{of}>{}", name.before, name.after)
        };
        (
            base.components().collect::<PathBuf>().display().to_string(),
            names.iter().map(name).collect::<Vec<_>>().join("/"),
        )
    };

    for (path, base, names) in [
        ("notes/${caller.principal}", "/etc/gate/notes", "<Principal>"),
        ("notes/u-${caller.subject}.d/x", "/etc/gate/notes", "u-<Subject>.d/x<>"),
        ("notes/${caller.tenant}//${caller.subject}", "/etc/gate/notes", "<Tenant>/<Subject>"),
        ("/etc/gate/notes/${caller.claims.org}/", "/etc/gate/notes", "<Claim(\"org\")>"),
        ("${caller.subject}", "/etc/gate", "<Subject>"),
    ] {
        assert_eq!(root(path), (base.to_owned(), names.to_owned()), "{path}");
    }
}

#[test]
fn a_value_from_the_environment_is_one_word_of_a_command() {
    let mut world = world();
    world.env.insert("EVIL".to_owned(), "x; rm -rf / 'y".to_owned());

    let text = "servers: [{name: a, command: 'run --token=${env:EVIL} \"two words\"'}]";
    let (checked, _) = config::parse(text, Path::new("gateway.yaml"), &world).unwrap();

    let Kind::Stdio { arguments, .. } = &checked.servers()[0].kind else { panic!() };
    assert_eq!(*arguments, ["--token=x; rm -rf / 'y", "two words"]);
}

#[test]
fn secrets_are_printed_neither_by_problems_nor_by_debug() {
    // Each value is wrong where it stands, so that a careless message would quote it.
    let text = format!(
        "drain: ${{env:TOKEN}}\nlog: {{ level: '${{env:TOKEN}}' }}\nlisten: ${{env:TOKEN}}\nkeys: {TOKEN}\nservers:\n\
         - {{name: a, upstream: 'https://op:{TOKEN}@host/mcp'}}\n\
         - {{name: b, upstream: 'https://h/', headers: {TOKEN}}}\n\
         - {{name: c, upstream: 'https://h/', headers: {{A: [{TOKEN}]}}, timeout: '${{env:TOKEN}}'}}\n\
         - {{name: d, upstream: '${{env:TOKEN}}', headers: {{A: \"${{file:two-lines}}\"}}, sessions: '${{env:TOKEN}}'}}\n\
         - {{name: '${{env:TOKEN}}', command: [a], env: {TOKEN}, required: '${{env:TOKEN}}'}}\n"
    );
    let printed = parse(&text).unwrap_err().to_string();
    assert!(printed.lines().count() >= 11, "{printed}");
    assert!(!printed.contains("7f3a9c") && !printed.contains("one\n"), "{printed}");

    let text = "keys: ['${env:KEY}']\nservers: [{name: a, upstream: 'https://h/', headers: {A: '${env:TOKEN}'}}]";
    let (checked, _) = sound(text);
    let printed = format!("{checked:?} {:?}", checked.servers());
    assert!(!printed.contains("7f3a9c") && !printed.contains(KEY), "{printed}");
}

#[test]
fn servers_of_the_program_are_served_whether_the_file_mentions_them_or_not() {
    let world = Fixed {
        hosted: ["support", "metrics"].map(|name| name.parse().unwrap()).into(),
        ..Fixed::default()
    };
    let read = |text| config::parse(text, Path::new("gateway.yaml"), &world);
    let text = "servers: [{ name: support, hosted: {}, hide: [close] }, { name: web, upstream: 'https://h/' }]";
    let (checked, _) = read(text).unwrap();
    let names: Vec<_> = checked.servers().iter().map(|it| (it.name.as_str(), &it.kind)).collect();

    assert!(matches!(
        names[..],
        [("support", Kind::Hosted), ("web", _), ("metrics", Kind::Hosted)]
    ));
    assert!(!checked.servers()[0].tools.offers("close"));
    assert_eq!(read("listen: 127.0.0.1:0").unwrap().0.servers().len(), 2);
    insta::assert_snapshot!(problems("servers: [{ name: support, hosted: {} }]"));
}

#[test]
fn what_is_unwise_but_possible_is_a_warning() {
    let text = format!(
        "keys: [{KEY}]\nservers:\n\
         - {{name: a, upstream: http://example.com/mcp, headers: {{Authorization: Bearer x}}, prefix: ''}}\n\
         - {{name: b, command: run, sessions: per_caller, prefix: ''}}\n"
    );

    let (_, warnings) = sound(&text);

    insta::assert_snapshot!(warnings);
}

#[test]
fn what_only_a_process_is_told_needs_no_key_to_sign_with() {
    let (_, of_process) = sound("servers: [{ name: a, command: run, context: true }]");
    let (_, of_remote) = sound("servers: [{ name: a, upstream: 'https://h/mcp', context: true }]");

    assert_eq!(of_process, "");
    assert!(of_remote.contains("no key to sign with"), "{of_remote}");
}

#[test]
fn the_files_of_other_clients_are_configurations_too() {
    let cases = [
        ("claude_desktop_config.json", include_str!("config/claude_desktop_config.json")),
        (".cursor/mcp.json", include_str!("config/cursor.json")),
        (".vscode/mcp.json", include_str!("config/vscode.json")),
    ];

    for (path, text) in cases {
        let (checked, warnings) =
            config::parse(text, &Path::new("/home/op").join(path), &world()).unwrap();
        let servers: Vec<String> = checked.servers().iter().map(outline).collect();
        let warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(
            path.replace(['/', '.'], "_"),
            [warnings, servers].concat().join("\n")
        );
    }
}

#[test]
fn what_another_client_would_ask_a_person_is_a_problem_in_that_file() {
    let mut world = world();
    let mcp = "{\n  // a comment\n  \"servers\": {\n    \"api\": {\n      \"url\": \"ftp://x\",\n      \"headers\": {\"K\": \"${input:key}\"},\n    },\n    \"none\": {},\n  },\n}";
    world.files.insert("/etc/gate/mcp.json".into(), mcp.to_owned());

    let text = "import: [mcp.json, absent.json, notes/a.md]\nservers: []";
    let problems = config::parse(text, Path::new("/etc/gate/gateway.yaml"), &world).unwrap_err();

    insta::assert_snapshot!(problems.to_string().replace("/etc/gate/", ""));
}

#[test]
fn imported_servers_join_our_own() {
    let mut world = world();
    let mcp = r#"{"mcpServers": {"my server.v2": {"command": "run", "args": ["-v"]}}}"#;
    world.files.insert("/etc/gate/mcp.json".into(), mcp.to_owned());

    let text =
        "import: [mcp.json]\nservers: [{name: own, upstream: 'https://h/', cache_scope: public}]";
    let (checked, warnings) =
        config::parse(text, Path::new("/etc/gate/gateway.yaml"), &world).unwrap();

    let names: Vec<&str> = checked.servers().iter().map(|server| server.name.as_str()).collect();
    assert_eq!(names, ["own", "my-server-v2"]);
    assert_eq!(checked.servers()[1].published_prefix(), "my-server-v2_");
    assert_eq!(checked.servers()[0].cache_scope, CacheScope::Public);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}

#[test]
fn tools_are_offered_by_the_rules_of_their_server() {
    let text = "servers: [{name: a, command: run, hide: [drop], rename: {old: new}, describe: {old: Better.}}]";

    let (checked, _) = sound(text);

    let tools = &checked.servers()[0].tools;
    assert!(tools.offers("old") && tools.offers("other") && !tools.offers("drop"));
    assert_eq!((tools.published("old"), tools.published("other")), ("new", "other"));
    assert_eq!((tools.description("old"), tools.description("other")), (Some("Better."), None));
}

#[test]
fn a_file_that_is_not_there_or_not_text_is_one_problem() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.yaml");
    let absent = config::load(&path).unwrap_err().to_string();
    std::fs::write(&path, b"\xff\xfe").unwrap();
    let binary = config::load(&path).unwrap_err().to_string();
    std::fs::write(&path, vec![b'#'; 1 << 21]).unwrap();
    let large = config::load(&path).unwrap_err().to_string();

    assert!(absent.contains("gateway.yaml: cannot read the file: "), "{absent}");
    assert!(binary.ends_with("not UTF-8 text"), "{binary}");
    assert!(large.ends_with("larger than 1 MiB"), "{large}");
}

#[test]
fn a_file_on_this_machine_is_loaded_with_what_it_refers_to() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "abc\r\n").unwrap();
    let path = folder.path().join("gateway.yaml");
    let text = "servers:\n- {name: a, upstream: 'https://h/', headers: {A: '${file:token}'}}\n- {name: f, files: {root: .}}";
    std::fs::write(&path, text).unwrap();

    let (checked, _) = config::load(&path).unwrap();

    let Kind::Http { headers, .. } = &checked.servers()[0].kind else { panic!() };
    assert_eq!(headers["A"].reveal(), "abc");
    let Kind::Files(files) = &checked.servers()[1].kind else { panic!() };
    let FilesPlace::Shared(root) = &files.roots[0].place else { panic!() };
    assert!(config::Machine.is_directory(root) && root.is_absolute());
}
