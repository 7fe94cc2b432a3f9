use skywave::typed::BoxError;
use skywave::{Authorize, BroadcastUser, Broadcaster, Channel};

#[derive(Channel)]
#[channel(private = "orders")]
struct Orders;

impl Authorize for Orders {
    type User = String;
    type State = u64;

    async fn authorize(&self, _: &String, _: &u64) -> Result<bool, BoxError> {
        Ok(true)
    }
}

#[derive(Channel)]
#[channel(private = "admins")]
struct Admins;

#[derive(Channel)]
#[channel(presence = "lobby")]
struct Lobby;

#[derive(Clone)]
struct User;

impl BroadcastUser for User {
    fn broadcast_id(&self) -> String {
        String::new()
    }
}

fn main() {
    let builder = || Broadcaster::builder().users(|_| async { Some("ada".to_owned()) });
    // Nobody said who may listen, or joins.
    let _ = builder().channel::<Admins>();
    let _ = builder().channel::<Lobby>();
    // Another state, another user.
    let _ = builder().channel_with::<Orders, _>("7");
    let _ = Broadcaster::builder().users(|_| async { None::<User> }).channel_with::<Orders, _>(7);
}
