//! The authorisation route for ably-js: what it asks, and the tokens that it gets.

use axum::Router;
use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sha2::Sha256;
use skywave::driver::{AblyNames, AblyToken};
use skywave::{Ably, Broadcaster, ClientOptions, Member};
use tower::ServiceExt;

use super::KEY;
use crate::stage::{Answer, User, channel, form, post, sign_in};

fn ably() -> Ably {
    Ably::new(KEY)
}

/// Users are told by `x-user`; 1 is the admin.
fn broadcaster(ably: Ably) -> Broadcaster {
    Broadcaster::builder()
        .driver("ably", ably)
        .users(|parts| async move {
            let id = parts.headers.get("x-user")?.to_str().ok()?.parse().ok()?;
            Some(User { id, admin: id == 1 })
        })
        .authorize("private-orders.{id}", |user: &User, id: u64| user.id == id)
        .authorize("private-admins", |user: &User| user.admin)
        .authorize("private-broken", |_: &User| -> Result<bool, String> {
            Err("the database is gone".to_owned())
        })
        .join("presence-room.{room}", |user: &User, room: u64| {
            (room == 1).then(|| Member::new(user.id).info(json!({ "admin": user.admin })))
        })
        .join("presence-alias", |_: &User| {
            Some(Member::new("somebody else"))
        })
        .build()
        .unwrap()
}

fn app(ably: Ably) -> Router {
    broadcaster(ably).routes()
}

const ROUTE: &str = "/broadcasting/authorize";

async fn get(app: &Router, query: &str, user: Option<u64>) -> Answer {
    let mut request = Request::builder()
        .method(Method::GET)
        .uri(format!("{ROUTE}{query}"));
    if let Some(user) = user {
        request = request.header("x-user", user.to_string());
    }
    let response = app
        .clone()
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert!(
        response.status() != StatusCode::OK
            || response.headers()[header::CACHE_CONTROL] == "no-store"
    );
    let (parts, body) = response.into_parts();
    let content_type = parts.headers.get(header::CONTENT_TYPE);
    Answer {
        status: parts.status,
        content_type: content_type.map_or("", |v| v.to_str().unwrap()).to_owned(),
        body: String::from_utf8(body.collect().await.unwrap().to_bytes().into()).unwrap(),
    }
}

fn signature(text: &str) -> Vec<u8> {
    let secret = KEY.split_once(':').unwrap().1;
    let mut keyed = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    keyed.update(text.as_bytes());
    keyed.finalize().into_bytes().to_vec()
}

/// The claims of a JWT, whose signature is checked as a server does.
#[track_caller]
fn claims(answer: &Answer) -> Value {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(answer.content_type, "text/plain; charset=utf-8");
    let (signed, given) = answer.body.rsplit_once('.').unwrap();
    assert_eq!(URL_SAFE_NO_PAD.decode(given).unwrap(), signature(signed));
    let (head, claims) = signed.split_once('.').unwrap();
    let parsed = |part: &str| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    assert_eq!(
        parsed(head),
        json!({ "typ": "JWT", "alg": "HS256", "kid": "aBcDeF.GhIjKl" })
    );
    parsed(claims)
}

/// The client and what it may do.
#[track_caller]
fn granted(answer: &Answer) -> (Option<String>, Value) {
    let claims = claims(answer);
    let capability = claims["x-ably-capability"].as_str().unwrap();
    let client = claims
        .get("x-ably-clientId")
        .map(|id| id.as_str().unwrap().to_owned());
    (client, serde_json::from_str(capability).unwrap())
}

#[tokio::test]
async fn a_token_may_do_the_union_of_what_the_rules_grant() {
    let app = app(ably());
    let names = [
        "news",
        "private-orders.7",
        "private-orders.8",
        "presence-room.1",
        "presence-room.2",
    ];
    let query: Vec<String> = names
        .iter()
        .enumerate()
        .map(|(n, name)| format!("channel_name%5B{n}%5D={name}"))
        .collect();
    let query = query.join("&");
    let json: Value = json!({ "channel_name": names });
    let expected = json!({
        "news": ["subscribe"],
        "private-orders.7": ["subscribe"],
        "presence-room.1": ["presence", "subscribe"],
    });
    // ably-js by GET and by POST, with the channels in the address or in the form, and a page's own
    // request.
    for answer in [
        get(&app, &format!("?{query}"), Some(7)).await,
        form(&format!("{ROUTE}?{query}"), &[]).by(7).to(&app).await,
        post(ROUTE, "application/x-www-form-urlencoded", &query)
            .by(7)
            .to(&app)
            .await,
        post(ROUTE, "application/json", &json.to_string())
            .by(7)
            .to(&app)
            .await,
    ] {
        assert_eq!(granted(&answer), (Some("7".to_owned()), expected.clone()));
        let claims = claims(&answer);
        assert_eq!(claims["ably.channel.presence-room.1"], r#"{"admin":false}"#);
        let life = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
        assert_eq!(life, 3600);
    }
}

#[tokio::test]
async fn visitors_get_public_channels_and_are_nobody() {
    let app = app(ably());
    let answer = get(
        &app,
        "?channel_name[]=news&channel_name[]=private-orders.7",
        None,
    )
    .await;
    assert_eq!(granted(&answer), (None, json!({ "news": ["subscribe"] })));
}

#[tokio::test]
async fn namespaces_open_the_public_channels_to_every_token() {
    let app = app(ably().channels(AblyNames::Namespaced));
    let public = json!(["subscribe"]);
    for (query, user, expected) in [
        ("", None, json!({ "public:*": public })),
        (
            "?channel_name=private-admins",
            Some(7),
            json!({ "public:*": public }),
        ),
        (
            "?channel_name=private-admins",
            Some(1),
            json!({ "public:*": public, "private:admins": ["subscribe"] }),
        ),
        (
            "?channel_name=presence-room.1",
            Some(1),
            json!({ "public:*": public, "presence:room.1": ["presence", "subscribe"] }),
        ),
    ] {
        let (client, capability) = granted(&get(&app, query, user).await);
        assert_eq!(capability, expected, "{query}");
        assert_eq!(client, user.map(|id| id.to_string()));
    }
}

#[tokio::test]
async fn nothing_granted_is_a_denial_and_no_token() {
    let app = app(ably());
    get(&app, "?channel_name=private-admins", Some(7))
        .await
        .denied("says no to user `7`");
    get(&app, "?channel_name=private-admins", None)
        .await
        .denied("nobody is logged in");
    get(&app, "", Some(7))
        .await
        .denied("a token for no channel");
    form(ROUTE, &[])
        .by(7)
        .to(&app)
        .await
        .denied("a token for no channel");
}

#[tokio::test]
async fn nobody_is_made_somebody_else() {
    let app = app(ably());
    let asked = "?channel_name=news&clientId=8";
    get(&app, asked, Some(7))
        .await
        .denied("the client asks to be `8`, and is user `7`");
    get(&app, asked, None)
        .await
        .denied("asks to be `8`, and is nobody");
    get(&app, "?channel_name=news&clientId=*", Some(7))
        .await
        .denied("asks to be `*`");
    let (client, _) = granted(&get(&app, asked, Some(8)).await);
    assert_eq!(client.as_deref(), Some("8"));
    // What ably-js may ask for besides has no effect.
    let more =
        "?channel_name=news&capability=%7B%22*%22%3A%5B%22*%22%5D%7D&ttl=99999999&timestamp=1";
    let answer = get(&app, more, Some(8)).await;
    assert_eq!(granted(&answer).1, json!({ "news": ["subscribe"] }));
}

#[tokio::test]
async fn a_rule_that_fails_fails_the_token() {
    let app = app(ably());
    for name in ["private-broken", "presence-alias"] {
        let query = format!("?channel_name[0]=news&channel_name[1]={name}");
        let answer = get(&app, &query, Some(7)).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{name}");
    }
}

#[tokio::test]
async fn malformed_requests_are_refused_and_named() {
    let app = app(ably());
    let many: String = (0..101)
        .map(|n| format!("&channel_name[{n}]=c{n}"))
        .collect();
    for (query, expected) in [
        ("?channel_name=a%20b".to_owned(), "field `channel_name[]`: "),
        ("?channel_name[]=*".to_owned(), "field `channel_name[]`: "),
        (
            format!("?{}", &many[1..]),
            "expected at most 100 channels, got 101",
        ),
    ] {
        let answer = get(&app, &query, Some(7)).await;
        answer.refused(StatusCode::UNPROCESSABLE_ENTITY, expected);
    }
}

#[tokio::test]
async fn a_token_request_is_signed_and_says_the_same() {
    let app = app(ably().tokens(AblyToken::Request));
    let ask = || get(&app, "?channel_name=presence-room.1", Some(7));
    let request = ask().await.json();
    let field = |name: &str| request[name].as_str().unwrap();
    assert_eq!(field("keyName"), "aBcDeF.GhIjKl");
    assert_eq!(field("clientId"), "7");
    assert_eq!(request["ttl"], 3_600_000);
    let capability = r#"{"presence-room.1":["presence","subscribe"]}"#;
    assert_eq!(field("capability"), capability);
    assert!(field("nonce").len() >= 16);
    let timestamp = request["timestamp"].as_u64().unwrap();
    let text = format!(
        "aBcDeF.GhIjKl\n3600000\n{capability}\n7\n{timestamp}\n{}\n",
        field("nonce")
    );
    assert_eq!(STANDARD.decode(field("mac")).unwrap(), signature(&text));
    assert_ne!(ask().await.json()["nonce"], request["nonce"]);
}

#[tokio::test]
async fn pusher_js_is_answered_too_as_it_comes_by_the_adapter() {
    let app = app(ably());
    let answer = channel("private-orders.7").by(7).to(&app).await.json();
    let auth = answer["auth"].as_str().unwrap();
    let (name, hex) = auth.split_once(':').unwrap();
    assert_eq!(name, "aBcDeF.GhIjKl");
    let expected: String = signature("1234.1234:private-orders.7")
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(hex, expected);
    channel("private-admins")
        .by(7)
        .to(&app)
        .await
        .denied("says no");
    let answer = sign_in().by(7).to(&app).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn other_drivers_do_not_answer_requests_for_tokens() {
    use crate::stage::{Recorder, builder};
    let app: Router = builder(&Recorder::new()).build().unwrap().routes();
    assert_eq!(
        get(&app, "?channel_name=news", Some(7)).await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
    let answer = form(ROUTE, &[("channel_name", "news")])
        .by(7)
        .to(&app)
        .await;
    answer.refused(
        StatusCode::UNPROCESSABLE_ENTITY,
        "field `socket_id` is missing",
    );
}

#[tokio::test]
async fn tokens_are_counted_by_their_channels() {
    let broadcaster = broadcaster(ably());
    let app: Router = broadcaster.routes();
    get(
        &app,
        "?channel_name[0]=news&channel_name[1]=private-orders.7&channel_name[2]=private-admins",
        Some(7),
    )
    .await;
    let counters = broadcaster.counters();
    assert_eq!((counters.authorised, counters.denied), (2, 1));
}

#[test]
fn a_page_is_told_where_its_tokens_come_from_and_nothing_secret() {
    let options = |ably: Ably| -> ClientOptions {
        let request = Request::get("/")
            .header("host", "example.com")
            .body(())
            .unwrap();
        let broadcaster = broadcaster(ably);
        broadcaster.client_options(&request.into_parts().0).unwrap()
    };
    assert_eq!(
        options(ably()).to_string(),
        r#"{"key":"aBcDeF.GhIjKl","options":{"authMethod":"POST","authUrl":"/broadcasting/authorize","echoMessages":false}}"#
    );
    assert_eq!(
        options(ably().base_url("http://localhost:9010")).to_string(),
        r#"{"key":"aBcDeF.GhIjKl","options":{"authMethod":"POST","authUrl":"/broadcasting/authorize","echoMessages":false,"endpoint":"localhost","port":9010,"tls":false}}"#
    );
}
