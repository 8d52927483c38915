//! References between parts of the studio, and their removal.
//!
//! A deleted part disappears from everything that refers to it, and an action
//! cannot refer to a missing part. This file knows what can be referred to,
//! never what refers to it.

use crate::{
    model::InstrumentId,
    studio::common::ids::{BusId, DefinitionId, LayerGroupId, ParameterId},
    util::quantity::ParameterValue,
};

/// A reference to a part of the studio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// An instrument.
    Instrument(InstrumentId),
    /// A bus.
    Bus(BusId),
    /// A layer group.
    LayerGroup(LayerGroupId),
    /// A definition of the registry.
    Definition(DefinitionId),
    /// A parameter of a definition and a value, which must be within its range.
    Parameter(DefinitionId, ParameterId, ParameterValue),
}

/// A part of the studio that may refer to others.
pub(in crate::studio) trait Refers {
    /// Passes all its references to `each`.
    fn references(&self, each: &mut dyn FnMut(Reference));

    /// Removes references to `gone`. Without effect if there are none.
    fn forget(&mut self, gone: Reference);

    /// Whether it refers to `what`.
    fn refers_to(&self, what: Reference) -> bool {
        let mut found = false;
        self.references(&mut |reference| found |= reference == what);
        found
    }
}
