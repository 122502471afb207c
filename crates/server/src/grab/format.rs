//! What is written, and where to.

use super::pattern::Pattern;
use std::path::PathBuf;
use std::str::FromStr;

/// The form of what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A JPEG a file.
    Jpg,
    /// JPEGs one after another.
    Mjpeg,
    /// Fragmented MP4 with the camera's own video.
    Mp4,
    /// H.264 in Annex B.
    H264,
}

impl Format {
    /// What the extension of a file name says.
    #[must_use]
    pub fn of_extension(extension: &str) -> Option<Format> {
        match &extension.to_ascii_lowercase()[..] {
            "jpg" | "jpeg" => Some(Format::Jpg),
            "mjpeg" | "mjpg" => Some(Format::Mjpeg),
            "mp4" | "m4v" => Some(Format::Mp4),
            "h264" | "264" => Some(Format::H264),
            _ => None,
        }
    }

    /// Whether it is made of JPEGs, which stand alone.
    #[must_use]
    pub fn is_jpeg(self) -> bool {
        matches!(self, Format::Jpg | Format::Mjpeg)
    }
}

impl FromStr for Format {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Format, &'static str> {
        Format::of_extension(text).ok_or("expected jpg, mjpeg, mp4 or h264")
    }
}

/// Where it is written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A file for each picture.
    Numbered(Pattern),
    /// One file.
    File(PathBuf),
    /// Standard output.
    Stdout,
}
