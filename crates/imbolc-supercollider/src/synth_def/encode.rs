//! The bytes of a definition: format "`SCgf`", version 2, big-endian.
//!
//! It must not know what a unit does.

use super::{
    Parts, Unit,
    signal::{Rate, Wire},
};

/// All of a definition but its name.
fn content(parts: &Parts) -> Vec<u8> {
    let mut constants: Vec<f32> = Vec::new();
    let mut units = Vec::new();
    put_int(&mut units, parts.units.len());
    for (unit, inputs) in parts.each() {
        put_text(&mut units, unit.class);
        units.push(code(unit.rate));
        put_int(&mut units, inputs.len());
        put_int(&mut units, unit.outputs);
        units.extend(unit.special.to_be_bytes());
        for input in inputs {
            wire(&mut units, *input, &mut constants);
        }
        outputs(&mut units, unit);
    }
    let mut bytes = Vec::with_capacity(units.len() + 256);
    put_int(&mut bytes, constants.len());
    for constant in &constants {
        bytes.extend(constant.to_be_bytes());
    }
    put_int(&mut bytes, parts.controls.len());
    for (_, default) in &parts.controls {
        bytes.extend(default.to_be_bytes());
    }
    put_int(&mut bytes, parts.controls.len());
    for (index, (name, _)) in parts.controls.iter().enumerate() {
        put_text(&mut bytes, name);
        put_int(&mut bytes, index);
    }
    bytes.extend(units);
    // No variants.
    bytes.extend(0_i16.to_be_bytes());
    bytes
}

/// A file of one definition.
pub(super) fn file(name: &str, parts: &Parts) -> Vec<u8> {
    let mut bytes = b"SCgf".to_vec();
    put_int(&mut bytes, 2);
    bytes.extend(1_i16.to_be_bytes());
    put_text(&mut bytes, name);
    bytes.extend(content(parts));
    bytes
}

fn wire(bytes: &mut Vec<u8>, wire: Wire, constants: &mut Vec<f32>) {
    match wire {
        Wire::Constant(value) => {
            let known = constants.iter().position(|other| other.to_bits() == value.to_bits());
            let index = known.unwrap_or_else(|| {
                constants.push(value);
                constants.len() - 1
            });
            bytes.extend((-1_i32).to_be_bytes());
            put_int(bytes, index);
        }
        Wire::Output { unit, output, .. } => {
            bytes.extend(unit.to_be_bytes());
            bytes.extend(output.to_be_bytes());
        }
    }
}

fn outputs(bytes: &mut Vec<u8>, unit: &Unit) {
    bytes.extend(std::iter::repeat_n(code(unit.rate), unit.outputs));
}

const fn code(rate: Rate) -> u8 {
    match rate {
        Rate::Once => 0,
        Rate::Control => 1,
        Rate::Audio => 2,
    }
}

fn put_int(bytes: &mut Vec<u8>, value: usize) {
    bytes.extend(i32::try_from(value).unwrap_or(i32::MAX).to_be_bytes());
}

/// A string of at most 255 bytes.
fn put_text(bytes: &mut Vec<u8>, value: &str) {
    let value = value.get(..255).unwrap_or(value);
    bytes.push(u8::try_from(value.len()).unwrap_or(u8::MAX));
    bytes.extend(value.as_bytes());
}
