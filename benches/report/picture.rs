//! Charts of the measurements, as SVG.

use std::ops::Range;

use plotters::prelude::*;

use crate::{
    figure::{Quantity, Samples, Unit},
    fixture::quantile,
};

const SIZE: (u32, u32) = (800, 480);

/// Distinguishable without telling red from green.
const COLOURS: [RGBColor; 7] = [
    RGBColor(213, 94, 0),
    RGBColor(0, 114, 178),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(90, 90, 90),
    RGBColor(230, 159, 0),
];

/// Curves on two logarithmic axes.
#[derive(Clone, Debug)]
pub struct Picture {
    /// The file name, such as `growth.svg`.
    pub file: String,
    pub title: String,
    pub curves: Vec<Curve>,
    axis: Axis,
}

/// A name and its points: position on the axis, and nanoseconds.
pub type Curve = (String, Vec<(f64, f64)>);

#[derive(Clone, Copy, Debug)]
enum Axis {
    /// One in this many calls takes longer.
    OneIn,
    Instruments,
}

impl Picture {
    /// Times by number of instruments.
    pub fn growth(file: &str, title: &str, curves: Vec<Curve>) -> Self {
        Self { file: file.into(), title: title.into(), curves, axis: Axis::Instruments }
    }

    /// Distribution of times.
    pub fn distribution(file: &str, title: &str, contenders: &[(&str, &Samples)]) -> Self {
        let curves =
            contenders.iter().map(|(name, samples)| ((*name).to_owned(), tail(samples))).collect();
        Self { file: file.into(), title: title.into(), curves, axis: Axis::OneIn }
    }

    /// The picture as SVG.
    pub fn svg(&self) -> String {
        let mut svg = String::new();
        self.draw(SVGBackend::with_string(&mut svg, SIZE)).expect("memory takes all that is drawn");
        svg
    }

    fn draw(&self, backend: SVGBackend<'_>) -> Result<(), Box<dyn std::error::Error>> {
        let root = backend.into_drawing_area();
        root.fill(&WHITE)?;
        let (across, up) = (self.range(|point| point.0), self.range(|point| point.1));
        // Space for the legend above the curves.
        let up = up.start / 1.5..up.end * (up.end / up.start).powf(0.4) * 1.5;
        let mut chart = ChartBuilder::on(&root)
            .caption(&self.title, ("sans-serif", 20))
            .margin(12)
            .x_label_area_size(44)
            .y_label_area_size(76)
            .build_cartesian_2d(across.log_scale().base(self.axis.step()), up.log_scale())?;
        chart
            .configure_mesh()
            .max_light_lines(0)
            .x_desc(self.axis.name())
            .y_desc("time")
            .x_label_formatter(&|over| format!("{over:.0}"))
            .y_label_formatter(&|time| Quantity(*time, Unit::Nanoseconds).to_string())
            .label_style(("sans-serif", 14))
            .draw()?;
        for ((name, points), colour) in self.curves.iter().zip(COLOURS.iter().cycle()) {
            chart
                .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?
                .label(name)
                .legend(move |(x, y)| {
                    PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2))
                });
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .label_font(("sans-serif", 14))
            .background_style(WHITE)
            .draw()?;
        root.present()?;
        Ok(())
    }

    fn range(&self, axis: fn(&(f64, f64)) -> f64) -> Range<f64> {
        let along = || self.curves.iter().flat_map(|(_, points)| points).map(axis);
        along().fold(f64::INFINITY, f64::min)..along().fold(0.0, f64::max)
    }
}

impl Axis {
    /// The ratio of consecutive labels.
    const fn step(self) -> f64 {
        match self {
            Self::OneIn => 10.0,
            Self::Instruments => 4.0,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::OneIn => "one call in n takes longer",
            Self::Instruments => "instruments",
        }
    }
}

/// The times of the slower half, up to the quantile with ten slower samples.
fn tail(samples: &Samples) -> Vec<(f64, f64)> {
    let sorted = samples.sorted();
    #[expect(clippy::cast_precision_loss, reason = "no such number is near 2⁵²")]
    let most = sorted.len() as f64 / 10.0;
    let steps = (0..).map(|step| 2.0 * 1.25_f64.powi(step)).take_while(|one_in| *one_in <= most);
    steps.map(|one_in| (one_in, quantile(&sorted, 1.0 - 1.0 / one_in))).collect()
}
