//! Picture sizes by the names that devices know.

use std::fmt;
use std::str::FromStr;

/// All sizes of the protocol, by number of pixels: those of the sensors that devices have.
const SIZES: [(u16, u16); 16] = [
    (160, 120),
    (176, 144),
    (240, 176),
    (240, 240),
    (320, 240),
    (400, 296),
    (480, 320),
    (640, 480),
    (800, 600),
    (1024, 768),
    (1280, 720),
    (1280, 1024),
    (1600, 1200),
    (1920, 1080),
    (2048, 1536),
    (2560, 1920),
];

/// One of the sizes of the protocol. Ordered by number of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u8);

/// A text that names no size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not a size that devices know, such as 640x480")]
pub struct UnknownSize;

impl Size {
    /// All sizes, smallest first.
    pub fn all() -> impl Iterator<Item = Size> {
        (0..SIZES.len()).filter_map(|at| u8::try_from(at).ok()).map(Size)
    }

    /// The size of these sides, in pixels.
    #[must_use]
    pub fn of(width: u32, height: u32) -> Option<Size> {
        Size::all().find(|size| (size.width(), size.height()) == (width, height))
    }

    /// Pixels.
    #[must_use]
    pub fn width(self) -> u32 {
        u32::from(SIZES[usize::from(self.0)].0)
    }

    /// Pixels.
    #[must_use]
    pub fn height(self) -> u32 {
        u32::from(SIZES[usize::from(self.0)].1)
    }
}

impl FromStr for Size {
    type Err = UnknownSize;

    /// Exactly `WIDTHxHEIGHT`: no leading zeros, no capitals, no names for people.
    fn from_str(text: &str) -> Result<Size, UnknownSize> {
        Size::all().find(|size| size.to_string() == text).ok_or(UnknownSize)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width(), self.height())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_in_order_and_have_one_name() {
        let all: Vec<Size> = Size::all().collect();
        assert!(all.is_sorted_by_key(|size| size.width() * size.height()));
        for size in all {
            assert_eq!(size.to_string().parse(), Ok(size));
            assert_eq!(Size::of(size.width(), size.height()), Some(size));
        }
        for text in ["", "vga", "640X480", "0640x480", "641x480", "640x480 "] {
            assert_eq!(text.parse::<Size>(), Err(UnknownSize), "{text:?}");
        }
    }
}
