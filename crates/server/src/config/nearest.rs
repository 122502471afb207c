//! The nearest known name to a misspelt one.

use super::Hint;

/// Longest name that is compared, in bytes: the work grows with its length, and no key comes near.
const MAX_COMPARED: usize = 64;

/// The candidate nearest to `name`, when it is near enough to be what was meant.
///
/// A name that is right except for its section (`listen` for `http.listen`) counts as near.
pub(super) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Hint {
    if name.len() > MAX_COMPARED {
        return Hint(None);
    }
    let leaf = last_segment(name);
    let best = candidates
        .into_iter()
        .map(|candidate| {
            let sectionless = if last_segment(candidate) == leaf { 1 } else { usize::MAX };
            (distance(name, candidate).min(sectionless), candidate)
        })
        .min_by_key(|(distance, _)| *distance);
    // A third of the letters wrong is a slip; more is another word.
    Hint(best.filter(|(distance, _)| *distance <= (name.len() / 3).max(1)).map(|(_, best)| best.to_owned()))
}

fn last_segment(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// Levenshtein distance in bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let changed = diagonal + usize::from(x != y);
            diagonal = *cell;
            left = changed.min(diagonal + 1).min(left + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_levenshtein() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("ab", "ba", 2),
            ("x", "x", 0),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn suggests_slips_and_missing_sections_but_not_other_words() {
        let keys = ["http.listen", "limits.viewers", "stall_timeout"];
        assert_eq!(nearest("http.lisen", keys), Hint(Some("http.listen".into())));
        assert_eq!(nearest("listen", keys), Hint(Some("http.listen".into())));
        assert_eq!(nearest("stal_timeot", keys), Hint(Some("stall_timeout".into())));
        assert_eq!(nearest("rtsp.port", keys), Hint(None));
        assert_eq!(nearest(&"a".repeat(65), keys), Hint(None));
    }
}
