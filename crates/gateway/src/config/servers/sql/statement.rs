//! One statement of SQL, and where its parameters stand: read by the words of each database, so that
//! nothing within a text, a name or a comment is taken for a parameter or for an end.

use std::fmt;

/// How a database writes SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite 3 (sqlite.org/lang.html).
    Sqlite,
    /// PostgreSQL (manual, 4.1 Lexical Structure).
    Postgres,
    /// MySQL and MariaDB (reference manual, 11 Language Structure), with the `sql_mode` that our
    /// sessions have: `"` begins a text, and `\` escapes in it.
    MySql,
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Dialect::Sqlite => "SQLite",
            Dialect::Postgres => "PostgreSQL",
            Dialect::MySql => "MySQL",
        })
    }
}

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pieces: Vec<Piece>,
    /// What is no text, quoted name or comment, in capitals.
    words: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Parameter(String),
}

/// Why a text is not one statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Nothing but space and comments.
    #[error("there is no statement (write one)")]
    Empty,
    /// Something follows a `;`.
    #[error("more than one statement (write one alone)")]
    Several,
    /// A text, a name or a comment does not end.
    #[error("a text, a quoted name or a comment does not end (close it)")]
    Open,
    /// `?`, `$1` or `@name`, where the database would take that for a parameter.
    #[error("a parameter without a name (write :name)")]
    Unnamed,
    /// A character that ends a text for the database.
    #[error("a NUL character (remove it)")]
    Nul,
    /// `/*! ... */` or `/*M! ... */` in MySQL.
    #[error("a comment that some servers run (write what is in it, or remove it)")]
    Executable,
    /// `@name := ...` in MySQL.
    #[error("an assignment, which whoever has the connection next would meet (remove it)")]
    Assigned,
}

impl Statement {
    /// Reads one statement. A `;` at its end is left out.
    ///
    /// # Errors
    /// It is none, more than one, or has an end missing.
    pub fn parse(text: &str, dialect: Dialect) -> Result<Statement, Malformed> {
        let mut reader = Reader { text, at: 0, dialect };
        let (mut pieces, mut plain, mut words) = (Vec::new(), String::new(), Vec::new());
        loop {
            let begin = reader.at;
            match reader.next()? {
                Some(Token::Parameter(name)) => {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    pieces.push(Piece::Parameter(name.to_owned()));
                    continue;
                }
                Some(Token::End) => {
                    reader.nothing_more()?;
                    break;
                }
                Some(Token::Word(word)) => words.push(word.to_ascii_uppercase()),
                Some(_) => {}
                None => break,
            }
            plain.push_str(&text[begin..reader.at]);
        }
        if words.is_empty() {
            return Err(Malformed::Empty);
        }
        pieces.push(Piece::Text(plain));
        Ok(Statement { pieces, words })
    }

    /// Its first word, in capitals.
    pub fn first_word(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// The first of these words that stands in it, other than in a text, a quoted name or a comment.
    pub fn has_word<'a>(&self, words: &[&'a str]) -> Option<&'a str> {
        words.iter().find(|word| self.words.iter().any(|it| it == *word)).copied()
    }

    /// Whether it is a query by its first word. Whether it writes all the same is for the database to
    /// find out.
    pub fn is_query(&self) -> bool {
        matches!(self.first_word(), "SELECT" | "WITH" | "VALUES" | "TABLE")
    }

    /// The names of its parameters, as often as they stand there.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Parameter(name) => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    /// The text, with something else in the place of each parameter.
    pub fn render(&self, mut placeholder: impl FnMut(&str) -> String) -> String {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Parameter(name) => out.push_str(&placeholder(name)),
            }
        }
        out
    }
}

enum Token<'a> {
    /// A word of the language or a name without quotes.
    Word(&'a str),
    Parameter(&'a str),
    /// `;`
    End,
    /// Space or a comment.
    Space,
    Other,
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    dialect: Dialect,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Takes what is made of such characters.
    fn take(&mut self, is_part: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn next(&mut self) -> Result<Option<Token<'a>>, Malformed> {
        use Dialect::{MySql, Postgres, Sqlite};
        let rest = self.rest();
        let mut characters = rest.chars();
        let Some(first) = characters.next() else { return Ok(None) };
        let second = characters.next();
        if self.space(first)? {
            return Ok(Some(Token::Space));
        }
        let token = match (first, self.dialect) {
            ('\0', _) => return Err(Malformed::Nul),
            (';', _) => {
                self.at += 1;
                Token::End
            }
            ('\'' | '"', MySql) => self.quoted(first, true)?,
            ('\'', _) => self.quoted('\'', false)?,
            ('"', _) => self.quoted('"', false)?,
            ('`', Sqlite | MySql) => self.quoted('`', false)?,
            ('[', Sqlite) => self.until("]")?,
            (':', _) if second.is_some_and(is_start) => {
                self.at += 1;
                Token::Parameter(self.take(is_continued))
            }
            // `::` casts: the second belongs to the first.
            (':', _) if second == Some(':') => {
                self.at += 2;
                Token::Other
            }
            (':', MySql) if second == Some('=') => return Err(Malformed::Assigned),
            ('$', Postgres) => self.dollar(second)?,
            ('?' | '$' | '@', Sqlite) | ('?', MySql) => return Err(Malformed::Unnamed),
            // `@name` and `@@name`: no words of the language.
            ('@', MySql) => {
                self.take(|c| c == '@');
                self.take(|c| is_continued(c) || c == '$' || c == '.');
                Token::Other
            }
            (c, _) if is_start(c) => self.word()?,
            (c, _) if c.is_ascii_digit() => {
                self.take(|c| is_continued(c) || c == '.');
                Token::Other
            }
            _ => {
                self.at += first.len_utf8();
                Token::Other
            }
        };
        Ok(Some(token))
    }

    /// A word, or a text that begins with one: `E'…'` knows escapes in PostgreSQL.
    fn word(&mut self) -> Result<Token<'a>, Malformed> {
        let word = self.take(|c| is_continued(c) || c == '$');
        let is_escaped = self.dialect == Dialect::Postgres && word.eq_ignore_ascii_case("e");
        if is_escaped && self.rest().starts_with('\'') {
            return self.quoted('\'', true);
        }
        Ok(Token::Word(word))
    }

    /// Takes space or a comment, if it stands here.
    fn space(&mut self, first: char) -> Result<bool, Malformed> {
        let rest = self.rest();
        let is_line = match self.dialect {
            // Without a space after it, it is minus and minus.
            Dialect::MySql => {
                let after = rest.strip_prefix("--").map(|rest| rest.chars().next());
                let is_apart =
                    |c: Option<char>| c.is_none_or(|c| c.is_whitespace() || c.is_control());
                first == '#' || after.is_some_and(is_apart)
            }
            _ => rest.starts_with("--"),
        };
        if first.is_whitespace() {
            self.take(char::is_whitespace);
        } else if is_line {
            self.take(|c| c != '\n');
        } else if rest.starts_with("/*") {
            let is_run = rest.starts_with("/*!") || rest.starts_with("/*M!");
            if is_run && self.dialect == Dialect::MySql {
                return Err(Malformed::Executable);
            }
            self.comment()?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn comment(&mut self) -> Result<(), Malformed> {
        let mut depth = 0_usize;
        loop {
            let rest = self.rest();
            if rest.starts_with("/*") && (depth == 0 || self.dialect == Dialect::Postgres) {
                depth += 1;
                self.at += 2;
            } else if rest.starts_with("*/") {
                depth -= 1;
                self.at += 2;
            } else {
                self.at += rest.chars().next().ok_or(Malformed::Open)?.len_utf8();
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// From one quote to the next; two of them stand for one.
    fn quoted(&mut self, quote: char, escapes: bool) -> Result<Token<'a>, Malformed> {
        self.at += 1;
        loop {
            let rest = self.rest();
            let c = rest.chars().next().filter(|c| *c != '\0').ok_or(Malformed::Open)?;
            self.at += c.len_utf8();
            if c == '\\' && escapes {
                self.at += self.rest().chars().next().ok_or(Malformed::Open)?.len_utf8();
            } else if c == quote {
                if !self.rest().starts_with(quote) {
                    return Ok(Token::Other);
                }
                self.at += 1;
            }
        }
    }

    fn until(&mut self, end: &str) -> Result<Token<'a>, Malformed> {
        let length = self.rest().find(end).ok_or(Malformed::Open)?;
        self.at += length + end.len();
        Ok(Token::Other)
    }

    /// `$tag$ … $tag$`.
    fn dollar(&mut self, second: Option<char>) -> Result<Token<'a>, Malformed> {
        if second.is_some_and(|c| c.is_ascii_digit()) {
            return Err(Malformed::Unnamed);
        }
        let rest = self.rest();
        let length = rest[1..].find(|c| !is_continued(c)).unwrap_or(rest.len() - 1);
        if !rest[1 + length..].starts_with('$') {
            self.at += 1;
            return Ok(Token::Other);
        }
        let tag = &rest[..length + 2];
        self.at += tag.len();
        self.until(tag)
    }

    fn nothing_more(&mut self) -> Result<(), Malformed> {
        while let Some(token) = self.next()? {
            if !matches!(token, Token::Space | Token::End) {
                return Err(Malformed::Several);
            }
        }
        Ok(())
    }
}

fn is_start(c: char) -> bool {
    c.is_alphabetic() || c == '_' || !c.is_ascii()
}

fn is_continued(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || !c.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::Dialect::{MySql, Postgres, Sqlite};
    use super::*;

    const ALL: [Dialect; 3] = [Sqlite, Postgres, MySql];

    fn shown(text: &str, dialect: Dialect) -> Result<String, Malformed> {
        Statement::parse(text, dialect).map(|it| it.render(|name| format!("<{name}>")))
    }

    #[test]
    fn a_parameter_is_one_where_the_database_reads_no_text_name_or_comment() {
        for (text, expected, dialects) in [
            ("SELECT :a, :b_2", "SELECT <a>, <b_2>", &ALL[..]),
            ("SELECT ':a', 'it''s :b', :c", "SELECT ':a', 'it''s :b', <c>", &ALL),
            ("SELECT \":a\".x, :b", "SELECT \":a\".x, <b>", &ALL),
            ("SELECT 1 -- :a\n, :b", "SELECT 1 -- :a\n, <b>", &ALL),
            ("SELECT 1 /* :a ' */, :b", "SELECT 1 /* :a ' */, <b>", &ALL),
            ("SELECT 1 /* /* :a */ :b */", "SELECT 1 /* /* :a */ :b */", &[Postgres]),
            ("SELECT 1 /* /* :a */ + :b", "SELECT 1 /* /* :a */ + <b>", &[Sqlite, MySql]),
            ("SELECT :a::date, x::text", "SELECT <a>::date, x::text", &[Postgres]),
            (
                "SELECT $$:a;$$, $t$ :b $$ $t$, :c",
                "SELECT $$:a;$$, $t$ :b $$ $t$, <c>",
                &[Postgres],
            ),
            ("SELECT a$b$, :c", "SELECT a$b$, <c>", &[Postgres]),
            ("SELECT E'\\':a', :b", "SELECT E'\\':a', <b>", &[Postgres]),
            ("SELECT 'x\\', :b", "SELECT 'x\\', <b>", &[Postgres, Sqlite]),
            ("SELECT `:a`, :b", "SELECT `:a`, <b>", &[Sqlite, MySql]),
            ("SELECT 'a\\':b', :c", "SELECT 'a\\':b', <c>", &[MySql]),
            ("SELECT \"a\\\":b\", :c", "SELECT \"a\\\":b\", <c>", &[MySql]),
            ("SELECT 1--:a # :b\n, :c", "SELECT 1--<a> # :b\n, <c>", &[MySql]),
            ("SELECT @a, @@b.c, :d", "SELECT @a, @@b.c, <d>", &[MySql]),
            ("SELECT [:a], :b", "SELECT [:a], <b>", &[Sqlite]),
            ("SELECT a[1], j ? 'k', :b", "SELECT a[1], j ? 'k', <b>", &[Postgres]),
            ("SELECT 1; -- done", "SELECT 1", &ALL),
            ("SELECT 1 ; ;", "SELECT 1 ", &ALL),
            ("SELECT 'é', :ä", "SELECT 'é', <ä>", &ALL),
        ] {
            for &dialect in dialects {
                assert_eq!(shown(text, dialect).as_deref(), Ok(expected), "{dialect}: {text}");
            }
        }
    }

    #[test]
    fn what_is_not_one_statement_is_told_apart() {
        for (text, expected, dialects) in [
            ("", Malformed::Empty, &ALL[..]),
            (" /* x */ ; ", Malformed::Empty, &ALL),
            ("SELECT 1; DROP TABLE t", Malformed::Several, &ALL),
            ("COMMIT; DROP TABLE t; --", Malformed::Several, &ALL),
            ("SELECT ';'; SELECT 1", Malformed::Several, &ALL),
            ("SELECT 'a", Malformed::Open, &ALL),
            ("SELECT 1 /* x", Malformed::Open, &ALL),
            ("SELECT $$ x", Malformed::Open, &[Postgres]),
            ("SELECT 1\0; DROP TABLE t", Malformed::Nul, &ALL),
            ("SELECT $1", Malformed::Unnamed, &[Postgres, Sqlite]),
            ("SELECT ?", Malformed::Unnamed, &[Sqlite]),
            ("SELECT @a", Malformed::Unnamed, &[Sqlite]),
            ("SELECT ?", Malformed::Unnamed, &[MySql]),
            ("SELECT 1 /*! INTO OUTFILE 'x' */", Malformed::Executable, &[MySql]),
            ("SELECT 1 /*M!100000 + 1 */", Malformed::Executable, &[MySql]),
            ("SELECT @a := 1", Malformed::Assigned, &[MySql]),
            ("SELECT 'a\\'; DROP TABLE t", Malformed::Open, &[MySql]),
        ] {
            for &dialect in dialects {
                assert_eq!(shown(text, dialect), Err(expected), "{dialect}: {text}");
            }
        }
    }

    #[test]
    fn a_query_is_known_by_its_first_word() {
        for (text, is_query) in [
            ("select 1", true),
            ("-- why\n WITH a AS (SELECT 1) SELECT * FROM a", true),
            ("COMMIT", false),
            ("DELETE FROM t", false),
        ] {
            assert_eq!(Statement::parse(text, Postgres).unwrap().is_query(), is_query, "{text}");
        }
    }

    #[test]
    fn a_word_is_found_where_it_is_one() {
        let read = |text| Statement::parse(text, MySql).unwrap();
        assert_eq!(read("SELECT 1 into outfile '/x'").has_word(&["INTO"]), Some("INTO"));
        let text = "SELECT 'into', `into`, \"into\" -- into\n # into\n FROM t /* into */";
        assert_eq!(read(text).has_word(&["INTO"]), None);
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_written_is_read_without_a_panic_and_nothing_is_lost(text in ".{0,60}") {
            for dialect in ALL {
                if let Ok(read) = Statement::parse(&text, dialect) {
                    let again = read.render(|name| format!(":{name}"));
                    proptest::prop_assert!(text.starts_with(&again), "{} {}", text, again);
                }
            }
        }
    }
}
