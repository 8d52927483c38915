//! An effect chain: the ordered effects that a signal passes through.
//!
//! A slot keeps its id when it moves, so an edit in flight reaches the right
//! effect. A chain must not know which strip it belongs to.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Effect, EffectKind, EffectSetting};
use crate::{
    model::Invalid,
    studio::{
        common::{
            automated::Automated,
            bounded::{self, MAX_SLOTS, MAX_TOUCHED},
            ids::SlotId,
            range::Range as _,
            reference::{Reference, Refers},
            settings::{ParamPath, PathStep, Settings},
        },
        effect::EffectParameter,
        plugin::Hosted,
    },
    util::{limited::bounded_list, quantity::Amount, unit::UnreadableValue},
};

/// An effect in a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// The id of the slot.
    pub id: SlotId,
    /// Whether the effect is bypassed.
    pub bypass: bool,
    /// The effect and its parameters.
    pub effect: Effect,
}

/// The effects of a strip, in the order of the signal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Slots")]
pub struct Chain(Arc<Vec<Slot>>);

/// A change of a [`Chain`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChainSetting {
    /// Adds an effect with default parameters at this index, from 0; at the end
    /// if the chain is shorter.
    Add(SlotId, EffectKind, u8),
    /// Removes an effect.
    Remove(SlotId),
    /// Moves an effect to this index, from 0; to the end if the chain is
    /// shorter. The others keep their order.
    Move(SlotId, u8),
    /// Bypasses an effect, or ends the bypass.
    Bypass(SlotId, bool),
    /// Sets a parameter of an effect, or replaces the effect in its slot.
    Effect(SlotId, EffectSetting),
}

impl Chain {
    /// The effects, in the order of the signal.
    #[must_use]
    pub fn slots(&self) -> &[Slot] {
        &self.0
    }

    /// The slot with this id.
    #[must_use]
    pub fn slot(&self, id: SlotId) -> Option<&Slot> {
        self.0.iter().find(|slot| slot.id == id)
    }

    /// The lowest unused id, from 1.
    #[must_use]
    pub fn free_id(&self) -> SlotId {
        let mut ids = (1..=u16::MAX).map(SlotId);
        ids.find(|id| self.slot(*id).is_none()).unwrap_or(SlotId(0))
    }

    pub(in crate::studio) fn hosted_mut(
        &mut self,
        id: SlotId,
    ) -> Result<Option<&mut dyn Hosted>, Invalid> {
        Ok(self.slot_mut(id)?.effect.hosted_mut())
    }

    fn slot_mut(&mut self, id: SlotId) -> Result<&mut Slot, Invalid> {
        let slots = Arc::make_mut(&mut self.0);
        slots.iter_mut().find(|slot| slot.id == id).ok_or_else(|| Invalid::missing("effect", id))
    }

    fn place(&self, id: SlotId) -> Result<usize, Invalid> {
        let place = self.0.iter().position(|slot| slot.id == id);
        place.ok_or_else(|| Invalid::missing("effect", id))
    }

    fn insert(&mut self, slot: Slot, place: u8) {
        let slots = Arc::make_mut(&mut self.0);
        slots.insert(usize::from(place).min(slots.len()), slot);
    }

    fn take(&mut self, id: SlotId) -> Result<Slot, Invalid> {
        let place = self.place(id)?;
        Ok(Arc::make_mut(&mut self.0).remove(place))
    }

    /// Checks the limits of the chain as a whole. Run it once after an action,
    /// because the items of a patch may pass through states over a limit.
    pub(in crate::studio) fn check(&self) -> Result<(), Invalid> {
        let hosted = self.0.iter().filter_map(|slot| slot.effect.hosted());
        let touched = hosted.map(Hosted::count).sum();
        bounded::at_most(touched, MAX_TOUCHED, "touched parameters in a chain")
    }

    /// Emits the changes to the set of effects and their order. A moved effect
    /// is one change; effects that make room for it are not mentioned.
    fn diff_order(&self, to: &Self, emit: &mut dyn FnMut(ChainSetting)) {
        let (staying, gone): (Vec<_>, Vec<_>) =
            self.0.iter().map(|slot| slot.id).partition(|id| to.slot(*id).is_some());
        for id in gone {
            emit(ChainSetting::Remove(id));
        }
        let mut order = staying;
        for (place, slot) in to.0.iter().enumerate() {
            let wire_place = u8::try_from(place).unwrap_or(u8::MAX);
            let Some(present) = order.iter().position(|id| *id == slot.id) else {
                order.insert(place, slot.id);
                emit(ChainSetting::Add(slot.id, slot.effect.kind(), wire_place));
                continue;
            };
            if present == place {
                continue;
            }
            let (id, target) = match to.place(order[place]) {
                // The effect at this index moved further back, not this one
                // forward.
                Ok(target) if present == place + 1 && target < order.len() => {
                    (order[place], target)
                }
                _ => (slot.id, place),
            };
            order.retain(|other| *other != id);
            order.insert(target, id);
            emit(ChainSetting::Move(id, u8::try_from(target).unwrap_or(u8::MAX)));
        }
    }
}

impl Settings for Chain {
    type Setting = ChainSetting;

    fn set(&mut self, setting: ChainSetting) -> Result<(), Invalid> {
        match setting {
            ChainSetting::Add(id, kind, place) => {
                if self.slot(id).is_some() {
                    return Err(Invalid::exists("effect", id));
                }
                self.insert(Slot::new(id, kind), place);
                bounded::at_most(self.0.len(), MAX_SLOTS, "effects in a chain")
            }
            ChainSetting::Remove(id) => self.take(id).map(drop),
            ChainSetting::Move(id, place) => {
                let slot = self.take(id)?;
                self.insert(slot, place);
                Ok(())
            }
            ChainSetting::Bypass(id, bypass) => {
                self.slot_mut(id)?.bypass = bypass;
                Ok(())
            }
            ChainSetting::Effect(id, setting) => self.slot_mut(id)?.effect.set(setting),
        }
    }

    fn path(setting: &ChainSetting, path: &mut ParamPath) {
        let slot = |id: &SlotId| PathStep::Number(id.0.into());
        match setting {
            // The index of an effect depends on all others, so order is one
            // parameter.
            ChainSetting::Add(..) | ChainSetting::Remove(_) | ChainSetting::Move(..) => {}
            ChainSetting::Bypass(id, _) => path.extend([slot(id), PathStep::Part("Bypass")]),
            ChainSetting::Effect(id, setting) => {
                path.push(slot(id));
                Effect::path(setting, path);
            }
        }
    }

    fn diff(&self, to: &Self, emit: &mut dyn FnMut(ChainSetting)) {
        if Arc::ptr_eq(&self.0, &to.0) {
            return;
        }
        self.diff_order(to, emit);
        for new in to.slots() {
            match self.slot(new.id) {
                Some(old) => old.diff(new, emit),
                None => Slot::new(new.id, new.effect.kind()).diff(new, emit),
            }
        }
    }
}

impl Slot {
    fn new(id: SlotId, kind: EffectKind) -> Self {
        Self { id, bypass: false, effect: Effect::of(kind) }
    }

    fn diff(&self, to: &Self, emit: &mut dyn FnMut(ChainSetting)) {
        if self.bypass != to.bypass {
            emit(ChainSetting::Bypass(to.id, to.bypass));
        }
        self.effect.diff(&to.effect, &mut |s| emit(ChainSetting::Effect(to.id, s)));
    }
}

impl Refers for Chain {
    fn references(&self, each: &mut dyn FnMut(Reference)) {
        self.0.iter().for_each(|slot| slot.effect.references(each));
    }

    fn forget(&mut self, gone: Reference) {
        if self.refers_to(gone) {
            for slot in Arc::make_mut(&mut self.0) {
                slot.effect.forget(gone);
            }
        }
    }
}

/// A chain as it is deserialized, before its ids are checked.
#[derive(Deserialize)]
#[serde(transparent)]
struct Slots(#[serde(deserialize_with = "bounded_list::<MAX_SLOTS, _, _>")] Vec<Slot>);

impl TryFrom<Slots> for Chain {
    type Error = Invalid;

    fn try_from(Slots(slots): Slots) -> Result<Self, Invalid> {
        let mut ids = std::collections::BTreeSet::new();
        if let Some(twice) = slots.iter().find(|slot| !ids.insert(slot.id)) {
            return Err(Invalid::exists("effect", twice.id));
        }
        let chain = Self(Arc::new(slots));
        chain.check()?;
        Ok(chain)
    }
}

/// A parameter of an effect in a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ChainParameter {
    /// Whether the effect is bypassed.
    Bypass(SlotId),
    /// A parameter of the effect itself.
    Effect(SlotId, EffectParameter),
}

impl ChainParameter {
    /// The slot of the effect.
    #[must_use]
    pub const fn slot(self) -> SlotId {
        match self {
            Self::Bypass(slot) | Self::Effect(slot, _) => slot,
        }
    }
}

impl Automated for Chain {
    type Parameter = ChainParameter;

    fn every() -> Vec<ChainParameter> {
        Vec::new()
    }

    fn part(&self, parameter: ChainParameter) -> Option<Amount> {
        let slot = self.slot(parameter.slot())?;
        match parameter {
            ChainParameter::Bypass(_) => Some(slot.bypass.part()),
            ChainParameter::Effect(_, parameter) => slot.effect.part(parameter),
        }
    }

    fn setting(parameter: ChainParameter, part: Amount) -> ChainSetting {
        match parameter {
            ChainParameter::Bypass(slot) => ChainSetting::Bypass(slot, bool::at(part)),
            ChainParameter::Effect(slot, parameter) => {
                ChainSetting::Effect(slot, Effect::setting(parameter, part))
            }
        }
    }

    fn is_knob(setting: &ChainSetting) -> bool {
        match setting {
            ChainSetting::Add(..)
            | ChainSetting::Remove(_)
            | ChainSetting::Move(..)
            | ChainSetting::Bypass(..) => false,
            ChainSetting::Effect(_, setting) => Effect::is_knob(setting),
        }
    }

    fn shown(&self, parameter: ChainParameter) -> Option<String> {
        let slot = self.slot(parameter.slot())?;
        match parameter {
            ChainParameter::Bypass(_) => Some(slot.bypass.text()),
            ChainParameter::Effect(_, parameter) => slot.effect.shown(parameter),
        }
    }

    fn value_text(setting: &ChainSetting) -> Option<String> {
        match setting {
            ChainSetting::Add(..) | ChainSetting::Remove(_) | ChainSetting::Move(..) => None,
            ChainSetting::Bypass(_, bypass) => Some(bypass.text()),
            ChainSetting::Effect(_, setting) => Effect::value_text(setting),
        }
    }

    fn read(parameter: ChainParameter, text: &str) -> Result<ChainSetting, UnreadableValue> {
        Ok(match parameter {
            ChainParameter::Bypass(slot) => ChainSetting::Bypass(slot, bool::read(text)?),
            ChainParameter::Effect(slot, parameter) => {
                ChainSetting::Effect(slot, Effect::read(parameter, text)?)
            }
        })
    }

    fn meaning(parameter: ChainParameter) -> &'static str {
        match parameter {
            ChainParameter::Bypass(_) => "Whether the signal goes past the effect.",
            ChainParameter::Effect(_, parameter) => Effect::meaning(parameter),
        }
    }
}

impl Chain {
    /// The parameters of the effects that are in the chain.
    #[must_use]
    pub fn parameters(&self) -> Vec<ChainParameter> {
        let kinds = EffectParameter::all();
        let mut there = Vec::new();
        for slot in self.slots() {
            there.push(ChainParameter::Bypass(slot.id));
            let turned = kinds.iter().filter(|parameter| slot.effect.part(**parameter).is_some());
            there.extend(turned.map(|parameter| ChainParameter::Effect(slot.id, *parameter)));
        }
        there
    }
}

impl fmt::Display for ChainParameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bypass(slot) => write!(f, "bypass of effect {slot}"),
            Self::Effect(slot, parameter) => write!(f, "{parameter:?} of effect {slot}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(ids: &[u16]) -> Chain {
        let mut chain = Chain::default();
        for id in ids {
            chain.set(ChainSetting::Add(SlotId(*id), EffectKind::Delay, u8::MAX)).unwrap();
        }
        chain
    }

    fn changes(from: &Chain, to: &Chain) -> Vec<ChainSetting> {
        let mut changes = Vec::new();
        from.diff(to, &mut |change| changes.push(change));
        changes
    }

    #[test]
    fn moved_effect_is_sent_as_one_move() {
        let before = chain(&[1, 2, 3, 4, 5]);
        for (id, place) in [(1, 4), (5, 0), (2, 3), (4, 1), (2, 1)] {
            let mut after = before.clone();
            let moved = ChainSetting::Move(SlotId(id), place);
            after.set(moved.clone()).unwrap();
            let sent = changes(&before, &after);
            assert!(sent.len() <= 1, "{sent:?}");
            let mut patched = before.clone();
            for change in sent {
                patched.set(change).unwrap();
            }
            assert_eq!(patched, after, "{moved:?}");
        }
    }

    #[test]
    fn effect_is_added_at_its_index_and_keeps_its_id() {
        let mut chain = chain(&[1, 2]);
        chain.set(ChainSetting::Add(SlotId(7), EffectKind::Reverb, 1)).unwrap();
        chain.set(ChainSetting::Remove(SlotId(1))).unwrap();
        let ids: Vec<_> = chain.slots().iter().map(|slot| slot.id.0).collect();
        assert_eq!(ids, [7, 2]);
        let twice = ChainSetting::Add(SlotId(7), EffectKind::Gate, 0);
        assert_eq!(chain.set(twice), Err(Invalid::exists("effect", 7)));
    }

    #[test]
    fn chain_with_duplicate_id_is_not_deserialized() {
        let json = serde_json::to_string(&chain(&[1, 2])).unwrap();
        assert!(serde_json::from_str::<Chain>(&json).is_ok());
        assert!(serde_json::from_str::<Chain>(&json.replace(r#""id":2"#, r#""id":1"#)).is_err());
    }
}
