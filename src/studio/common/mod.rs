//! Building blocks of all subsystems: names, ids, settings, limits, references.
//!
//! Nothing here may know a subsystem.

pub(super) mod automated;
pub(super) mod bounded;
pub(super) mod collection;
pub(super) mod content;
pub(super) mod filter;
pub(super) mod ids;
pub(super) mod kinds;
pub(super) mod loop_region;
pub(super) mod name;
pub(super) mod narrowing;
pub(super) mod range;
pub(super) mod reference;
pub(super) mod rhythm;
pub(super) mod settings;
pub(super) mod studio_effect;
