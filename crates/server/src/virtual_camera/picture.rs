//! The animated test picture: a moving textured gradient, a circle, a square, text and the machine-readable strip.
//!
//! What it shows depends on the frame number and the time alone, so a picture can be drawn again for comparison.

use super::backdrop::Backdrop;
use super::canvas::{Canvas, Colour, Rect};
use super::code::{self, Code};
use super::font;
use camherd_codec::picture::PlaneMut;

/// Smallest width: the strip's cells have four samples and the text fits.
pub const MIN_WIDTH: u32 = 160;
/// Smallest height, for the same reason.
pub const MIN_HEIGHT: u32 = 120;
/// Largest width and height: what a unit may have.
pub const MAX_SIDE: u32 = 8192;

/// How long the backdrop takes to come round, in ms.
const BACKDROP_PERIOD_MS: u64 = 16_000;
/// Longest part of the camera's name that is drawn; the rest would not fit at any size.
const MAX_NAME_CHARS: usize = 48;

const CIRCLE: Colour = Colour { y: 150, u: 54, v: 200 };
const SQUARE: Colour = Colour { y: 110, u: 190, v: 70 };
const PANEL: Colour = Colour { y: 24, u: 128, v: 128 };
const TEXT: Colour = Colour { y: 235, u: 128, v: 128 };

/// Why a picture cannot have this size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// A side is too short or too long.
    #[error("a test picture has {MIN_WIDTH}x{MIN_HEIGHT} to {MAX_SIDE}x{MAX_SIDE} pixels, not {0}x{1}")]
    Range(u32, u32),
    /// A side is odd; 4:2:0 chroma has half as many samples in both directions.
    #[error("width and height of a test picture are even, {0}x{1} is not")]
    Odd(u32, u32),
}

/// Checks the size of a test picture: even, and from 160x120 to 8192x8192.
///
/// # Errors
/// [`SizeError`] says which of both does not hold.
pub fn check_size(width: u32, height: u32) -> Result<(), SizeError> {
    if !(MIN_WIDTH..=MAX_SIDE).contains(&width) || !(MIN_HEIGHT..=MAX_SIDE).contains(&height) {
        return Err(SizeError::Range(width, height));
    }
    if !width.is_multiple_of(2) || !height.is_multiple_of(2) {
        return Err(SizeError::Odd(width, height));
    }
    Ok(())
}

/// Draws frames of one size and name.
pub struct Painter {
    width: usize,
    height: usize,
    name: String,
    backdrop: Backdrop,
}

impl Painter {
    /// Renders the static part. `detail` is 0 (smooth) to 100 (rough) and decides how large the JPEGs get.
    ///
    /// # Errors
    /// [`SizeError`] for a size outside the limits.
    pub fn new(width: u32, height: u32, name: &str, detail: u8) -> Result<Painter, SizeError> {
        check_size(width, height)?;
        let (width, height) = (width as usize, height as usize);
        let name = name.chars().take(MAX_NAME_CHARS).collect();
        Ok(Painter { width, height, name, backdrop: Backdrop::new(width, height, detail) })
    }

    /// Draws the frame of `code` over the three planes (luma, blue and red difference; full range) of a picture that
    /// has the painter's size. Of other planes, the part that both have is drawn.
    pub fn draw(&self, code: Code, planes: [PlaneMut<'_>; 3]) {
        let mut canvas = Canvas::new(planes);
        let phase = code.captured_ms % BACKDROP_PERIOD_MS;
        // At most 8192 * 16000, so it fits usize on 32-bit machines.
        let shift = self.width as u64 * phase / BACKDROP_PERIOD_MS;
        self.backdrop.draw(&mut canvas, shift as usize);
        self.draw_shapes(&mut canvas, code.captured_ms);
        self.draw_text(&mut canvas, code);
        self.draw_strip(&mut canvas, code);
    }

    /// A circle and a square that bounce between the edges, at speeds that rarely meet.
    fn draw_shapes(&self, canvas: &mut Canvas<'_>, ms: u64) {
        let field = code::top(self.height);
        // By the shorter side, so that they fit whatever the shape of the picture.
        let unit = self.width.min(self.height);
        let side = unit / 6;
        let square = Rect {
            x: bounce(ms, 5_300, self.width - side),
            y: bounce(ms, 4_100, field - side),
            width: side,
            height: side,
        };
        canvas.fill(square, SQUARE);
        let radius = unit / 10;
        let (left, top) = (bounce(ms, 3_700, self.width - 2 * radius), bounce(ms, 2_900, field - 2 * radius));
        for row in 0..2 * radius {
            let from_middle = row.abs_diff(radius);
            let half = (radius * radius - from_middle * from_middle).isqrt();
            canvas.fill(Rect { x: left + radius - half, y: top + row, width: 2 * half, height: 1 }, CIRCLE);
        }
    }

    /// Name, frame number and time of day on a dark panel in the top left corner.
    fn draw_text(&self, canvas: &mut Canvas<'_>, code: Code) {
        let clock = clock(code.captured_ms);
        let frame = format!("FRAME {:08}", code.sequence);
        let lines = [self.name.as_str(), &frame, &clock];
        let scale = (self.width / 240).min(self.height / 100).max(1);
        let widest = lines.iter().map(|line| font::text_width(line)).max().unwrap_or(0);
        let (margin, advance) = (4 * scale, (font::HEIGHT + 3) * scale);
        let panel = Rect {
            x: margin & !1,
            y: margin & !1,
            width: (widest + 6) * scale,
            height: lines.len() * advance + 3 * scale,
        };
        canvas.fill(panel, PANEL);
        for (index, line) in lines.iter().enumerate() {
            let y = panel.y + 3 * scale + index * advance;
            draw_line(canvas, line, panel.x + 3 * scale, y, scale);
        }
    }

    fn draw_strip(&self, canvas: &mut Canvas<'_>, code: Code) {
        let top = code::top(self.height);
        let strip = Rect { x: 0, y: top, width: self.width, height: self.height - top };
        canvas.fill(strip, Colour { y: code::BLACK, u: 128, v: 128 });
        let luma = &mut canvas.y;
        code::draw(code, luma.data, self.width, self.height, luma.stride);
    }
}

fn draw_line(canvas: &mut Canvas<'_>, text: &str, x: usize, y: usize, scale: usize) {
    for (index, character) in text.chars().enumerate() {
        let left = x + index * font::ADVANCE * scale;
        for (run, row, length) in font::runs(font::glyph(character)) {
            let rect =
                Rect { x: left + run * scale, y: y + row * scale, width: length * scale, height: scale };
            // The panel is grey as the text is, so only luma needs drawing.
            canvas.fill_luma(rect, TEXT.y);
        }
    }
}

/// Goes from 0 to `range` and back once per period.
fn bounce(ms: u64, period: u64, range: usize) -> usize {
    let phase = ms % period;
    let from_end = (2 * phase).abs_diff(period);
    // At most `range`.
    (range as u64 * (period - from_end) / period) as usize
}

/// A time of day in UTC as text, `2023-11-14 22:13:20.123`.
fn clock(unix_ms: u64) -> String {
    let (days, ms) = (unix_ms / 86_400_000, unix_ms % 86_400_000);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{:03}", ms % 1000)
}

/// Year, month and day in the Gregorian calendar of a day counted from 1970-01-01.
///
/// Counts in years that begin in March, so that the leap day is the last of the year.
fn date(days: u64) -> (u64, u64, u64) {
    const DAYS_IN_400_YEARS: u64 = 146_097;
    // 1970-01-01 is this many days after 0000-03-01.
    let days = days + 719_468;
    let (era, day) = (days / DAYS_IN_400_YEARS, days % DAYS_IN_400_YEARS);
    // Takes out the leap days that came before: one in 4 years, none in 100, one in 400.
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Months from March have 31, 30, 31, 30, 31 days, again and again: 153 days in 5.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year + u64::from(month >= 10);
    (year, if month < 10 { month + 3 } else { month - 9 }, day)
}

#[cfg(test)]
#[path = "picture_tests.rs"]
mod tests;
