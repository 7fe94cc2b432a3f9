//! Connections that say who they are.

use serde_json::json;

use crate::world::World;

#[test]
fn signing_in_echoes_the_signed_text_and_opens_the_users_own_channel() {
    let world = World::new(1);
    let ann = world.browser(0, 1);
    ann.sign_in(&json!({"id": "ann"}));
    let success = json!({"event": "pusher:signin_success",
        "data": json!({"user_data": "{\"id\":\"ann\"}"}).to_string()});
    assert_eq!(ann.heard(), [success]);

    ann.subscribe("#server-to-user-ann");
    ann.subscribe("#server-to-user-bob");
    let events = ann.events();
    assert_eq!(events[0], "pusher_internal:subscription_succeeded");
    assert_eq!(events[1], "pusher:subscription_error");
    world.publish("#server-to-user-ann", "dm", None);
    world.tick();
    assert_eq!(ann.heard()[0]["event"], "dm");
}

#[test]
fn a_connection_stays_the_user_it_first_signed_in_as() {
    let world = World::new(1);
    let ann = world.browser(0, 1);
    ann.sign_in(&json!({"id": "ann"}));
    ann.sign_in(&json!({"id": "ann"}));
    ann.sign_in(&json!({"id": "bob"}));
    assert_eq!(
        ann.events(),
        [
            "pusher:signin_success",
            "pusher:signin_success",
            "pusher:error"
        ]
    );
}

#[test]
fn a_sign_in_with_a_wrong_signature_or_without_an_id_is_refused() {
    let world = World::new(1);
    let ann = world.browser(0, 1);
    let data = json!({"auth": format!("key:{}", "0".repeat(64)), "user_data": "{\"id\":\"ann\"}"});
    ann.say(&json!({"event": "pusher:signin", "data": data}));
    ann.sign_in(&json!({"name": "ann"}));
    ann.sign_in(&json!({"id": ""}));
    assert_eq!(
        ann.events(),
        ["pusher:error", "pusher:error", "pusher:error"]
    );
}
