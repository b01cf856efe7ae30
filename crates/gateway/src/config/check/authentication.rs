//! Whether callers can be told apart by what the file says of them.

use super::Checks;
use crate::config::tree::Config;

pub(super) fn check(checks: &mut Checks<'_>, config: &mut Config) {
    let Some(rules) = &mut config.authentication else { return };
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
        checks.problem(&format!("authentication{}", dotted(&problem.path)), problem.text);
    }
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
