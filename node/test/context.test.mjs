// The event at hand: for log lines, through promises and timers, and for spans.

import assert from "node:assert/strict";
import { test } from "node:test";

import { context, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { Consumer, currentEvent, mixin } from "onceward";
import { Rig } from "onceward/testing";
import pino from "pino";

import { BROKERS, broker, folder, name, send, topic } from "./kafka.mjs";

const settings = { brokers: "x:1", group: "g", inbox: "sqlite:unused.db", autoOffsetReset: "earliest", logger: false };
const PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

test("pino's lines carry the event through promises, timers and callbacks, and nothing outside", async () => {
  const lines = [];
  const log = pino({ mixin }, { write: (line) => lines.push(JSON.parse(line)) });
  const app = new Consumer(settings);
  app.on("orders", { retry: { attempts: 2, first: "1s" } }, async (event) => {
    await Promise.resolve();
    log.info("promise");
    await new Promise((resolve) => setTimeout(resolve, 1));
    log.info("timer");
    await new Promise((resolve) => process.nextTick(() => setImmediate(() => (log.info("callback"), resolve()))));
    assert.equal(currentEvent(), event);
    if (event.id === "e1" && event.attempt === 1) throw new Error("again");
  });
  const rig = new Rig(app, { partitions: { orders: 2 } });
  for (const id of ["e1", "e2"]) rig.send("orders", { key: id, json: 1, id, headers: { "correlation-id": `flow-${id}` } });
  await rig.run();
  rig.close();
  log.info("outside");
  assert.equal(currentEvent(), undefined);
  const said = lines.map(({ msg, correlation_id, attempt, topic }) => [msg, correlation_id, attempt, topic].join(" "));
  assert.equal(said.at(-1), "outside   ");
  const wanted = ["flow-e1 1", "flow-e1 2", "flow-e2 1"].flatMap((event) => ["promise", "timer", "callback"].map((word) => `${word} ${event} orders`));
  assert.deepEqual(said.slice(0, -1).sort(), wanted.sort());
});

test("spans of a handler nest below the event's trace", async () => {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(provider);
  const app = new Consumer(settings);
  app.on("orders", async () => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    trace.getTracer("billing").startSpan("charge").end();
  });
  const rig = new Rig(app);
  rig.send("orders", { json: 1, headers: { traceparent: PARENT } });
  await rig.run();
  rig.close();
  const [span] = exporter.getFinishedSpans();
  assert.equal(span.name, "charge");
  assert.equal(span.spanContext().traceId, PARENT.slice(3, 35));
  assert.equal(span.parentSpanContext?.spanId, PARENT.slice(36, 52));
});

test("lines of the core go to the logger that is given, with the fields of their event", broker, async (t) => {
  const lines = [];
  const take = (level) => (fields, message) => lines.push({ level, fields, message });
  const logger = { error: take("error"), warn: take("warn"), info: take("info"), debug: take("debug") };
  const [orders, place] = [await topic("orders"), folder(t)];
  await send(orders, 1);
  const more = { brokers: BROKERS, group: name("g"), inbox: `sqlite:${place}/inbox.db`, createTopics: true, logger };
  const app = new Consumer({ ...settings, ...more });
  app.on(orders, { retry: { attempts: 1 } }, () => {
    throw new Error("no");
  });
  await app.run({ until: "end" });
  const failed = lines.find(({ message }) => message.startsWith("attempt failed"));
  assert.deepEqual([failed.level, failed.fields.topic, failed.fields.offset, failed.fields.attempt], ["warn", orders, 0, 1]);
  assert.match(failed.fields.correlation_id, /^[0-9a-f-]{36}$/);
});
