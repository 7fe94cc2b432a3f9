//! Whom a user wants to see come and go, as a sign-in says it.

use skywave_protocol::{Limits, Rejection, Watchlist};

fn parse(user_data: &str) -> Result<Watchlist, Rejection> {
    let limits = Limits {
        watchlist_users: 3,
        user_id_chars: 4,
        ..Limits::default()
    };
    Watchlist::parse(user_data, &limits)
}

#[test]
fn a_watchlist_holds_each_user_once_and_no_more_than_its_limit() {
    for (user_data, user_ids, truncated) in [
        (r#"{"id":"u"}"#, &[] as &[&str], false),
        (r#"{"id":"u","watchlist":null}"#, &[], false),
        (r#"{"id":"u","watchlist":[]}"#, &[], false),
        (
            r#"{"watchlist":["b","\u00e9","a"]}"#,
            &["b", "é", "a"],
            false,
        ),
        (
            r#"{"watchlist":["b","a","b","b","c"]}"#,
            &["b", "a", "c"],
            false,
        ),
        (
            r#"{"watchlist":["b","a","b","c","d"]}"#,
            &["b", "a", "c"],
            true,
        ),
    ] {
        let expected = Watchlist {
            user_ids: user_ids.iter().map(ToString::to_string).collect(),
            truncated,
        };
        assert_eq!(parse(user_data), Ok(expected), "{user_data}");
    }
}

#[test]
fn a_watchlist_of_anything_but_user_ids_is_refused() {
    for list in [r#""b""#, r#"[""]"#, "[1]", r#"{"a":1}"#, r#"["a",null]"#] {
        let refused = parse(&format!(r#"{{"id":"u","watchlist":{list}}}"#));
        assert!(
            matches!(refused, Err(Rejection::InvalidUserData { .. })),
            "{list}: {refused:?}"
        );
    }
    assert_eq!(
        parse(r#"{"watchlist":["short","éééé"]}"#),
        Err(Rejection::UserIdTooLong { limit: 4 })
    );
}
