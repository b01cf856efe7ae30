//! Days of the Gregorian calendar.

/// Whether a text that begins as `2026-02-30` names a day that there is. SQLite would not say.
pub(crate) fn is_day(text: &str) -> bool {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i32>().ok();
    let (Some(year), Some(month), Some(day)) = (number(0..4), number(5..7), number(8..10)) else {
        return false;
    };
    days_in(year, month).is_some_and(|days| (1..=days).contains(&day))
}

/// The days of a month in the Gregorian calendar; `None` if there is no such month.
pub(crate) fn days_in(year: i32, month: i32) -> Option<i32> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    Some(match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (text, expected) in [
            ("2026-01-31", true),
            ("2024-02-29T00:00:00Z", true),
            ("2023-02-29", false),
            ("2000-02-29", true),
            ("1900-02-29", false),
            ("2026-13-01", false),
            ("2026-04-31", false),
            ("2026-04-00", false),
            ("x", false),
        ] {
            assert_eq!(is_day(text), expected, "{text}");
        }
    }
}
