//! One invoice for each order. The README and the guides show what lies between the marks; `cargo xtask tidy` compares them.
//!
//! `cargo run -p onceward-billing` wants a broker on localhost:9092 with the topics `orders` and `orders.billing.dlt`.

#[cfg(test)]
mod tests;

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
fn app() -> Result<Consumer, onceward::Error> {
    let app = Consumer::builder()
        .brokers("localhost:9092")
        .group("billing")
        .inbox("sqlite:billing.db")
        .auto_offset_reset(Earliest)
        .setup_sql(["CREATE TABLE IF NOT EXISTS invoice(order_id TEXT PRIMARY KEY, total REAL)"])
        .build()?;
    Ok(app.on("orders", invoice))
}

#[tokio::main]
async fn main() -> Result<(), onceward::Error> {
    tracing_subscriber::fmt().with_env_filter("info").init();
    app()?.run(onceward::shutdown_signal()).await?;
    Ok(())
}
// end
