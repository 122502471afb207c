//! The boundary: what is announced, and what is found.

/// Longest boundary that is looked for. RFC 2046, 5.1.1 allows 70 characters.
const MAX_BOUNDARY: usize = 256;

/// The delimiter between parts, without the white space around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Boundary {
    /// Two dashes, and the text without the dashes around it.
    mark: Box<[u8]>,
}

impl Boundary {
    /// The boundary that a `Content-Type` announces, with or without quotes and dashes.
    pub(super) fn of_content_type(value: &str) -> Option<Boundary> {
        let parameters = value.split(';').skip(1);
        let value = parameters
            .filter_map(|parameter| parameter.split_once('='))
            .find_map(|(name, value)| name.trim().eq_ignore_ascii_case("boundary").then_some(value))?;
        let text = value.trim().trim_matches('"').trim();
        Boundary::of_text(text.as_bytes())
    }

    /// The boundary that `line` is: it begins with two dashes, or it is the `known` one without them.
    pub(super) fn of_line(line: &[u8], known: Option<&Boundary>) -> Option<Boundary> {
        if let Some(known) = known
            && trim_dashes(line) == known.text()
        {
            return Some(known.clone());
        }
        // A line with a colon and a space is a header, however it begins.
        let plausible = line.starts_with(b"--") && !line.windows(2).any(|pair| pair == b": ");
        if plausible { Boundary::of_text(line) } else { None }
    }

    fn of_text(text: &[u8]) -> Option<Boundary> {
        let text = trim_dashes(text);
        let usable =
            (1..=MAX_BOUNDARY).contains(&text.len()) && text.iter().all(|byte| matches!(byte, b' '..=b'~'));
        usable.then(|| Boundary { mark: [b"--", text].concat().into() })
    }

    fn text(&self) -> &[u8] {
        &self.mark[2..]
    }

    /// How many bytes of a delimiter that is cut at the end of a buffer may be in the buffer: with a line end.
    pub(super) fn overlap(&self) -> usize {
        self.mark.len() + 1
    }

    /// Where the first delimiter is whose text comes after `from`: at the line end and the dashes before it.
    pub(super) fn find(&self, data: &[u8], from: usize) -> Option<usize> {
        let mut start = find(data, &self.mark, from)?;
        let before = |start: usize| start.checked_sub(1).map(|at| data[at]);
        while before(start) == Some(b'-') {
            start -= 1;
        }
        if before(start) == Some(b'\n') {
            start -= 1;
            if before(start) == Some(b'\r') {
                start -= 1;
            }
        }
        Some(start)
    }
}

fn trim_dashes(text: &[u8]) -> &[u8] {
    let begin = text.iter().position(|byte| *byte != b'-').unwrap_or(text.len());
    let end = text.iter().rposition(|byte| *byte != b'-').map_or(begin, |last| last + 1);
    &text[begin..end]
}

/// The offset of the first `pattern` at or after `from`. `pattern` is not empty.
pub(super) fn find(data: &[u8], pattern: &[u8], from: usize) -> Option<usize> {
    let first = *pattern.first()?;
    let mut at = from;
    loop {
        at += data.get(at..)?.iter().position(|byte| *byte == first)?;
        if data[at..].starts_with(pattern) {
            return Some(at);
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(content_type: &str) -> Option<String> {
        Boundary::of_content_type(content_type)
            .map(|boundary| String::from_utf8(boundary.text().to_vec()).unwrap())
    }

    #[test]
    fn boundaries_are_announced_in_many_ways() {
        for value in [
            "multipart/x-mixed-replace;boundary=123456789000000000000987654321",
            "multipart/x-mixed-replace; boundary=\"123456789000000000000987654321\"",
            "multipart/x-mixed-replace; charset=x ; Boundary= --123456789000000000000987654321 ",
            "multipart/x-mixed-replace;boundary=\"--123456789000000000000987654321--\";x=y",
        ] {
            assert_eq!(text(value).as_deref(), Some("123456789000000000000987654321"), "{value}");
        }
        for value in [
            "multipart/x-mixed-replace",
            "a;boundary=",
            "a;boundary=\"--\"",
            "a;boundary=\u{e9}",
            "boundary=x",
        ] {
            assert_eq!(text(value), None, "{value}");
        }
        assert_eq!(text(&format!("a;boundary={}", "b".repeat(MAX_BOUNDARY + 1))), None);
    }

    #[test]
    fn lines_are_boundaries_with_their_dashes_or_when_they_are_known() {
        let known = Boundary::of_text(b"B").unwrap();
        for line in [&b"B"[..], b"--B", b"----B", b"--B--"] {
            assert_eq!(Boundary::of_line(line, Some(&known)), Some(known.clone()));
        }
        assert_eq!(Boundary::of_line(b"--other", Some(&known)), Boundary::of_text(b"other"));
        for line in [&b"other"[..], b"--", b"-x", b"--odd: header"] {
            assert_eq!(Boundary::of_line(line, Some(&known)), None);
        }
    }

    #[test]
    fn a_delimiter_is_found_with_the_line_end_before_it() {
        let boundary = Boundary::of_text(b"B").unwrap();
        assert_eq!(boundary.find(b"xx\r\n--B", 0), Some(2));
        assert_eq!(boundary.find(b"xx\n----B", 0), Some(2));
        assert_eq!(boundary.find(b"--A--B", 3), Some(3));
        assert_eq!(boundary.find(b"xx\r\n--", 0), None);
    }
}
