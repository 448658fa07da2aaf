//! Moments as logs write them: seconds since 1970 in UTC, to and from the civil calendar. Reads
//! no clock.

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const DAY_SECONDS: i64 = 86_400;

/// Seconds of `YYYY-MM-DD HH:MM:SS`; `None` when it is not such a moment.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let numbers: Vec<i64> = text
        .split(['-', ' ', ':'])
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    let [year, month, day, hour, minute, second] = numbers[..] else {
        return None;
    };
    let sane = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24;
    sane.then(|| {
        days_from_civil(year, month, day) * DAY_SECONDS + hour * 3600 + minute * 60 + second
    })
}

/// Writes a moment in one of the named forms; `None` for an unknown name.
pub(crate) fn write(moment: i64, form: &str) -> Option<String> {
    let (year, month, day) = civil_from_days(moment.div_euclid(DAY_SECONDS));
    let rest = moment.rem_euclid(DAY_SECONDS);
    let time = format!("{:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60);
    let name = MONTHS[(month - 1) as usize];
    Some(match form {
        "plain" => format!("{year:04}-{month:02}-{day:02} {time}"),
        "iso" => format!("{year:04}-{month:02}-{day:02}T{time}Z"),
        "date" => format!("{year:04}-{month:02}-{day:02}"),
        "web" => format!("{day:02}/{name}/{year:04}:{time} +0000"),
        "syslog" => format!("{name} {day:>2} {time}"),
        _ => return None,
    })
}

/// Days since 1970-01-01 of a civil date. Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms".
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::{parse, write};

    #[test]
    fn moments_survive_the_calendar() {
        for text in [
            "1970-01-01 00:00:00",
            "2024-02-29 23:59:59",
            "2026-03-09 06:07:08",
        ] {
            let moment = parse(text).unwrap();
            assert_eq!(write(moment, "plain").unwrap(), text);
        }
        assert_eq!(parse("2026-03-09 06:07:08"), Some(1_773_036_428));
        let moment = parse("2026-03-09 06:07:08").unwrap();
        assert_eq!(write(moment, "web").unwrap(), "09/Mar/2026:06:07:08 +0000");
        assert_eq!(write(moment, "syslog").unwrap(), "Mar  9 06:07:08");
        assert_eq!(write(moment, "iso").unwrap(), "2026-03-09T06:07:08Z");
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for text in ["", "2026-03-09", "2026-13-01 00:00:00", "x-y-z a:b:c"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
        assert_eq!(write(0, "stardate"), None);
    }
}
