//! One ranking from two: reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009).
//!
//! Scores of BM25 and cosines have no common scale, and places do.

use std::collections::HashMap;
use std::hash::Hash;

use toolgate_gateway::config::Weights;

/// How much less the first places stand out; the value of the paper.
const K: f32 = 60.0;

/// Both rankings as one, with scores of which 1 is the best: first in both. What is equal stands as
/// it does by words, and then by meaning.
pub(crate) fn fuse<T: Copy + Eq + Hash>(
    words: &[T],
    meaning: &[T],
    weights: &Weights,
) -> Vec<(T, f32)> {
    let best = (f32::from(weights.words) + f32::from(weights.meaning)) / (K + 1.0);
    let mut places = HashMap::<T, usize>::new();
    let mut fused = Vec::<(T, f32)>::new();
    for (ranking, weight) in [(words, weights.words), (meaning, weights.meaning)] {
        for (rank, document) in (1_u16..).zip(ranking) {
            let score = f32::from(weight) / (K + f32::from(rank)) / best;
            let place = *places.entry(*document).or_insert_with(|| {
                fused.push((*document, 0.0));
                fused.len() - 1
            });
            fused[place].1 += score;
        }
    }
    // A stable sort: the order of what is equal is the one in which it was seen.
    fused.sort_by(|one, other| other.1.total_cmp(&one.1));
    fused
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(words: &[u32], meaning: &[u32], weights: (u8, u8)) -> Vec<u32> {
        let weights = Weights { words: weights.0, meaning: weights.1 };
        fuse(words, meaning, &weights).into_iter().map(|(document, _)| document).collect()
    }

    #[test]
    fn what_both_rank_is_before_what_one_does() {
        assert_eq!(order(&[1, 2, 3], &[4, 3, 5], (1, 1)), [3, 1, 4, 2, 5]);
        assert_eq!(order(&[1, 2], &[], (1, 1)), [1, 2]);
        assert_eq!(order(&[], &[2, 1], (1, 1)), [2, 1]);
    }

    #[test]
    fn weights_say_which_ranking_counts() {
        assert_eq!(order(&[1, 2], &[3, 4], (5, 1)), [1, 2, 3, 4]);
        assert_eq!(order(&[1, 2], &[3, 2], (0, 1)), [3, 2, 1]);
    }

    #[test]
    fn the_first_of_both_has_the_best_score() {
        let fused = fuse(&['a', 'b'], &['a'], &Weights { words: 2, meaning: 1 });

        assert!((fused[0].1 - 1.0).abs() < 1e-6, "{fused:?}");
        assert!((fused[1].1 - 2.0 / 62.0 / (3.0 / 61.0)).abs() < 1e-6, "{fused:?}");
    }
}
