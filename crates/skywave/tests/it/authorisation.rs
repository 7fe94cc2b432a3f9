//! The ready authorisation route: what it signs, what it denies, what it refuses.

use std::convert::Infallible;

use axum::Router;
use http::StatusCode;
use serde_json::json;
use skywave::{Member, Null, Unruled};
use skywave_protocol::ChannelName;

use crate::stage::{
    Ask, KEY, Recorder, User, builder, channel, credentials, form, post, sign_in, without_users,
};

const PATH: &str = "/broadcasting/authorize";

/// An application with one rule of every sort.
fn app() -> Router {
    builder(&Recorder::new())
        .authorize("private-admins", |user: &User| user.admin)
        .authorize("private-orders.{id}", |user: &User, id: u64| id == user.id)
        .authorize("private-user-{id}", |user: &User, id: u64| id == user.id)
        .authorize(
            "private-four.{a}.{b}.{c}.{d}",
            |_: &User, a: u8, b: i8, c: char, d: String| a == 1 && b == -2 && c == 'c' && d == "d",
        )
        .authorize_async("private-slow.{id}", |user: User, id: u64| async move {
            tokio::task::yield_now().await;
            id == user.id
        })
        .authorize("private-failing", |_: &User| {
            Err::<bool, _>("the database is away")
        })
        .authorize_async("private-failing-later", |_: User| async {
            Err::<bool, _>("the database is far away")
        })
        .authorize("private-panicking", |user: &User| -> bool {
            panic!("at user {}", user.id)
        })
        .authorize_async("private-panicking-later", |_: User| async {
            tokio::task::yield_now().await;
            let yes: bool = "neither yes nor no".parse().unwrap();
            yes
        })
        .join("presence-room.{room}", |user: &User, room: String| {
            let info = json!({ "name": format!("user {}", user.id), "room": room });
            (room != "closed").then(|| Member::new(user.id).info(info))
        })
        .join_async("presence-slow", |user: User| async move {
            Ok::<_, Infallible>(Some(Member::new(user.id)))
        })
        .build()
        .unwrap()
        .routes()
}

mod signing {
    use super::*;

    #[tokio::test]
    async fn a_private_channel_has_the_signature_of_the_protocol_document() {
        let app = builder(&Recorder::new()).build().unwrap().routes();
        let answer = channel("private-foobar").by(7).to(&app).await;
        assert_eq!(
            answer.body,
            r#"{"auth":"278d425bdf160c739803:58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4"}"#
        );
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.content_type, "application/json");
    }

    #[tokio::test]
    async fn a_user_has_the_signature_of_the_protocol_document() {
        let app = without_users(&Recorder::new())
            .users(|_| async { Some("12345".to_owned()) })
            .build()
            .unwrap()
            .routes();
        let answer = sign_in().to(&app).await;
        assert_eq!(
            answer.json(),
            json!({
                "auth": "278d425bdf160c739803:4708d583dada6a56435fb8bc611c77c359a31eebde13337c16ab43aa6de336ba",
                "user_data": r#"{"id":"12345"}"#,
            })
        );
    }

    #[tokio::test]
    async fn b06_a_presence_channel_is_signed_over_exactly_the_member_that_is_returned() {
        let reply = channel("presence-room.lobby").by(7).to(&app()).await.json();
        let channel_data = reply["channel_data"]
            .as_str()
            .expect("channel_data is text");
        assert_eq!(
            channel_data,
            r#"{"user_id":"7","user_info":{"name":"user 7","room":"lobby"}}"#
        );
        let auth = reply["auth"].as_str().unwrap();
        let name = ChannelName::parse("presence-room.lobby").unwrap();
        let socket_id = "1234.1234".parse().unwrap();
        credentials()
            .verify_channel(auth, socket_id, &name, Some(channel_data))
            .unwrap();
        credentials()
            .verify_channel(auth, socket_id, &name, None)
            .unwrap_err();
    }

    #[tokio::test]
    async fn a_signature_is_good_for_its_connection_and_channel_only() {
        let reply = channel("private-orders.7").by(7).to(&app()).await.json();
        let auth = reply["auth"].as_str().unwrap();
        let name = |name| ChannelName::parse(name).unwrap();
        let verify = |socket: &str, channel| {
            credentials().verify_channel(auth, socket.parse().unwrap(), &name(channel), None)
        };
        verify("1234.1234", "private-orders.7").unwrap();
        verify("1234.1235", "private-orders.7").unwrap_err();
        verify("1234.1234", "private-orders.8").unwrap_err();
    }

    #[tokio::test]
    async fn a_user_is_signed_over_exactly_the_data_that_is_returned() {
        let reply = sign_in().by(1).to(&app()).await.json();
        let user_data = reply["user_data"].as_str().expect("user_data is text");
        assert_eq!(user_data, r#"{"id":"1","user_info":{"admin":true}}"#);
        let auth = reply["auth"].as_str().unwrap();
        credentials()
            .verify_user(auth, "1234.1234".parse().unwrap(), user_data)
            .unwrap();
    }

    #[tokio::test]
    async fn forms_json_and_untyped_forms_are_read_alike() {
        let form_body = "socket_id=1234.1234&channel_name=private-orders.7&extra=1";
        for ask in [
            post(PATH, "application/x-www-form-urlencoded", form_body),
            post(
                PATH,
                "application/x-www-form-urlencoded; charset=UTF-8",
                form_body,
            ),
            post(PATH, "", form_body).untyped(),
            post(
                PATH,
                "application/json",
                r#"{"socket_id":"1234.1234","channel_name":"private-orders.7","extra":1}"#,
            ),
            post(
                PATH,
                "Application/JSON;charset=utf-8",
                r#" {"channel_name":"private-orders.7","socket_id":"1234.1234"} "#,
            ),
        ] {
            let auth = ask.by(7).to(&app()).await.json()["auth"]
                .as_str()
                .unwrap()
                .to_owned();
            assert!(auth.starts_with(&format!("{KEY}:")), "{auth}");
        }
    }

    #[tokio::test]
    async fn null_is_absent_in_json() {
        let body = r#"{"socket_id":"1234.1234","channel_name":null}"#;
        let reply = post(PATH, "application/json", body)
            .by(7)
            .to(&app())
            .await
            .json();
        assert_eq!(
            reply["user_data"],
            r#"{"id":"7","user_info":{"admin":false}}"#
        );
    }

    #[tokio::test]
    async fn the_null_driver_still_asks_the_rules() {
        let app = skywave::Broadcaster::builder()
            .driver("null", Null)
            .users(|_| async { Some("7".to_owned()) })
            .authorize("private-{id}", |user: &String, id: String| *user == id)
            .build()
            .unwrap()
            .routes();
        assert_eq!(
            channel("private-7").to(&app).await.json(),
            json!({ "auth": "" })
        );
        assert_eq!(
            channel("presence-x").to(&app).await.json(),
            json!({ "auth": "", "channel_data": r#"{"user_id":"7"}"# })
        );
        channel("private-8")
            .to(&app)
            .await
            .denied("the rule of `private-{id}` says no");
    }
}

mod rules {
    use super::*;

    #[tokio::test]
    async fn b07_denial_is_403() {
        let answer = channel("private-admins").by(7).to(&app()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        answer.denied(
            "Forbidden: denied: the rule of `private-admins` says no to user `7` for channel \
             `private-admins`",
        );
        channel("private-admins").by(1).to(&app()).await.json();
    }

    #[tokio::test]
    async fn parameters_are_read_from_the_name() {
        for (name, user, allowed) in [
            ("private-orders.7", 7, true),
            ("private-orders.8", 7, false),
            ("private-user-7", 7, true),
            ("private-user-8", 7, false),
            ("private-four.1.-2.c.d", 7, true),
            ("private-four.1.2.c.d", 7, false),
            ("private-slow.7", 7, true),
            ("private-slow.8", 7, false),
            ("presence-room.lobby", 7, true),
            ("presence-room.closed", 7, false),
            ("presence-slow", 7, true),
        ] {
            let answer = channel(name).by(user).to(&app()).await;
            let status = if allowed {
                StatusCode::OK
            } else {
                StatusCode::FORBIDDEN
            };
            assert_eq!(answer.status, status, "{name}: {}", answer.body);
        }
    }

    #[tokio::test]
    async fn a_parameter_that_cannot_be_read_is_denied_with_that_reason() {
        channel("private-orders.seven")
            .by(7)
            .to(&app())
            .await
            .denied("`seven` cannot be `{id}` of `private-orders.{id}`: expected a u64");
        channel("private-orders.-7")
            .by(7)
            .to(&app())
            .await
            .denied("expected a u64");
        channel("private-four.1.2.cc.d")
            .by(7)
            .to(&app())
            .await
            .denied("`cc` cannot be `{c}` of `private-four.{a}.{b}.{c}.{d}`: expected a char");
        channel("private-slow.x")
            .by(7)
            .to(&app())
            .await
            .denied("`x` cannot be `{id}`");
    }

    #[tokio::test]
    async fn b08_visitors_are_denied_with_and_without_a_rule() {
        for name in [
            "private-orders.7",
            "private-elsewhere",
            "presence-room.a",
            "presence-b",
        ] {
            channel(name).to(&app()).await.denied("nobody is logged in");
        }
        sign_in().to(&app()).await.denied("nobody is logged in");
    }

    #[tokio::test]
    async fn a_denial_says_what_is_missing() {
        let app = builder(&Recorder::new())
            .authorize("private-orders.{id}", |user: &User, id: u64| id == user.id)
            .authorize("private-admins", |user: &User| user.admin)
            .unruled(Unruled::Deny)
            .build()
            .unwrap()
            .routes();
        for (name, user, reason) in [
            // No user.
            (
                "private-orders.7",
                None,
                "Forbidden: denied: nobody is logged in: the users hook found no user in the \
                 request",
            ),
            // No rule.
            (
                "private-ordres.7",
                Some(7),
                "no rule's pattern matches channel `private-ordres.7`; the nearest one is \
                 `private-orders.{id}`",
            ),
            (
                "private-x",
                Some(7),
                "no rule's pattern matches channel `private-x`",
            ),
            // The rule said no.
            (
                "private-orders.8",
                Some(7),
                "the rule of `private-orders.{id}` says no to user `7` for channel \
                 `private-orders.8`",
            ),
        ] {
            let answer = user.into_iter().fold(channel(name), Ask::by).to(&app).await;
            answer.denied(reason);
        }

        let app = without_users(&Recorder::new()).build().unwrap().routes();
        channel("private-x").to(&app).await.denied(
            "nobody is logged in, and nobody can be: the broadcaster was built without \
             `.users(..)`; no rule's pattern matches",
        );
    }

    #[tokio::test]
    async fn b17_a_presence_channel_never_reaches_a_private_rule() {
        let app = builder(&Recorder::new())
            .authorize("private-{id}", |user: &User, id: u64| id == user.id)
            .unruled(Unruled::Deny)
            .build()
            .unwrap()
            .routes();
        channel("private-7").by(7).to(&app).await.json();
        for name in [
            "presence-7",
            "private-encrypted-7",
            "private-cache-7",
            "private-1.2",
        ] {
            channel(name)
                .by(7)
                .to(&app)
                .await
                .denied("no rule's pattern matches");
        }
    }

    #[tokio::test]
    async fn channels_that_need_no_authorisation_are_not_signed() {
        for name in ["news", "cache-news", "#server-to-user-7"] {
            channel(name)
                .by(7)
                .to(&app())
                .await
                .denied("needs no authorisation");
        }
    }

    #[tokio::test]
    async fn without_a_rule_the_default_decides() {
        let visitor = None;
        for (unruled, name, user, allowed) in [
            (Unruled::LoggedIn, "private-x", visitor, false),
            (Unruled::LoggedIn, "private-x", Some(7), true),
            (Unruled::LoggedIn, "presence-x", visitor, false),
            (Unruled::LoggedIn, "presence-x", Some(7), true),
            (Unruled::Everyone, "private-x", visitor, true),
            (Unruled::Everyone, "private-x", Some(7), true),
            (Unruled::Everyone, "presence-x", visitor, false),
            (Unruled::Everyone, "presence-x", Some(7), true),
            (Unruled::Deny, "private-x", visitor, false),
            (Unruled::Deny, "private-x", Some(7), false),
            (Unruled::Deny, "presence-x", Some(7), false),
        ] {
            let app = builder(&Recorder::new())
                .unruled(unruled)
                .build()
                .unwrap()
                .routes();
            let answer = user.into_iter().fold(channel(name), Ask::by).to(&app).await;
            let status = if allowed {
                StatusCode::OK
            } else {
                StatusCode::FORBIDDEN
            };
            assert_eq!(
                answer.status, status,
                "{unruled:?} {name} {user:?}: {}",
                answer.body
            );
        }
    }

    #[tokio::test]
    async fn a_presence_channel_without_a_rule_has_the_user_as_its_member() {
        let reply = channel("presence-x").by(1).to(&app()).await.json();
        assert_eq!(
            reply["channel_data"],
            r#"{"user_id":"1","user_info":{"admin":true}}"#
        );
    }

    #[tokio::test]
    async fn a_failing_rule_is_a_500_without_a_signature() {
        for name in ["private-failing", "private-failing-later"] {
            let answer = channel(name).by(7).to(&app()).await;
            answer.refused(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
        }
    }

    #[tokio::test]
    async fn a_member_that_the_server_would_not_take_is_not_signed() {
        for (member, reason) in [
            (Member::new(""), "expected user_id, a non-empty string"),
            (Member::new("x".repeat(129)), "at most 128 characters"),
            (
                Member::new(1).info(json!("x".repeat(1_023))),
                "at most 1024 bytes",
            ),
        ] {
            let app = builder(&Recorder::new())
                .join("presence-x", move |_: &User| Some(member.clone()))
                .build()
                .unwrap()
                .routes();
            let answer = channel("presence-x").by(7).to(&app).await;
            let reason = if cfg!(debug_assertions) {
                reason
            } else {
                "Internal Server Error"
            };
            answer.refused(StatusCode::INTERNAL_SERVER_ERROR, reason);
        }
    }

    #[tokio::test]
    async fn a_panicking_rule_is_a_500_for_that_request_only() {
        let app = app();
        for name in ["private-panicking", "private-panicking-later"] {
            let answer = channel(name).by(7).to(&app).await;
            answer.refused(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
        }
        channel("private-orders.7").by(7).to(&app).await.json();
    }

    #[tokio::test]
    async fn a_driver_that_does_not_sign_is_a_500() {
        let app = builder(&Recorder::broken()).build().unwrap().routes();
        for ask in [channel("private-x"), channel("presence-x"), sign_in()] {
            let answer = ask.by(7).to(&app).await;
            answer.refused(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
        }
    }
}

mod malformed {
    use super::*;

    #[tokio::test]
    async fn fields_are_named_with_what_was_expected() {
        const SOCKET_ID: &str = "field `socket_id`: a socket id is two decimal numbers";
        for (fields, reason) in [
            (
                &[][..],
                "field `socket_id` is missing: expected the connection's socket id",
            ),
            (
                &[("channel_name", "private-x")],
                "field `socket_id` is missing",
            ),
            (&[("socket_id", "")], SOCKET_ID),
            (
                &[("socket_id", "1"), ("channel_name", "private-x")],
                SOCKET_ID,
            ),
            (
                &[
                    ("socket_id", "1.1:private-b"),
                    ("channel_name", "private-x"),
                ],
                SOCKET_ID,
            ),
            (&[("socket_id", "1.1:private-b")], SOCKET_ID),
            (
                &[("socket_id", "1.1\n"), ("channel_name", "private-x")],
                SOCKET_ID,
            ),
            (
                &[("socket_id", "1.01"), ("channel_name", "private-x")],
                SOCKET_ID,
            ),
            (
                &[("socket_id", "+1.1"), ("channel_name", "private-x")],
                SOCKET_ID,
            ),
            (
                &[
                    ("socket_id", "1.1"),
                    ("socket_id", "1.2"),
                    ("channel_name", "private-x"),
                ],
                "field `socket_id` appears more than once",
            ),
            (
                &[("socket_id", "1.1"), ("channel_name", "")],
                "field `channel_name`: a channel name must not be empty",
            ),
            (
                &[("socket_id", "1.1"), ("channel_name", "private-x:y")],
                "field `channel_name`: ':' at byte 9",
            ),
            (
                &[
                    ("socket_id", "1.1"),
                    ("channel_name", "private-a"),
                    ("channel_name", "b"),
                ],
                "field `channel_name` appears more than once",
            ),
        ] {
            let answer = form(PATH, fields).by(7).to(&app()).await;
            answer.refused(StatusCode::UNPROCESSABLE_ENTITY, reason);
        }
    }

    #[tokio::test]
    async fn json_that_is_not_an_object_of_texts_is_refused() {
        for (body, reason) in [
            ("", "the body is not a JSON object"),
            ("{", "the body is not a JSON object"),
            ("[]", "the body is not a JSON object"),
            (r#""1.1""#, "the body is not a JSON object"),
            ("{}", "field `socket_id` is missing"),
            (r#"{"socket_id":null}"#, "field `socket_id` is missing"),
            (
                r#"{"socket_id":1.1}"#,
                "field `socket_id` is not text: expected a JSON string",
            ),
            (
                r#"{"socket_id":"1.1","channel_name":{"private-x":1}}"#,
                "field `channel_name` is not",
            ),
        ] {
            let answer = post(PATH, "application/json", body).by(7).to(&app()).await;
            answer.refused(StatusCode::UNPROCESSABLE_ENTITY, reason);
        }
    }

    #[tokio::test]
    async fn other_bodies_are_refused_by_their_type() {
        for content_type in ["text/plain", "multipart/form-data; boundary=x", "jason", ""] {
            let answer = post(PATH, content_type, "socket_id=1.1")
                .by(7)
                .to(&app())
                .await;
            answer.refused(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "header `content-type`: expected",
            );
        }
    }
}

mod paths {
    use super::*;

    async fn status(app: &Router, path: &str) -> StatusCode {
        form(path, &[("socket_id", "1.1")])
            .by(7)
            .to(app)
            .await
            .status
    }

    #[tokio::test]
    async fn the_default_path_is_the_documents() {
        let broadcaster = builder(&Recorder::new()).build().unwrap();
        assert_eq!(
            status(&broadcaster.routes(), "/broadcasting/authorize").await,
            StatusCode::OK
        );
        assert_eq!(broadcaster.csrf_exempt_paths(), ["/broadcasting/authorize"]);
    }

    #[tokio::test]
    async fn other_paths_take_its_place() {
        let broadcaster = builder(&Recorder::new()).build().unwrap();
        let one: Router = broadcaster.routes_at("/pusher/user-auth");
        assert_eq!(status(&one, "/pusher/user-auth").await, StatusCode::OK);
        assert_eq!(status(&one, PATH).await, StatusCode::NOT_FOUND);
        assert_eq!(broadcaster.csrf_exempt_paths(), ["/pusher/user-auth"]);

        let two: Router = broadcaster.routes_at(["/pusher/auth", "/pusher/user-auth"]);
        assert_eq!(status(&two, "/pusher/auth").await, StatusCode::OK);
        assert_eq!(status(&two, "/pusher/user-auth").await, StatusCode::OK);
        assert_eq!(
            broadcaster.csrf_exempt_paths(),
            ["/pusher/auth", "/pusher/user-auth"]
        );
    }

    #[tokio::test]
    async fn the_builder_can_say_the_path() {
        let broadcaster = builder(&Recorder::new())
            .auth_path("/broadcast/auth")
            .build()
            .unwrap();
        assert_eq!(
            status(&broadcaster.routes(), "/broadcast/auth").await,
            StatusCode::OK
        );
        assert_eq!(broadcaster.csrf_exempt_paths(), ["/broadcast/auth"]);
    }

    #[tokio::test]
    async fn only_post_is_answered() {
        use tower::ServiceExt;

        let app: Router = builder(&Recorder::new()).build().unwrap().routes();
        let request = http::Request::get(PATH)
            .body(axum::body::Body::empty())
            .unwrap();
        let response = app.oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
}
