import onceward

app = onceward.Consumer(
    brokers="localhost:9092",
    group="billing",
    inbox="sqlite:billing.db",
    auto_offset_reset="earliest",
    create_topics=True,
    setup_sql=["CREATE TABLE IF NOT EXISTS invoice(order_id TEXT PRIMARY KEY, total REAL)"],
)


@app.on("orders", retry=onceward.Backoff(attempts=5, first="200ms", max="10s"), fatal=[ValueError])
def invoice(event: onceward.Event) -> None:
    order = event.json()
    event.effect("INSERT INTO invoice(order_id, total) VALUES (?, ?)", [order["id"], order["total"]])
    event.publish("invoices", key=order["id"], json={"order": order["id"]})


if __name__ == "__main__":
    app.run()  # until SIGINT or SIGTERM; run(until="end") stops when it has caught up
