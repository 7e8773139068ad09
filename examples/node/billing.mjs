// Invoices for orders, each exactly once. `node billing.mjs`, or `npx onceward run --reload billing.mjs` while it is written.

import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { Backoff, Consumer } from "onceward";

export const app = new Consumer({
  brokers: process.env.BROKERS ?? "localhost:9092",
  group: "billing",
  inbox: "sqlite:billing.db",
  autoOffsetReset: "earliest",
  createTopics: true,
  setupSql: ["CREATE TABLE IF NOT EXISTS invoice(order_id TEXT PRIMARY KEY, total REAL)"],
});

app.on("orders", { retry: new Backoff({ attempts: 5, first: "200ms", max: "10s" }), fatal: [TypeError] }, (event) => {
  const order = event.json();
  event.effect("INSERT INTO invoice(order_id, total) VALUES (?, ?)", [order.id, order.total]);
  event.publish("invoices", { key: order.id, json: { order: order.id } });
});

// Only as a program: a test imports it.
if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) console.log(await app.run());
