//! From text to the words that are looked for: in lower case, without the commonest ones, forms of
//! one word as one.
//!
//! Each document is taken apart by the rules of its own language, and each query by those of all
//! languages that documents are in.

use std::sync::OnceLock;

use tantivy::tokenizer::{
    AsciiFoldingFilter, Language as Stemming, LowerCaser, PreTokenizedString, RemoveLongFilter,
    Stemmer, StopWordFilter, TextAnalyzer, Token,
};
use toolgate_gateway::config::Language;

use crate::letters::Letters;

/// Longer words are left out, in bytes: they are data, not words.
const WORD: usize = 64;
/// Words of one text that count: more than any book has, and as many as take a quarter of a GiB.
const WORDS: usize = 4_000_000;
/// Languages, with the one that is none.
const LANGUAGES: usize = 19;

/// The words of a text in their order, with their places.
pub(crate) fn words(language: Language, text: &str) -> Vec<Token> {
    first(WORDS, language, text)
}

fn first(most: usize, language: Language, text: &str) -> Vec<Token> {
    static CHAINS: [OnceLock<TextAnalyzer>; LANGUAGES] = [const { OnceLock::new() }; LANGUAGES];
    let mut chain = CHAINS[language as usize].get_or_init(|| chain(language)).clone();
    let mut stream = chain.token_stream(text);
    let mut words = Vec::new();
    while words.len() < most && stream.advance() {
        words.push(stream.token().clone());
    }
    words
}

/// The same as the index takes them; and that there are more, if there are.
pub(crate) fn indexed(language: Language, text: &str) -> (PreTokenizedString, Option<String>) {
    within(WORDS, language, text)
}

fn within(most: usize, language: Language, text: &str) -> (PreTokenizedString, Option<String>) {
    let mut tokens = first(most + 1, language, text);
    let more = (tokens.len() > most)
        .then(|| format!("words after the first {most} are found by no search"));
    tokens.truncate(most);
    // The text itself is kept elsewhere.
    (PreTokenizedString { text: String::new(), tokens }, more)
}

fn chain(language: Language) -> TextAnalyzer {
    let chain = TextAnalyzer::builder(Letters::default())
        .dynamic()
        .filter_dynamic(RemoveLongFilter::limit(WORD))
        .filter_dynamic(LowerCaser);
    let Some(language) = stemming(language) else {
        return chain.filter_dynamic(AsciiFoldingFilter).build();
    };
    let chain = match language {
        // Words that English took with their accents are written without them as often.
        Stemming::English => chain.filter_dynamic(AsciiFoldingFilter),
        _ => chain,
    };
    let chain = match StopWordFilter::new(language) {
        Some(stop_words) => chain.filter_dynamic(stop_words),
        None => chain,
    };
    // Accents count for the rules of a language, and not for whoever types without them.
    chain.filter_dynamic(Stemmer::new(language)).filter_dynamic(AsciiFoldingFilter).build()
}

fn stemming(language: Language) -> Option<Stemming> {
    Some(match language {
        Language::Ar => Stemming::Arabic,
        Language::Da => Stemming::Danish,
        Language::De => Stemming::German,
        Language::El => Stemming::Greek,
        Language::En => Stemming::English,
        Language::Es => Stemming::Spanish,
        Language::Fi => Stemming::Finnish,
        Language::Fr => Stemming::French,
        Language::Hu => Stemming::Hungarian,
        Language::It => Stemming::Italian,
        Language::Nl => Stemming::Dutch,
        Language::No => Stemming::Norwegian,
        Language::Pt => Stemming::Portuguese,
        Language::Ro => Stemming::Romanian,
        Language::Ru => Stemming::Russian,
        Language::Sv => Stemming::Swedish,
        Language::Ta => Stemming::Tamil,
        Language::Tr => Stemming::Turkish,
        Language::None => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(language: Language, text: &str) -> Vec<String> {
        words(language, text).into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn forms_of_a_word_are_one_in_their_language() {
        assert_eq!(texts(Language::En, "The Connections are connecting"), ["connect", "connect"]);
        assert_eq!(texts(Language::En, "résumés"), texts(Language::En, "resume"));
        assert_eq!(texts(Language::De, "die Häuser"), texts(Language::De, "Haus"));
        assert_eq!(texts(Language::None, "The Häuser"), ["the", "hauser"]);
        assert_eq!(texts(Language::De, "Ha\u{308}user"), texts(Language::De, "Haus"));
    }

    #[test]
    fn places_are_those_of_the_text() {
        let word = &words(Language::En, "of  Größen")[0];

        assert_eq!((word.offset_from, word.offset_to, word.position), (4, 12, 1));
    }

    #[test]
    fn words_beyond_the_most_are_left_out_and_that_is_told() {
        let (taken, more) = within(2, Language::En, "one two three four");
        assert_eq!(taken.tokens.len(), 2);
        assert!(more.unwrap().contains("after the first 2 "));
        assert_eq!(within(2, Language::En, "one two").1, None);
    }

    #[test]
    fn data_is_no_word() {
        assert_eq!(texts(Language::En, &"x".repeat(1000)), [""; 0]);
    }
}
