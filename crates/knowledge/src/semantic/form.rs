//! The form in which most servers of embedding models are asked: that of OpenAI's `/v1/embeddings`.

use serde::Deserialize;
use serde_json::json;

use super::embedder::EmbedError;

#[derive(Deserialize)]
struct Answer {
    data: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    index: Option<usize>,
    embedding: Vec<f32>,
}

/// The body of a request for a vector of each text.
pub fn question(model: &str, dimensions: Option<usize>, texts: &[String]) -> Vec<u8> {
    let mut question = json!({ "model": model, "input": texts });
    // Several servers refuse the key for models that make vectors of one length only.
    if let Some(dimensions) = dimensions {
        question["dimensions"] = dimensions.into();
    }
    question.to_string().into_bytes()
}

/// The vectors of an answer to `count` texts, in the order of the texts.
///
/// # Errors
/// When it is no list of as many vectors, all of one length and of finite numbers.
pub fn answer(body: &[u8], count: usize) -> Result<Vec<Vec<f32>>, EmbedError> {
    let unusable = |what: &str| EmbedError::Unusable(format!("the answer {what}"));
    // The parser's own words quote the answer.
    let answer: Answer = serde_json::from_slice(body)
        .map_err(|_| unusable("is not {\"data\": [{\"index\": 0, \"embedding\": [...]}]}"))?;
    if answer.data.len() != count {
        let found = answer.data.len();
        return Err(unusable(&format!("has {found} vectors for {count} texts")));
    }
    let mut vectors = vec![Vec::new(); count];
    for (at, entry) in answer.data.into_iter().enumerate() {
        let place = vectors.get_mut(entry.index.unwrap_or(at));
        let place = place.filter(|place| place.is_empty());
        let place = place.ok_or_else(|| unusable("does not say which vector is of which text"))?;
        *place = entry.embedding;
    }
    let length = vectors.first().map_or(0, Vec::len);
    let is_sound = |vector: &Vec<f32>| {
        vector.len() == length && vector.iter().all(|number| number.is_finite())
    };
    if (length == 0 && count > 0) || !vectors.iter().all(is_sound) {
        return Err(unusable("has vectors without numbers, or of several lengths"));
    }
    Ok(vectors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_come_in_the_order_of_their_texts() {
        let body = br#"{"object":"list","model":"m","usage":{},"data":[
            {"object":"embedding","index":1,"embedding":[3,4.5]},
            {"object":"embedding","index":0,"embedding":[-1e-3,2]}]}"#;

        assert_eq!(answer(body, 2).unwrap(), [[-0.001, 2.0], [3.0, 4.5]]);
    }

    #[test]
    fn what_is_no_answer_to_the_question_is_refused_without_being_repeated() {
        for (body, count) in [
            (r#"{"error":{"message":"bad key sk-1"}}"#, 1),
            (r#"{"data":[{"embedding":[1]}]}"#, 2),
            (r#"{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]}"#, 2),
            (r#"{"data":[{"index":7,"embedding":[1]}]}"#, 1),
            (r#"{"data":[{"embedding":[1]},{"embedding":[1,2]}]}"#, 2),
            (r#"{"data":[{"embedding":[]}]}"#, 1),
            (r#"{"data":[{"embedding":[1e99]}]}"#, 1),
            (r#"{"data":[{"embedding":"AACAPw=="}]}"#, 1),
            ("sk-1", 1),
        ] {
            let error = answer(body.as_bytes(), count).unwrap_err().to_string();
            assert!(error.starts_with("the answer ") && !error.contains("sk-1"), "{body}: {error}");
        }
    }

    #[test]
    fn dimensions_are_asked_for_where_they_are_configured() {
        let texts = ["a".to_owned(), "\"b\"".to_owned()];

        let asked = |dimensions| -> serde_json::Value {
            serde_json::from_slice(&question("m", dimensions, &texts)).unwrap()
        };

        assert_eq!(asked(None), json!({ "model": "m", "input": ["a", "\"b\""] }));
        assert_eq!(asked(Some(256))["dimensions"], 256);
    }
}
