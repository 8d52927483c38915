//! A lane: automation points over time and the curves between them.
//!
//! A value is a fraction of the parameter's range. A lane must not know its
//! parameter.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    model::{DigestDelta, Invalid},
    studio::common::{
        bounded::{self, MAX_PASTED, MAX_POINTS},
        collection::Collection,
        loop_region::LoopRegion,
        narrowing,
        settings::{Settings, settings},
    },
    util::{
        ordmap::{DiffItem, Merged, OrdMap},
        quantity::{Amount, Ticks},
    },
};

/// The interpolation from a point to the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Curve {
    /// The value stays until the next point.
    Hold,
    /// Linear.
    Linear,
    /// Slow start: the value accelerates.
    SlowStart,
    /// Slow end: the value decelerates.
    SlowEnd,
    /// Slow start and slow end.
    Smooth,
}

/// A point of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// The position of the point.
    pub tick: Ticks,
    /// The value, as a fraction of the parameter's range.
    pub value: Amount,
    /// The interpolation to the next point.
    pub curve: Curve,
}

settings! {
    /// The automation of one parameter.
    Lane, LaneSetting {
        /// Whether the lane moves the parameter during playback.
        enabled: Enabled(bool) = true;
        /// Whether moves of the control are written into the lane while the
        /// transport records. From the first move until the playhead jumps or
        /// recording ends, they replace the points that it passes, and the lane
        /// does not move the parameter.
        armed: Armed(bool) = false;
    }
    beside {
        /// The points of the lane.
        points: Points;
    }
}

/// Points, at most one per tick.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Points(
    #[serde(deserialize_with = "bounded::map::<MAX_POINTS, _, _, _>")] OrdMap<Ticks, Bend>,
);

/// A point without its tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Bend {
    value: Amount,
    curve: Curve,
}

/// A change of one lane, as a patch carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LaneChange {
    /// A setting has a new value.
    Set(LaneSetting),
    /// A point was added or changed.
    Put(Point),
    /// The point at this tick was removed.
    Remove(Ticks),
    /// The complete new value of a lane, which may not exist yet.
    Whole(Arc<Lane>),
    /// The lane was deleted.
    Gone,
}

impl Curve {
    /// The interpolated fraction of the step in value, at the fraction `part`
    /// of the time between two points. Both are from 0 to 1.
    #[must_use]
    pub fn bend(self, part: f32) -> f32 {
        match self {
            Self::Hold => 0.0,
            Self::Linear => part,
            Self::SlowStart => part * part,
            Self::SlowEnd => part * (2.0 - part),
            Self::Smooth => part * part * (3.0 - 2.0 * part),
        }
    }
}

impl Bend {
    const fn at(self, tick: Ticks) -> Point {
        Point { tick, value: self.value, curve: self.curve }
    }
}

impl Points {
    /// About how many bytes the two do not share.
    pub(super) fn weight(old: Option<&Self>, new: Option<&Self>) -> usize {
        narrowing::weight(old.map(|points| &points.0), new.map(|points| &points.0))
    }

    /// All points, by tick.
    pub fn iter(&self) -> impl Iterator<Item = Point> {
        self.0.iter().map(|(tick, bend)| bend.at(*tick))
    }

    /// The points within `region`.
    pub fn within(&self, region: LoopRegion) -> impl Iterator<Item = Point> {
        let end = region.end();
        let points = self.0.iter_from(&region.start()).take_while(move |(tick, _)| **tick < end);
        points.map(|(tick, bend)| bend.at(*tick))
    }

    /// The first point at or after `tick`.
    #[must_use]
    pub fn next(&self, tick: Ticks) -> Option<Point> {
        self.0.iter_from(&tick).next().map(|(at, bend)| bend.at(*at))
    }

    /// The last point at or before `tick`.
    #[must_use]
    pub fn at_or_before(&self, tick: Ticks) -> Option<Point> {
        self.0.at_or_before(&tick).map(|(at, bend)| bend.at(*at))
    }

    /// The number of points.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no points.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The interpolated value at `tick`; outside the points, the value of the
    /// nearest one. `None` without points.
    #[must_use]
    pub fn value(&self, tick: Ticks) -> Option<Amount> {
        let (before, after) = (self.at_or_before(tick), self.next(tick));
        let (Some(from), Some(to)) = (before, after) else {
            return before.or(after).map(|point| point.value);
        };
        Some(value_between(from, to, tick))
    }

    pub(super) fn put(&mut self, Point { tick, value, curve }: Point) {
        self.0.insert(tick, Bend { value, curve });
    }

    pub(super) fn add(&mut self, point: Point) -> Result<(), Invalid> {
        if self.0.contains_key(&point.tick) {
            return Err(Invalid::exists("point at", point.tick));
        }
        self.put(point);
        Ok(())
    }

    pub(super) fn take(&mut self, tick: Ticks) -> Result<Point, Invalid> {
        let bend = self.0.remove(&tick).ok_or_else(|| Invalid::missing("point at", tick))?;
        Ok(bend.at(tick))
    }

    pub(super) fn clear(&mut self, region: LoopRegion) {
        let gone = self.within(region).map(|point| (point.tick, None)).collect();
        self.0.apply_sorted(gone);
    }

    /// Writes points, which must be in order, and replaces those at the same ticks.
    pub(super) fn paste(&mut self, points: impl IntoIterator<Item = Point>) -> Result<(), Invalid> {
        let pasted: Vec<_> = points
            .into_iter()
            .map(|Point { tick, value, curve }| (tick, Some(Bend { value, curve })))
            .collect();
        bounded::at_most(pasted.len(), MAX_PASTED, "points to paste")?;
        self.0.apply_sorted(pasted);
        self.check()
    }

    pub(super) fn check(&self) -> Result<(), Invalid> {
        bounded::at_most(self.len(), MAX_POINTS, "points of a lane")
    }

    /// Replaces the points in a region of equal length from `to` by those in
    /// `region`. Points that would end up after the last possible tick are
    /// dropped.
    pub(super) fn copy(&mut self, region: LoopRegion, to: Ticks) -> Result<(), Invalid> {
        let start = region.start().get();
        let shifted = |tick: Ticks| Ticks::new(tick.get() - start + to.get()).ok();
        let copies: Vec<_> = self
            .within(region)
            .filter_map(|point| Some(Point { tick: shifted(point.tick)?, ..point }))
            .collect();
        let end = shifted(region.end()).unwrap_or(Ticks::MAX);
        if let Ok(over) = LoopRegion::new(to, end) {
            self.clear(over);
        }
        self.paste(copies)
    }
}

impl Collection for Points {
    fn merge(&mut self, from: &Self, to: &Self) -> Merged {
        self.0.merge(&from.0, &to.0)
    }
}

impl FromIterator<Point> for Points {
    /// If two points have the same tick, the last one wins.
    fn from_iter<I: IntoIterator<Item = Point>>(points: I) -> Self {
        let mut all = Self::default();
        points.into_iter().for_each(|point| all.put(point));
        all
    }
}

/// The interpolated value at `tick`, where `from.tick <= tick <= to.tick`.
#[expect(clippy::cast_possible_truncation, reason = "a fraction, which need not be exact")]
pub(super) fn value_between(from: Point, to: Point, tick: Ticks) -> Amount {
    if from.tick == to.tick {
        return from.value;
    }
    let distance = |tick: Ticks| f64::from(tick.get() - from.tick.get());
    let part = (distance(tick) / distance(to.tick)) as f32;
    let (start, end) = (from.value.get(), to.value.get());
    let value = start + (end - start) * from.curve.bend(part);
    Amount::new(value.clamp(0.0, 1.0)).unwrap_or(from.value)
}

impl Lane {
    /// The value at `tick`; `None` if the lane is disabled or has no points.
    #[must_use]
    pub fn value(&self, tick: Ticks) -> Option<Amount> {
        if self.enabled { self.points.value(tick) } else { None }
    }

    pub(super) fn digest_delta(old: Option<&Self>, new: Option<&Self>, delta: &mut DigestDelta) {
        let bare = |lane: &Self| Self { points: Points::default(), ..lane.clone() };
        delta.replace(old.map(bare), new.map(bare));
        delta.at("points", |delta| {
            delta.map(old.map(|lane| &lane.points.0), new.map(|lane| &lane.points.0));
        });
    }

    /// Emits the difference setting by setting and point by point, or the whole
    /// lane if that is shorter.
    pub(super) fn diff_lane(&self, to: &Arc<Self>, emit: &mut dyn FnMut(LaneChange)) {
        let mut points = Vec::new();
        for change in self.points.0.diff(&to.points.0) {
            if points.len() >= to.points.len().max(1) {
                return emit(LaneChange::Whole(Arc::clone(to)));
            }
            points.push(match change {
                DiffItem::Add(tick, bend) | DiffItem::Update { new: (tick, bend), .. } => {
                    LaneChange::Put(bend.at(*tick))
                }
                DiffItem::Remove(tick, _) => LaneChange::Remove(*tick),
            });
        }
        self.diff(to, &mut |setting| emit(LaneChange::Set(setting)));
        points.into_iter().for_each(emit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(curve: Curve) -> Points {
        [(480, 0.0), (960, 1.0)]
            .map(|(tick, value)| Point { tick: Ticks::of(tick), value: Amount::of(value), curve })
            .into_iter()
            .collect()
    }

    #[test]
    fn curves_interpolate_between_points() {
        for (curve, quarter) in [
            (Curve::Hold, 0.0),
            (Curve::Linear, 0.25),
            (Curve::SlowStart, 0.0625),
            (Curve::SlowEnd, 0.4375),
            (Curve::Smooth, 0.15625),
        ] {
            let value = |tick| points(curve).value(Ticks::of(tick)).map(Amount::get);
            let expected = [Some(0.0), Some(0.0), Some(quarter), Some(1.0), Some(1.0)];
            assert_eq!([0, 480, 600, 960, 9999].map(value), expected, "{curve:?}");
        }
    }

    #[test]
    fn empty_or_disabled_lane_has_no_value() {
        assert_eq!(Lane::default().value(Ticks::MIN), None);
        let off = Lane { enabled: false, points: points(Curve::Hold), ..Lane::default() };
        assert_eq!(off.value(Ticks::MIN), None);
    }
}
