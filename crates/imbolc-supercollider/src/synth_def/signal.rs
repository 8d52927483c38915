//! Signals of a graph, and arithmetic on them.
//!
//! It must not know what a unit does.

use std::{
    fmt,
    ops::{Add, Div, Mul, Neg, Sub},
};

use super::Graph;

/// How often a signal changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Rate {
    /// Once, when a synth is created.
    Once,
    /// Once per block.
    Control,
    /// Once per sample.
    Audio,
}

/// A connection to an input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wire {
    /// A number.
    Constant(f32),
    /// An output of a unit.
    #[doc(hidden)]
    Output {
        /// The unit.
        unit: u32,
        /// Its output.
        output: u32,
        /// The rate of the unit.
        #[allow(private_interfaces)]
        rate: Rate,
    },
}

/// A signal of a graph: a constant, or the output of a unit. Arithmetic on it adds units.
#[derive(Clone, Copy)]
pub struct Signal<'g> {
    graph: &'g Graph,
    wire: Wire,
}

impl fmt::Debug for Signal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.wire.fmt(f)
    }
}

/// Two channels.
pub type Stereo<'g> = [Signal<'g>; 2];

/// A value that can be connected to an input: a number or a signal.
pub trait Input<'g>: Copy {
    /// The connection.
    fn wire(self) -> Wire;
}

impl<'g> Input<'g> for Signal<'g> {
    fn wire(self) -> Wire {
        self.wire
    }
}

impl Input<'_> for f32 {
    fn wire(self) -> Wire {
        Wire::Constant(self)
    }
}

/// The operators of two operands, by SuperCollider's numbers.
#[derive(Clone, Copy, Debug)]
enum Binary {
    Add = 0,
    Sub = 1,
    Mul = 2,
    Div = 4,
    Modulo = 5,
    Less = 8,
    Greater = 9,
    Min = 12,
    Max = 13,
    Round = 19,
    Pow = 25,
    Clip = 42,
    Fold = 44,
    Wrap = 45,
}

/// The operators of one operand, by SuperCollider's numbers.
#[derive(Clone, Copy, Debug)]
enum Unary {
    Neg = 0,
    Abs = 5,
    Floor = 9,
    Frac = 10,
    Sign = 11,
    Squared = 12,
    Sqrt = 14,
    Exp = 15,
    Reciprocal = 16,
    SemitoneRatio = 19,
    Amplitude = 21,
    Decibels = 22,
    Sin = 28,
    Cos = 29,
    Tan = 30,
    ArcTan = 33,
    Tanh = 36,
    Distort = 42,
    SoftClip = 43,
}

impl<'g> Signal<'g> {
    pub(super) const fn new(graph: &'g Graph, wire: Wire) -> Self {
        Self { graph, wire }
    }

    /// The graph that it belongs to.
    #[must_use]
    pub const fn graph(self) -> &'g Graph {
        self.graph
    }

    /// Whether it never changes.
    #[must_use]
    pub const fn is_constant(self) -> bool {
        matches!(self.wire, Wire::Constant(_))
    }

    pub(super) const fn wire(self) -> Wire {
        self.wire
    }

    /// Another output of the unit that makes this signal.
    pub(super) const fn output(self, output: u32) -> Self {
        match self.wire {
            Wire::Output { unit, rate, .. } => {
                Self::new(self.graph, Wire::Output { unit, output, rate })
            }
            Wire::Constant(_) => self,
        }
    }

    fn binary(self, operator: Binary, other: Wire) -> Self {
        let graph = self.graph;
        if let Some(simple) = simplified(self.wire, operator, other) {
            return Self::new(graph, simple);
        }
        let rate = rate_of(self.wire).max(rate_of(other)).unwrap_or(Rate::Once);
        graph.unit("BinaryOpUGen", rate, operator as i16, &[self.wire, other], 1)
    }

    fn unary(self, operator: Unary) -> Self {
        if let (Wire::Constant(value), Unary::SemitoneRatio) = (self.wire, operator) {
            return Self::new(self.graph, Wire::Constant((value / 12.0).exp2()));
        }
        let rate = rate_of(self.wire).unwrap_or(Rate::Once);
        self.graph.unit("UnaryOpUGen", rate, operator as i16, &[self.wire], 1)
    }
}

fn rate_of(wire: Wire) -> Option<Rate> {
    match wire {
        Wire::Constant(_) => None,
        Wire::Output { rate, .. } => Some(rate),
    }
}

/// The result, where no unit is needed.
fn simplified(left: Wire, operator: Binary, right: Wire) -> Option<Wire> {
    use Wire::Constant;

    match (left, operator, right) {
        (Constant(a), Binary::Add, Constant(b)) => Some(Constant(a + b)),
        (Constant(a), Binary::Sub, Constant(b)) => Some(Constant(a - b)),
        (Constant(a), Binary::Mul, Constant(b)) => Some(Constant(a * b)),
        (Constant(a), Binary::Div, Constant(b)) => Some(Constant(a / b)),
        (Constant(0.0), Binary::Add, other)
        | (other, Binary::Add | Binary::Sub, Constant(0.0))
        | (Constant(1.0), Binary::Mul, other)
        | (other, Binary::Mul | Binary::Div, Constant(1.0)) => Some(other),
        (Constant(0.0), Binary::Mul, _) | (_, Binary::Mul, Constant(0.0)) => Some(Constant(0.0)),
        _ => None,
    }
}

/// Operators that have a name.
impl<'g> Signal<'g> {
    /// The lower one.
    #[must_use]
    pub fn min(self, other: impl Input<'g>) -> Self {
        self.binary(Binary::Min, other.wire())
    }

    /// The higher one.
    #[must_use]
    pub fn max(self, other: impl Input<'g>) -> Self {
        self.binary(Binary::Max, other.wire())
    }

    /// Within these bounds.
    #[must_use]
    pub fn clamp(self, low: impl Input<'g>, high: impl Input<'g>) -> Self {
        self.max(low).min(high)
    }

    /// 1 while it is less than `other`, otherwise 0.
    #[must_use]
    pub fn less(self, other: impl Input<'g>) -> Self {
        self.binary(Binary::Less, other.wire())
    }

    /// 1 while it is greater than `other`, otherwise 0.
    #[must_use]
    pub fn greater(self, other: impl Input<'g>) -> Self {
        self.binary(Binary::Greater, other.wire())
    }

    /// The remainder of a division.
    #[must_use]
    pub fn modulo(self, other: impl Input<'g>) -> Self {
        self.binary(Binary::Modulo, other.wire())
    }

    /// The nearest multiple of `step`.
    #[must_use]
    pub fn round(self, step: impl Input<'g>) -> Self {
        self.binary(Binary::Round, step.wire())
    }

    /// To the power of `exponent`; of a negative base, the negative of the result.
    #[must_use]
    pub fn pow(self, exponent: impl Input<'g>) -> Self {
        self.binary(Binary::Pow, exponent.wire())
    }

    /// Cut off at ±`limit`.
    #[must_use]
    pub fn clip(self, limit: impl Input<'g>) -> Self {
        self.binary(Binary::Clip, limit.wire())
    }

    /// Folded back at ±`limit`.
    #[must_use]
    pub fn fold(self, limit: impl Input<'g>) -> Self {
        self.binary(Binary::Fold, limit.wire())
    }

    /// Wrapped around at ±`limit`.
    #[must_use]
    pub fn wrap(self, limit: impl Input<'g>) -> Self {
        self.binary(Binary::Wrap, limit.wire())
    }

    /// The absolute value.
    #[must_use]
    pub fn abs(self) -> Self {
        self.unary(Unary::Abs)
    }

    /// The whole number below.
    #[must_use]
    pub fn floor(self) -> Self {
        self.unary(Unary::Floor)
    }

    /// The part after the decimal point.
    #[must_use]
    pub fn fract(self) -> Self {
        self.unary(Unary::Frac)
    }

    /// −1, 0 or 1.
    #[must_use]
    pub fn sign(self) -> Self {
        self.unary(Unary::Sign)
    }

    /// The square.
    #[must_use]
    pub fn squared(self) -> Self {
        self.unary(Unary::Squared)
    }

    /// The square root; of a negative number, the negative of the result.
    #[must_use]
    pub fn sqrt(self) -> Self {
        self.unary(Unary::Sqrt)
    }

    /// The exponential function.
    #[must_use]
    pub fn exp(self) -> Self {
        self.unary(Unary::Exp)
    }

    /// 1 divided by it.
    #[must_use]
    pub fn reciprocal(self) -> Self {
        self.unary(Unary::Reciprocal)
    }

    /// The ratio of frequencies of so many semitones.
    #[must_use]
    pub fn semitones(self) -> Self {
        self.unary(Unary::SemitoneRatio)
    }

    /// The ratio of frequencies of so many octaves.
    #[must_use]
    pub fn octaves(self) -> Self {
        (self * 12.0).semitones()
    }

    /// The ratio of frequencies of so many cents.
    #[must_use]
    pub fn cents(self) -> Self {
        (self / 100.0).semitones()
    }

    /// The amplitude of so many decibels.
    #[must_use]
    pub fn amplitude(self) -> Self {
        self.unary(Unary::Amplitude)
    }

    /// The decibels of an amplitude.
    #[must_use]
    pub fn decibels(self) -> Self {
        self.unary(Unary::Decibels)
    }

    /// The tangent, of radians.
    #[must_use]
    pub fn tan(self) -> Self {
        self.unary(Unary::Tan)
    }

    /// The sine, of radians.
    #[must_use]
    pub fn sin(self) -> Self {
        self.unary(Unary::Sin)
    }

    /// The cosine, of radians.
    #[must_use]
    pub fn cos(self) -> Self {
        self.unary(Unary::Cos)
    }

    /// The angle in radians with this tangent.
    #[must_use]
    pub fn arc_tan(self) -> Self {
        self.unary(Unary::ArcTan)
    }

    /// The hyperbolic tangent.
    #[must_use]
    pub fn tanh(self) -> Self {
        self.unary(Unary::Tanh)
    }

    /// x / (1 + |x|).
    #[must_use]
    pub fn distort(self) -> Self {
        self.unary(Unary::Distort)
    }

    /// Linear up to ±0.5, then towards ±1.
    #[must_use]
    pub fn soft_clip(self) -> Self {
        self.unary(Unary::SoftClip)
    }

    /// `self` times `factor`, plus `sum`: one unit where the server has one for these rates.
    #[must_use]
    pub fn times_plus(self, factor: impl Input<'g>, sum: impl Input<'g>) -> Self {
        let [factor, sum] = [factor.wire(), sum.wire()];
        let rate = rate_of(self.wire);
        if rate.is_none() || rate < rate_of(factor).max(rate_of(sum)) || rate == Some(Rate::Once) {
            return self.binary(Binary::Mul, factor).binary(Binary::Add, sum);
        }
        let rate = rate.unwrap_or(Rate::Once);
        self.graph.unit("MulAdd", rate, 0, &[self.wire, factor, sum], 1)
    }

    /// From `self` at 0 to `other` at 1.
    #[must_use]
    pub fn blend(self, other: Self, part: impl Input<'g>) -> Self {
        let part = Self::new(self.graph, part.wire());
        (other - self).times_plus(part, self)
    }
}

impl Neg for Signal<'_> {
    type Output = Self;

    fn neg(self) -> Self {
        match self.wire {
            Wire::Constant(value) => Self::new(self.graph, Wire::Constant(-value)),
            Wire::Output { .. } => self.unary(Unary::Neg),
        }
    }
}

macro_rules! arithmetic {
    ($($operation:ident $method:ident)+) => { $(
        impl<'g> $operation for Signal<'g> {
            type Output = Self;

            fn $method(self, other: Self) -> Self {
                self.binary(Binary::$operation, other.wire)
            }
        }

        impl<'g> $operation<f32> for Signal<'g> {
            type Output = Self;

            fn $method(self, other: f32) -> Self {
                self.binary(Binary::$operation, Wire::Constant(other))
            }
        }

        impl<'g> $operation<Signal<'g>> for f32 {
            type Output = Signal<'g>;

            fn $method(self, other: Signal<'g>) -> Signal<'g> {
                other.graph.constant(self).binary(Binary::$operation, other.wire)
            }
        }
    )+ };
}

arithmetic! { Add add Sub sub Mul mul Div div }

impl<'g> std::iter::Sum<Signal<'g>> for Option<Signal<'g>> {
    /// The sum of signals; `None` of none.
    fn sum<I: Iterator<Item = Signal<'g>>>(signals: I) -> Self {
        signals.reduce(|sum, signal| sum + signal)
    }
}
