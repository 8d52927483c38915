//! One table makes a group of parameters: its struct, its defaults, the enum of
//! its settings, how one is set, and which ones differ.
//!
//! The same enum is what a UI sends when a knob turns and what a patch carries
//! to the others, so that no parameter can be edited without being synchronised.
//! Nothing in here knows a single parameter by name.

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
    /// If the group has no such parameter in its present form, e.g. a parameter
    /// of another kind of source.
    fn set(&mut self, setting: Self::Setting) -> Result<(), Invalid>;

    /// Appends to `path` what it is that a setting sets. A setting on which
    /// others depend, such as one that adds what they refer to, has a path that
    /// theirs begin with.
    fn path(setting: &Self::Setting, path: &mut ParamPath);

    /// Hands to `emit`, in the order in which they must be set, the settings
    /// that make `to` of `self`.
    fn diff(&self, to: &Self, emit: &mut dyn FnMut(Self::Setting));
}

/// A group that is rarely edited is shared, so that what it is in stays cheap to
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

/// What it is that a setting sets, from the whole to the part. It asks for no
/// memory: each turn of a knob is held against the one before.
pub type ParamPath = ArrayVec<PathStep, DEEPEST>;

/// Twice as many steps as the longest way has, which is that to a step of a drum
/// machine.
const DEEPEST: usize = 16;

/// One step of the way to what is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathStep {
    /// One of a few.
    Part(&'static str),
    /// One of many.
    Number(u64),
}

/// Declares a struct of parameters and the enum of its settings.
///
/// A row is `field: Variant(Type) = default;` for a parameter, and
/// `field: Variant[Type] = default;` for a group inside the group, whose type
/// is itself [`Settings`]. Fields in the `beside` block are state, but not
/// settings: the owner of the struct compares them itself.
///
/// With a third name, what has a range of it can be moved by lanes, and that is
/// the name of which.
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
