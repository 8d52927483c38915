//! The hash of what [`Serialize`] tells of a value: 64 bits, and the same on
//! every machine.
//!
//! A value is told as a row of 64-bit words, each of which is stirred in by the
//! mixer of `SplitMix64` (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number
//! Generators", 2014). How the words come about:
//!
//! - integers as they are, of any width; `f32` and `f64` by their bits, with one
//!   zero and one NaN; `char` by its number;
//! - text and bytes by their length and then eight bytes a word, the lowest
//!   first, filled up with zeros;
//! - an `Option` by whether there is something, a variant by its number;
//! - a list, a tuple or a struct by a mark, its items, and their number; names
//!   of fields do not count;
//! - a map by a mark, the sum of the hashes of its entries, and their number.

use serde::{
    Serialize,
    de::value::Error,
    ser::{self, Serializer},
};

/// What has been told so far.
#[derive(Clone, Copy)]
pub(super) struct Hasher(u64);

/// The increment of `SplitMix64`: the golden ratio as a fraction of 2⁶⁴.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Begins a list, and a map.
const LIST: u64 = 1;
const MAP: u64 = 2;

impl Default for Hasher {
    fn default() -> Self {
        Self(GOLDEN)
    }
}

impl Hasher {
    pub(super) fn take(&mut self, value: &impl Serialize) {
        // A value may refuse to be told. Then it cannot be sent either, and what
        // was told of it until then has to do.
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

    const fn list(&mut self) -> List<'_> {
        self.word(LIST);
        List { hasher: self, items: 0 }
    }

    const fn map(&mut self) -> Map<'_> {
        self.word(MAP);
        Map { hasher: self, sum: 0, entries: 0, entry: Hasher(GOLDEN) }
    }
}

/// Takes the items of a list, a tuple or a struct.
pub(super) struct List<'a> {
    hasher: &'a mut Hasher,
    items: u64,
}

impl List<'_> {
    fn item(&mut self, item: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        self.items += 1;
        item.serialize(&mut *self.hasher)
    }

    const fn close(self) {
        self.hasher.word(self.items);
    }
}

/// Takes the entries of a map.
pub(super) struct Map<'a> {
    hasher: &'a mut Hasher,
    sum: u64,
    entries: u64,
    /// The one of which the key was told.
    entry: Hasher,
}

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
    type SerializeSeq = List<'a>;
    type SerializeTuple = List<'a>;
    type SerializeTupleStruct = List<'a>;
    type SerializeTupleVariant = List<'a>;
    type SerializeMap = Map<'a>;
    type SerializeStruct = List<'a>;
    type SerializeStructVariant = List<'a>;

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
        serialize_f32(f32) by |value| bits(f64::from(value));
        serialize_f64(f64) by bits;
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
        self.list().close();
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

    fn serialize_seq(self, _: Option<usize>) -> Result<List<'a>, Error> {
        Ok(self.list())
    }

    fn serialize_tuple(self, _: usize) -> Result<List<'a>, Error> {
        Ok(self.list())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<List<'a>, Error> {
        Ok(self.list())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<List<'a>, Error> {
        self.word(u64::from(index));
        Ok(self.list())
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Map<'a>, Error> {
        Ok(self.map())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<List<'a>, Error> {
        Ok(self.list())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<List<'a>, Error> {
        self.word(u64::from(index));
        Ok(self.list())
    }
}

/// The bits of a number: of equal numbers the same, and one NaN.
fn bits(value: f64) -> u64 {
    if value.is_nan() {
        f64::NAN.to_bits()
    } else if value == 0.0 {
        0
    } else {
        value.to_bits()
    }
}

/// What takes items one by one, each under the name that serde has for it.
macro_rules! takes_items {
    ($($trait:ident::$function:ident;)+) => { $(
        impl ser::$trait for List<'_> {
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

takes_items! {
    SerializeSeq::serialize_element;
    SerializeTuple::serialize_element;
    SerializeTupleStruct::serialize_field;
    SerializeTupleVariant::serialize_field;
}

macro_rules! takes_fields {
    ($($trait:ident;)+) => { $(
        impl ser::$trait for List<'_> {
            type Ok = ();
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                _: &'static str,
                value: &T,
            ) -> Result<(), Error> {
                self.item(value)
            }

            /// Which one is left out counts.
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

takes_fields! {
    SerializeStruct;
    SerializeStructVariant;
}

impl ser::SerializeMap for Map<'_> {
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
