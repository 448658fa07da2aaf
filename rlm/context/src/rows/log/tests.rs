//! Lines of each log form and the fields that they give.

use super::{fields, syslog_fields, web_fields};
use crate::rows::{Field, Key};

fn show(read: impl Fn(&str, &mut dyn FnMut(Field<'_>)), line: &str) -> String {
    let mut out = Vec::new();
    read(line, &mut |(key, cell)| {
        let key = match key {
            Key::Name(name) => name.to_owned(),
            Key::Position(i) => format!("f{i}"),
        };
        out.push(format!("{key}={}", cell.repr()));
    });
    out.join(" ")
}

#[test]
fn positional_and_key_value_lines() {
    let cases = [
        (
            "2024-03-01T10:00:05 INFO disk1 host=b1 temp=12 all good",
            "time='2024-03-01 10:00:05' f1='INFO' f2='disk1' host='b1' temp=12 f5='all' f6='good'",
        ),
        (
            "2024-03-01 10:00:05,123 [main] WARN: x",
            "time='2024-03-01 10:00:05,123' f1='main' f2='WARN' f3='x'",
        ),
        (
            "[2024-03-01 10:00:05] (a b) <c d> \"e f\"",
            "time='2024-03-01 10:00:05' f1='a b' f2='c d' f3='e f'",
        ),
        (
            "10:15:32.5 start 3.5",
            "time='10:15:32.5' f1='start' f2=3.5",
        ),
        (
            "2024/03/01 10:00:05 [error] 12#0: x",
            "time='2024-03-01 10:00:05' f1='error' f2='12#0' f3='x'",
        ),
        (
            "ts=2024-03-01T10:00 msg=\"two words\" n=-4 e=",
            "ts='2024-03-01 10:00' msg='two words' n=-4 e=''",
        ),
        (
            "Mar  2 10:15:32 host x",
            "time='03-02 10:15:32' f1='host' f2='x'",
        ),
        (
            "a 2024-03-01 10:00:05 b",
            "f0='a' time='2024-03-01 10:00:05' f2='b'",
        ),
        ("\"open é", "f0='\"open' f1='é'"),
        ("", ""),
        (" : , = ", "f0=':' f1=',' f2='='"),
    ];
    for (line, expected) in cases {
        assert_eq!(
            show(|line, visit| fields(line, visit), line),
            expected,
            "{line}"
        );
    }
}

#[test]
fn web_lines() {
    let read = |line: &str, visit: &mut dyn FnMut(Field<'_>)| assert!(web_fields(line, visit));
    let line = "1.2.3.4 - ana [12/Mar/2024:10:15:32 +0000] \"GET /a?b HTTP/1.1\" \
                404 - \"-\" \"curl/8 (x)\"";
    assert_eq!(
        show(read, line),
        "host='1.2.3.4' user='ana' method='GET' path='/a?b' status=404 bytes=0 referer='-' \
         agent='curl/8 (x)' time='2024-03-12 10:15:32'"
    );
    let short = "h - - [12/Mar/2024:10:15:32 +0000] \"POST / HTTP/1.0\" 200 17";
    assert!(
        show(read, short)
            .starts_with("host='h' user='-' method='POST' path='/' status=200 bytes=17")
    );
    for other in [
        "",
        "a b c",
        "a - - [x] \"GET /\" 200 1",
        "h - - [12/Mar/2024:10:15:32] \"G\" 2x0 1",
    ] {
        assert!(!web_fields(other, &mut |_| {}), "{other}");
    }
}

#[test]
fn syslog_lines() {
    let read = |line: &str, visit: &mut dyn FnMut(Field<'_>)| assert!(syslog_fields(line, visit));
    assert_eq!(
        show(
            read,
            "Mar 12 10:15:32 web1 sshd[411]: Failed password for root"
        ),
        "time='03-12 10:15:32' host='web1' process='sshd' pid=411 \
         message='Failed password for root'"
    );
    assert_eq!(
        show(read, "2024-03-12T10:15:32.1+00:00 web1 kernel: x: y"),
        "time='2024-03-12 10:15:32.1+00:00' host='web1' process='kernel' message='x: y'"
    );
    for other in [
        "",
        "Mar 12 10:15:32 web1 no tag here",
        "x web1 sshd[1]: y",
        "Mar 32 10:15:32 h p: x",
    ] {
        assert!(!syslog_fields(other, &mut |_| {}), "{other}");
    }
}
