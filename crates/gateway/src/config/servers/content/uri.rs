//! URIs with variables (RFC 6570, levels 1 and 2): `readme://{owner}/{repo}`, `files://{+path}`.

use regex::Regex;

/// A template of URIs.
#[derive(Debug, Clone)]
pub struct UriTemplate {
    variables: Vec<String>,
    matching: Regex,
}

/// Why a text is no template of URIs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It does not begin with a scheme.
    #[error("it does not begin with a scheme (write NAME://...)")]
    Scheme,
    /// A brace without its other half.
    #[error("a brace stands alone (close it, or write %7B)")]
    Brace,
    /// An expression of another level.
    #[error("{{{0}}} is no expression of levels 1 and 2 (write {{name}} or {{+name}})")]
    Expression(String),
    /// A variable twice.
    #[error("the variable {0} stands there twice (choose another name)")]
    Twice(String),
    /// Two variables without anything between them.
    #[error("nothing stands between two variables (put a / there)")]
    Adjacent,
    /// What no URI has.
    #[error("a URI has no spaces or control characters (write %20)")]
    Character,
}

impl UriTemplate {
    /// Reads a template. One without variables stands for its one URI.
    ///
    /// # Errors
    /// It is none.
    pub fn new(text: &str) -> Result<UriTemplate, Malformed> {
        let scheme = text.split_once(':').map(|(scheme, _)| scheme).unwrap_or_default();
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.chars().all(legal) {
            return Err(Malformed::Scheme);
        }
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(Malformed::Character);
        }
        let (mut variables, mut pattern, mut rest) = (Vec::new(), "^".to_owned(), text);
        while let Some((literal, after)) = rest.split_once('{') {
            let (expression, after) = after.split_once('}').ok_or(Malformed::Brace)?;
            if literal.contains('}') {
                return Err(Malformed::Brace);
            }
            if literal.is_empty() && !variables.is_empty() {
                return Err(Malformed::Adjacent);
            }
            let (name, part) = match expression.strip_prefix('+') {
                Some(name) => (name, "(.+)"),
                None => (expression, "([^/?#&]+)"),
            };
            let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.is_empty() || !name.chars().all(legal) {
                return Err(Malformed::Expression(expression.to_owned()));
            }
            if variables.iter().any(|known| known == name) {
                return Err(Malformed::Twice(name.to_owned()));
            }
            pattern.push_str(&regex::escape(literal));
            pattern.push_str(part);
            variables.push(name.to_owned());
            rest = after;
        }
        if rest.contains('}') {
            return Err(Malformed::Brace);
        }
        pattern.push_str(&regex::escape(rest));
        pattern.push('$');
        // A text that is escaped and a few groups are always a pattern.
        let matching = Regex::new(&pattern).map_err(|_| Malformed::Brace)?;
        Ok(UriTemplate { variables, matching })
    }

    /// Its variables, in their order.
    pub fn variables(&self) -> &[String] {
        &self.variables
    }

    /// What the variables are in this URI, percent-encoding undone; nothing if it is not of this
    /// template.
    pub fn matches(&self, uri: &str) -> Option<Vec<(&str, String)>> {
        let found = self.matching.captures(uri)?;
        let parts = self.variables.iter().zip(1..);
        parts.map(|(name, at)| Some((&**name, decoded(found.get(at)?.as_str())?))).collect()
    }
}

/// A text without its percent-encoding (RFC 3986, section 2.1), if that is one.
fn decoded(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.bytes());
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok().filter(|text| !text.chars().any(char::is_control))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_gives_what_its_template_names() {
        let two = UriTemplate::new("readme://{owner}/{repo}").unwrap();
        let path = UriTemplate::new("files://all/{+path}").unwrap();
        let owned = |pairs: &[(&'static str, &str)]| -> Vec<(&str, String)> {
            pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
        };

        assert_eq!(
            two.matches("readme://rust-lang/a%20b%2Fc").unwrap(),
            owned(&[("owner", "rust-lang"), ("repo", "a b/c")])
        );
        assert_eq!(path.matches("files://all/a/b.md").unwrap(), owned(&[("path", "a/b.md")]));
        for uri in
            ["readme://a", "readme://a/b/c", "readme://a/", "readme://a/%zz", "readme://a/%00", "x"]
        {
            assert!(two.matches(uri).is_none(), "{uri}");
        }
        let fixed = UriTemplate::new("config://app").unwrap();
        assert_eq!((fixed.variables().len(), fixed.matches("config://app")), (0, Some(Vec::new())));
        assert_eq!(fixed.matches("config://apple"), None);
    }

    #[test]
    fn what_is_no_template_is_refused_with_a_way_out() {
        for (text, error) in [
            ("app", Malformed::Scheme),
            ("a b://c", Malformed::Scheme),
            ("a://b c", Malformed::Character),
            ("a://{b", Malformed::Brace),
            ("a://b}", Malformed::Brace),
            ("a://{/b*}", Malformed::Expression("/b*".into())),
            ("a://{}", Malformed::Expression(String::new())),
            ("a://{b}{c}", Malformed::Adjacent),
            ("a://{b}/{b}", Malformed::Twice("b".into())),
        ] {
            assert_eq!(UriTemplate::new(text).unwrap_err(), error, "{text}");
        }
    }
}
