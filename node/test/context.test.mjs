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

test("a loop over a batch makes each event the current one, and nothing of it stays", async () => {
  const seen = [];
  const around = [];
  const app = new Consumer(settings);
  app.onBatch("orders", async (batch) => {
    around.push(currentEvent());
    for (const event of batch) {
      seen.push([event.id, currentEvent()?.id]);
      await new Promise((resolve) => setTimeout(resolve, 1));
      seen.push([event.id, mixin().correlation_id === event.correlationId ? event.id : undefined]);
    }
    around.push(currentEvent());
    for (const _event of batch) break;
    around.push(currentEvent());
  });
  app.on("copies", () => void around.push(currentEvent()?.topic));
  const rig = new Rig(app);
  for (const id of ["e1", "e2", "e3"]) rig.send("orders", { key: id, json: 1, id });
  await rig.run();
  rig.send("copies", { json: 1 });
  await rig.run();
  rig.close();
  assert.deepEqual(seen.map(([id]) => id).sort(), ["e1", "e1", "e2", "e2", "e3", "e3"]);
  for (const [id, current] of seen) assert.equal(current, id);
  assert.equal(around.pop(), "copies");
  assert.ok(around.length >= 3 && around.every((event) => event === undefined));
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

test("consumers side by side have levels of their own, and a logger that they share gets a line once", broker, async (t) => {
  const [orders, place] = [await topic("orders"), folder(t)];
  await send(orders, 1);
  const collector = () => {
    const lines = [];
    const take = (level) => (_, message) => lines.push([level, message]);
    return { lines, error: take("error"), warn: take("warn"), info: take("info"), debug: take("debug") };
  };
  const [quiet, shared] = [collector(), collector()];
  const run = (logger, logLevel) => {
    const group = name("g");
    const app = new Consumer({ ...settings, brokers: BROKERS, group, inbox: `sqlite:${place}/${group}.db`, createTopics: true, logger, logLevel });
    app.on(orders, { retry: { attempts: 1 } }, () => {
      throw new Error(`no ${group}`);
    });
    return app.run({ until: "end" }).then(() => group);
  };
  const groups = await Promise.all([run(shared, "info"), run(shared, "warn"), run(quiet, "error")]);
  assert.deepEqual([...new Set(quiet.lines.map(([level]) => level))], ["error"]);
  for (const group of groups) {
    const said = shared.lines.filter(([level, message]) => level === "warn" && message.includes(`no ${group}`));
    assert.equal(said.length, 1, JSON.stringify(shared.lines));
  }
});
