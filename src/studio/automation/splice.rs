//! Keeps the curve before and after an overdub as it was.
//!
//! A point that is put into a curve bends it on both sides. The points that this module
//! returns preserve the values on one side, whatever is put on the other. It must not know
//! parameters or the playhead.

use super::lane::{Curve, Point, Points, value_between};
use crate::{
    studio::common::loop_region::LoopRegion,
    util::quantity::{Amount, Ticks},
};

/// How many straight pieces stand for a part of a curve that is not itself a curve.
/// They differ from it by at most a thousandth of its step in value.
const PIECES: u32 = 32;

impl Points {
    /// The points that keep the values before `tick`. Without points, these are
    /// `otherwise`.
    pub(in crate::studio) fn head(&self, tick: Ticks, otherwise: Amount) -> Vec<Point> {
        let Some(last) = tick.get().checked_sub(1).and_then(|tick| Ticks::new(tick).ok()) else {
            return Vec::new();
        };
        let end = Point { tick: last, value: otherwise, curve: Curve::Hold };
        let end = Point { value: self.value(last).unwrap_or(otherwise), ..end };
        match (self.at_or_before(last), self.next(tick)) {
            (Some(Point { curve: Curve::Hold, .. }), _) => Vec::new(),
            // The first part of such a curve is not itself a curve of its kind.
            (Some(from @ Point { curve: Curve::SlowEnd | Curve::Smooth, .. }), Some(to)) => {
                let mut points = straight_pieces(from, to, from.tick, last);
                points.push(end);
                points
            }
            _ => vec![end],
        }
    }

    /// The points that keep the values from `tick` on. Without points, there are none.
    pub(in crate::studio) fn tail(&self, tick: Ticks) -> Vec<Point> {
        let next = tick.get().checked_add(1).and_then(|tick| Ticks::new(tick).ok());
        let after = next.and_then(|next| self.next(next));
        match (self.at_or_before(tick), after) {
            (None, None) => Vec::new(),
            (None, Some(to)) => vec![Point { tick, curve: Curve::Hold, ..to }],
            // The last part of such a curve is not itself a curve of its kind.
            (Some(from @ Point { curve: Curve::SlowStart | Curve::Smooth, .. }), Some(to))
                if from.tick < tick =>
            {
                straight_pieces(from, to, tick, to.tick)
            }
            (Some(from), Some(to)) => {
                vec![Point { tick, value: value_between(from, to, tick), ..from }]
            }
            (Some(from), None) => vec![Point { tick, ..from }],
        }
    }

    /// These points, with those up to `tick` as they were in `before`.
    pub(in crate::studio) fn as_before(&self, before: &Self, tick: Ticks) -> Self {
        let mut points = self.clone();
        if let Ok(passed) = LoopRegion::new(Ticks::MIN, tick) {
            points.clear(passed);
        }
        let _ = points.take(tick);
        before.at_or_before(tick).into_iter().for_each(|point| points.put(point));
        points
    }
}

/// The points of straight pieces from `start` to before `end`, on the way between two
/// points.
fn straight_pieces(from: Point, to: Point, start: Ticks, end: Ticks) -> Vec<Point> {
    let (first, length) = (u64::from(start.get()), u64::from(end.get() - start.get()));
    let mut ticks: Vec<_> = (0..u64::from(PIECES))
        .map(|piece| first + length * piece / u64::from(PIECES))
        .filter_map(|tick| Ticks::new(u32::try_from(tick).ok()?).ok())
        .filter(|tick| *tick < end)
        .collect();
    ticks.dedup();
    let point = |tick| Point { tick, value: value_between(from, to, tick), curve: Curve::Linear };
    ticks.into_iter().map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(tick: u32, value: f32, curve: Curve) -> Point {
        Point { tick: Ticks::of(tick), value: Amount::of(value), curve }
    }

    /// Whether both have the same values from `from` to before `to`.
    fn assert_same(old: &Points, new: &Points, (from, to): (u32, u32), what: &str) {
        for tick in (from..to).map(Ticks::of) {
            let [old, new] = [old, new].map(|points| points.value(tick).unwrap().get());
            assert!((old - new).abs() <= 0.001, "{what} at {tick}: {old} became {new}");
        }
    }

    #[test]
    fn spliced_curves_keep_their_shape_on_both_sides() {
        for curve in [Curve::Hold, Curve::Linear, Curve::SlowStart, Curve::SlowEnd, Curve::Smooth] {
            for (from, to) in [(0, 100), (50, 51), (1, 1999), (100, 900), (999, 1000), (1000, 1999)]
            {
                let all = [(100, 0.1), (1000, 0.9), (1003, 0.2)];
                let old: Points =
                    all.into_iter().map(|(tick, value)| point(tick, value, curve)).collect();
                let (start, end) = (Ticks::of(from), Ticks::of(to));
                let (head, tail) = (old.head(start, Amount::MIN), old.tail(end));
                let mut new = old.clone();
                new.clear(LoopRegion::new(start, end).unwrap());
                for point in head.into_iter().chain(tail) {
                    new.put(point);
                }
                new.put(point(from, 0.5, Curve::Hold));
                let what = format!("{curve:?} around {from} to {to}");
                assert_same(&old, &new, (0, from), &what);
                assert_same(&old, &new, (to, 2500), &what);
            }
        }
    }

    #[test]
    fn splicing_an_empty_lane_keeps_the_value_before() {
        let (empty, tick) = (Points::default(), Ticks::of(480));
        assert_eq!(empty.head(tick, Amount::of(0.3)), [point(479, 0.3, Curve::Hold)]);
        assert_eq!(empty.tail(tick), []);
        assert_eq!(empty.head(Ticks::MIN, Amount::MAX), []);
    }
}
