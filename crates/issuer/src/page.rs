//! What people see. No script runs on these pages, and all that a client says of itself is escaped.

use std::fmt::Write;

use crate::given::Login;
use crate::issuer::Issuer;
use crate::settings::User;

/// Around every page.
const FRAME: &str = include_str!("page.html");

/// Where a user chooses who to be, and what the client gets.
pub fn login(issuer: &Issuer, login: &Login, name: &str) -> String {
    let mut body = match &login.client.name {
        Some(name) => format!(
            "<h1>{} asks for access</h1>\n<p class=\"soft\">It chose that name itself. What is certain:</p>\n",
            escaped(name)
        ),
        None => "<h1>A client asks for access</h1>\n".to_owned(),
    };
    body.push_str("<dl>");
    let resources = login.resources.join(", ");
    for (term, value) in [
        ("Client", login.client.id.as_str()),
        ("Returns to", login.redirect_uri.as_str()),
        ("Access to", if resources.is_empty() { "nothing in particular" } else { &resources }),
    ] {
        let _ = write!(body, "<dt>{term}</dt><dd><code>{}</code></dd>", escaped(value));
    }
    body.push_str("</dl>\n<form method=\"post\" action=\"/authorize\">\n");
    let _ = writeln!(body, "<input type=\"hidden\" name=\"login\" value=\"{}\">", escaped(name));
    body.push_str("<h2>Sign in as</h2>\n");
    for (index, user) in issuer.users.iter().enumerate() {
        body.push_str(&choice(user, index == 0));
    }
    if !login.scopes.is_empty() {
        body.push_str("<h2>And allow</h2>\n");
    }
    for scope in &login.scopes {
        let scope = escaped(scope);
        let _ = writeln!(
            body,
            "<label class=\"row\"><input type=\"checkbox\" name=\"grant\" value=\"{scope}\" checked><b><code>{scope}</code></b></label>"
        );
    }
    body.push_str(
        "<div class=\"buttons\"><button name=\"decision\" value=\"deny\">Deny</button>\
         <button class=\"main\" name=\"decision\" value=\"allow\">Allow</button></div>\n</form>",
    );
    framed("Sign in", &body)
}

fn choice(user: &User, chosen: bool) -> String {
    let mut about = Vec::new();
    if let Some(tenant) = &user.tenant {
        about.push(format!("tenant {tenant}"));
    }
    for (what, list) in [("roles", &user.roles), ("groups", &user.groups), ("scopes", &user.scopes)]
    {
        match list.as_slice() {
            [] => {}
            [every] if every == "*" => about.push("every scope".to_owned()),
            list => about.push(format!("{what} {}", list.join(", "))),
        }
    }
    format!(
        "<label class=\"row\"><input type=\"radio\" name=\"user\" value=\"{0}\"{1}><span><b>{0}</b><small>{2}</small></span></label>\n",
        escaped(&user.name),
        if chosen { " checked" } else { "" },
        escaped(&about.join(" · "))
    )
}

/// Why nobody is sent back to a client.
pub fn refused(why: &str) -> String {
    framed("Refused", &format!("<h1>This request was refused</h1>\n<p>{}</p>", escaped(why)))
}

/// For who looks what this is.
pub fn welcome(issuer: &Issuer) -> String {
    let users: Vec<_> = issuer.users.iter().map(|user| user.name.as_str()).collect();
    let body = format!(
        "<h1>A development issuer</h1>\n<p class=\"soft\">It gives tokens to clients that try an MCP server.</p>\n\
         <h2>What there is</h2>\n<dl><dt>Issuer</dt><dd><code>{}</code></dd><dt>Users</dt><dd>{}</dd>\
         <dt>Metadata</dt><dd><a href=\"/.well-known/oauth-authorization-server\">oauth-authorization-server</a></dd>\
         <dt>Keys</dt><dd><a href=\"/jwks\">jwks</a></dd></dl>",
        escaped(&issuer.url),
        escaped(&users.join(", "))
    );
    framed("Welcome", &body)
}

fn framed(title: &str, body: &str) -> String {
    // The body last: what is in it is not looked through for further places.
    let (before, after) = FRAME.split_once("{{body}}").unwrap_or((FRAME, ""));
    format!("{}{body}{after}", before.replace("{{title}}", title))
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Nothing that turns the reading direction or hides.
            c if c.is_control()
                || ('\u{200b}'..='\u{200f}').contains(&c)
                || ('\u{202a}'..='\u{202e}').contains(&c)
                || ('\u{2066}'..='\u{2069}').contains(&c) =>
            {
                out.push('\u{fffd}');
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_calls_itself_cannot_become_part_of_the_page() {
        let evil = "<script>alert(1)</script>\" onload='x' \u{202e}evil";

        let page = refused(evil);

        assert!(!page.contains("<script>") && !page.contains("onload='"), "{page}");
        assert!(!page.contains('\u{202e}'));
        assert!(page.contains("Not for production"));
    }
}
