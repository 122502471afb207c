//! The result: a table for people, JSON for programs.

use crate::proc;
use serde_json::{Value, json};

/// What a figure must satisfy. All conditions that are there must hold.
#[derive(Clone, Copy, Default)]
pub struct Target {
    /// At most this, in the row's unit.
    pub limit: Option<f64>,
    /// At most this many times the peer's value from the same run.
    pub ratio: Option<f64>,
}

impl Target {
    /// Only shown.
    pub const NONE: Target = Target { limit: None, ratio: None };

    /// A limit in the row's unit.
    pub fn limit(limit: f64) -> Target {
        Target { limit: Some(limit), ..Target::NONE }
    }

    /// A limit relative to the peer.
    pub fn ratio(ratio: f64) -> Target {
        Target { ratio: Some(ratio), ..Target::NONE }
    }

    /// Both.
    pub fn both(limit: f64, ratio: f64) -> Target {
        Target { limit: Some(limit), ratio: Some(ratio) }
    }
}

/// One figure.
pub struct Row {
    /// The scenario that measured it.
    pub scenario: &'static str,
    /// What was measured.
    pub figure: String,
    /// Unit of the values.
    pub unit: &'static str,
    /// camherd's value.
    pub camherd: f64,
    /// The peer and its value, measured in the same run.
    pub peer: Option<(&'static str, f64)>,
    /// What it must satisfy.
    pub target: Target,
}

impl Row {
    /// camherd's value over the peer's.
    fn ratio(&self) -> Option<f64> {
        self.peer.filter(|(_, peer)| *peer > 0.0).map(|(_, peer)| self.camherd / peer)
    }

    /// Whether the target is met; `None` when there is none, or no peer to compare with.
    fn ok(&self) -> Option<bool> {
        let limit = self.target.limit.map(|limit| self.camherd <= limit);
        let ratio = self.target.ratio.zip(self.ratio()).map(|(most, ratio)| ratio <= most);
        match (limit, ratio) {
            (None, None) => None,
            (a, b) => Some(a != Some(false) && b != Some(false)),
        }
    }

    fn target_text(&self) -> String {
        let limit = self.target.limit.map(|limit| format!("<= {} {}", number(limit), self.unit));
        let ratio = self.target.ratio.map(|ratio| format!("<= {ratio} x"));
        let parts: Vec<String> = limit.into_iter().chain(ratio).map(|part| part.trim().to_owned()).collect();
        parts.join(", ")
    }

    fn cells(&self) -> [String; 6] {
        let value = |v: f64| format!("{} {}", number(v), self.unit).trim().to_owned();
        [
            self.figure.clone(),
            value(self.camherd),
            self.peer.map_or_else(String::new, |(name, peer)| format!("{} ({name})", value(peer))),
            self.ratio().map_or_else(String::new, |r| format!("{r:.2}")),
            self.target_text(),
            self.ok().map_or("", |ok| if ok { "ok" } else { "MISSED" }).to_owned(),
        ]
    }

    fn json(&self) -> Value {
        json!({
            "scenario": self.scenario, "figure": self.figure, "unit": self.unit, "camherd": self.camherd,
            "peer": self.peer.map(|(name, value)| json!({ "name": name, "value": value })),
            "ratio": self.ratio(), "limit": self.target.limit, "limit_ratio": self.target.ratio, "ok": self.ok(),
        })
    }
}

/// All figures of a run.
#[derive(Default)]
pub struct Report {
    /// In the order of measuring.
    pub rows: Vec<Row>,
    /// Scenarios that could not be measured, and why.
    pub failures: Vec<(&'static str, String)>,
    /// Scenarios that this machine or user cannot measure, and why.
    pub not_here: Vec<(&'static str, String)>,
}

const HEADS: [&str; 6] = ["figure", "camherd", "peer or limit", "ratio", "target", ""];

impl Report {
    /// The table, as Markdown with aligned columns.
    pub fn table(&self) -> String {
        let rows: Vec<[String; 6]> = self.rows.iter().map(Row::cells).collect();
        let width = |i: usize| rows.iter().map(|r| r[i].len()).chain([HEADS[i].len()]).max().unwrap_or(0);
        let widths: [usize; 6] = std::array::from_fn(width);
        let line = |cells: [&str; 6]| {
            let padded: Vec<String> =
                cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            format!("| {} |\n", padded.join(" | "))
        };
        let mut out = line(HEADS);
        out += &format!("|{}|\n", widths.map(|w| "-".repeat(w + 2)).join("|"));
        for row in &rows {
            out += &line(std::array::from_fn(|i| row[i].as_str()));
        }
        for (scenario, why) in &self.failures {
            out += &format!("not measured: {scenario}: {why}\n");
        }
        for (scenario, why) in &self.not_here {
            out += &format!("not possible here: {scenario}: {why}\n");
        }
        out
    }

    /// The same for programs, with the machine it was measured on.
    pub fn json(&self) -> Value {
        let list = |all: &[(&'static str, String)]| -> Vec<Value> {
            all.iter().map(|(s, why)| json!({ "scenario": s, "error": why })).collect()
        };
        json!({
            "cpu": proc::cpu_name(),
            "cores": std::thread::available_parallelism().map_or(0, usize::from),
            "rows": self.rows.iter().map(Row::json).collect::<Vec<_>>(),
            "failures": list(&self.failures),
            "not_here": list(&self.not_here),
        })
    }

    /// Whether everything was measured and no target missed.
    pub fn all_met(&self) -> bool {
        self.failures.is_empty() && self.rows.iter().all(|row| row.ok() != Some(false))
    }
}

/// Three significant digits, whole numbers in full.
fn number(v: f64) -> String {
    match v.abs() {
        _ if v.fract() == 0.0 => format!("{v:.0}"),
        a if a >= 100.0 => format!("{v:.0}"),
        a if a >= 10.0 => format!("{v:.1}"),
        a if a >= 1.0 => format!("{v:.2}"),
        _ => format!("{v:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(camherd: f64, peer: Option<f64>, target: Target) -> Row {
        let peer = peer.map(|v| ("peer", v));
        Row { scenario: "s", figure: "f".into(), unit: "ms", camherd, peer, target }
    }

    #[test]
    fn every_condition_that_can_be_checked_must_hold() {
        assert_eq!(row(2.0, None, Target::NONE).ok(), None);
        assert_eq!(row(2.0, None, Target::limit(2.0)).ok(), Some(true));
        assert_eq!(row(2.1, None, Target::limit(2.0)).ok(), Some(false));
        assert_eq!(row(2.0, Some(4.0), Target::both(3.0, 0.4)).ok(), Some(false));
        assert_eq!(row(2.0, Some(4.0), Target::both(3.0, 0.5)).ok(), Some(true));
        assert_eq!(row(2.0, None, Target::ratio(0.5)).ok(), None);
    }

    #[test]
    fn table_and_json_say_the_same() {
        let rows = vec![row(2.5, Some(5.0), Target::both(3.0, 0.4))];
        let mut report = Report { rows, ..Report::default() };
        let table = report.table();
        assert!(
            table.contains("| f      | 2.50 ms | 5 ms (peer)   | 0.50  | <= 3 ms, <= 0.4 x | MISSED |"),
            "{table}"
        );
        assert_eq!(report.json()["rows"][0]["ok"], false);
        assert!(!report.all_met());
        report.rows[0].target = Target::NONE;
        assert!(report.all_met());
        report.not_here.push(("y", "no root".into()));
        assert!(report.all_met() && report.table().contains("not possible here: y: no root"));
        report.failures.push(("x", "why".into()));
        assert!(!report.all_met() && report.table().contains("not measured: x: why"));
    }
}
