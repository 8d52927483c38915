//! What an instrument plays: the voices of its keys and of its pads.

mod pad;
mod voice;

pub use self::{
    pad::build_pad,
    voice::{VoiceLife, VoiceSound, build_voice},
};
