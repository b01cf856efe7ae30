//! Days and times as PostgreSQL counts them: days and microseconds since 2000-01-01.

/// From 1970-01-01 to 2000-01-01.
const DAYS_TO_2000: i64 = 10_957;
const MICROS_A_DAY: i64 = 86_400_000_000;

/// A day, as ISO 8601 writes it.
pub(super) fn date(days: i32) -> String {
    match days {
        i32::MAX => "infinity".to_owned(),
        i32::MIN => "-infinity".to_owned(),
        days => day(i64::from(days)),
    }
}

/// A point in time; `zone` comes after it (RFC 3339).
pub(super) fn timestamp(micros: i64, zone: &str) -> String {
    match micros {
        i64::MAX => "infinity".to_owned(),
        i64::MIN => "-infinity".to_owned(),
        micros => {
            let date = day(micros.div_euclid(MICROS_A_DAY));
            format!("{date}T{}{zone}", time(micros.rem_euclid(MICROS_A_DAY)))
        }
    }
}

/// A time of day; fractions only where there are some.
pub(super) fn time(micros: i64) -> String {
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let clock = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    match fraction {
        0 => clock,
        fraction => format!("{clock}.{fraction:06}"),
    }
}

/// A length of time (ISO 8601). Months, days and time do not turn into each other.
pub(super) fn interval(micros: i64, days: i32, months: i32) -> String {
    let mut out = "P".to_owned();
    let mut add = |count: i64, unit: &str| {
        if count != 0 {
            out.push_str(&format!("{count}{unit}"));
        }
    };
    add(i64::from(months / 12), "Y");
    add(i64::from(months % 12), "M");
    add(i64::from(days), "D");
    if micros != 0 {
        let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
        out.push('T');
        for (count, unit) in [(seconds / 3600, 'H'), (seconds / 60 % 60, 'M')] {
            if count != 0 {
                out.push_str(&format!("{count}{unit}"));
            }
        }
        let rest = seconds % 60;
        let sign = if micros < 0 { "-" } else { "" };
        if fraction != 0 {
            out.push_str(&format!("{sign}{}.{:06}S", rest.abs(), fraction.abs()));
        } else if rest != 0 {
            out.push_str(&format!("{rest}S"));
        }
    }
    if out == "P" { "PT0S".to_owned() } else { out }
}

/// The day so long after 2000-01-01 in the Gregorian calendar, counted in cycles of 400 years that
/// begin with March, so that the leap day comes last.
fn day(days: i64) -> String {
    let days = days + DAYS_TO_2000 + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    match year {
        0..=9999 => format!("{year:04}-{month:02}-{day:02}"),
        _ => format!("{year:+05}-{month:02}-{day:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (days, expected) in [
            (0, "2000-01-01"),
            (59, "2000-02-29"),
            (60, "2000-03-01"),
            (-10_957, "1970-01-01"),
            (9_561, "2026-03-06"),
            (36_583, "2100-02-28"),
            (36_584, "2100-03-01"),
            (-730_485, "0000-01-01"),
            (2_921_940, "+10000-01-01"),
            (i32::MAX, "infinity"),
        ] {
            assert_eq!(date(days), expected, "{days}");
        }
    }

    #[test]
    fn points_in_time_have_the_digits_that_they_need() {
        assert_eq!(timestamp(0, "Z"), "2000-01-01T00:00:00Z");
        assert_eq!(timestamp(-1, ""), "1999-12-31T23:59:59.999999");
        assert_eq!(timestamp(i64::MIN, "Z"), "-infinity");
        assert_eq!(time(3_600_000_001), "01:00:00.000001");
    }

    #[test]
    fn lengths_of_time_keep_their_parts() {
        assert_eq!(interval(0, 0, 0), "PT0S");
        assert_eq!(interval(14_706_500_000, 3, 14), "P1Y2M3DT4H5M6.500000S");
        assert_eq!(interval(-500_000, 0, 0), "PT-0.500000S");
        assert_eq!(interval(-90_000_000, -1, 0), "P-1DT-1M-30S");
    }
}
