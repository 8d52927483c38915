//! `settings!`: one table declares a group of parameters, with its struct, its
//! defaults, the enum of its settings, its setter and its difference.
//!
//! A UI sends the same enum that a patch carries, so every parameter that can be
//! edited is synchronised. No parameter may be named here.

use std::sync::Arc;

use arrayvec::ArrayVec;

use crate::model::Invalid;

/// A group of parameters that can be set one by one and compared.
pub trait Settings {
    /// One parameter and its value.
    type Setting;

    /// Sets one parameter.
    ///
    /// # Errors
    /// If the group has no such parameter at the moment, e.g. a parameter of
    /// another kind of source.
    fn set(&mut self, setting: Self::Setting) -> Result<(), Invalid>;

    /// Appends the path of what a setting sets to `path`. A setting on which
    /// others depend, such as one that adds what they refer to, has a prefix of
    /// their paths.
    fn path(setting: &Self::Setting, path: &mut ParamPath);

    /// Emits the settings that turn `self` into `to`, in the order in which they
    /// must be set.
    fn diff(&self, to: &Self, emit: &mut dyn FnMut(Self::Setting));
}

/// A rarely edited group is shared, so that the struct around it stays cheap to
/// copy.
impl<T: Settings + Clone> Settings for Arc<T> {
    type Setting = T::Setting;

    fn set(&mut self, setting: T::Setting) -> Result<(), Invalid> {
        Arc::make_mut(self).set(setting)
    }

    fn path(setting: &T::Setting, path: &mut ParamPath) {
        T::path(setting, path);
    }

    fn diff(&self, to: &Self, emit: &mut dyn FnMut(T::Setting)) {
        if !Arc::ptr_eq(self, to) {
            T::diff(self, to, emit);
        }
    }
}

/// The path to what a setting sets, from the whole to the part.
///
/// It does not allocate, because each turn of a knob is compared with the one
/// before.
pub type ParamPath = ArrayVec<PathStep, DEEPEST>;

/// Twice the length of the longest path, which leads to a step of a drum machine.
const DEEPEST: usize = 16;

/// One step of a [`ParamPath`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathStep {
    /// A field or a variant.
    Part(&'static str),
    /// An id, a tick or an index.
    Number(u64),
}

/// Declares a struct of parameters and the enum of its settings.
///
/// A row is `field: Variant(Type) = default;` for a parameter, and
/// `field: Variant[Type] = default;` for a group inside the group, whose type
/// is itself [`Settings`]. Fields in the `beside` block are state, but not
/// settings: the owner of the struct compares them itself.
///
/// The optional third name is that of the enum of the parameters that lanes can
/// move: all whose type has a range.
macro_rules! settings {
    (
        $(#[$meta:meta])*
        $name:ident, $setting:ident, $parameter:ident { $($rows:tt)+ }
        $( beside { $($plain:tt)+ } )?
    ) => {
        $crate::studio::common::settings::settings! {
            $(#[$meta])*
            $name, $setting { $($rows)+ }
            $( beside { $($plain)+ } )?
        }

        $crate::studio::common::automated::parameters! { $name $setting $parameter { $($rows)+ } }
    };

    (
        $(#[$meta:meta])*
        $name:ident, $setting:ident {
            $( $(#[$field_meta:meta])* $field:ident: $variant:ident $kind:tt = $default:expr; )+
        }
        $( beside {
            $( $(#[$plain_meta:meta])* $plain:ident: $plain_type:ty; )+
        } )?
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, ::serde::Serialize, ::serde::Deserialize)]
        pub struct $name {
            $( $(#[$field_meta])* pub $field: $crate::studio::common::settings::field_type!($kind), )+
            $( $( $(#[$plain_meta])* pub $plain: $plain_type, )+ )?
        }

        #[doc = concat!("One setting of [`", stringify!($name), "`].")]
        #[derive(Clone, Debug, PartialEq, Eq, ::serde::Serialize, ::serde::Deserialize)]
        pub enum $setting {
            $( $(#[$field_meta])* $variant($crate::studio::common::settings::setting_type!($kind)), )+
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    $( $field: $default, )+
                    $( $( $plain: <$plain_type>::default(), )+ )?
                }
            }
        }

        impl $crate::studio::common::settings::Settings for $name {
            type Setting = $setting;

            fn set(&mut self, setting: $setting) -> Result<(), $crate::model::Invalid> {
                match setting {
                    $( $setting::$variant(value) => {
                        $crate::studio::common::settings::set_field!($kind, self.$field, value);
                    } )+
                }
                Ok(())
            }

            fn path(setting: &$setting, path: &mut $crate::studio::common::settings::ParamPath) {
                match setting {
                    $( $setting::$variant(_value) => {
                        path.push($crate::studio::common::settings::PathStep::Part(stringify!($variant)));
                        $crate::studio::common::settings::path_of_field!($kind, _value, path);
                    } )+
                }
            }

            fn diff(&self, to: &Self, emit: &mut dyn FnMut($setting)) {
                $( $crate::studio::common::settings::diff_field!(
                    $kind, self.$field, to.$field, |value| emit($setting::$variant(value))
                ); )+
            }
        }
    };
}

macro_rules! field_type {
    (($type:ty)) => {
        $type
    };
    ([$type:ty]) => {
        $type
    };
}

macro_rules! setting_type {
    (($type:ty)) => {
        $type
    };
    ([$type:ty]) => {
        <$type as $crate::studio::common::settings::Settings>::Setting
    };
}

macro_rules! set_field {
    (($type:ty), $place:expr, $value:ident) => {
        $place = $value
    };
    ([$type:ty], $place:expr, $value:ident) => {
        $crate::studio::common::settings::Settings::set(&mut $place, $value)?
    };
}

macro_rules! path_of_field {
    (($type:ty), $value:ident, $path:ident) => {};
    ([$type:ty], $value:ident, $path:ident) => {
        <$type as $crate::studio::common::settings::Settings>::path($value, $path)
    };
}

macro_rules! diff_field {
    (($type:ty), $from:expr, $to:expr, |$value:ident| $emit:expr) => {
        if $from != $to {
            let $value = $to.clone();
            $emit;
        }
    };
    ([$type:ty], $from:expr, $to:expr, |$value:ident| $emit:expr) => {
        $crate::studio::common::settings::Settings::diff(&$from, &$to, &mut |$value| $emit)
    };
}

pub(crate) use {diff_field, field_type, path_of_field, set_field, setting_type, settings};
