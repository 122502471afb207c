//! Points in time as RFC 3339 text.

/// What Go prints for "no time": clients of the RTSP single-ingest server parse it.
pub(super) const NEVER: &str = "0001-01-01T00:00:00Z";

const MICROS_PER_DAY: i64 = 24 * 3600 * 1_000_000;

/// Microseconds since 1970-01-01 UTC as RFC 3339, 5.6, with six decimals.
pub(super) fn format(unix_micros: i64) -> String {
    let (day, rest) = (unix_micros.div_euclid(MICROS_PER_DAY), unix_micros.rem_euclid(MICROS_PER_DAY));
    let (year, month, day) = civil(day);
    let (seconds, micros) = (rest / 1_000_000, rest % 1_000_000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// Year, month and day of a day since 1970-01-01, in the Gregorian calendar.
///
/// Counted from 0000-03-01, so that a leap day is the last day of its year. A calendar of 400 years has 146 097
/// days; within it each 4 years have 1461 but for each 100 years, which have 36 524.
fn civil(day: i64) -> (i64, i64, i64) {
    /// Days from 0000-03-01 to 1970-01-01.
    const EPOCH: i64 = 719_468;
    let day = day + EPOCH;
    let (era, of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // March to January alternate in groups of five months with 153 days.
    let month_from_march = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_days_are_right() {
        // date -u -d @SECONDS +%FT%TZ
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (-1, "1969-12-31T23:59:59.000000Z"),
            (951_782_400, "2000-02-29T00:00:00.000000Z"),
            (1_709_251_199, "2024-02-29T23:59:59.000000Z"),
            (1_709_251_200, "2024-03-01T00:00:00.000000Z"),
            (1_735_689_599, "2024-12-31T23:59:59.000000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000000Z"),
            (253_402_300_799, "9999-12-31T23:59:59.000000Z"),
        ] {
            assert_eq!(format(seconds * 1_000_000), text);
        }
        assert_eq!(format(1_500_001), "1970-01-01T00:00:01.500001Z");
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut before = civil(-800_000);
        for day in -799_999..800_000 {
            let (year, month, of_month) = civil(day);
            let next_day = (year, month, of_month - 1) == before;
            let next_month = of_month == 1 && ((year, month - 1) == (before.0, before.1) && before.2 >= 28);
            let next_year = (month, of_month) == (1, 1) && before == (year - 1, 12, 31);
            assert!(next_day || next_month || next_year, "{before:?} {:?}", civil(day));
            before = (year, month, of_month);
        }
    }
}
