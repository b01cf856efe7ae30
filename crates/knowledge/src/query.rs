//! What a caller looks for. Every text is a query, and none is a slow one.
//!
//! Words may each be there, and the more the better; `"words in quotes"` have to be there as they
//! stand; so do words with `+` or joined by `AND`; words with `-` or after `NOT` must not be there.

use std::collections::{BTreeSet, HashSet};

use tantivy::Term;
use tantivy::query::{
    AllQuery, BooleanQuery, BoostQuery, ConstScoreQuery, Occur, PhraseQuery, Query as Matching,
    TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::tokenizer::Token;
use toolgate_gateway::config::{Boosts, Language};

use crate::analysis::words;
use crate::index::{Fields, facet};

/// Characters of a query that count.
pub(crate) const LONGEST: usize = 1000;
/// Different words and phrases that count.
const CLAUSES: usize = 64;

/// A query, taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Query(Vec<Clause>);

#[derive(Debug, PartialEq, Eq)]
struct Clause {
    text: String,
    occur: Occur,
    is_phrase: bool,
}

/// A query as the index takes it.
pub(crate) struct Prepared {
    /// `None` if there is no word to look for.
    pub(crate) matching: Option<Box<dyn Matching>>,
    /// What has to be so of a document that is found for its meaning; `None` if nothing has to.
    pub(crate) restriction: Option<Box<dyn Matching>>,
    /// The words that make a match, as the index has them.
    pub(crate) stems: HashSet<String>,
}

impl Query {
    pub(crate) fn parse(text: &str) -> Query {
        let text: String = text.chars().take(LONGEST).collect();
        let mut clauses = Vec::<Clause>::new();
        let mut rest = text.trim_start();
        let (mut joined, mut negated) = (false, false);
        while !rest.is_empty() && clauses.len() < CLAUSES {
            let (sign, unsigned) = match rest.strip_prefix(['+', '-']) {
                Some(unsigned) if !unsigned.starts_with(char::is_whitespace) => {
                    (rest.chars().next(), unsigned)
                }
                _ => (None, rest),
            };
            let quoted = unsigned.strip_prefix('"').and_then(|inner| inner.split_once('"'));
            let (word, is_phrase) = match quoted {
                Some((phrase, after)) => {
                    rest = after.trim_start();
                    (phrase, true)
                }
                None => {
                    let end = unsigned.find(char::is_whitespace).unwrap_or(unsigned.len());
                    rest = unsigned[end..].trim_start();
                    (&unsigned[..end], false)
                }
            };
            match (word, is_phrase) {
                ("AND", false) => {
                    joined = true;
                    if let Some(last) = clauses.last_mut().filter(|it| it.occur == Occur::Should) {
                        last.occur = Occur::Must;
                    }
                    continue;
                }
                ("OR", false) => continue,
                ("NOT", false) => {
                    negated = true;
                    continue;
                }
                _ => {}
            }
            let occur = match sign {
                Some('-') => Occur::MustNot,
                _ if negated => Occur::MustNot,
                Some(_) => Occur::Must,
                None if is_phrase || joined => Occur::Must,
                None => Occur::Should,
            };
            (joined, negated) = (false, false);
            clauses.push(Clause { text: word.to_owned(), occur, is_phrase });
        }
        Query(clauses)
    }

    /// What it asks about, without its signs.
    pub(crate) fn meaning(&self) -> String {
        let meant = self.0.iter().filter(|clause| clause.occur != Occur::MustNot);
        meant.map(|clause| clause.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    /// For an index with documents in these languages.
    pub(crate) fn prepare(
        &self,
        fields: &Fields,
        boosts: &Boosts,
        languages: &[Language],
        category: Option<&str>,
    ) -> Prepared {
        let places: Vec<(Field, f32)> = [
            (fields.title, boosts.title),
            (fields.headings, boosts.headings),
            (fields.body, boosts.body),
        ]
        .into_iter()
        .filter(|(_, boost)| *boost > 0)
        .map(|(field, boost)| (field, f32::from(boost)))
        .collect();
        let mut stems = HashSet::new();
        let mut may = BTreeSet::new();
        let mut clauses: Vec<(Occur, Box<dyn Matching>)> = Vec::new();
        for clause in &self.0 {
            let forms: BTreeSet<Vec<(usize, String)>> = languages
                .iter()
                .map(|language| form(&words(*language, &clause.text)))
                .filter(|form| !form.is_empty())
                .collect();
            if clause.occur != Occur::MustNot {
                stems.extend(forms.iter().flatten().map(|(_, stem)| stem.clone()));
            }
            if clause.occur == Occur::Should {
                may.extend(forms.into_iter().flatten().map(|(_, stem)| stem));
            } else if !forms.is_empty() {
                clauses.push((clause.occur, any(&forms, &places)));
            }
        }
        let filter = category.map(|category| within(fields, category));
        let restriction = restriction(&clauses, filter.as_deref());
        let may = may.into_iter().take(CLAUSES).flat_map(|stem| {
            places.iter().map(move |place| (Occur::Should, word(&stem, *place))).collect::<Vec<_>>()
        });
        clauses.extend(may);
        if clauses.iter().all(|(occur, _)| *occur == Occur::MustNot) {
            return Prepared { matching: None, restriction, stems };
        }
        let mut matching: Box<dyn Matching> = Box::new(BooleanQuery::new(clauses));
        if let Some(filter) = filter {
            matching = Box::new(BooleanQuery::intersection(vec![matching, filter]));
        }
        Prepared { matching: Some(matching), restriction, stems }
    }
}

/// What must be there, and what must not; in a category, if it is so.
fn restriction(
    clauses: &[(Occur, Box<dyn Matching>)],
    filter: Option<&dyn Matching>,
) -> Option<Box<dyn Matching>> {
    let mut all: Vec<_> =
        clauses.iter().map(|(occur, clause)| (*occur, clause.box_clone())).collect();
    all.extend(filter.map(|filter| (Occur::Must, filter.box_clone())));
    if all.is_empty() {
        return None;
    }
    // What must not be there is taken from what there is.
    all.push((Occur::Must, Box::new(AllQuery)));
    Some(Box::new(BooleanQuery::new(all)))
}

/// All documents of a category and those below it, none better than another.
pub(crate) fn within(fields: &Fields, category: &str) -> Box<dyn Matching> {
    let term = Term::from_facet(fields.category, &facet(category));
    let query = TermQuery::new(term, IndexRecordOption::Basic);
    Box::new(ConstScoreQuery::new(Box::new(query), 0.0))
}

/// The words of a clause with their distances.
fn form(tokens: &[Token]) -> Vec<(usize, String)> {
    let first = tokens.first().map_or(0, |token| token.position);
    tokens.iter().map(|token| (token.position - first, token.text.clone())).collect()
}

/// One of several forms, in one of several fields.
fn any(forms: &BTreeSet<Vec<(usize, String)>>, places: &[(Field, f32)]) -> Box<dyn Matching> {
    let each = forms.iter().flat_map(|form| places.iter().map(|place| phrase(form, *place)));
    Box::new(BooleanQuery::union(each.collect()))
}

fn phrase(form: &[(usize, String)], (field, boost): (Field, f32)) -> Box<dyn Matching> {
    if let [(_, stem)] = form {
        return word(stem, (field, boost));
    }
    let terms = form.iter().map(|(at, stem)| (*at, Term::from_field_text(field, stem)));
    Box::new(BoostQuery::new(Box::new(PhraseQuery::new_with_offset(terms.collect())), boost))
}

pub(crate) fn word(stem: &str, (field, boost): (Field, f32)) -> Box<dyn Matching> {
    let term = Term::from_field_text(field, stem);
    Box::new(BoostQuery::new(Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs)), boost))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let clause = |Clause { text, occur, is_phrase }: &Clause| {
            let sign = match occur {
                Occur::Should => "",
                Occur::Must => "+",
                Occur::MustNot => "-",
            };
            format!("{sign}{}{text}", if *is_phrase { "=" } else { "" })
        };
        Query::parse(text).0.iter().map(clause).collect()
    }

    #[test]
    fn words_phrases_and_signs_are_told_apart() {
        for (text, clauses) in [
            ("reset password", &["reset", "password"][..]),
            (r#""reset password" mail"#, &["+=reset password", "mail"]),
            (r#"-"old app" +mail -fax e-mail"#, &["-=old app", "+mail", "-fax", "e-mail"]),
            ("a AND b OR c NOT d", &["+a", "+b", "c", "-d"]),
            (r#"an "unfinished phrase"#, &["an", r#""unfinished"#, "phrase"]),
            ("- a:b^2 (c)", &["-", "a:b^2", "(c)"]),
            ("AND OR NOT", &[]),
            ("", &[]),
        ] {
            let expected: Vec<_> = clauses.iter().map(|it| (*it).to_owned()).collect();
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn what_must_not_be_there_is_not_meant() {
        let query = Query::parse(r#"+reset "my password" OR login -mail NOT phone"#);

        assert_eq!(query.meaning(), "reset my password login");
        assert_eq!(Query::parse("-mail").meaning(), "");
    }

    proptest! {
        #[test]
        fn every_text_is_a_query_of_bounded_size(text in r#"[-+"a-zA-Z ANDORT\u{e9}\u{1F600}]{0,2000}"#) {
            prop_assert!(Query::parse(&text).0.len() <= CLAUSES);
        }
    }
}
