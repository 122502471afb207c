//! File names with a number in them, as `printf` writes it: `frame-%06d.jpg`.

use std::path::PathBuf;

/// Most digits that a number is filled up to: as many as the largest one has.
const MAX_WIDTH: usize = 20;

/// A file name with one number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    before: String,
    width: usize,
    after: String,
}

/// Why a text is no file name with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Something else behind a `%`.
    #[error("'%' at character {at} begins no number: write %d, %06d, or %% for the sign itself")]
    Conversion {
        /// Which character, from 1.
        at: usize,
    },
    /// More digits than a number has.
    #[error("a number has at most {MAX_WIDTH} digits")]
    Width,
    /// Two numbers.
    #[error("there is more than one number in it")]
    Twice,
}

/// What a text is: a name, or one with a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    Plain(String),
    Numbered(Pattern),
}

/// Reads `%d`, `%0Nd` and `%%`.
pub(super) fn parse(text: &str) -> Result<Parsed, PatternError> {
    let mut before: Option<(String, usize)> = None;
    let mut literal = String::new();
    let mut rest = text;
    while let Some((plain, conversion)) = rest.split_once('%') {
        literal.push_str(plain);
        let at = text[..text.len() - conversion.len()].chars().count();
        if let Some(after) = conversion.strip_prefix('%') {
            literal.push('%');
            rest = after;
            continue;
        }
        let digits = conversion.find(|c: char| !c.is_ascii_digit()).unwrap_or(conversion.len());
        let (width, after) = conversion.split_at(digits);
        let after = after.strip_prefix('d').ok_or(PatternError::Conversion { at })?;
        let width = match width.strip_prefix('0') {
            Some("") | None if !width.is_empty() => return Err(PatternError::Conversion { at }),
            None => 0,
            Some(width) => width.parse().ok().filter(|w| *w <= MAX_WIDTH).ok_or(PatternError::Width)?,
        };
        if before.is_some() {
            return Err(PatternError::Twice);
        }
        before = Some((std::mem::take(&mut literal), width));
        rest = after;
    }
    literal.push_str(rest);
    Ok(match before {
        Some((before, width)) => Parsed::Numbered(Pattern { before, width, after: literal }),
        None => Parsed::Plain(literal),
    })
}

impl Pattern {
    /// The name with this number.
    #[must_use]
    pub fn path(&self, number: u64) -> PathBuf {
        let Pattern { before, width, after } = self;
        format!("{before}{number:0width$}{after}").into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str, number: u64) -> String {
        match parse(text).unwrap() {
            Parsed::Numbered(pattern) => pattern.path(number).display().to_string(),
            Parsed::Plain(name) => format!("plain {name}"),
        }
    }

    #[test]
    fn numbers_are_filled_up_and_never_cut() {
        assert_eq!(name("frame-%06d.jpg", 7), "frame-000007.jpg");
        assert_eq!(name("%d", 1234), "1234");
        assert_eq!(name("a%02d.jpg", 12_345), "a12345.jpg");
        assert_eq!(name("ü/100%%-%03d%%.jpg", 5), "ü/100%-005%.jpg");
        assert_eq!(name("50%%.jpg", 5), "plain 50%.jpg");
        assert_eq!(name("frame.jpg", 5), "plain frame.jpg");
        assert_eq!(name("%020d", u64::MAX), u64::MAX.to_string());
    }

    #[test]
    fn what_is_no_number_is_refused_with_its_place() {
        for (text, error) in [
            ("frame-%s.jpg", PatternError::Conversion { at: 7 }),
            ("ü%6d", PatternError::Conversion { at: 2 }),
            ("%0d", PatternError::Conversion { at: 1 }),
            ("%-6d", PatternError::Conversion { at: 1 }),
            ("a%", PatternError::Conversion { at: 2 }),
            ("a%06", PatternError::Conversion { at: 2 }),
            ("%021d", PatternError::Width),
            ("%099999999999999999999d", PatternError::Width),
            ("%d-%d", PatternError::Twice),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }
}
