//! JSON (RFC 8259) as the firmware reads it: within the limits of the protocol and to the letter, so that a text is a
//! message on both sides or on none. `serde_json` alone refuses numbers that no `f64` holds, and forgets the first of
//! two members of a name with what was wrong in it.

use super::{MEMBERS_MAX, NESTING_MAX};
use serde_json::{Map, Value};

/// The members of a text that is one object within the limits; of a name that comes twice the last counts.
///
/// What holds a number that no `f64` holds comes as something else that is right for no member of the protocol: the
/// number as the largest `f64`, an object as an empty one, an array as one that holds a number.
pub(super) fn object(text: &[u8]) -> Option<Map<String, Value>> {
    let mut cursor = Cursor { text, at: 0 };
    let mut members = Map::new();
    let mut count = 0;
    cursor.blanks();
    cursor.take(b'{')?;
    cursor.blanks();
    if cursor.take(b'}').is_none() {
        loop {
            count += 1;
            if count > MEMBERS_MAX {
                return None;
            }
            let (name, value) = cursor.member(NESTING_MAX - 1)?;
            members.insert(name, in_range(value));
            if cursor.take(b',').is_none() {
                break;
            }
        }
        cursor.take(b'}')?;
    }
    cursor.blanks();
    (cursor.at == text.len()).then_some(members)
}

/// A value that has been checked: only the size of a number in it can be too much.
fn in_range(value: &[u8]) -> Value {
    serde_json::from_slice(value).unwrap_or_else(|_| match value.first() {
        Some(b'{') => Value::Object(Map::new()),
        Some(b'[') => Value::Array(vec![Value::from(f64::MAX)]),
        Some(b'-') => Value::from(f64::MIN),
        _ => Value::from(f64::MAX),
    })
}

/// A place in a text. What reads something leaves it behind that; on `None` the place is of no use any more.
struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn take(&mut self, wanted: u8) -> Option<()> {
        (self.peek()? == wanted).then(|| self.at += 1)
    }

    fn skip(&mut self, kind: impl Fn(u8) -> bool) -> usize {
        let from = self.at;
        while self.peek().is_some_and(&kind) {
            self.at += 1;
        }
        self.at - from
    }

    fn blanks(&mut self) {
        self.skip(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    }

    /// A name and its value as written, with the blanks around them. `depth`: how deep the value may nest.
    fn member(&mut self, depth: usize) -> Option<(String, &'a [u8])> {
        self.blanks();
        let name = self.string()?;
        self.blanks();
        self.take(b':')?;
        self.blanks();
        let from = self.at;
        let to = self.value(depth)?;
        Some((name, self.text.get(from..to)?))
    }

    /// A value and the blanks behind it; gives the end of the value. It calls itself `depth` deep at most.
    fn value(&mut self, depth: usize) -> Option<usize> {
        self.blanks();
        match self.peek()? {
            b'{' => {
                let depth = depth.checked_sub(1)?;
                self.list(b'}', |cursor| cursor.member(depth).map(drop))?;
            }
            b'[' => {
                let depth = depth.checked_sub(1)?;
                self.list(b']', |cursor| cursor.value(depth).map(drop))?;
            }
            b'"' => drop(self.string()?),
            b't' => self.word(b"true")?,
            b'f' => self.word(b"false")?,
            b'n' => self.word(b"null")?,
            _ => self.number()?,
        }
        let end = self.at;
        self.blanks();
        Some(end)
    }

    fn list(&mut self, end: u8, mut element: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.at += 1;
        self.blanks();
        if self.take(end).is_some() {
            return Some(());
        }
        loop {
            element(self)?;
            if self.take(b',').is_none() {
                return self.take(end);
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        let from = self.at;
        self.take(b'"')?;
        while self.peek()? != b'"' {
            self.at += if self.peek()? == b'\\' { 2 } else { 1 };
        }
        self.at += 1;
        // Control characters, escapes, pairs of surrogates, UTF-8.
        serde_json::from_slice(self.text.get(from..self.at)?).ok()
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.text[self.at..].starts_with(word).then(|| self.at += word.len())
    }

    fn number(&mut self) -> Option<()> {
        let digits = |cursor: &mut Self| (cursor.skip(|byte| byte.is_ascii_digit()) > 0).then_some(());
        let _ = self.take(b'-');
        if self.take(b'0').is_none() {
            digits(self)?;
        }
        if self.take(b'.').is_some() {
            digits(self)?;
        }
        if self.take(b'e').or_else(|| self.take(b'E')).is_some() {
            let _ = self.take(b'+').or_else(|| self.take(b'-'));
            digits(self)?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_json_is_read_as_serde_reads_it_and_else_by_neither() {
        let good = [
            "{}",
            " {\t\"a\" : 1 ,\r\n\"b\":[ ] } ",
            r#"{"a":{"b":[1,-2.5e+3,"\ud83d\ude00\n",{"c":null}],"d":true},"e":false,"":0}"#,
            r#"{"\u0061":-0,"a":1E9,"é":0.0}"#,
        ];
        let bad = [
            "",
            "{",
            "[]",
            "{}x",
            "{,}",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            r#"{"a":01}"#,
            r#"{"a":1.}"#,
            r#"{"a":.5}"#,
            r#"{"a":+1}"#,
            r#"{"a":-}"#,
            r#"{"a":1e}"#,
            r#"{"a":tru}"#,
            r#"{"a":"\ud800"}"#,
            r#"{"a":"\x"}"#,
            "{\"a\":\"\n\"}",
            r#"{"a":[1,]}"#,
            r#"{"a":[1}"#,
            r#"{"a":"\"#,
            r#"{a:1}"#,
        ];
        for text in good.iter().chain(&bad) {
            // Each beginning of it as well.
            for end in 0..=text.len() {
                let part = &text.as_bytes()[..end];
                let serde = serde_json::from_slice::<Map<String, Value>>(part).ok();
                assert_eq!(object(part), serde, "{:?}", String::from_utf8_lossy(part));
            }
        }
        assert!(good.iter().all(|text| object(text.as_bytes()).is_some()));
        assert!(bad.iter().all(|text| object(text.as_bytes()).is_none()));
        assert_eq!(object(b"{\"a\":\"\xff\"}"), None);
    }

    #[test]
    fn a_number_may_be_as_large_as_it_likes_and_is_right_for_nothing() {
        let text = r#"{"a":1e999,"b":-1e999,"c":[1,{"d":1e999}],"e":{"f":1e400},"g":"1e999"}"#;
        let members = object(text.as_bytes()).expect("JSON");
        let expected =
            serde_json::json!({"a": f64::MAX, "b": f64::MIN, "c": [f64::MAX], "e": {}, "g": "1e999"});
        assert_eq!(Value::Object(members), expected);
        assert_eq!(object(br#"{"a":[1e999,"\ud800"]}"#), None, "what is wrong beside it is found");
    }

    #[test]
    fn the_limits_hold_for_what_is_hidden_behind_a_later_member_too() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let twice = |first: &str| format!(r#"{{"a":{first},"a":1}}"#);
        assert_eq!(object(twice(&nested(NESTING_MAX - 1)).as_bytes()).map(|members| members.len()), Some(1));
        assert_eq!(object(twice(&nested(NESTING_MAX)).as_bytes()), None);
        let inner = format!(r#"{{"b":{},"b":1}}"#, nested(NESTING_MAX - 1));
        assert_eq!(object(twice(&inner).as_bytes()), None);
        let many = |count: usize| format!("{{{}}}", vec![r#""a":1"#; count].join(","));
        assert!(object(many(MEMBERS_MAX).as_bytes()).is_some());
        assert_eq!(object(many(MEMBERS_MAX + 1).as_bytes()), None);
    }
}
