//! The common part of every strip: a group, an audio bus, effects in their order, a guard and a
//! fader.

use std::sync::Arc;

use imbolc_net::studio::SlotId;

use super::{
    gains::Gains,
    prepared::PreparedEffect,
    work::{Part, Work, bus_number},
};
use crate::{
    commands::{self, NodeId, Place},
    sounds::{BUS, METER, StripPart, TO, build_click, build_strip_part},
    synth_def::{Built, PARAMETERS},
};

/// The definitions of the parts that every strip has, and of the click.
#[derive(Debug)]
pub(super) struct StripParts {
    guard: Built,
    fader: Built,
    send: Built,
    output: Built,
    click: Built,
}

impl StripParts {
    /// Builds them; `None` is impossible, as they are small.
    pub(super) fn new() -> Option<Self> {
        let build = |part| build_strip_part(part, [1.0; 2]).ok();
        Some(Self {
            guard: build(StripPart::Guard)?,
            fader: build(StripPart::Fader)?,
            send: build(StripPart::Send)?,
            output: build(StripPart::Output)?,
            click: build_click().ok()?,
        })
    }

    /// Asks for all of them and returns whether they can be used.
    pub(super) fn are_defined(&self, work: &mut Work<'_>) -> bool {
        let all = [&self.guard, &self.fader, &self.send, &self.output, &self.click];
        all.map(|built| work.is_defined(built)).iter().all(|ready| *ready)
    }

    pub(super) const fn click(&self) -> &Arc<str> {
        &self.click.definition.name
    }

    const fn of(&self, kind: StripPart) -> &Built {
        match kind {
            StripPart::Guard => &self.guard,
            StripPart::Fader => &self.fader,
            StripPart::Send => &self.send,
            StripPart::Output => &self.output,
        }
    }
}

/// A strip as the server has it.
#[derive(Debug)]
pub(super) struct Rack {
    pub(super) group: NodeId,
    /// The first of its two audio buses.
    pub(super) bus: u32,
    guard: NodeId,
    effects: Vec<RackEffect>,
    fader: Part,
    /// The first of the two control buses with its peaks.
    meter: u32,
}

#[derive(Debug)]
struct RackEffect {
    slot: SlotId,
    part: Part,
    runs: bool,
}

/// Where a rack is, and where it leads.
#[derive(Clone, Copy, Debug)]
pub(super) struct RackPlace {
    /// The group in which it is created.
    pub(super) parent: NodeId,
    /// The first of its two audio buses.
    pub(super) bus: u32,
    /// The first of the two audio buses to which its fader writes.
    pub(super) to: u32,
    /// The first of the two control buses with its peaks.
    pub(super) meter: u32,
    /// The kind of its fader.
    pub(super) fader: StripPart,
}

impl Rack {
    /// Creates a rack. `None` if there are no control buses left.
    pub(super) fn create(
        work: &mut Work<'_>,
        parts: &StripParts,
        place: RackPlace,
        gains: Gains,
    ) -> Option<Self> {
        let fader = Part::reserve(work, &parts.of(place.fader).definition.name, &gains)?;
        let [group, guard] = [work.nodes.next(), work.nodes.next()];
        work.batch.change(work.when, commands::new_group(group, Place::TailOf(place.parent)));
        let bus = [(PARAMETERS, 0.0), (BUS, bus_number(place.bus))];
        let name = &parts.guard.definition.name;
        work.batch.change(work.when, commands::new_synth(name, guard, Place::TailOf(group), &bus));
        let controls = [
            (BUS, bus_number(place.bus)),
            (TO, bus_number(place.to)),
            (METER, bus_number(place.meter)),
        ];
        let fader = fader.create(work, Place::TailOf(group), &controls);
        let (bus, meter) = (place.bus, place.meter);
        Some(Self { group, bus, guard, effects: Vec::new(), fader, meter })
    }

    /// Adds a send with its own gains.
    pub(super) fn send(
        &self,
        work: &mut Work<'_>,
        parts: &StripParts,
        to: u32,
        gains: Gains,
    ) -> Option<Part> {
        let controls = [(BUS, bus_number(self.bus)), (TO, bus_number(to))];
        let send = Part::reserve(work, &parts.send.definition.name, &gains)?;
        Some(send.create(work, Place::After(self.guard), &controls))
    }

    pub(super) fn set_gains(&mut self, work: &mut Work<'_>, gains: Gains) {
        self.fader.update(work, &gains);
    }

    /// Connects the fader to another bus.
    pub(super) fn lead_to(&self, work: &mut Work<'_>, bus: u32) {
        work.batch.change(work.when, commands::set(self.fader.node, TO, bus_number(bus)));
    }

    /// Makes the effects what they should be and returns whether nothing is missing: one whose
    /// definition is still under way is left out, or as it was.
    pub(super) fn follow(&mut self, work: &mut Work<'_>, wanted: &[PreparedEffect]) -> bool {
        let mut complete = true;
        let mut old = std::mem::take(&mut self.effects);
        let mut moved = false;
        for effect in wanted {
            let at = old.iter().position(|own| own.slot == effect.slot);
            // Those before it are removed, or are to be behind it.
            moved |= at.map_or(!old.is_empty(), |at| at > 0);
            let own = at.map(|at| old.remove(at));
            let own = match own {
                Some(mut own) if own.part.is(&effect.built) => {
                    own.part.update(work, &effect.built.values);
                    Some(own)
                }
                own if !work.is_defined(&effect.built) => {
                    complete = false;
                    own
                }
                own => self.replace_effect(work, effect, own, &mut complete),
            };
            let Some(mut own) = own else { continue };
            if own.runs == effect.bypass {
                own.runs = !effect.bypass;
                work.batch.change(work.when, commands::run(own.part.node, own.runs));
            }
            self.effects.push(own);
        }
        for gone in old {
            gone.part.free(work);
        }
        if moved && self.effects.len() > 1 {
            let nodes: Vec<_> = self.effects.iter().map(|own| own.part.node).collect();
            work.batch.change(work.when, commands::order_before(self.guard, &nodes));
        }
        complete
    }

    /// Creates an effect in the place of an old one, or at the end of the chain. If there are
    /// no control buses left, the old one stays.
    fn replace_effect(
        &self,
        work: &mut Work<'_>,
        effect: &PreparedEffect,
        old: Option<RackEffect>,
        complete: &mut bool,
    ) -> Option<RackEffect> {
        let built = &effect.built;
        let Some(part) = Part::reserve(work, &built.definition.name, &built.values) else {
            *complete = false;
            return old;
        };
        let place = match &old {
            Some(old) => Place::Replacing(old.part.node),
            None => Place::Before(self.guard),
        };
        let part = part.create(work, place, &[(BUS, bus_number(self.bus))]);
        if let Some(old) = old {
            old.part.give_back(work);
        }
        Some(RackEffect { slot: effect.slot, part, runs: true })
    }

    /// Frees the group with all that is in it.
    pub(super) fn free(self, work: &mut Work<'_>) {
        work.batch.change(work.when, commands::free(self.group));
        // Its last peaks would be those of the next strip there.
        work.batch.change(work.when, commands::set_buses(self.meter, &[0.0; 2]));
        self.effects.into_iter().for_each(|effect| effect.part.give_back(work));
        self.fader.give_back(work);
    }
}
