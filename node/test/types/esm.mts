// Types, as people meet them from ESM: a wrong one is an error here, and an error that does not come is one, too.

import { Backoff, type BatchHandler, Consumer, type Event, type Logger, Reject, Retry, type Settings, type Summary, currentEvent, mixin } from "onceward";
import { type DeadLetter, Rig } from "onceward/testing";
import pino from "pino";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Equal<A, B>): void => {};

interface Order {
  id: string;
  total: number;
}

const settings = {
  brokers: "localhost:9092",
  group: "billing",
  inbox: "sqlite:billing.db",
  autoOffsetReset: "earliest",
  topics: { "orders.v1": { handlerTimeout: "10s", retry: { attempts: 3 } } },
  kafka: { "security.protocol": "SASL_SSL" },
} satisfies Settings;

const logger: Logger = pino({ mixin });
const app = new Consumer({ ...settings, logger, logLevel: "warn" });

// @ts-expect-error a wrong word
new Consumer({ ...settings, autoOffsetReset: "first" });
// @ts-expect-error a name that there is not
new Consumer({ ...settings, brokerz: "x" });

app.on<Order>("orders", { retry: { attempts: 5, first: "200ms" }, fatal: [RangeError, "TypeError"] }, async (event) => {
  same<ReturnType<typeof event.json>, Order>(true);
  same<typeof event.offset, bigint>(true);
  same<typeof event.key, Buffer | null>(true);
  same<typeof event.timestamp, Date | null>(true);
  same<typeof event.signal, AbortSignal>(true);
  event.effect("INSERT INTO invoice VALUES (?)", [event.json().id], { expectRows: 1 });
  event.publish("invoices", { key: event.key, json: { order: 1 } });
  same<Awaited<ReturnType<typeof fetch>>, Response>(true);
});

// What `parse` reads is what `json` gives.
app.on("orders", { parse: (json) => ({ id: String(json) }) }, (event) => same<ReturnType<typeof event.json>, { id: string }>(true));
const schema = { parse: (_: unknown): Order => ({ id: "", total: 0 }) };
app.on(["a", "b"], { parse: schema, retry: new Backoff({ total: "5m" }), timeout: 500 }, (event) => same<typeof event, Event<Order>>(true));

const many: BatchHandler<Order> = (batch) => {
  for (const event of batch) same<ReturnType<typeof event.json>, Order>(true);
  batch.fail(0, new Error("no"));
};
app.onBatch("orders", { size: 100, atOnce: 2 }, many);

// @ts-expect-error a handler returns nothing
app.on("orders", () => 5);
// @ts-expect-error no such option
app.on("orders", { retries: 5 }, () => {});
// @ts-expect-error a wait has to be said
new Retry({});
new Reject("not ours");

const controller = new AbortController();
same<ReturnType<typeof app.run>, Promise<Summary>>(true);
void app.run({ signal: controller.signal, until: "end" });
same<ReturnType<typeof currentEvent>, Event | undefined>(true);

using rig = new Rig(app, { partitions: { orders: 3 } });
same<typeof rig.deadLetters, DeadLetter[]>(true);
same<Awaited<ReturnType<typeof app.publish>>, string>(true);
await using other = app;
void other;
