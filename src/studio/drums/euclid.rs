//! Euclidean rhythms: onsets spread as evenly as the steps allow.
//!
//! It must not know pads or patterns.

use crate::util::quantity::StepCount;

/// For each step, whether an onset is there. It starts with one, as in Toussaint's
/// table.
///
/// Bjorklund's algorithm: the onsets are paired with the rests, then the groups with
/// the groups that are over, at least once and until at most one is over.
pub(super) fn euclidean_rhythm(hits: StepCount, length: StepCount) -> Vec<bool> {
    let (hits, length) = (usize::from(hits.get()), usize::from(length.get()));
    let mut groups = vec![vec![true]; hits];
    let mut over = vec![vec![false]; length.saturating_sub(hits)];
    loop {
        let pairs = groups.len().min(over.len());
        let (alone, rests) = (groups.split_off(pairs), over.split_off(pairs));
        groups.iter_mut().zip(over).for_each(|(group, paired)| group.extend(paired));
        over = if alone.is_empty() { rests } else { alone };
        if pairs == 0 || over.len() <= 1 {
            groups.append(&mut over);
            return groups.concat();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn euclid(length: u8, hits: u8) -> String {
        let rhythm = euclidean_rhythm(StepCount::of(hits), StepCount::of(length));
        rhythm.into_iter().map(|is_on| if is_on { 'x' } else { '.' }).collect()
    }

    /// The table of Toussaint, "The Euclidean Algorithm Generates Traditional Musical
    /// Rhythms". (5,16) is printed with a step too many; its intervals, 3 3 3 3 4, are
    /// these.
    const TOUSSAINT: [&str; 22] = [
        "x.x",
        "x.x..",
        "x.xx",
        "x.x.x",
        "x.x.x..",
        "x..x..x.",
        "x.x.x.x",
        "x.x.x.x..",
        "x..x..x..x.",
        "x.xxxx",
        "x.xx.xx",
        "x.xx.xx.",
        "x.x.x.x.x",
        "x.x.x.x.x..",
        "x..x.x..x.x.",
        "x..x..x..x..x...",
        "x.xxxxxx",
        "x.xx.x.xx.x.",
        "x..x.x.x..x.x.x.",
        "x.xx.x.x.xx.x.x.",
        "x..x.x.x.x.x..x.x.x.x.x.",
        "x.xx.x.x.x.x.xx.x.x.x.x.",
    ];

    #[test]
    fn euclid_starts_as_in_toussaints_table() {
        for rhythm in TOUSSAINT {
            let hits = rhythm.matches('x').count();
            let (length, hits) = (rhythm.len().try_into().unwrap(), hits.try_into().unwrap());
            assert_eq!(euclid(length, hits), rhythm, "({hits},{length})");
        }
    }

    #[test]
    fn euclid_spreads_hits_evenly_in_every_length() {
        for length in 1..=128_u8 {
            for hits in 1..=length {
                let rhythm = euclid(length, hits);
                assert!(rhythm.starts_with('x'), "({hits},{length}) {rhythm}");
                let on: Vec<_> = rhythm.match_indices('x').map(|(at, _)| at).collect();
                assert_eq!(on.len(), usize::from(hits), "({hits},{length}) {rhythm}");
                let next = on.iter().skip(1).copied().chain([usize::from(length)]);
                let gaps = || next.clone().zip(&on).map(|(next, at)| next - at);
                assert!(
                    gaps().max().unwrap() - gaps().min().unwrap() <= 1,
                    "({hits},{length}) {rhythm}"
                );
            }
        }
    }
}
