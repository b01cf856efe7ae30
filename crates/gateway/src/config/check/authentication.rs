//! Whether callers can be told apart by what the file says of them.

use super::Checks;
use crate::config::Url;
use crate::config::tree::Config;

pub(super) fn check(checks: &mut Checks<'_>, config: &mut Config) {
    let endpoint = endpoint(config);
    let Some(rules) = &mut config.authentication else { return };
    let was_short = rules.spell_out();
    if rules.resource.is_none() && rules.takes_tokens() {
        rules.resource = endpoint;
    }
    if let Some(keys) = &mut rules.api_keys {
        keys.file = checks.resolve("authentication.api_keys.file", &keys.file);
    }
    for (index, issuer) in rules.jwt.iter_mut().enumerate() {
        let Some(file) = &mut issuer.jwks.file else { continue };
        let path = format!("authentication.jwt[{index}].jwks.file");
        let resolved = checks.resolve(&path, file);
        if !checks.sources.is_file(&resolved) {
            let shown = checks.shown(&path, &file.to_string_lossy());
            let text = format!("{shown} is not a file (paths are relative to this file)");
            checks.problem(&path, text);
        }
        *file = resolved;
    }
    let problems = rules.compile().err().unwrap_or_default();
    for problem in problems {
        let written = match problem.path.as_str() {
            path if was_short && path.starts_with("/jwt") => "/issuer",
            path => path,
        };
        checks.problem(&format!("authentication{}", dotted(written)), problem.text);
    }
}

/// Where clients reach us, if the rest of the file says it: what tokens for us must name.
fn endpoint(config: &Config) -> Option<Url> {
    let base = match &config.public_url {
        Some(url) => url.to_string(),
        None if config.listen.is_loopback() && config.listen.address().port() != 0 => {
            let scheme = if config.tls.is_some() { "https" } else { "http" };
            format!("{scheme}://{}", config.listen)
        }
        None => return None,
    };
    format!("{}/mcp", base.trim_end_matches('/')).parse().ok()
}

/// A JSON pointer as places in the file are named: `/jwt/0/issuer` is `.jwt[0].issuer`.
pub(super) fn dotted(pointer: &str) -> String {
    pointer
        .split('/')
        .skip(1)
        .map(|step| match step.parse::<usize>() {
            Ok(index) => format!("[{index}]"),
            Err(_) => format!(".{step}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_becomes_a_place_in_the_file() {
        assert_eq!(dotted(""), "");
        assert_eq!(dotted("/resource"), ".resource");
        assert_eq!(dotted("/jwt/0/issuer"), ".jwt[0].issuer");
    }
}
