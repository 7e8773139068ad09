//! One invoice for each order. The README and the quickstart show what lies between the marks; `cargo xtask tidy` compares them.
//!
//! `cargo run -p onceward-billing` wants a broker on localhost:9092 with the topics `orders` and `orders.billing.dlt`.

// shown: imports
use onceward::{AutoOffsetReset::Earliest, Consumer, Event, Failure};
// end

// shown: handler
#[derive(serde::Deserialize)]
struct Order {
    id: String,
    total: f64,
}

async fn invoice(event: Event) -> Result<(), Failure> {
    let order: Order = event.json()?;
    event.effect("INSERT INTO invoice(order_id, total) VALUES (?, ?)", (order.id, order.total));
    Ok(())
}
// end

// shown: main
#[tokio::main]
async fn main() -> Result<(), onceward::Error> {
    tracing_subscriber::fmt().with_env_filter("info").init();
    let app = Consumer::builder()
        .brokers("localhost:9092")
        .group("billing")
        .inbox("sqlite:billing.db")
        .auto_offset_reset(Earliest)
        .setup_sql(["CREATE TABLE IF NOT EXISTS invoice(order_id TEXT PRIMARY KEY, total REAL)"])
        .build()?;
    app.on("orders", invoice).run(onceward::shutdown_signal()).await?;
    Ok(())
}
// end
