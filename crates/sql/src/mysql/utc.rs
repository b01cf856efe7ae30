//! Points in time as MySQL takes them: not every server reads a zone.

use crate::day::days_in;

/// A text of RFC 3339 as date and time in UTC; `None` if there is no such time.
pub(crate) fn utc(text: &str) -> Option<String> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i32>().ok();
    let (mut year, mut month, mut day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let rest = text.get(19..)?;
    let zone = rest.find(['Z', '+', '-'])?;
    let (fraction, zone) = rest.split_at(zone);
    let offset = match zone.split_at_checked(1)? {
        ("Z", "") => 0,
        (sign, ahead) => {
            let (hours, minutes) = ahead.split_once(':')?;
            let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
            let ahead = (hours <= 23 && minutes <= 59).then_some(60 * hours + minutes)?;
            if sign == "-" { -ahead } else { ahead }
        }
    };
    let is_time = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
    let of_day = is_time.then_some(60 * hour + minute - offset)?;
    // An offset is less than a day.
    if of_day < 0 {
        day -= 1;
        if day == 0 {
            month -= 1;
            if month == 0 {
                (year, month) = (year - 1, 12);
            }
            day = days_in(year, month)?;
        }
    } else if of_day >= 24 * 60 {
        day += 1;
        if day > days_in(year, month)? {
            (month, day) = (month + 1, 1);
            if month == 13 {
                (year, month) = (year + 1, 1);
            }
        }
    }
    let of_day = of_day.rem_euclid(24 * 60);
    let (hour, minute) = (of_day / 60, of_day % 60);
    (0..=9999).contains(&year).then(|| {
        format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}{fraction}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_taken_into_account() {
        for (text, expected) in [
            ("2026-01-31T12:00:00Z", Some("2026-01-31 12:00:00")),
            ("2026-01-31T23:30:01.250000-02:00", Some("2026-02-01 01:30:01.250000")),
            ("2024-03-01T00:15:00+00:30", Some("2024-02-29 23:45:00")),
            ("2025-01-01T00:00:00+14:00", Some("2024-12-31 10:00:00")),
            ("2025-12-31T23:59:59-00:01", Some("2026-01-01 00:00:59")),
            ("9999-12-31T23:59:59-00:01", None),
            ("0000-01-01T00:00:00+00:01", None),
            ("2026-01-31T24:00:00Z", None),
            ("2026-01-31T12:60:00Z", None),
            ("2026-01-31T12:00:00+24:00", None),
            ("2026-01-31T12:00:00", None),
            ("2026-01-31", None),
        ] {
            assert_eq!(utc(text).as_deref(), expected, "{text}");
        }
    }
}
