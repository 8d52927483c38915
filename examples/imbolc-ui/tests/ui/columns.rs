//! Names of any script: they take the columns that a terminal gives them.

use imbolc_net::{
    model::Model as _,
    protocol::Participant,
    studio::{
        BusId, BusSetting, ClipAction, ClipId, DrumAction, DrumSetting, InstrumentAction,
        InstrumentSetting, LayerGroupId, LayerGroupSetting, MixerSetting, Name, NetworkAction,
        PadSetting, PatternId, PatternSetting, SessionSetting, Studio, StudioState,
    },
    util::quantity::PadNumber,
};
use ratatui::buffer::Buffer;
use unicode_segmentation::UnicodeSegmentation as _;

use crate::{
    band,
    screens::PANES,
    stage::{ANA, BASS, BEN, DRUMS, LEAD, MIA, Scene, Stage},
};

/// Names, and names of as many columns of which each character takes one.
const NAMES: [(&str, &str); 4] = [
    ("山田太", "ЖЖЖЖЖЖ"),
    ("👩\u{200d}🎤👩\u{200d}🎤", "ЖЖЖЖ"),
    ("q\u{301}q\u{301}q\u{301}q\u{301}", "ЖЖЖЖ"),
    (
        "q\u{301}q\u{301}q\u{301}q\u{301}q\u{301}q\u{301}q\u{301}q\u{301}q\u{301}q\u{301}",
        "ЖЖЖЖЖЖЖЖЖЖ",
    ),
];

/// Everything that has a name gets this one.
fn renamed(name: &str) -> StudioState {
    let mut studio = band::studio();
    let name = || Name::new(name).expect("a name");
    let pattern = PatternSetting::Name(name());
    let mut actions = vec![
        NetworkAction::Session(SessionSetting::Name(name())),
        NetworkAction::Mixer(MixerSetting::Bus(BusId(1), BusSetting::Name(name()))),
        NetworkAction::Mixer(MixerSetting::LayerGroup(
            LayerGroupId(1),
            LayerGroupSetting::Name(name()),
        )),
        NetworkAction::Clip(BASS, ClipAction::Rename(ClipId(1), name())),
        NetworkAction::Drums(
            DRUMS,
            DrumAction::Set(DrumSetting::Pad(PadNumber::MIN, PadSetting::Name(name()))),
        ),
        NetworkAction::Drums(DRUMS, DrumAction::Set(DrumSetting::Pattern(PatternId(1), pattern))),
    ];
    actions.extend([BASS, LEAD, DRUMS].map(|id| {
        NetworkAction::Instrument(id, InstrumentAction::Set(InstrumentSetting::Name(name())))
    }));
    for action in actions {
        Studio::reduce(&mut studio, &action).unwrap_or_else(|why| panic!("{action:?}: {why}"));
    }
    studio
}

/// A pane of a session in which everything and everybody has this name.
fn pane(name: &str, at: usize, (width, height): (u16, u16)) -> Buffer {
    let mut stage = Stage::with_studio(Scene::Joined, renamed(name));
    stage.edit_roster(|roster| {
        for id in [MIA, ANA, BEN] {
            let old = roster.participants[&id].clone();
            roster.participants.insert(id, Participant { name: name.into(), ..old });
        }
        let owners: Vec<_> =
            roster.owners.iter().map(|(id, owner)| (*id, owner.client_id)).collect();
        for (id, owner) in owners {
            let owner = roster.as_owner(owner).expect("it takes part");
            roster.owners.insert(id, owner);
        }
        roster.privileged = roster.as_owner(MIA);
    });
    stage.resize(width, height);
    let (pane, keys) = PANES[at];
    stage.show(pane).press(keys).buffer()
}

/// The rows of a screen, with blanks instead of the name.
fn without_name(buffer: &Buffer, name: &str) -> Vec<String> {
    let is_of_name = |symbol: &str| symbol == "…" || name.graphemes(true).any(|it| it == symbol);
    let row = |cells: &[ratatui::buffer::Cell]| {
        let cells = cells.iter().map(|cell| cell.symbol());
        let cells = cells.map(|symbol| if is_of_name(symbol) { " " } else { symbol });
        cells.collect::<String>()
    };
    buffer.content.chunks(buffer.area.width.into()).map(row).collect()
}

#[test]
fn wide_names_keep_every_column_in_place() {
    for (at, (pane_name, _)) in PANES.iter().enumerate() {
        for (wide, narrow) in NAMES {
            for size in [(100, 30), (80, 24), (60, 16)] {
                let shown = without_name(&pane(wide, at, size), wide);
                let expected = without_name(&pane(narrow, at, size), narrow);
                for (shown, expected) in shown.iter().zip(&expected) {
                    assert_eq!(shown, expected, "{pane_name:?} with {wide} at {size:?}");
                }
            }
        }
    }
}
