//! Building blocks of all subsystems: names, ids, settings, limits, references.
//!
//! Nothing here may know a subsystem.

pub(super) mod automated;
pub(super) mod bounded;
pub(super) mod content;
pub(super) mod kinds;
pub(super) mod name;
pub(super) mod range;
pub(super) mod reference;
pub(super) mod rhythm;
pub(super) mod settings;
pub(super) mod tone;
