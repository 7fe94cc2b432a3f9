use skywave::typed::BoxError;
use skywave::{Authorize, Broadcaster, Channel, Join, Member};

#[derive(Channel)]
#[channel(presence = "lobby")]
struct Lobby;

// A presence channel needs a member, not a yes.
impl Authorize for Lobby {
    type User = String;
    type State = ();

    async fn authorize(&self, _: &String, _: &()) -> Result<bool, BoxError> {
        Ok(true)
    }
}

#[derive(Channel)]
#[channel(private = "orders")]
struct Orders;

// A private channel has no members.
impl Join for Orders {
    type User = String;
    type State = ();

    async fn join(&self, user: &String, _: &()) -> Result<Option<Member>, BoxError> {
        Ok(Some(Member::new(user)))
    }
}

fn main() {
    let _ = Broadcaster::builder()
        .users(|_| async { Some("ada".to_owned()) })
        .authorize_channel(|_: &String, _: Lobby| true);
}
