//! A 64-bit hash of the [`Serialize`] representation of a value, equal on every
//! machine.
//!
//! It must never change: both sides of a session compare digests. It knows the data
//! model of serde, never what a value means.
//!
//! A value is serialized to a sequence of 64-bit words, each of which is mixed in
//! with the finalizer of `SplitMix64` (Steele, Lea, Flood: "Fast Splittable
//! Pseudorandom Number Generators", 2014). The words are:
//!
//! - integer: its value, whatever its width; `f32` and `f64`: the bits of the
//!   `f64`, with a single zero and a single NaN; `char`: its code point;
//! - text, bytes: the length, then eight bytes per word, little-endian, padded with
//!   zeros;
//! - `Option`: 0 or 1, then the value; enum variant: its index, then its content;
//! - sequence, tuple, struct: a mark, the items, and their number; field names are
//!   ignored;
//! - map: a mark, the sum of the hashes of the entries, and their number.

use serde::{
    Serialize,
    de::value::Error,
    ser::{self, Serializer},
};

/// The hash of the words so far.
#[derive(Clone, Copy)]
pub(super) struct Hasher(u64);

/// The increment of `SplitMix64`: the golden ratio as a fraction of 2⁶⁴.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The mark before a sequence, a tuple or a struct.
const SEQUENCE: u64 = 1;
/// The mark before a map.
const MAP: u64 = 2;

impl Default for Hasher {
    fn default() -> Self {
        Self(GOLDEN)
    }
}

impl Hasher {
    pub(super) fn add(&mut self, value: &impl Serialize) {
        // A value whose serialization fails cannot be sent either. The words until
        // the failure have to do.
        let _ = value.serialize(&mut *self);
    }

    pub(super) const fn finish(self) -> u64 {
        self.0
    }

    const fn word(&mut self, word: u64) {
        let mut z = (self.0 ^ word).wrapping_add(GOLDEN);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        self.0 = z ^ (z >> 31);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(chunk) {
                *to = *from;
            }
            self.word(u64::from_le_bytes(word));
        }
    }

    const fn sequence(&mut self) -> SequenceHasher<'_> {
        self.word(SEQUENCE);
        SequenceHasher { hasher: self, items: 0 }
    }

    const fn map(&mut self) -> MapHasher<'_> {
        self.word(MAP);
        MapHasher { hasher: self, sum: 0, entries: 0, entry: Hasher(GOLDEN) }
    }
}

/// Hashes the items of a sequence, a tuple or a struct.
pub(super) struct SequenceHasher<'a> {
    hasher: &'a mut Hasher,
    items: u64,
}

impl SequenceHasher<'_> {
    fn item(&mut self, item: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        self.items += 1;
        item.serialize(&mut *self.hasher)
    }

    const fn close(self) {
        self.hasher.word(self.items);
    }
}

/// Hashes the entries of a map, in any order.
pub(super) struct MapHasher<'a> {
    hasher: &'a mut Hasher,
    sum: u64,
    entries: u64,
    /// The hash of the current entry: so far, of its key.
    entry: Hasher,
}

/// Implements the methods that hash a value as a single word.
macro_rules! words {
    ($($function:ident($type:ty) by $word:expr;)+) => { $(
        fn $function(self, value: $type) -> Result<(), Error> {
            let word: fn($type) -> u64 = $word;
            self.word(word(value));
            Ok(())
        }
    )+ };
}

impl<'a> Serializer for &'a mut Hasher {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = SequenceHasher<'a>;
    type SerializeTuple = SequenceHasher<'a>;
    type SerializeTupleStruct = SequenceHasher<'a>;
    type SerializeTupleVariant = SequenceHasher<'a>;
    type SerializeMap = MapHasher<'a>;
    type SerializeStruct = SequenceHasher<'a>;
    type SerializeStructVariant = SequenceHasher<'a>;

    words! {
        serialize_bool(bool) by u64::from;
        serialize_i8(i8) by |value| i64::from(value).cast_unsigned();
        serialize_i16(i16) by |value| i64::from(value).cast_unsigned();
        serialize_i32(i32) by |value| i64::from(value).cast_unsigned();
        serialize_i64(i64) by i64::cast_unsigned;
        serialize_u8(u8) by u64::from;
        serialize_u16(u16) by u64::from;
        serialize_u32(u32) by u64::from;
        serialize_u64(u64) by |value| value;
        serialize_f32(f32) by |value| canonical_bits(f64::from(value));
        serialize_f64(f64) by canonical_bits;
        serialize_char(char) by |value| u64::from(u32::from(value));
    }

    fn serialize_i128(self, value: i128) -> Result<(), Error> {
        self.serialize_u128(value.cast_unsigned())
    }

    fn serialize_u128(self, value: u128) -> Result<(), Error> {
        self.bytes(&value.to_le_bytes());
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<(), Error> {
        self.bytes(value.as_bytes());
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        self.bytes(value);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_bool(false)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.word(1);
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.sequence().close();
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &str, index: u32, _: &str) -> Result<(), Error> {
        self.serialize_u32(index)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.word(u64::from(index));
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<SequenceHasher<'a>, Error> {
        Ok(self.sequence())
    }

    fn serialize_tuple(self, _: usize) -> Result<SequenceHasher<'a>, Error> {
        Ok(self.sequence())
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<SequenceHasher<'a>, Error> {
        Ok(self.sequence())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<SequenceHasher<'a>, Error> {
        self.word(u64::from(index));
        Ok(self.sequence())
    }

    fn serialize_map(self, _: Option<usize>) -> Result<MapHasher<'a>, Error> {
        Ok(self.map())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<SequenceHasher<'a>, Error> {
        Ok(self.sequence())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<SequenceHasher<'a>, Error> {
        self.word(u64::from(index));
        Ok(self.sequence())
    }
}

/// The bits of a number, equal for equal numbers and for all NaNs.
fn canonical_bits(value: f64) -> u64 {
    if value.is_nan() {
        f64::NAN.to_bits()
    } else if value == 0.0 {
        0
    } else {
        value.to_bits()
    }
}

/// Implements the serde traits whose only method adds an item.
macro_rules! item_serializers {
    ($($trait:ident::$function:ident;)+) => { $(
        impl ser::$trait for SequenceHasher<'_> {
            type Ok = ();
            type Error = Error;

            fn $function<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.item(value)
            }

            fn end(self) -> Result<(), Error> {
                self.close();
                Ok(())
            }
        }
    )+ };
}

item_serializers! {
    SerializeSeq::serialize_element;
    SerializeTuple::serialize_element;
    SerializeTupleStruct::serialize_field;
    SerializeTupleVariant::serialize_field;
}

/// Implements the serde traits that add the fields of a struct.
macro_rules! field_serializers {
    ($($trait:ident;)+) => { $(
        impl ser::$trait for SequenceHasher<'_> {
            type Ok = ();
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                _: &'static str,
                value: &T,
            ) -> Result<(), Error> {
                self.item(value)
            }

            /// The name, so that structs which skip different fields differ.
            fn skip_field(&mut self, name: &'static str) -> Result<(), Error> {
                self.item(name)
            }

            fn end(self) -> Result<(), Error> {
                self.close();
                Ok(())
            }
        }
    )+ };
}

field_serializers! {
    SerializeStruct;
    SerializeStructVariant;
}

impl ser::SerializeMap for MapHasher<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.entry = Hasher::default();
        key.serialize(&mut self.entry)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        value.serialize(&mut self.entry)?;
        self.sum = self.sum.wrapping_add(self.entry.finish());
        self.entries += 1;
        Ok(())
    }

    fn end(self) -> Result<(), Error> {
        self.hasher.word(self.sum);
        self.hasher.word(self.entries);
        Ok(())
    }
}
