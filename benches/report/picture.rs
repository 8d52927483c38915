//! Pictures of what was measured, as SVG.

use plotters::prelude::*;

use crate::{figure::Samples, fixture::quantile};

const SIZE: (u32, u32) = (800, 480);

/// Some curves over one axis. Both axes are logarithmic.
#[derive(Clone, Debug)]
pub struct Picture {
    /// The name of the file, e.g. `growth.svg`.
    pub file: String,
    pub title: String,
    pub curves: Vec<Curve>,
    axis: Axis,
}

/// A name, and the points: what it is over, and nanoseconds.
pub type Curve = (String, Vec<(f64, f64)>);

#[derive(Clone, Copy, Debug)]
enum Axis {
    /// One in how many calls takes longer.
    OneIn,
    Instruments,
}

impl Picture {
    /// How times grow with the number of instruments.
    pub fn growth(file: &str, title: &str, curves: Vec<Curve>) -> Self {
        Self { file: file.into(), title: title.into(), curves, axis: Axis::Instruments }
    }

    /// How times are distributed: which part of the samples takes how long.
    pub fn distribution(file: &str, title: &str, contenders: &[(&str, &Samples)]) -> Self {
        let curves =
            contenders.iter().map(|(name, samples)| ((*name).to_owned(), tail(samples))).collect();
        Self { file: file.into(), title: title.into(), curves, axis: Axis::OneIn }
    }

    /// The picture as it is written.
    pub fn svg(&self) -> String {
        let mut svg = String::new();
        self.draw(SVGBackend::with_string(&mut svg, SIZE)).expect("memory takes all that is drawn");
        svg
    }

    fn draw(&self, backend: SVGBackend<'_>) -> Result<(), Box<dyn std::error::Error>> {
        let root = backend.into_drawing_area();
        root.fill(&WHITE)?;
        let points = || self.curves.iter().flat_map(|(_, points)| points);
        let range = |axis: fn(&(f64, f64)) -> f64| {
            let least = points().map(axis).fold(f64::INFINITY, f64::min);
            let most = points().map(axis).fold(0.0, f64::max);
            least..most
        };
        let (across, up) = (range(|point| point.0), range(|point| point.1));
        let mut chart = ChartBuilder::on(&root)
            .caption(&self.title, ("sans-serif", 20))
            .margin(12)
            .x_label_area_size(44)
            .y_label_area_size(64)
            .build_cartesian_2d(across.log_scale(), (up.start / 1.5..up.end * 1.5).log_scale())?;
        chart
            .configure_mesh()
            .x_desc(self.axis.name())
            .y_desc("time")
            .y_label_formatter(&|time| {
                crate::figure::Quantity(*time, crate::figure::Unit::Nanoseconds).to_string()
            })
            .draw()?;
        for (index, (name, points)) in self.curves.iter().enumerate() {
            let colour = Palette99::pick(index).to_rgba();
            chart
                .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?
                .label(name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK.mix(0.3))
            .draw()?;
        root.present()?;
        Ok(())
    }
}

impl Axis {
    const fn name(self) -> &'static str {
        match self {
            Self::OneIn => "one in so many takes longer",
            Self::Instruments => "instruments",
        }
    }
}

/// How long the slower half takes, up to the slowest of which there are at least
/// ten.
fn tail(samples: &Samples) -> Vec<(f64, f64)> {
    let sorted = samples.sorted();
    #[expect(clippy::cast_precision_loss, reason = "no such number is near 2⁵²")]
    let most = sorted.len() as f64 / 10.0;
    let steps = (0..).map(|step| 2.0 * 1.25_f64.powi(step)).take_while(|one_in| *one_in <= most);
    steps.map(|one_in| (one_in, quantile(&sorted, 1.0 - 1.0 / one_in))).collect()
}
