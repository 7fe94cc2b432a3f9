//! The routes of the example, asked without a network.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use admin_alerts::{AdminUserAlert, Level};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use site::{Role, User};
use skywave::{Broadcaster, Embedded};
use tower::ServiceExt;
use tower_http::csrf::CsrfLayer;

/// Either the rule decides, behind the ready route, or the handler written by hand.
fn application(by_hand: bool) -> Router {
    let builder = Broadcaster::builder()
        .driver("embedded", Embedded::generated())
        .users(site::current_user)
        .auth_path("/pusher/user-auth");
    let broadcaster = admin_alerts::rules(builder).build().unwrap();
    let authorization = if by_hand {
        admin_alerts::custom::router()
    } else {
        broadcaster.routes()
    };
    admin_alerts::router()
        .merge(site::accounts())
        .layer(CsrfLayer::new())
        .merge(authorization)
        .layer(site::sessions())
        .with_state(broadcaster)
}

/// A person with a browser: keeps the cookie, and says which site the request comes from.
struct Browser<'a> {
    app: &'a Router,
    cookie: String,
    site: &'static str,
}

impl<'a> Browser<'a> {
    async fn of(app: &'a Router, role: &str) -> Self {
        let mut browser = Browser {
            app,
            cookie: String::new(),
            site: "same-origin",
        };
        if role != "visitor" {
            let response = browser
                .send("/login", format!("name=Ada&role={role}"))
                .await;
            let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
            browser.cookie = cookie.split(';').next().unwrap().to_owned();
        }
        browser
    }

    async fn send(&self, path: &str, form: String) -> axum::response::Response {
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::COOKIE, &self.cookie)
            .header("Sec-Fetch-Site", self.site)
            .body(Body::from(form))
            .unwrap();
        self.app.clone().oneshot(request).await.unwrap()
    }

    async fn post(&self, path: &str, form: &str) -> (StatusCode, String) {
        let response = self.send(path, form.to_owned()).await;
        let status = response.status();
        let body = to_bytes(response.into_body(), 10_000).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }
}

const ASK: &str = "socket_id=1.2&channel_name=private-admins";

#[tokio::test]
async fn only_admins_may_listen_by_rule_and_by_hand() {
    for by_hand in [false, true] {
        let app = application(by_hand);
        for (role, status) in [
            ("visitor", StatusCode::FORBIDDEN),
            ("user", StatusCode::FORBIDDEN),
            ("admin", StatusCode::OK),
        ] {
            let browser = Browser::of(&app, role).await;
            let (answer, body) = browser.post("/pusher/user-auth", ASK).await;
            assert_eq!(answer, status, "{role}, by hand: {by_hand}");
            assert_eq!(
                body.contains("\"auth\""),
                status.is_success(),
                "{role}: {body}"
            );
        }
    }
}

#[tokio::test]
async fn an_alert_reaches_the_admins_and_nobody_else() {
    let builder = Broadcaster::builder().users(site::current_user);
    let (_, recording) = admin_alerts::rules(builder).fake().unwrap();
    let user = |role| User {
        name: "Ada".to_owned().try_into().unwrap(),
        role,
    };
    let (ada, root) = (user(Role::User), user(Role::Admin));
    let users = [
        ("visitor", None),
        ("user", Some(&ada)),
        ("admin", Some(&root)),
    ];
    let matrix = recording.matrix(users, "private-admins").await;
    matrix.assert(
        "
                        visitor  user  admin
        private-admins  no       no    yes
        ",
    );

    let mut admin = recording.browser(&root);
    admin.subscribe("private-admins").await.unwrap();
    let alert = || AdminUserAlert {
        message: "Disk full".to_owned().try_into().unwrap(),
        level: Level::Warning,
    };
    let visitors = recording.guest().broadcast();
    visitors.emit(alert()).await.unwrap();
    recording.assert_skipped("private-admins", "AdminUserAlert");
    let users = recording.browser(&ada).broadcast();
    users.emit(alert()).await.unwrap();
    admin.expect("AdminUserAlert", alert());
    admin.expect_nothing();
}

#[tokio::test]
async fn a_visitors_alert_is_skipped_and_a_users_is_sent() {
    let app = application(false);
    for (role, answer) in [
        (
            "visitor",
            r#"{"sent":[],"skipped":[{"channel":"private-admins","reason":"nobody is logged in"}]}"#,
        ),
        ("user", r#"{"sent":["private-admins"],"skipped":[]}"#),
        ("admin", r#"{"sent":["private-admins"],"skipped":[]}"#),
    ] {
        let browser = Browser::of(&app, role).await;
        let (status, body) = browser
            .post("/alerts", "message=Disk+full&level=warning")
            .await;
        assert_eq!((status, body.as_str()), (StatusCode::OK, answer), "{role}");
    }
}

#[tokio::test]
async fn other_sites_are_kept_from_every_form_but_the_authorisation_route() {
    let app = application(false);
    let mut browser = Browser::of(&app, "admin").await;
    browser.site = "cross-site";
    for (path, form, status) in [
        ("/alerts", "message=x", StatusCode::FORBIDDEN),
        ("/login", "name=Eve&role=admin", StatusCode::FORBIDDEN),
        ("/logout", "", StatusCode::FORBIDDEN),
        ("/pusher/user-auth", ASK, StatusCode::OK),
    ] {
        assert_eq!(browser.post(path, form).await.0, status, "{path}");
    }
}

#[tokio::test]
async fn a_field_that_makes_no_sense_is_refused_by_its_name() {
    let app = application(false);
    let browser = Browser::of(&app, "user").await;
    for (path, form, expected) in [
        ("/alerts", "level=info", "message"),
        (
            "/alerts",
            "message=+&level=info",
            "message: must be 1 to 200 characters",
        ),
        (
            "/alerts",
            "message=x&level=loud",
            "expected one of `info`, `warning`, `error`",
        ),
        (
            "/login",
            "name=&role=user",
            "name: must be 1 to 30 characters",
        ),
        ("/login", "name=Eve&role=root", "expected `user` or `admin`"),
    ] {
        let (status, body) = browser.post(path, form).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{form}");
        assert!(body.contains(expected), "{form}: {body}");
    }
}
