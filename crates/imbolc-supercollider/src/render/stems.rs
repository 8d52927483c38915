//! The strips that get a file of their own, and the names of these files.

use std::collections::BTreeSet;

use imbolc_net::{model::InstrumentId, studio::StudioState};

use crate::{sequencer::StripId, sounds::sounds_without_key};

/// How many stems a run of `scsynth` makes, so that its output needs no more room than a
/// disk has.
pub(super) const MAX_OF_A_RUN: usize = 32;

/// The longest part of a file name that comes from a strip, in characters.
const MAX_NAME: usize = 60;

/// A stem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stem {
    pub(super) strip: StripId,
    /// Its plain file name.
    pub(super) file: String,
}

/// The stems of the instruments that play, by id, then those of all buses.
pub(super) fn of(state: &StudioState, players: &BTreeSet<InstrumentId>) -> Vec<Stem> {
    let instruments = state
        .instruments
        .iter()
        .filter(|(id, instrument)| players.contains(id) || sounds_without_key(&instrument.source));
    let instruments = instruments.map(|(id, own)| (StripId::Instrument(id), own.name.as_str()));
    let buses = state.mixer.buses().map(|(id, bus)| (StripId::Bus(id), bus.name.as_str()));
    let named = (1..).zip(instruments.chain(buses));
    named.map(|(number, (strip, name))| Stem { strip, file: file_name(number, name) }).collect()
}

/// A name that is valid on every file system, and unique by its number.
fn file_name(number: usize, name: &str) -> String {
    let safe = |letter: char| {
        if letter.is_alphanumeric() || " -_()&+,".contains(letter) { letter } else { '_' }
    };
    let name: String = name.chars().map(safe).take(MAX_NAME).collect();
    format!("{number:02} {}.wav", name.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stem_names_are_plain_file_names() {
        assert_eq!(file_name(1, "Bass"), "01 Bass.wav");
        assert_eq!(file_name(12, "../a\\b:c?"), "12 ___a_b_c_.wav");
        assert_eq!(file_name(123, " Grüße \u{0}\n"), "123 Grüße __.wav");
        assert!(file_name(1, &"ü".repeat(500)).len() < 255);
    }
}
