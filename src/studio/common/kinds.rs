//! `kinds!`: one table declares something of several kinds, each with parameters
//! of its own: a source, an effect.
//!
//! No kind may be named here.

/// Declares an enum of kinds, with their settings and parameters.
///
/// A row is `Kind(Type);`, whose type is [`Settings`](crate::studio::Settings). Between
/// two kinds, the difference is the new kind and those of its parameters that
/// are not at their defaults.
macro_rules! kinds {
    (
        $(#[$meta:meta])*
        $name:ident, $kind:ident, $setting:ident, $parameter:ident, $wrong:literal {
            $( $(#[$doc:meta])* $variant:ident($type:ty); )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, ::serde::Serialize, ::serde::Deserialize)]
        pub enum $name {
            $( $(#[$doc])* $variant($type), )+
        }

        #[doc = concat!("The kinds of [`", stringify!($name), "`], to choose one.")]
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            ::serde::Serialize, ::serde::Deserialize,
        )]
        pub enum $kind {
            $( $(#[$doc])* $variant, )+
        }

        #[doc = concat!("One setting of [`", stringify!($name), "`].")]
        #[derive(Clone, Debug, PartialEq, Eq, ::serde::Serialize, ::serde::Deserialize)]
        pub enum $setting {
            /// Another kind, with its parameters at their defaults.
            Kind($kind),
            $( $(#[$doc])* $variant(<$type as $crate::studio::common::settings::Settings>::Setting), )+
        }

        impl $kind {
            /// All of them, in the order in which a menu shows them.
            pub const ALL: &'static [Self] = &[$( Self::$variant, )+];
        }

        impl $name {
            /// One of this kind, with its parameters at their defaults.
            #[must_use]
            pub fn of(kind: $kind) -> Self {
                match kind {
                    $( $kind::$variant => Self::$variant(<$type>::default()), )+
                }
            }

            /// Which kind it is.
            #[must_use]
            pub const fn kind(&self) -> $kind {
                match self {
                    $( Self::$variant(_) => $kind::$variant, )+
                }
            }

            /// The parameters that differ, between two of one kind.
            fn diff_parameters(&self, to: &Self, emit: &mut dyn FnMut($setting)) {
                match (self, to) {
                    $( (Self::$variant(from), Self::$variant(to)) => {
                        $crate::studio::common::settings::Settings::diff(
                            from, to, &mut |setting| emit($setting::$variant(setting)),
                        );
                    } )+
                    _ => {}
                }
            }
        }

        #[doc = concat!("A parameter of [`", stringify!($name), "`] that a lane can move.")]
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            ::serde::Serialize, ::serde::Deserialize,
        )]
        pub enum $parameter {
            $( $(#[$doc])* $variant(<$type as $crate::studio::common::automated::Automated>::Parameter), )+
        }

        impl $parameter {
            /// All of them, of every kind.
            #[must_use]
            pub fn all() -> Vec<Self> {
                let kinds: Vec<Vec<Self>> = vec![$(
                    <$type as $crate::studio::common::automated::Automated>::every()
                        .into_iter().map(Self::$variant).collect(),
                )+];
                kinds.concat()
            }
        }

        impl $crate::studio::common::automated::Automated for $name {
            type Parameter = $parameter;

            fn every() -> Vec<$parameter> {
                $parameter::all()
            }

            fn part(&self, parameter: $parameter) -> Option<$crate::util::quantity::Amount> {
                match (self, parameter) {
                    $( (Self::$variant(of), $parameter::$variant(parameter)) => {
                        $crate::studio::common::automated::Automated::part(of, parameter)
                    } )+
                    _ => None,
                }
            }

            fn setting(parameter: $parameter, part: $crate::util::quantity::Amount) -> $setting {
                match parameter {
                    $( $parameter::$variant(parameter) => $setting::$variant(
                        <$type as $crate::studio::common::automated::Automated>::setting(parameter, part),
                    ), )+
                }
            }

            fn is_knob(setting: &$setting) -> bool {
                match setting {
                    $setting::Kind(_) => false,
                    $( $setting::$variant(setting) => {
                        <$type as $crate::studio::common::automated::Automated>::is_knob(setting)
                    } )+
                }
            }

            fn shown(&self, parameter: $parameter) -> Option<String> {
                match (self, parameter) {
                    $( (Self::$variant(of), $parameter::$variant(parameter)) => {
                        $crate::studio::common::automated::Automated::shown(of, parameter)
                    } )+
                    _ => None,
                }
            }

            fn value_text(setting: &$setting) -> Option<String> {
                match setting {
                    $setting::Kind(_) => None,
                    $( $setting::$variant(setting) => {
                        <$type as $crate::studio::common::automated::Automated>::value_text(setting)
                    } )+
                }
            }

            fn read(
                parameter: $parameter,
                text: &str,
            ) -> Result<$setting, $crate::util::unit::UnreadableValue> {
                match parameter {
                    $( $parameter::$variant(parameter) => {
                        <$type as $crate::studio::common::automated::Automated>::read(parameter, text)
                            .map($setting::$variant)
                    } )+
                }
            }

            fn meaning(parameter: $parameter) -> &'static str {
                match parameter {
                    $( $parameter::$variant(parameter) => {
                        <$type as $crate::studio::common::automated::Automated>::meaning(parameter)
                    } )+
                }
            }
        }

        impl $crate::studio::common::settings::Settings for $name {
            type Setting = $setting;

            fn set(&mut self, setting: $setting) -> Result<(), $crate::model::Invalid> {
                match (self, setting) {
                    (this, $setting::Kind(kind)) => {
                        *this = Self::of(kind);
                        Ok(())
                    }
                    $( (Self::$variant(present), $setting::$variant(setting)) => {
                        $crate::studio::common::settings::Settings::set(present, setting)
                    } )+
                    _ => Err($crate::model::Invalid::unfit($wrong)),
                }
            }

            fn path(setting: &$setting, path: &mut $crate::studio::common::settings::ParamPath) {
                match setting {
                    // The parameters come and go with the kind.
                    $setting::Kind(_) => {}
                    $( $setting::$variant(setting) => {
                        <$type as $crate::studio::common::settings::Settings>::path(setting, path);
                    } )+
                }
            }

            fn diff(&self, to: &Self, emit: &mut dyn FnMut($setting)) {
                if self.kind() == to.kind() {
                    self.diff_parameters(to, emit);
                } else {
                    emit($setting::Kind(to.kind()));
                    Self::of(to.kind()).diff_parameters(to, emit);
                }
            }
        }
    };
}

pub(crate) use kinds;
