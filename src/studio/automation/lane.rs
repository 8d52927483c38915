//! A lane: points in time, and how a value gets from each to the next.
//!
//! It knows nothing of the parameter that it moves: a value is a part of the
//! parameter's range.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    model::{DigestDelta, Invalid},
    studio::{
        bounded::{self, MAX_PASTED, MAX_POINTS},
        playback::LoopRegion,
        settings::{Settings, settings},
    },
    util::{
        ordmap::{DiffItem, OrdMap},
        quantity::{Amount, Ticks},
    },
};

/// How a value gets from one point to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Curve {
    /// It stays, and jumps at the next point.
    Hold,
    /// Evenly.
    Linear,
    /// Slowly at first.
    SlowStart,
    /// Slowly at last.
    SlowEnd,
    /// Slowly at first and at last.
    Smooth,
}

/// A point of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// Where it is.
    pub tick: Ticks,
    /// The value there, as a part of the parameter's range.
    pub value: Amount,
    /// How the value gets to the next point.
    pub curve: Curve,
}

settings! {
    /// What moves a parameter while the music goes.
    Lane, LaneSetting {
        /// Whether it moves the parameter.
        enabled: Enabled(bool) = true;
        /// Whether it becomes what the parameter is set to while the transport
        /// records. It does not move the parameter meanwhile.
        armed: Armed(bool) = false;
    }
    beside {
        /// Its points.
        points: Points;
    }
}

/// Points, no two of which are at the same place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Points(
    #[serde(deserialize_with = "bounded::map::<MAX_POINTS, _, _, _>")] OrdMap<Ticks, Bend>,
);

/// What a point is, besides where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Bend {
    value: Amount,
    curve: Curve,
}

/// One change of a lane, in a patch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LaneChange {
    /// A setting of the lane.
    Set(LaneSetting),
    /// A point is new, or is not what it was.
    Put(Point),
    /// A point is gone.
    Remove(Ticks),
    /// The lane as it is now; it may be new.
    Whole(Arc<Lane>),
    /// The lane is gone.
    Gone,
}

impl Curve {
    /// How much of the way is done after `part` of the time; both from 0 to 1.
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
    /// All points, by where they are.
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

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value at `tick`: before the first point that of the first, after the
    /// last that of the last; `None` if there is no point.
    #[must_use]
    pub fn value(&self, tick: Ticks) -> Option<Amount> {
        let before = self.0.at_or_before(&tick).map(|(at, bend)| bend.at(*at));
        let after = self.0.iter_from(&tick).next().map(|(at, bend)| bend.at(*at));
        let (Some(from), Some(to)) = (before, after) else {
            return before.or(after).map(|point| point.value);
        };
        Some(between(from, to, tick))
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
        let gone: Vec<_> = self.within(region).map(|point| point.tick).collect();
        for tick in gone {
            self.0.remove(&tick);
        }
    }

    /// Puts points, in the place of any that are where they are.
    pub(super) fn paste(&mut self, points: impl IntoIterator<Item = Point>) -> Result<(), Invalid> {
        for (count, point) in points.into_iter().enumerate() {
            if count >= MAX_PASTED {
                return Err(Invalid::full("points to paste", bounded::count(MAX_PASTED)));
            }
            self.put(point);
        }
        if self.len() > MAX_POINTS {
            return Err(Invalid::full("points of a lane", bounded::count(MAX_POINTS)));
        }
        Ok(())
    }

    /// Makes what follows `to` the same as `region`. What would lie beyond the
    /// end of time is left out.
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

impl FromIterator<Point> for Points {
    /// Of points at the same place, the last one counts.
    fn from_iter<I: IntoIterator<Item = Point>>(points: I) -> Self {
        let mut all = Self::default();
        points.into_iter().for_each(|point| all.put(point));
        all
    }
}

/// The value at `tick`, which is after one point and not after the other.
#[expect(clippy::cast_possible_truncation, reason = "a part of one, which need not be exact")]
fn between(from: Point, to: Point, tick: Ticks) -> Amount {
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
    /// The value at `tick`, if it is this lane that says it.
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

    /// Setting by setting and point by point, unless the lane as a whole is
    /// shorter than that.
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
    fn a_value_goes_from_point_to_point_as_the_curve_says() {
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
    fn a_lane_without_points_says_nothing_and_neither_does_one_that_is_off() {
        assert_eq!(Lane::default().value(Ticks::MIN), None);
        let off = Lane { enabled: false, points: points(Curve::Hold), ..Lane::default() };
        assert_eq!(off.value(Ticks::MIN), None);
    }
}
