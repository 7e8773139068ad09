// A web service that handles events beside its requests: one process, one loop, drained together.
//
//     node web.mjs        # then: curl -X POST localhost:3000/orders -H 'content-type: application/json' -d '{"id": "o1", "total": 9.5}'

import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";

import Fastify from "fastify";
import { Consumer, mixin } from "onceward";

export function service({ brokers, group, inbox, orders = "orders", invoices = "invoices", level = "info" }) {
  // Lines of a request carry its id, lines of an event its correlation id.
  const web = Fastify({ logger: { level, mixin } });

  const app = new Consumer({
    brokers,
    group,
    inbox,
    autoOffsetReset: "earliest",
    createTopics: true,
    logger: web.log,
    setupSql: ["CREATE TABLE IF NOT EXISTS invoice(order_id TEXT PRIMARY KEY, total REAL)"],
  });

  app.on(orders, { retry: { attempts: 5, first: "200ms" }, fatal: [TypeError] }, async (event) => {
    const order = event.json();
    event.effect("INSERT INTO invoice(order_id, total) VALUES (?, ?)", [order.id, order.total]);
    event.publish(invoices, { key: order.id, json: { order: order.id } });
  });

  web.post("/orders", async (request, reply) => {
    // Durable when this returns. A client that repeats its request repeats the id, and the order is handled once.
    const id = await app.publish(orders, { key: request.body.id, json: request.body, id: request.headers["idempotency-key"] ?? request.body.id });
    return reply.code(202).send({ id });
  });

  let running;
  web.addHook("onReady", async () => {
    running = app.run({ signals: false });
    // A consumer that can't go on takes its service along, so that somebody starts both again.
    running.catch((error) => {
      web.log.fatal(error);
      process.exitCode = 1;
      return web.close();
    });
  });
  web.addHook("onClose", async () => {
    app.stop();
    await running?.catch(() => {});
  });
  return { web, app };
}

// Only as a program: a test imports it.
if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { web } = service({ brokers: process.env.BROKERS ?? "localhost:9092", group: "billing", inbox: "sqlite:billing.db" });
  for (const name of ["SIGINT", "SIGTERM"]) process.once(name, () => void web.close());
  await web.listen({ port: Number(process.env.PORT ?? 3000) });
}
