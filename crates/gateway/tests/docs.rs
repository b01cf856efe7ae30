//! What the documentation shows is read as it stands there.

use std::path::{Path, PathBuf};

use toolgate_gateway::config::{self, Fixed};

/// The files that the examples refer to.
fn world() -> Fixed {
    let files = ["cert.pem", "key.pem", "clients-ca.pem", "kubernetes.jwks.json"];
    let file = |name: &str| (PathBuf::from("/etc/gate").join(name), String::new());
    Fixed { env: [].into(), files: files.map(file).into(), ..Fixed::default() }
}

#[test]
fn the_examples_of_authentication_are_configurations() {
    let text = include_str!("../../../docs/authentication.md");
    let examples: Vec<&str> =
        text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let examples: Vec<_> =
        examples.into_iter().filter(|text| text.contains("authentication:")).collect();

    for example in &examples {
        let whole =
            format!("{example}\nservers: [{{ name: a, upstream: 'https://a.example/mcp' }}]");
        let read = config::parse(&whole, Path::new("/etc/gate/gateway.yaml"), &world());

        assert!(read.is_ok(), "{example}\n{}", read.unwrap_err());
    }
    assert_eq!(examples.len(), 3);
}

#[test]
fn the_example_of_toolsets_is_a_configuration() {
    let text = include_str!("../../../docs/toolsets.md");
    let example = text.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next());

    let read = config::parse(example.unwrap(), Path::new("/etc/gate/gateway.yaml"), &world());

    let (checked, _) = read.unwrap();
    assert_eq!(checked.toolsets().len(), 2);
}
