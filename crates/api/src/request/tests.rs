use http::Method;
use proptest::prelude::*;
use serde_json::json;
use toolgate_hosted::{Annotations, Tool};

use super::*;
use crate::operation::{Body, Encoding, Fixed};

fn parameter(name: &str, place: Place) -> Parameter {
    Parameter {
        argument: vec![name.to_owned()],
        name: name.to_owned(),
        place,
        style: if place == Place::Query { Style::Form } else { Style::Simple },
        explode: place == Place::Query,
        reserved: false,
        segments: false,
        default: None,
    }
}

/// `GET /repos/{owner}/files/{file}` with a query, a header and what the operator fixed.
fn operation() -> Operation {
    let mut file = parameter("file", Place::Path);
    file.segments = true;
    Operation {
        tool: Tool {
            name: "t".into(),
            title: None,
            description: String::new(),
            input_schema: json!({ "type": "object" }),
            output_schema: None,
            annotations: Annotations::READS,
        },
        method: Method::GET,
        idempotent: false,
        path: vec![
            Piece::Text("/repos/".into()),
            Piece::Parameter(0),
            Piece::Text("/files/".into()),
            Piece::Parameter(1),
        ],
        parameters: vec![
            parameter("owner", Place::Path),
            file,
            parameter("q", Place::Query),
            parameter("api_key", Place::Query),
            parameter("x-note", Place::Header),
            parameter("authorization", Place::Header),
        ],
        query: Vec::new(),
        body: None,
        fixed: Fixed {
            headers: HeaderMap::from_iter([(
                http::header::AUTHORIZATION,
                HeaderValue::from_static("Bearer secret"),
            )]),
            query: vec![("api_key".into(), toolgate_values::Secret::new("k&y"))],
            cookies: Vec::new(),
        },
        answer: Default::default(),
        errors: Default::default(),
    }
}

fn base() -> Base {
    Base::new(&"https://api.example.com/v1/".parse().unwrap())
}

fn built(arguments: Value) -> Result<Request<Bytes>, Wrong> {
    build(&base(), &operation(), arguments.as_object().unwrap(), None)
}

#[test]
fn a_request_says_what_the_arguments_say() {
    let arguments = json!({
        "owner": "a b", "file": "src/ü?.rs", "q": "x&y=z#", "api_key": "mine", "x-note": "hi",
        "authorization": "Bearer mine",
    });

    let request = built(arguments).unwrap();

    let expected = "https://api.example.com/v1/repos/a%20b/files/src/%C3%BC%3F.rs?q=x%26y%3Dz%23&api_key=k%26y";
    assert_eq!(request.uri(), expected);
    assert_eq!(request.headers()["x-note"], "hi");
    assert_eq!(request.headers()["authorization"], "Bearer secret");
}

#[test]
fn nothing_leads_to_another_path() {
    for (owner, file) in [
        ("..", "a"),
        (".", "a"),
        ("", "a"),
        ("a/b", "a"),
        ("a%2fb", "a"),
        ("%2e%2e", "a"),
        ("a", "../a"),
        ("a", "a/../b"),
        ("a", "/etc"),
        ("a", "a//b"),
        ("a", "a/"),
        ("a", "a\\..\\b"),
        ("a", "%2e%2e/b"),
        ("a", "a/%252e%252e/b"),
        ("a", ""),
    ] {
        let Wrong(sentence) = built(json!({ "owner": owner, "file": file })).unwrap_err();
        assert!(sentence.contains("cannot stand in a path"), "{owner} {file}: {sentence}");
    }
    assert!(built(json!({ "file": "a" })).unwrap_err().0.contains("owner is missing"));
}

#[test]
fn values_side_by_side_lead_to_no_other_path() {
    let mut operation = operation();
    operation.path = vec![
        Piece::Text("/files/".into()),
        Piece::Parameter(0),
        Piece::Text(".".into()),
        Piece::Parameter(1),
        Piece::Parameter(2),
    ];
    (operation.parameters[2].place, operation.parameters[2].style) = (Place::Path, Style::Simple);
    let built = |owner: &str, file: &str, q: &str| {
        let arguments = json!({ "owner": owner, "file": file, "q": q });
        build(&base(), &operation, arguments.as_object().unwrap(), None)
    };

    for (owner, file, q) in [
        ("a", "%2", "f.."),
        ("a", "b/%2", "e"),
        ("a", "b/%25", "2e"),
        ("a", "b/.%", "2e"),
        ("a", "%", "5c"),
        ("a", "%0", "d%0aHost: x"),
    ] {
        let Err(Wrong(sentence)) = built(owner, file, q) else { panic!("{owner} {file} {q}") };
        assert!(sentence.contains("cannot stand in a path"), "{owner} {file} {q}: {sentence}");
    }
    let Wrong(sentence) = built("a", "%2", "f").unwrap_err();
    assert!(sentence.starts_with("owner and file and q cannot"), "{sentence}");
    let request = built("100%", "a%", "z").unwrap();
    assert_eq!(request.uri().path(), "/v1/files/100%25.a%25z");
}

#[test]
fn what_a_style_writes_leads_to_no_other_path() {
    let mut operation = operation();
    operation.path = vec![Piece::Text("/a/..".into()), Piece::Parameter(0)];
    operation.parameters[0].style = Style::Matrix;
    let arguments = json!({ "owner": "x" });

    let built = build(&base(), &operation, arguments.as_object().unwrap(), None);

    assert!(built.unwrap_err().0.contains("owner cannot stand in a path"));
    operation.path = vec![Piece::Text("/a/b".into()), Piece::Parameter(0)];
    let built = build(&base(), &operation, arguments.as_object().unwrap(), None).unwrap();
    assert_eq!(built.uri().path(), "/v1/a/b;owner=x");
}

#[test]
fn what_the_operator_encodes_in_a_path_stays() {
    let mut operation = operation();
    operation.path = vec![
        Piece::Text("/projects/".into()),
        Piece::Parameter(0),
        Piece::Text("%2F".into()),
        Piece::Parameter(1),
    ];

    let arguments = json!({ "owner": "a", "file": "b" });
    let request = build(&base(), &operation, arguments.as_object().unwrap(), None).unwrap();
    assert_eq!(request.uri().path(), "/v1/projects/a%2Fb");
    let arguments = json!({ "owner": "a%2", "file": "b" });
    assert!(build(&base(), &operation, arguments.as_object().unwrap(), None).is_ok());
    let arguments = json!({ "owner": "a", "file": "%2Fb" });
    assert!(build(&base(), &operation, arguments.as_object().unwrap(), None).is_err());
}

#[test]
fn nothing_begins_another_header() {
    for note in ["a\r\nHost: evil", "a\nb", "a\rb", "a\0", "ü"] {
        let wrong = built(json!({ "owner": "a", "file": "b", "x-note": note })).unwrap_err();
        assert!(wrong.0.contains("goes into a header"), "{note:?}");
    }
}

#[test]
fn a_page_is_one_parameter_whatever_the_cursor_says() {
    let page = Some(("page", "2&api_key=x#"));
    let arguments = json!({ "owner": "a", "file": "b" });

    let request = build(&base(), &operation(), arguments.as_object().unwrap(), page).unwrap();

    assert_eq!(request.uri().query().unwrap(), "page=2%26api_key%3Dx%23&api_key=k%26y");
}

#[test]
fn a_value_of_a_query_with_places_is_encoded_typed_or_left_out() {
    let mut operation = operation();
    let secret = |text: &str| toolgate_values::Secret::new(text);
    operation.query = vec![
        ("words".into(), secret("{q} in:readme&{other}")),
        ("labels".into(), secret("{labels}")),
        ("size".into(), secret("{size}")),
        ("where".into(), secret("{where}")),
        ("q".into(), secret("mine {missing}")),
        ("page".into(), secret("{size}")),
    ];
    let properties =
        json!({ "q": {}, "labels": {}, "where": {}, "missing": {}, "size": { "default": 10 } });
    operation.tool.input_schema = json!({ "type": "object", "properties": properties });
    let arguments = json!({
        "owner": "a", "file": "b", "q": "x&y", "labels": ["p q", "r"], "where": { "api_key": "mine" },
    });

    let request =
        build(&base(), &operation, arguments.as_object().unwrap(), Some(("page", "2"))).unwrap();

    // `q` is the operator's, so that what is given under this name goes nowhere but into `words`.
    assert_eq!(
        request.uri().query().unwrap(),
        "words=x%26y%20in%3Areadme%26%7Bother%7D&labels=p%20q&labels=r&size=10&\
         where=%7B%22api_key%22%3A%22mine%22%7D&page=2&api_key=k%26y"
    );
}

#[test]
fn a_secret_is_one_cookie_and_one_parameter_whatever_is_in_it_and_whatever_is_given() {
    let mut operation = operation();
    let mut free = parameter("free", Place::Query);
    free.name = "api_key".into();
    free.style = Style::DeepObject;
    let mut exploded = parameter("exploded", Place::Query);
    exploded.name = "any".into();
    operation.parameters.extend([free, exploded, parameter("theme", Place::Cookie)]);
    operation.fixed.cookies = vec![("session".into(), toolgate_values::Secret::new("a&b=c"))];
    let arguments = json!({
        "owner": "a", "file": "b", "theme": "x&session=mine", "free": { "0": "mine" },
        "exploded": { "api_key[]": "mine", "other": "1" },
    });

    let request = build(&base(), &operation, arguments.as_object().unwrap(), None).unwrap();

    assert_eq!(request.headers()["cookie"], "theme=x%26session%3Dmine; session=a&b=c");
    assert_eq!(request.uri().query().unwrap(), "other=1&api_key=k%26y");
}

#[test]
fn an_object_takes_the_place_of_no_other_parameter() {
    let mut operation = operation();
    let mut deep = parameter("deep", Place::Query);
    (deep.name, deep.style) = ("q".into(), Style::DeepObject);
    let session = parameter("session", Place::Cookie);
    let mut theme = parameter("theme", Place::Cookie);
    (theme.style, theme.explode) = (Style::Form, true);
    operation.parameters.extend([parameter("free", Place::Query), deep, session, theme]);
    let built = |more: Value| {
        let mut arguments = json!({ "owner": "a", "file": "b", "q": "mine", "session": "s" });
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        build(&base(), &operation, arguments.as_object().unwrap(), None)
    };

    for (more, name) in [
        (json!({ "free": { "q": "other" } }), "free"),
        (json!({ "free": { "q[]": "other" } }), "free"),
        (json!({ "free": { "q[a][b]": "other" } }), "free"),
        (json!({ "deep": { "": "other" } }), "deep"),
        (json!({ "theme": { "session": "other" } }), "theme"),
    ] {
        let Wrong(sentence) = built(more.clone()).unwrap_err();
        assert!(sentence.starts_with(&format!("{name} names ")), "{more}: {sentence}");
    }
    let request = built(json!({ "free": { "a": 1 }, "theme": { "dark": true } })).unwrap();
    assert_eq!(request.uri().query().unwrap(), "q=mine&a=1&api_key=k%26y");
    assert_eq!(request.headers()["cookie"], "session=s; dark=true");
}

#[test]
fn a_deep_argument_does_not_become_many_times_as_long() {
    let styles = [("o".to_owned(), (Style::DeepObject, true))].into();
    let mut operation = operation();
    operation.method = Method::POST;
    let encoding = Encoding::Form(styles);
    operation.body = Some(Body::Whole { argument: vec!["body".into()], encoding, required: true });
    let mut deep = parameter("deep", Place::Query);
    deep.style = Style::DeepObject;
    operation.parameters.push(deep);
    let within = |name: String, entries: usize| json!({ name: vec![0; entries] });
    let built = |body: Value, deep: Value| {
        let arguments = json!({ "owner": "a", "file": "b", "body": body, "deep": deep });
        build(&base(), &operation, arguments.as_object().unwrap(), None)
    };

    // Written out, the first of them would take 30 GB.
    for (body, deep) in [
        (json!({ "o": within("x".repeat(300_000), 100_000) }), json!({})),
        (json!({}), within("x".repeat(300_000), 100_000)),
        (
            json!({ "o": (0..300).map(|_| within("x".repeat(1000), 30)).collect::<Vec<_>>() }),
            json!({}),
        ),
    ] {
        let Wrong(sentence) = built(body, deep).unwrap_err();
        assert!(sentence.contains("give less at once"), "{sentence}");
    }
    assert!(built(json!({ "o": within("x".repeat(1000), 1000) }), json!({})).is_ok());
}

#[test]
fn bodies_are_written_in_each_encoding() {
    let value =
        json!({ "a": "x y", "n": 18_446_744_073_709_551_615_u64, "l": [1, 2], "o": { "k": "v" } });
    let body = |encoding| {
        let mut operation = operation();
        operation.method = Method::POST;
        operation.body =
            Some(Body::Whole { argument: vec!["body".into()], encoding, required: true });
        let arguments = json!({ "owner": "a", "file": "b", "body": value });
        let request = build(&base(), &operation, arguments.as_object().unwrap(), None).unwrap();
        let kind = request.headers()["content-type"].to_str().unwrap().to_owned();
        (kind, String::from_utf8(request.into_body().to_vec()).unwrap())
    };

    let (kind, text) = body(Encoding::Json("application/json".into()));
    assert_eq!((kind.as_str(), text), ("application/json", value.to_string()));

    let styles = [("o".to_owned(), (Style::DeepObject, true))].into();
    let (kind, text) = body(Encoding::Form(styles));
    assert_eq!(kind, "application/x-www-form-urlencoded");
    assert_eq!(text, "a=x%20y&n=18446744073709551615&l=1&l=2&o%5Bk%5D=v");

    let (kind, text) = body(Encoding::Multipart);
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
    let parts: Vec<_> = text.split(&format!("--{boundary}")).collect();
    assert_eq!(parts.len(), 7);
    assert_eq!(parts[1], "\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx y\r\n");
    assert_eq!(parts[6], "--\r\n");
}

proptest! {
    #[test]
    fn whatever_is_given_only_its_own_part_of_the_request_changes(
        owner in ".{0,12}", file in ".{0,12}", q in ".{0,12}", note in ".{0,12}"
    ) {
        let arguments = json!({ "owner": owner, "file": file, "q": q, "x-note": note });
        let Ok(request) = built(arguments) else { return Ok(()) };

        let uri = request.uri();
        prop_assert_eq!(uri.authority().unwrap().as_str(), "api.example.com");
        let segments: Vec<_> = uri.path().split('/').skip(1).collect();
        prop_assert_eq!(&segments[..2], &["v1", "repos"]);
        prop_assert_eq!(segments[3], "files");
        prop_assert_eq!(segments.len(), 4 + file.split('/').count());
        let decoded = crate::escape::decode(segments[2]);
        prop_assert_eq!(decoded, owner.as_bytes());
        let pairs: Vec<_> = uri.query().unwrap().split('&').collect();
        prop_assert_eq!(pairs.len(), 2);
        prop_assert_eq!(crate::escape::decode(&pairs[0][2..]), q.as_bytes());
        prop_assert_eq!(pairs[1], "api_key=k%26y");
        prop_assert_eq!(&request.headers()["authorization"], "Bearer secret");
    }
}
