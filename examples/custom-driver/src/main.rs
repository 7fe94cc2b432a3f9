//! `cargo run -p custom-driver -- 4.0.0`: announces a version, by a driver that the configuration
//! names. `EVENTS_FILE` in the environment says which file it appends to.

use std::path::Path;

use custom_driver::JsonLines;
use serde_json::json;
use skywave::Broadcaster;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let version = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "4.0.0".to_owned());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/broadcast.toml");
    let broadcaster = Broadcaster::configure()
        .kind("json-lines", JsonLines::KEYS, JsonLines::from_settings)
        .load(file)?
        .build()?;

    let report = broadcaster
        .as_system()
        .channel("releases", "NewRelease", json!({ "version": version }))
        .await?;
    println!("{broadcaster:?} sent it on {:?}", report.sent);
    Ok(())
}
