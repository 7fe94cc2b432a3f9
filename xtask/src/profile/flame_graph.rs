//! A tree of calls as a picture: [`FlameGraph`].
//!
//! A box is as wide as the part of the samples that were in its function or in what that called;
//! what it called stands upon it. From left to right the order is the alphabet's. The picture is an
//! SVG without scripts, fonts or anything else from outside; the names that do not fit into their
//! boxes are shown where the pointer rests.

use std::fmt::{self, Display, Formatter};

use super::stacks::{Call, Origin, Stacks};

/// A picture; its `Display` is the SVG.
pub(super) struct FlameGraph<'a> {
    stacks: &'a Stacks,
    title: &'a str,
}

impl<'a> FlameGraph<'a> {
    /// A picture of these stacks.
    pub(super) fn of(stacks: &'a Stacks, title: &'a str) -> Self {
        Self { stacks, title }
    }

    /// A box and all that stands upon it; `left` is the sample that it begins with.
    fn draw(&self, f: &mut Formatter<'_>, name: &str, call: &Call, place: Place) -> fmt::Result {
        let all = self.stacks.samples();
        let share = call.samples as f64 / all as f64;
        if share < LEAST_SHARE {
            return Ok(());
        }
        let (x, width) = (WIDTH * place.left as f64 / all as f64, WIDTH * share);
        let y = place.bottom - ROW;
        let class = class(call.origin);
        write!(
            f,
            "<g><title>{}: {} samples, {:.1} %</title>\
             <rect class=\"{class}\" x=\"{x:.1}\" y=\"{y}\" width=\"{width:.1}\" \
             height=\"15\"/>",
            Escaped(name),
            call.samples,
            share * 100.0
        )?;
        let label = label(name, width);
        if !label.is_empty() {
            let (x, y) = (x + 2.0, y + BASE_LINE);
            write!(f, "<text x=\"{x:.1}\" y=\"{y}\">{}</text>", Escaped(&label))?;
        }
        writeln!(f, "</g>")?;
        let mut left = place.left;
        for (name, inner) in &call.calls {
            self.draw(f, name, inner, Place { left, bottom: y })?;
            left += inner.samples;
        }
        Ok(())
    }
}

/// Where a box stands: the number of samples to its left, and its lower edge.
#[derive(Clone, Copy)]
struct Place {
    left: usize,
    bottom: f64,
}

impl Display for FlameGraph<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let root = self.stacks.root();
        let least = (self.stacks.samples() as f64 * LEAST_SHARE).ceil() as usize;
        let height = HEAD + ROW * rows(root, least) as f64;
        writeln!(
            f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
             width=\"{WIDTH}\" height=\"{height}\">\n<style>{STYLE}</style>\n\
             <rect class=\"page\" width=\"{WIDTH}\" height=\"{height}\"/>"
        )?;
        writeln!(
            f,
            "<text class=\"title\" x=\"4\" y=\"20\">{}</text>",
            Escaped(self.title)
        )?;
        for (number, (origin, what)) in LEGEND.into_iter().enumerate() {
            let (class, share) = (class(origin), self.stacks.share(origin) * 100.0);
            let x = 4.0 + 150.0 * number as f64;
            writeln!(
                f,
                "<rect class=\"{class}\" x=\"{x}\" y=\"29\" width=\"15\" height=\"15\"/>\
                 <text x=\"{}\" y=\"40\">{what} {share:.1} %</text>",
                x + 20.0
            )?;
        }
        let bottom = height;
        self.draw(f, "all", root, Place { left: 0, bottom })?;
        writeln!(f, "</svg>")
    }
}

/// The name of the colour of this code.
fn class(origin: Origin) -> &'static str {
    match origin {
        Origin::Skywave => "s",
        Origin::Library => "l",
        Origin::Kernel => "k",
    }
}

/// How many boxes stand upon each other, of those that are drawn.
fn rows(call: &Call, least: usize) -> usize {
    let drawn = call.calls.values().filter(|inner| inner.samples >= least);
    1 + drawn.map(|inner| rows(inner, least)).max().unwrap_or(0)
}

/// As much of a name as fits.
fn label(name: &str, width: f64) -> String {
    let room = ((width - 4.0) / CHARACTER).max(0.0) as usize;
    if name.chars().count() <= room {
        return name.to_owned();
    }
    match room {
        0..4 => String::new(),
        _ => name.chars().take(room - 1).chain(['…']).collect(),
    }
}

/// Text in which XML finds no markup.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                other => write!(f, "{other}")?,
            }
        }
        Ok(())
    }
}

/// All lengths are in pixels.
const WIDTH: f64 = 1200.0;
/// A box is a pixel lower than its row.
const ROW: f64 = 16.0;
/// Above the boxes: the title and the legend.
const HEAD: f64 = 56.0;
/// From the upper edge of a box to the line that its text stands on.
const BASE_LINE: f64 = 11.0;
/// The widest that a character of the labels is.
const CHARACTER: f64 = 6.7;
/// Boxes that are narrower than about a pixel are left out.
const LEAST_SHARE: f64 = 0.001;

const STYLE: &str = "text{font:11px monospace}.title{font:bold 14px sans-serif}.page{fill:#fff}\
                     .s{fill:#7fb7e6}.l{fill:#d9d0a6}.k{fill:#f0a779}";
/// With the part of the samples that were in this code itself.
const LEGEND: [(Origin, &str); 3] = [
    (Origin::Skywave, "Skywave"),
    (Origin::Library, "libraries"),
    (Origin::Kernel, "kernel"),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// A thousand samples: half of them in `a<b>`, and one in `rare`, all within `main`.
    fn svg() -> String {
        let busy = "t\n\t1 skywave::a<b> (/s)\n\t2 main (/s)\n\n".repeat(500);
        let other = "t\n\t1 write ([kernel.kallsyms])\n\t2 main (/s)\n\n".repeat(499);
        let rare = "t\n\t1 rarely (/s)\n\t1 rare (/s)\n\t2 main (/s)\n\n";
        let stacks = Stacks::parse(&format!("{busy}{other}{rare}"));
        FlameGraph::of(&stacks, "f & g").to_string()
    }

    #[test]
    fn a_box_is_as_wide_as_its_part_of_the_samples() {
        let svg = svg();
        assert!(
            svg.contains(
                "<title>skywave::a&lt;b&gt;: 500 samples, 50.0 %</title>\
             <rect class=\"s\" x=\"1.2\" y=\"72\" width=\"600.0\" height=\"15\"/>"
            ),
            "{svg}"
        );
        assert!(svg.contains("<rect class=\"k\" x=\"601.2\""), "{svg}");
    }

    #[test]
    fn what_stands_upon_a_box_is_above_it() {
        let svg = svg();
        let place = |name: &str| svg.find(name).expect("it is drawn");
        assert!(place("<title>all: 1000 samples") < place("<title>rare: 1 samples"));
        assert!(svg.contains("<title>rarely: 1 samples, 0.1 %"), "{svg}");
        assert!(
            svg.contains("height=\"104\""),
            "three rows and the head: {svg}"
        );
    }

    #[test]
    fn the_legend_tells_where_the_samples_were() {
        let svg = svg();
        for text in ["Skywave 50.0 %", "libraries 0.1 %", "kernel 49.9 %"] {
            assert!(svg.contains(text), "{svg}");
        }
    }

    #[test]
    fn texts_are_no_markup() {
        let svg = svg();
        assert!(svg.contains(">f &amp; g</text>"), "{svg}");
        assert!(!svg.contains("a<b>"), "{svg}");
    }

    #[test]
    fn names_are_cut_where_their_box_ends() {
        for (name, width, expected) in [
            ("tcp_sendmsg", 100.0, "tcp_sendmsg"),
            ("tcp_sendmsg", 40.0, "tcp_…"),
            ("tcp_sendmsg", 20.0, ""),
            ("f", 12.0, "f"),
            ("f", 1.0, ""),
        ] {
            assert_eq!(label(name, width), expected);
        }
    }
}
