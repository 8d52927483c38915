//! Renumbers pads and steps: users count them from 1, the wire from 0.
//!
//! It changes JSON values by the names of their fields, and knows no types of the
//! studio.

use serde_json::Value;

/// Counts the pads and steps in an action, a change or a target from 1.
///
/// They are plain numbers: only the enclosing variant tells what they are.
pub(super) fn count_from_one(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(count_from_one),
        Value::Object(fields) => {
            for (name, content) in fields {
                zero_based_numbers(name, content).into_iter().for_each(increment);
                count_from_one(content);
            }
        }
        _ => {}
    }
}

/// The pad and step numbers directly in `content`, the content of `name`.
fn zero_based_numbers<'a>(name: &str, content: &'a mut Value) -> Vec<&'a mut Value> {
    match (name, content) {
        (
            "pad" | "step" | "first_pad" | "last_pad" | "first_step" | "last_step" | "Chokes"
            | "AssignSlices",
            number @ Value::Number(_),
        ) => vec![number],
        (name, Value::Array(items)) => match (name, &mut items[..]) {
            // As a setting of a drum machine, and as the target of a lane.
            ("Pad", [pad, _] | [_, pad, _]) => vec![pad],
            ("Step", [_, pad, step, _]) | ("Off", [pad, step]) => vec![pad, step],
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn increment(number: &mut Value) {
    if let Some(from_zero) = number.as_u64() {
        *number = (from_zero + 1).into();
    }
}

#[cfg(test)]
mod tests {
    use imbolc_net::{
        model::InstrumentId,
        studio::{
            DrumAction, DrumSetting, HitSetting, NetworkAction, PadParameter, PadSetting,
            PatternId, PatternSetting, Step, StepRegion, StudioState, Target,
        },
        util::quantity::{Amount, PadNumber, StepCount, StepNumber, Velocity},
    };

    use crate::describe;

    #[test]
    fn pads_and_steps_are_counted_from_one() {
        let studio = StudioState::starter();
        let (pad, step) = (PadNumber::of(2), StepNumber::of(4));
        let pattern = PatternId(1);
        let set = DrumAction::Set;
        let chokes = PadSetting::Chokes(Some(PadNumber::of(0)));
        let hits = StepCount::of(5);
        let euclid = DrumAction::Euclid { pattern, pad, hits, rotation: StepNumber::of(4) };
        let region = StepRegion::new((pad, step), (PadNumber::of(3), StepNumber::of(7)));
        let velocity = HitSetting::Velocity(Velocity::of(90));
        let on = PatternSetting::On(Step::new(pad, step));
        let off = set(DrumSetting::Pattern(pattern, PatternSetting::Off(pad, step)));
        for (action, told) in [
            (set(DrumSetting::Pad(pad, chokes)), "set pad 3 chokes 1"),
            (DrumAction::Step(pattern, pad, step, velocity), "step 1 3 5 velocity 90"),
            (euclid, "euclid hits 5, pad 3, pattern 1, rotation 4"),
            (
                DrumAction::ClearRegion(pattern, region.unwrap()),
                "clear region 1 first pad 3, first step 5, last pad 4, last step 8",
            ),
            (
                set(DrumSetting::Pattern(pattern, on)),
                "set pattern 1 on pad 3, pitch 0, probability 1, step 5, velocity 100",
            ),
            (off, "set pattern 1 off 3 5"),
            (DrumAction::AssignSlices(pad), "assign slices 3"),
            (set(DrumSetting::Swing(Amount::of(0.5))), "set swing 50 %"),
        ] {
            let action = NetworkAction::Drums(InstrumentId(1), action);
            assert_eq!(describe::action_text(&studio, &action), format!("1 Bass: drums {told}"));
        }
        let level = Target::Pad(InstrumentId(1), pad, PadParameter::Level);
        assert_eq!(describe::target_text(&studio, &level), "1 Bass: pad 3 level");
    }
}
