//! References between parts of the studio, and their removal.
//!
//! A deleted part disappears from everything that refers to it, and an action
//! cannot refer to a missing part. This file knows what can be referred to,
//! never what refers to it.

use crate::{
    model::{InstrumentId, Invalid},
    studio::{
        StudioState,
        mixer::{BusId, layer_group::LayerGroupId},
        plugin::{DefinitionId, ParameterId},
    },
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

impl StudioState {
    /// Checks that the part exists.
    fn require(&self, what: Reference) -> Result<(), Invalid> {
        let (there, name, id) = match what {
            Reference::Instrument(id) => (self.instruments.contains(id), "instrument", id.0),
            Reference::Bus(id) => (self.mixer.bus(id).is_some(), "bus", id.0),
            Reference::LayerGroup(id) => {
                (self.mixer.layer_group(id).is_some(), "layer group", id.0)
            }
            Reference::Definition(id) => {
                (self.registry.definition(id).is_some(), id.what(), id.number())
            }
            Reference::Parameter(id, parameter, value) => {
                let table = self.registry.definition(id);
                return table.map_or(Ok(()), |table| table.check(parameter, value));
            }
        };
        if there { Ok(()) } else { Err(Invalid::missing(name, id)) }
    }

    /// Checks that everything to which `part` refers exists.
    pub(in crate::studio) fn check_references(&self, part: &impl Refers) -> Result<(), Invalid> {
        let mut checked = Ok(());
        part.references(&mut |reference| {
            if checked.is_ok() {
                checked = self.require(reference);
            }
        });
        checked
    }
}
