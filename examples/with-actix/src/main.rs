//! `cargo run -p with-actix -- --port 3000`.

use std::io::Write;

use actix_web::web::Data;
use actix_web::{App, HttpServer, rt};
use axum::Router;
use clap::Parser;
use tokio::net::TcpListener;

/// The application of actix-web, on 127.0.0.1.
#[derive(Parser)]
struct Options {
    /// Port of 127.0.0.1 for the application; 0 takes a free one.
    #[arg(long, default_value_t = 3000)]
    port: u16,
}

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let sockets = TcpListener::bind(("127.0.0.1", 0)).await?;
    let broadcaster = with_actix::broadcaster(&format!("http://{}", sockets.local_addr()?))?;
    let router: Router = broadcaster.driver_routes();
    rt::spawn(axum::serve(sockets, router).into_future());

    let data = Data::new(broadcaster);
    let app = move || {
        App::new()
            .app_data(data.clone())
            .configure(with_actix::routes)
    };
    let server = HttpServer::new(app)
        .workers(1)
        .shutdown_timeout(1)
        .bind(("127.0.0.1", options.port))?;
    for address in server.addrs() {
        println!("Skywave actix: http://{address}");
    }
    std::io::stdout().flush()?;
    Ok(server.run().await?)
}
