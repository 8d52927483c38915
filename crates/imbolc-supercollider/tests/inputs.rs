//! Sources that play files, inputs and buses.

#[path = "support/notes.rs"]
mod notes;
#[path = "support/mod.rs"]
mod support;

use std::sync::Arc;

use imbolc_net::{
    studio::{
        AudioInput, BusId, BusInput, Channels, Granular, Instrument, SampleLoop, Sampler, Source,
        Wavetable,
    },
    util::quantity::{Amount, Decibels, Gain, InputChannel, VoiceCount},
};
use imbolc_supercollider::sounds::sounds_without_key;
use notes::{MIDDLE_C, Notes, SINE, STEREO, WAVES, content, difference, largest, plain};
use support::{cents, decibels};

/// A sampler on the file whose left channel is a rising tone of 8,000 frames.
fn sampler(looping: SampleLoop, start: f32, end: f32, reverse: bool) -> Instrument {
    let [start, end] = [start, end].map(|part| Amount::new(part).unwrap());
    let sample = Some(content(STEREO));
    let own = Sampler { sample, looping, start, end, reverse, ..Sampler::default() };
    plain(Source::Sampler(Arc::new(own)))
}

#[test]
fn sampler_plays_the_frames_of_its_loop() {
    let Some(mut notes) = Notes::new() else { return };
    type Frame = fn(usize) -> usize;
    let rows: [(SampleLoop, f32, f32, bool, usize, Frame); 6] = [
        (SampleLoop::Once, 0.0, 1.0, false, 7900, |at| at),
        (SampleLoop::Once, 0.5, 0.75, false, 1900, |at| 4000 + at),
        (SampleLoop::Once, 0.25, 0.5, true, 1900, |at| 3999 - at),
        (SampleLoop::Forward, 0.25, 0.5, false, 9500, |at| 2000 + at % 2000),
        (SampleLoop::Forward, 0.25, 0.5, true, 9500, |at| 3999 - at % 2000),
        (SampleLoop::PingPong, 0.25, 0.5, false, 9500, |at| {
            let run = at % 4000;
            2000 + run.min(4000 - run)
        }),
    ];
    let numbers = rows.map(|(looping, start, end, reverse, ..)| {
        notes.play(&sampler(looping, start, end, reverse), 0, MIDDLE_C)
    });
    let played = notes.render();
    for (number, (looping, start, end, reverse, until, frame)) in numbers.into_iter().zip(rows) {
        for at in (20..until).step_by(37).filter(|at| at % 2000 > 10 && at % 2000 < 1990) {
            let expected = notes::sample(STEREO, u32::try_from(frame(at)).unwrap(), 0);
            let heard = f64::from(played.note(number, 0)[at]);
            assert!(
                (heard - expected).abs() < 2e-3,
                "{looping:?} {start} to {end}, reverse {reverse}: {heard}, not {expected}, at {at}"
            );
        }
    }
    // The end of a part that is played once is silent.
    assert!(largest(&played.note(numbers[1], 0)[2000 + 64..9600]) == 0.0);
}

#[test]
fn missing_file_is_silent() {
    let Some(mut notes) = Notes::new() else { return };
    let missing = Some(content(99));
    let sources = [
        Source::Sampler(Arc::new(Sampler { sample: missing.clone(), ..Sampler::default() })),
        Source::Granular(Arc::new(Granular { sample: missing.clone(), ..Granular::default() })),
        Source::Wavetable(Arc::new(Wavetable { table: missing, ..Wavetable::default() })),
        Source::Sampler(Arc::default()),
        Source::Granular(Arc::default()),
        Source::BusInput(BusInput::default()),
    ];
    for source in &sources {
        notes.play(&plain(source.clone()), 0, MIDDLE_C);
    }
    let played = notes.render();
    for (number, source) in sources.iter().enumerate() {
        assert!(largest(played.note(number, 0)) == 0.0, "{source:?}");
    }
}

#[test]
fn wavetable_moves_through_the_waves_of_its_file() {
    let Some(mut notes) = Notes::new() else { return };
    // The waves of the file are the first four harmonics.
    for part in [0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0] {
        let position = Amount::new(part).unwrap();
        let own = Wavetable { table: Some(content(WAVES)), position, ..Wavetable::default() };
        notes.play(&plain(Source::Wavetable(Arc::new(own))), 0, MIDDLE_C);
    }
    let played = notes.render();
    for (number, harmonic) in (0..4).zip([1.0, 2.0, 3.0, 4.0]) {
        let off = cents(&played.note(number, 0)[1000..9600], MIDDLE_C * harmonic);
        assert!(off.abs() < 1.0, "wave {number}: {off} cents");
    }
}

#[test]
fn spread_of_a_mono_instrument_is_not_heard() {
    let Some(mut notes) = Notes::new() else { return };
    let voices = VoiceCount::of(5);
    let own = Wavetable {
        voices,
        detune: imbolc_net::util::quantity::Cents::of(20.0),
        ..Wavetable::default()
    };
    let source = Source::Wavetable(Arc::new(own));
    for channels in [Channels::Stereo, Channels::Mono] {
        notes.play(&Instrument { channels, ..plain(source.clone()) }, 0, MIDDLE_C);
    }
    let played = notes.render();
    assert!(difference(played.note(0, 0), played.right(0)) > 0.1);
    assert!(difference(played.note(1, 0), played.right(1)) == 0.0);
}

#[test]
fn input_has_its_channel_gain_and_gate() {
    let Some(mut notes) = Notes::new() else { return };
    let input = |channel, gain, gate| {
        let (channel, gain) = (InputChannel::of(channel), Gain::of(gain));
        let own = AudioInput { channel, gain, gate: Decibels::of(gate), ..AudioInput::default() };
        plain(Source::AudioInput(own))
    };
    // 440 Hz on the first channel, 660 Hz on the second and the third, at −6 dBFS.
    let stereo = notes.play(&input(1, 0.0, -120.0), 0, MIDDLE_C);
    let second = notes.play(&input(2, -6.0, -20.0), 0, MIDDLE_C);
    let gated = notes.play(&input(1, 0.0, 0.0), 0, MIDDLE_C);
    let mono = Instrument { channels: Channels::Mono, ..input(1, 0.0, -120.0) };
    let mono = notes.play(&mono, 0, MIDDLE_C);
    notes.offline = true;
    let offline = notes.play(&input(1, 0.0, -120.0), 0, MIDDLE_C);
    let played = notes.render();
    let pitch = |samples: &[f32], expected| cents(&samples[1000..9600], expected).abs() < 1.0;
    assert!(pitch(played.note(stereo, 0), 440.0) && pitch(played.right(stereo), 660.0));
    assert!(pitch(played.note(second, 0), 660.0));
    let level = decibels(largest(&played.note(second, 0)[2400..9600]));
    assert!((level + 12.0).abs() < 0.1, "{level}");
    assert!(largest(&played.note(gated, 0)[4800..]) < 1e-4);
    assert!(pitch(played.note(mono, 0), 440.0) && pitch(played.right(mono), 440.0));
    assert!(largest(played.note(offline, 0)) == 0.0);
}

#[test]
fn bus_input_stays_bounded() {
    let Some(mut notes) = Notes::new() else { return };
    let input = |gain| {
        let bus = Some(BusId(1));
        plain(Source::BusInput(BusInput { bus, gain: Gain::of(gain), ..BusInput::default() }))
    };
    // 440 Hz at −6 dBFS.
    let plain_note = notes.play(&input(0.0), 0, MIDDLE_C);
    let loudest = notes.play(&input(24.0), 0, MIDDLE_C);
    let played = notes.render();
    let level = decibels(largest(&played.note(plain_note, 0)[..9600]));
    assert!((level + 6.02).abs() < 0.05, "{level}");
    let level = largest(&played.note(loudest, 0)[..9600]);
    assert!((1.5..=2.0).contains(&level), "{level}");
}

#[test]
fn inputs_sound_without_key_unless_they_say_so() {
    let input = |monitor| Source::AudioInput(AudioInput { monitor, ..AudioInput::default() });
    let bus = |keyed| Source::BusInput(BusInput { keyed, ..BusInput::default() });
    assert!(sounds_without_key(&input(true)) && sounds_without_key(&bus(false)));
    assert!(!sounds_without_key(&input(false)) && !sounds_without_key(&bus(true)));
    assert!(!sounds_without_key(&Source::default()));
}

#[test]
fn granular_begins_with_its_first_grain() {
    let Some(mut notes) = Notes::new() else { return };
    let own =
        Granular { sample: Some(content(SINE)), scatter: Amount::of(0.0), ..Granular::default() };
    let number = notes.play(&plain(Source::Granular(Arc::new(own))), 0, MIDDLE_C);
    let played = notes.render();
    // The second one begins after 40 ms.
    let note = played.note(number, 0);
    let level = decibels(largest(&note[..1900]));
    assert!((-20.0..0.0).contains(&level), "{level}");
}
