//! What may refer to something elsewhere in the studio, and how it lets go.
//!
//! One way for all of it: what is deleted is forgotten by everything, and what
//! is not there is referred to by nothing. It knows what can be referred to,
//! never by whom.

use super::{
    StudioState,
    hosted::{DefinitionId, ParameterId},
    layer_group::LayerGroupId,
    mixer::BusId,
};
use crate::{
    model::{InstrumentId, Invalid},
    util::quantity::ParameterValue,
};

/// Something elsewhere in the studio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// An instrument.
    Instrument(InstrumentId),
    /// A bus.
    Bus(BusId),
    /// A layer group.
    LayerGroup(LayerGroupId),
    /// A custom `SynthDef` or a plug-in of the registry.
    Definition(DefinitionId),
    /// A parameter of it, and a value that it must be able to have.
    Parameter(DefinitionId, ParameterId, ParameterValue),
}

/// A part of the studio that may refer to another.
pub(super) trait Refers {
    /// Hands to `each` all that it refers to.
    fn references(&self, each: &mut dyn FnMut(Reference));

    /// Lets go of what is gone. It does nothing if it does not refer to it.
    fn forget(&mut self, gone: Reference);

    /// Whether it refers to this.
    fn refers_to(&self, what: Reference) -> bool {
        let mut found = false;
        self.references(&mut |reference| found |= reference == what);
        found
    }
}

impl StudioState {
    /// Checks that this is there.
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

    /// Checks that all is there that `part` refers to.
    pub(super) fn check_references(&self, part: &impl Refers) -> Result<(), Invalid> {
        let mut checked = Ok(());
        part.references(&mut |reference| {
            if checked.is_ok() {
                checked = self.require(reference);
            }
        });
        checked
    }
}
