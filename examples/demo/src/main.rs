//! `cargo xtask demo`, or `cargo run -p demo -- --port 3000 --assets DIR`.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = site::Options::parse();
    let app = demo::application(&options.assets)?;
    site::serve("demo", app, &options).await
}
