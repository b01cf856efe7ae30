//! Which vectors are nearest to one: all are looked at, so that none is missed.
//!
//! Vectors have the length 1, so that their cosine is the sum of their products.

use std::sync::Arc;

/// The vectors of one document, one after the other.
pub(crate) struct Row<T> {
    pub(crate) document: T,
    pub(crate) vectors: Arc<[f32]>,
}

/// A document that is near.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Near<T> {
    pub(crate) document: T,
    /// Which of its passages is the nearest.
    pub(crate) passage: usize,
    cosine: f32,
}

/// The `most` documents with the nearest passages among those that `counts` lets through, nearest
/// first; of equal ones those that come first.
pub(crate) fn nearest<T: Copy>(
    rows: &[Row<T>],
    query: &[f32],
    most: usize,
    counts: impl Fn(&T) -> bool,
) -> Vec<Near<T>> {
    let best = |row: &Row<T>| {
        let cosines = row.vectors.chunks_exact(query.len()).map(|vector| product(vector, query));
        let best = cosines.enumerate().max_by(|one, other| one.1.total_cmp(&other.1));
        best.map(|(passage, cosine)| Near { document: row.document, passage, cosine })
    };
    let counted = rows.iter().filter(|row| counts(&row.document));
    let mut all: Vec<(usize, Near<T>)> = counted.filter_map(best).enumerate().collect();
    let order = |one: &(usize, Near<T>), other: &(usize, Near<T>)| {
        other.1.cosine.total_cmp(&one.1.cosine).then(one.0.cmp(&other.0))
    };
    if all.len() > most {
        all.select_nth_unstable_by(most, order);
        all.truncate(most);
    }
    all.sort_unstable_by(order);
    all.into_iter().map(|(_, near)| near).collect()
}

/// The sum of products, in lanes that a processor adds up at once.
fn product(one: &[f32], other: &[f32]) -> f32 {
    const LANES: usize = 16;
    let (ones, one_rest) = one.as_chunks::<LANES>();
    let (others, other_rest) = other.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (one, other) in ones.iter().zip(others) {
        for lane in 0..LANES {
            sums[lane] += one[lane] * other[lane];
        }
    }
    let rest: f32 = one_rest.iter().zip(other_rest).map(|(one, other)| one * other).sum();
    sums.iter().sum::<f32>() + rest
}

/// The vector of the same direction with the length 1; one without a direction stays nothing.
pub(crate) fn normalized(mut vector: Vec<f32>) -> Vec<f32> {
    // In doubles: squares of what a model may say exceed single ones.
    let length = vector.iter().map(|it| f64::from(*it).powi(2)).sum::<f64>().sqrt();
    for number in &mut vector {
        *number = if length > 0.0 { (f64::from(*number) / length) as f32 } else { 0.0 };
    }
    vector
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(vectors: &[&[f32]]) -> Vec<Row<usize>> {
        let row =
            |(document, vectors): (usize, &&[f32])| Row { document, vectors: (*vectors).into() };
        vectors.iter().enumerate().map(row).collect()
    }

    fn found(rows: &[Row<usize>], query: &[f32], most: usize) -> Vec<(usize, usize)> {
        let near = nearest(rows, query, most, |document| *document != 9);
        near.iter().map(|near| (near.document, near.passage)).collect()
    }

    #[test]
    fn a_document_is_as_near_as_its_nearest_passage() {
        let mut rows = rows(&[&[1.0, 0.0], &[0.0, 1.0, 0.8, 0.6], &[0.6, 0.8], &[0.6, 0.8]]);
        rows.push(Row { document: 9, vectors: [1.0, 0.0].into() });

        assert_eq!(found(&rows, &[1.0, 0.0], 10), [(0, 0), (1, 1), (2, 0), (3, 0)]);
        assert_eq!(found(&rows, &[1.0, 0.0], 2), [(0, 0), (1, 1)]);
        assert_eq!(found(&rows, &[0.0, 1.0], 3), [(1, 0), (2, 0), (3, 0)]);
    }

    #[test]
    fn products_are_whole_whatever_the_length() {
        for length in [1, 15, 16, 17, 384, 1000] {
            let ones = vec![1.0; length];
            assert_eq!(product(&ones, &ones), length as f32);
        }
    }

    #[test]
    fn every_vector_has_the_length_one_or_none() {
        assert_eq!(normalized(vec![3.0, 4.0]), [0.6, 0.8]);
        assert_eq!(normalized(vec![1.5e38, 2e38]), [0.6, 0.8]);
        assert_eq!(normalized(vec![0.0, 0.0]), [0.0, 0.0]);
    }
    /// Prints what one search costs: `benches/README.md`.
    #[test]
    #[ignore = "needs an optimised build"]
    fn hundred_thousand() {
        const DIMENSIONS: usize = 384;
        const DOCUMENTS: usize = 100_000;
        let mut drawn = 1_u32;
        let mut draw = || {
            drawn = drawn.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            drawn as f32 / u32::MAX as f32 - 0.5
        };
        let mut vector = || normalized((0..DIMENSIONS).map(|_| draw()).collect());
        let rows: Vec<_> =
            (0..DOCUMENTS).map(|document| Row { document, vectors: vector().into() }).collect();
        let query = vector();

        let mut times: Vec<_> = (0..200)
            .map(|_| {
                let begun = std::time::Instant::now();
                assert_eq!(nearest(&rows, &query, 100, |_| true).len(), 100);
                begun.elapsed()
            })
            .collect();
        times.sort_unstable();
        println!("{DOCUMENTS} x {DIMENSIONS}: p50 {:.1?}, p99 {:.1?}", times[100], times[198]);
    }
}
