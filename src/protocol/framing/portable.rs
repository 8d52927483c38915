//! Whether a value can be encoded in every codec, so that all participants can have
//! it. The value is only walked: nothing is written.

use serde::ser::{
    self, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::CodecError;
use crate::util::panics::catch_panic;

/// Checks that `value` can be encoded in every [`Codec`](super::Codec).
///
/// # Errors
/// If it contains
/// - a number that is not finite, which JSON does not have;
/// - a map with a key that is not text, a number, a boolean or a unit variant;
/// - a list or a map whose length serde is not told, which Postcard needs, e.g. by
///   `#[serde(flatten)]`;
///
/// or if its `Serialize` fails or panics.
pub fn check_portable<T: Serialize + ?Sized>(value: &T) -> Result<(), CodecError> {
    catch_panic(|| value.serialize(Walk { is_key: false }))
        .unwrap_or_else(|panic| Err(CodecError(panic)))
}

/// Accepts what every codec accepts.
#[derive(Clone, Copy)]
struct Walk {
    /// Whether the value is a key of a map.
    is_key: bool,
}

impl Walk {
    fn finite(is_finite: bool) -> Result<(), CodecError> {
        if is_finite { Ok(()) } else { Err(CodecError("a number is not finite".into())) }
    }

    fn no_key(self) -> Result<Self, CodecError> {
        if self.is_key {
            return Err(CodecError("a key of a map is neither text nor a number".into()));
        }
        Ok(self)
    }

    fn sized(self, length: Option<usize>) -> Result<Self, CodecError> {
        if length.is_none() {
            return Err(CodecError("a list or a map does not know its length".into()));
        }
        self.no_key()
    }
}

impl ser::Error for CodecError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// Scalars that every codec accepts, as a value and as a key.
macro_rules! accept {
    ($($method:ident: $type:ty,)*) => {$(
        #[inline]
        fn $method(self, _: $type) -> Result<(), CodecError> {
            Ok(())
        }
    )*};
}

impl Serializer for Walk {
    type Ok = ();
    type Error = CodecError;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    accept! {
        serialize_bool: bool,
        serialize_i8: i8,
        serialize_i16: i16,
        serialize_i32: i32,
        serialize_i64: i64,
        serialize_i128: i128,
        serialize_u8: u8,
        serialize_u16: u16,
        serialize_u32: u32,
        serialize_u64: u64,
        serialize_u128: u128,
        serialize_char: char,
        serialize_str: &str,
    }

    #[inline]
    fn serialize_f32(self, number: f32) -> Result<(), CodecError> {
        Self::finite(number.is_finite())
    }

    #[inline]
    fn serialize_f64(self, number: f64) -> Result<(), CodecError> {
        Self::finite(number.is_finite())
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), CodecError> {
        self.no_key().map(drop)
    }

    #[inline]
    fn serialize_none(self) -> Result<(), CodecError> {
        self.no_key().map(drop)
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), CodecError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), CodecError> {
        self.no_key().map(drop)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), CodecError> {
        self.no_key().map(drop)
    }

    #[inline]
    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
    ) -> Result<(), CodecError> {
        Ok(())
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), CodecError> {
        value.serialize(self)
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), CodecError> {
        value.serialize(self.no_key()?)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Self, CodecError> {
        self.sized(length)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, CodecError> {
        self.no_key()
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, CodecError> {
        self.no_key()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, CodecError> {
        self.no_key()
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Self, CodecError> {
        self.sized(length)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, CodecError> {
        self.no_key()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, CodecError> {
        self.no_key()
    }

    #[inline]
    fn collect_str<T: std::fmt::Display + ?Sized>(self, _: &T) -> Result<(), CodecError> {
        Ok(())
    }
}

/// The parts of a compound value, which is not a key.
macro_rules! walk_parts {
    ($($part:ident, $method:ident, ($($name:ty)?);)*) => {$(
        impl $part for Walk {
            type Ok = ();
            type Error = CodecError;

            #[inline]
            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $(_: $name,)?
                value: &T,
            ) -> Result<(), CodecError> {
                value.serialize(*self)
            }

            fn end(self) -> Result<(), CodecError> {
                Ok(())
            }
        }
    )*};
}

walk_parts! {
    SerializeSeq, serialize_element, ();
    SerializeTuple, serialize_element, ();
    SerializeTupleStruct, serialize_field, ();
    SerializeTupleVariant, serialize_field, ();
    SerializeStruct, serialize_field, (&'static str);
    SerializeStructVariant, serialize_field, (&'static str);
}

impl SerializeMap for Walk {
    type Ok = ();
    type Error = CodecError;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), CodecError> {
        key.serialize(Self { is_key: true })
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CodecError> {
        value.serialize(*self)
    }

    fn end(self) -> Result<(), CodecError> {
        Ok(())
    }
}
