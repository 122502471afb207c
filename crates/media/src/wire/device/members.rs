//! A message as its members, each read as what it must be.

use super::size::Size;
use super::{BadMember, MESSAGE_MAX, json};
use serde_json::{Map, Value};
use std::ops::RangeInclusive;

/// The members of one message. `null` is as good as missing; of a key that comes twice the last counts.
pub(super) struct Members(pub(super) Map<String, Value>);

/// Why a message cannot be used.
pub(super) type Read<T> = Result<T, BadMember>;

impl Members {
    /// The members of a text that is one message within the limits.
    pub(super) fn parse(text: &[u8]) -> Option<Members> {
        // The length bounds the memory that the rest may take.
        if text.len() > MESSAGE_MAX {
            return None;
        }
        let mut members = json::object(text)?;
        members.retain(|_, value| !value.is_null());
        Some(Members(members))
    }

    /// What kind of message it is.
    pub(super) fn kind(&self) -> Option<&str> {
        self.0.get("type")?.as_str()
    }

    /// A whole number within the range.
    pub(super) fn number(
        &self,
        member: &'static str,
        range: RangeInclusive<u32>,
        takes: &'static str,
    ) -> Read<Option<u32>> {
        let Some(value) = self.0.get(member) else { return Ok(None) };
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        match number.filter(|number| range.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => Err(BadMember::new(member, takes)),
        }
    }

    pub(super) fn boolean(&self, member: &'static str) -> Read<Option<bool>> {
        match self.0.get(member) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(_) => Err(BadMember::new(member, "true or false")),
        }
    }

    /// A text without U+0000, which the firmware's strings cannot hold.
    pub(super) fn text(&self, member: &'static str) -> Read<Option<&str>> {
        match self.0.get(member) {
            None => Ok(None),
            Some(Value::String(text)) if !text.contains('\0') => Ok(Some(text)),
            Some(_) => Err(BadMember::new(member, "a text")),
        }
    }

    pub(super) fn size(&self) -> Read<Option<Size>> {
        let bad = BadMember::new("size", "a size that devices know, such as 640x480");
        match self.0.get("size") {
            None => Ok(None),
            Some(value) => value.as_str().and_then(|text| text.parse().ok()).map(Some).ok_or(bad),
        }
    }
}
