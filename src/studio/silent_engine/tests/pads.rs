//! Pads that ring after their steps.

use super::*;

/// A drum kit whose pads 0, open, and 2, closed, play samples; the closed one chokes the open
/// one.
fn hats() -> Rig {
    let mut rig = Rig::drumming();
    let sample = PadSound::Sample(Content { name: Name::default(), digest: ContentHash([2; 16]) });
    rig.pad(2, PadSetting::Sound(sample));
    rig.pad(2, PadSetting::Chokes(Some(PadNumber::of(0))));
    rig.step(FIRST, 0, 0);
    rig
}

impl Rig {
    fn pad(&mut self, pad: u8, setting: PadSetting) {
        self.drums(DrumSetting::Pad(PadNumber::of(pad), setting));
    }

    /// The ticks and milliseconds at which pads ended.
    fn pad_offs(&mut self) -> Vec<(u8, u32, u64)> {
        let log = self.take_log();
        let offs = log.iter().filter_map(|played| match played.what {
            PlaybackEvent::PadOff { instrument: KIT, pad } => {
                Some((pad.get(), played.tick.get(), played.time.micros() / 1000))
            }
            _ => None,
        });
        offs.collect()
    }
}

#[test]
fn choked_pad_ends_even_after_its_step() {
    let mut rig = hats();
    rig.step(FIRST, 2, 2);
    rig.step(FIRST, 2, 4);
    rig.transport(TransportAction::Play);
    rig.wait(1000);
    assert_eq!(rig.pad_offs(), [(0, 240, 250)]);
}

#[test]
fn pad_does_not_end_with_its_step_or_when_struck_again() {
    let mut rig = hats();
    rig.step(FIRST, 0, 4);
    rig.transport(TransportAction::Play);
    rig.wait(1000);
    assert_eq!(rig.pad_offs(), []);
}

#[test]
fn ringing_pad_ends_at_a_stop_a_jump_or_the_end() {
    let mut rig = hats();
    rig.transport(TransportAction::Play);
    rig.wait(500);
    rig.transport(TransportAction::Stop);
    assert_eq!(rig.pad_offs(), [(0, 480, 500)]);
    rig.transport(TransportAction::Locate(Ticks::MIN));
    rig.transport(TransportAction::Play);
    rig.wait(500);
    rig.transport(TransportAction::Locate(Ticks::of(960)));
    assert_eq!(rig.pad_offs(), [(0, 480, 1000)]);
    rig.transport(TransportAction::Stop);
    assert_eq!(rig.pad_offs(), [], "each once");

    let mut rig = hats();
    let create =
        ClipAction::Create { clip: ClipId(1), name: Name::default(), length: NoteLength::of(240) };
    rig.act(&NetworkAction::Clip(BASS, create));
    let (placement, clip) = (PlacementId(1), ClipId(1));
    let place = PlacementAction::Place { placement, clip, tick: Ticks::of(0) };
    rig.act(&NetworkAction::Placement(BASS, place));
    rig.act(&NetworkAction::Arrangement(ArrangementSetting::Play(PlayMode::Arrangement)));
    rig.act(&NetworkAction::Arrangement(ArrangementSetting::AtEnd(AtEnd::Stop)));
    rig.transport(TransportAction::Play);
    rig.wait(500);
    assert_eq!(rig.pad_offs(), [(0, 240, 250)]);
}

#[test]
fn ringing_pad_ends_when_its_sample_or_kit_or_piece_is_gone() {
    let edits: [fn(&mut Rig); 4] = [
        |rig| rig.pad(0, PadSetting::Sound(PadSound::Nothing)),
        |rig| rig.pad(0, PadSetting::Sound(PadSound::Instrument(BASS, Pitch::of(40)))),
        |rig| rig.act(&NetworkAction::DeleteInstrument(KIT)),
        Rig::reset_to_starter,
    ];
    for (number, edit) in edits.iter().enumerate() {
        let mut rig = hats();
        rig.transport(TransportAction::Play);
        rig.wait(500);
        rig.pad(1, PadSetting::Level(Decibels::of(-3.0)));
        assert_eq!(rig.pad_offs(), [], "another pad");
        edit(&mut rig);
        let offs: Vec<_> = rig.pad_offs().into_iter().map(|(pad, _, time)| (pad, time)).collect();
        assert_eq!(offs, [(0, 500)], "edit {number}");
    }
}
