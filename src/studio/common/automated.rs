//! Which parameters a lane can move.
//!
//! No parameter is listed here:
//! [`settings!`](crate::studio::common::settings::settings) makes a parameter of each
//! setting whose type has a range, and `kinds!` collects those of every kind.
//! Settings without a range, such as a name, a sample or an output, cannot be
//! automated.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    studio::common::settings::Settings,
    util::{quantity::Amount, unit::UnreadableValue},
};

/// A group of settings, some of which a lane can move.
pub trait Automated: Settings {
    /// A setting that a lane can move.
    type Parameter: Copy + 'static;

    /// All parameters of all kinds, in menu order. Parameters of parts that can
    /// be added and removed, such as effects, are omitted.
    fn every() -> Vec<Self::Parameter>;

    /// The current value as a fraction of the range; `None` if the parameter
    /// does not exist at the moment, for example one of another kind of source.
    fn part(&self, parameter: Self::Parameter) -> Option<Amount>;

    /// The setting that puts the parameter at this fraction of its range.
    fn setting(parameter: Self::Parameter, part: Amount) -> Self::Setting;

    /// Whether it sets the value of a quantity that exists before and after it: not
    /// whether something is on, and nothing that adds, removes, replaces or moves.
    fn is_knob(setting: &Self::Setting) -> bool;

    /// The current value with its unit; `None` where [`part`](Self::part) is.
    fn shown(&self, parameter: Self::Parameter) -> Option<String>;

    /// The value that a setting sets, with its unit; `None` if the setting is not one of a
    /// parameter.
    fn value_text(setting: &Self::Setting) -> Option<String>;

    /// The setting that gives the parameter the value that `text` says, which may be written
    /// as [`value_text`](Self::value_text) writes it or in another way.
    ///
    /// # Errors
    /// If `text` is no such value; the error says which there are.
    fn read(parameter: Self::Parameter, text: &str) -> Result<Self::Setting, UnreadableValue>;

    /// What the parameter is, in a sentence: the documentation of its setting.
    fn meaning(parameter: Self::Parameter) -> &'static str;
}

impl<T: Automated + Clone> Automated for Arc<T> {
    type Parameter = T::Parameter;

    fn every() -> Vec<T::Parameter> {
        T::every()
    }

    fn part(&self, parameter: T::Parameter) -> Option<Amount> {
        T::part(self, parameter)
    }

    fn setting(parameter: T::Parameter, part: Amount) -> T::Setting {
        T::setting(parameter, part)
    }

    fn is_knob(setting: &T::Setting) -> bool {
        T::is_knob(setting)
    }

    fn shown(&self, parameter: T::Parameter) -> Option<String> {
        T::shown(self, parameter)
    }

    fn value_text(setting: &T::Setting) -> Option<String> {
        T::value_text(setting)
    }

    fn read(parameter: T::Parameter, text: &str) -> Result<T::Setting, UnreadableValue> {
        T::read(parameter, text)
    }

    fn meaning(parameter: T::Parameter) -> &'static str {
        T::meaning(parameter)
    }
}

/// The parameter of something that has none of its own, because a table defines
/// them; [`Target::Hosted`](crate::studio::Target::Hosted) moves those.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum NoParameter {}

/// Declares the parameters of a group of settings, one for each setting with a
/// range.
///
/// It consumes the rows of [`settings!`](crate::studio::common::settings::settings) one
/// by one and accumulates the match arms.
macro_rules! parameters {
    ($name:ident $setting:ident $parameter:ident { $($rows:tt)* }) => {
        $crate::studio::common::automated::parameters! {
            @($name $setting $parameter this part text) { [] [] [] [] [] [] [] [] [] } $($rows)*
        }
    };

    // All rows are consumed.
    (
        @($name:ident $setting:ident $parameter:ident $this:ident $at:ident $text:ident) {
            [$($variants:tt)*] [$($all:tt)*] [$($part:tt)*] [$($set:tt)*] [$($knob:tt)*]
            [$($shown:tt)*] [$($value:tt)*] [$($read:tt)*] [$($meaning:tt)*]
        }
    ) => {
        #[doc = concat!("A parameter of [`", stringify!($name), "`] that a lane can move.")]
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            ::serde::Serialize, ::serde::Deserialize,
        )]
        pub enum $parameter { $($variants)* }

        impl $parameter {
            /// All parameters of all kinds, in menu order. Parameters of parts
            /// that can be added and removed, such as effects, are omitted.
            #[must_use]
            pub fn all() -> Vec<Self> {
                let groups: Vec<Vec<Self>> = vec![$($all)*];
                groups.concat()
            }

            /// The current value as a fraction of the range; `None` if the
            /// parameter does not exist at the moment, for example one of
            /// another kind of source.
            #[must_use]
            pub fn part(self, of: &$name) -> Option<$crate::util::quantity::Amount> {
                $crate::studio::common::automated::Automated::part(of, self)
            }

            /// The setting that puts the parameter at this fraction of its
            /// range.
            #[must_use]
            pub fn setting(self, part: $crate::util::quantity::Amount) -> $setting {
                <$name as $crate::studio::common::automated::Automated>::setting(self, part)
            }
        }

        impl $crate::studio::common::automated::Automated for $name {
            type Parameter = $parameter;

            fn every() -> Vec<$parameter> {
                $parameter::all()
            }

            fn part(&self, parameter: $parameter) -> Option<$crate::util::quantity::Amount> {
                let $this = self;
                match parameter { $($part)* }
            }

            fn setting(parameter: $parameter, $at: $crate::util::quantity::Amount) -> $setting {
                match parameter { $($set)* }
            }

            fn is_knob(setting: &$setting) -> bool {
                match setting {
                    $($knob)*
                    #[allow(unreachable_patterns, reason = "every setting may have a range")]
                    _ => false,
                }
            }

            fn shown(&self, parameter: $parameter) -> Option<String> {
                let $this = self;
                match parameter { $($shown)* }
            }

            fn value_text(setting: &$setting) -> Option<String> {
                match setting {
                    $($value)*
                    #[allow(unreachable_patterns, reason = "every setting may have a range")]
                    _ => None,
                }
            }

            fn read(
                parameter: $parameter,
                $text: &str,
            ) -> Result<$setting, $crate::util::unit::UnreadableValue> {
                match parameter { $($read)* }
            }

            fn meaning(parameter: $parameter) -> &'static str {
                match parameter { $($meaning)* }
            }
        }
    };

    // MIDI mappings move parameters; lanes must not move the mappings.
    (
        @$names:tt $lists:tt
        $(#[$meta:meta])* $field:ident: $variant:ident [MidiMap] = $default:expr; $($rows:tt)*
    ) => {
        $crate::studio::common::automated::parameters! { @$names $lists $($rows)* }
    };

    // A nested group.
    (
        @($name:ident $setting:ident $parameter:ident $this:ident $at:ident $text:ident) {
            [$($variants:tt)*] [$($all:tt)*] [$($part:tt)*] [$($set:tt)*] [$($knob:tt)*]
            [$($shown:tt)*] [$($value:tt)*] [$($read:tt)*] [$($meaning:tt)*]
        }
        $(#[doc = $doc:literal])* $field:ident: $variant:ident [$group:ty] = $default:expr;
        $($rows:tt)*
    ) => {
        $crate::studio::common::automated::parameters! {
            @($name $setting $parameter $this $at $text) {
                [
                    $($variants)* $(#[doc = $doc])*
                    $variant(<$group as $crate::studio::common::automated::Automated>::Parameter),
                ]
                [
                    $($all)*
                    <$group as $crate::studio::common::automated::Automated>::every()
                        .into_iter().map($parameter::$variant).collect(),
                ]
                [
                    $($part)*
                    $parameter::$variant(inner) => {
                        $crate::studio::common::automated::Automated::part(&$this.$field, inner)
                    }
                ]
                [
                    $($set)*
                    $parameter::$variant(inner) => $setting::$variant(
                        <$group as $crate::studio::common::automated::Automated>::setting(inner, $at),
                    ),
                ]
                [
                    $($knob)*
                    $setting::$variant(inner) => {
                        <$group as $crate::studio::common::automated::Automated>::is_knob(inner)
                    }
                ]
                [
                    $($shown)*
                    $parameter::$variant(inner) => {
                        $crate::studio::common::automated::Automated::shown(&$this.$field, inner)
                    }
                ]
                [
                    $($value)*
                    $setting::$variant(inner) => {
                        <$group as $crate::studio::common::automated::Automated>::value_text(inner)
                    }
                ]
                [
                    $($read)*
                    $parameter::$variant(inner) => Ok($setting::$variant(
                        <$group as $crate::studio::common::automated::Automated>::read(inner, $text)?,
                    )),
                ]
                [
                    $($meaning)*
                    $parameter::$variant(inner) => {
                        <$group as $crate::studio::common::automated::Automated>::meaning(inner)
                    }
                ]
            }
            $($rows)*
        }
    };

    // A single setting; only one whose type has a range becomes a parameter.
    (
        @$names:tt $lists:tt
        $(#[doc = $doc:literal])* $field:ident: $variant:ident ($($type:tt)+) = $default:expr;
        $($rows:tt)*
    ) => {
        $crate::studio::common::automated::if_it_has_a_range! {
            ($($type)+)
            {
                $crate::studio::common::automated::parameters! {
                    @@$names $lists
                    { $(#[doc = $doc])* $field $variant ($($type)+) } $($rows)*
                }
            }
            { $crate::studio::common::automated::parameters! { @$names $lists $($rows)* } }
        }
    };

    // The type has a range.
    (
        @@($name:ident $setting:ident $parameter:ident $this:ident $at:ident $text:ident) {
            [$($variants:tt)*] [$($all:tt)*] [$($part:tt)*] [$($set:tt)*] [$($knob:tt)*]
            [$($shown:tt)*] [$($value:tt)*] [$($read:tt)*] [$($meaning:tt)*]
        }
        { $(#[doc = $doc:literal])* $field:ident $variant:ident ($($type:tt)+) } $($rows:tt)*
    ) => {
        $crate::studio::common::automated::parameters! {
            @($name $setting $parameter $this $at $text) {
                [$($variants)* $(#[doc = $doc])* $variant,]
                [$($all)* vec![$parameter::$variant],]
                [
                    $($part)*
                    $parameter::$variant => {
                        Some($crate::studio::common::range::Range::part($this.$field))
                    }
                ]
                [
                    $($set)*
                    $parameter::$variant => {
                        $setting::$variant($crate::studio::common::range::Range::at($at))
                    }
                ]
                [
                    $($knob)*
                    $setting::$variant(_) => {
                        <$($type)+ as $crate::studio::common::range::Range>::IS_QUANTITY
                    }
                ]
                [
                    $($shown)*
                    $parameter::$variant => {
                        Some($crate::studio::common::range::Range::text($this.$field))
                    }
                ]
                [
                    $($value)*
                    $setting::$variant(value) => {
                        Some($crate::studio::common::range::Range::text(*value))
                    }
                ]
                [
                    $($read)*
                    $parameter::$variant => {
                        $crate::studio::common::range::Range::read($text).map($setting::$variant)
                    }
                ]
                [$($meaning)* $parameter::$variant => concat!($($doc),*).trim_start(),]
            }
            $($rows)*
        }
    };
}

/// Expands to the first branch if a type has a [`Range`], otherwise to the
/// second.
macro_rules! if_it_has_a_range {
    ((Option<NoteValue>) { $($yes:tt)* } $no:tt) => { $($yes)* };
    ((Option<$($type:tt)+) $yes:tt { $($no:tt)* }) => { $($no)* };
    ((Name) $yes:tt { $($no:tt)* }) => { $($no)* };
    ((Output) $yes:tt { $($no:tt)* }) => { $($no)* };
    ((PadSound) $yes:tt { $($no:tt)* }) => { $($no)* };
    ((TimeSignature) $yes:tt { $($no:tt)* }) => { $($no)* };
    (($type:ident) { $($yes:tt)* } $no:tt) => { $($yes)* };
}

pub(in crate::studio) use {if_it_has_a_range, parameters};
