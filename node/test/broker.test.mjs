// Services on a real Kafka.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { ClosedError, Consumer, Retry, TopicsError } from "onceward";

import { BROKERS, broker, folder, name, program, read, rows, send, topic, until } from "./kafka.mjs";

export const SERVICE = `
import { Consumer } from "onceward";
const [topic, group, ...rest] = process.argv.slice(2);
const app = new Consumer({ brokers: process.env.BROKERS, group, inbox: "sqlite:billing.db", autoOffsetReset: "earliest", createTopics: true,
  setupSql: ["CREATE TABLE IF NOT EXISTS invoice(order_id TEXT, pid INTEGER)"], kafka: { "session.timeout.ms": "6000", "heartbeat.interval.ms": "500" } });
app.on(topic, async (event) => {
  if (rest.includes("stuck") && String(event.key) === "k9") await new Promise(() => {});
  event.effect("INSERT INTO invoice VALUES (?, ?)", [event.json().id, process.pid]);
  await new Promise((resolve) => setTimeout(resolve, 2)); // work
});
console.log(JSON.stringify(await app.run(rest.includes("end") ? { until: "end" } : {})));
`;

const app = (inbox, group, more = {}) =>
  new Consumer({ brokers: BROKERS, group, inbox: `sqlite:${join(inbox, "billing.db")}`, autoOffsetReset: "earliest", createTopics: true, logger: false, ...more });

for (const awaits of [false, true]) {
  test(`each event once, and nothing the second time (${awaits ? "async" : "plain"})`, broker, async (t) => {
    const [orders, group, place] = [await topic("orders", 4), name("g"), folder(t)];
    await send(orders, 500);
    await send(orders, 100);
    for (const expected of [500, 0]) {
      const consumer = app(place, group, { setupSql: ["CREATE TABLE IF NOT EXISTS invoice(order_id TEXT PRIMARY KEY)"] });
      const invoice = (event) => event.effect("INSERT INTO invoice VALUES (?)", [event.json().id]);
      const awaited = async (event) => {
        await new Promise(setImmediate);
        invoice(event);
      };
      consumer.on(orders, awaits ? awaited : invoice);
      const { handled, deadLetters } = await consumer.run({ until: "end" });
      assert.deepEqual([handled, deadLetters], [expected, 0]);
    }
    assert.deepEqual(rows(join(place, "billing.db"), "SELECT count(*) FROM invoice"), [[500]]);
  });
}

test("a letter has the bytes of its record and Node's story", broker, async (t) => {
  const [orders, group] = [await topic("orders"), name("g")];
  await send(orders, 3);
  const consumer = app(folder(t), group);
  const told = [];
  consumer.onDeadLetter((letter) => void told.push(letter));
  consumer.on(orders, { retry: { attempts: 2, first: "10ms" } }, function refuse(event) {
    if (event.id === "e1") throw new RangeError("no such customer", { cause: new TypeError("deeper") });
  });
  assert.equal((await consumer.run({ until: "end" })).deadLetters, 1);
  const [letter] = await read(`${orders}.${group}.dlt`, 1);
  assert.equal(letter.value.toString(), '{"id":"o1","total":1}');
  assert.equal(letter.headers["kafka_dlt-exception-fqcn"].toString(), "RangeError");
  const stack = letter.headers["kafka_dlt-exception-stacktrace"].toString();
  assert.match(stack, /at refuse/);
  assert.match(stack, /Caused by: TypeError: deeper/);
  assert.deepEqual(told.map(({ topic, offset, attempts, errorType }) => [topic, offset, attempts, errorType]), [[orders, 1n, 2, "RangeError"]]);
});

test("a kill loses nothing and doubles nothing", broker, async (t) => {
  const [orders, group, place] = [await topic("orders", 2), name("g"), folder(t)];
  await send(orders, 3_000);
  const count = () => rows(join(place, "billing.db"), "SELECT count(*) FROM invoice")[0]?.[0] ?? 0;
  // One key never ends, so there is something in hand whenever the kill comes.
  const killed = program(t, place, SERVICE, [orders, group, "stuck"]);
  await until(() => count() > 0, "some are handled");
  killed.child.kill("SIGKILL");
  await killed.ended;
  assert.ok(count() <= 2_700);
  const { status, out } = await program(t, place, SERVICE, [orders, group, "end"]).ended;
  assert.equal(status, 0, out);
  assert.deepEqual(rows(join(place, "billing.db"), "SELECT count(*), count(DISTINCT order_id) FROM invoice"), [[3_000, 3_000]]);
});

test("two processes share the work and hand it over", broker, async (t) => {
  const [orders, group, place] = [await topic("orders", 4), name("g"), folder(t)];
  const [first, second] = [0, 1].map(() => program(t, place, SERVICE, [orders, group]));
  const ask = (query) => rows(join(place, "billing.db"), query)[0]?.[0] ?? 0;
  let sent = 0;
  const more = async () => {
    await send(orders, 200, 40, sent);
    sent += 200;
    return ask("SELECT count(DISTINCT pid) FROM invoice") === 2;
  };
  await until(more, "both have handled some");
  await more();
  first.child.kill("SIGTERM");
  const { status, out } = await first.ended;
  assert.equal(status, 0, out);
  assert.match(out, /"handled":/);
  await until(() => ask("SELECT count(DISTINCT order_id) FROM invoice") === sent, "the other one does the rest");
  second.child.kill("SIGTERM");
  assert.equal((await second.ended).status, 0, second.out);
  assert.equal(ask("SELECT count(*) FROM invoice"), sent);
});

test("an AbortSignal ends a run; publishing, pausing, and publishing's id", broker, async (t) => {
  const [orders, group, copies] = [await topic("orders"), name("g"), await topic("copies")];
  await send(orders, 50);
  const controller = new AbortController();
  const consumer = app(folder(t), group);
  let seen = 0;
  consumer.on(orders, async () => void (seen += 1));
  const running = consumer.run({ signal: controller.signal });
  await until(() => seen === 50, "all are handled");
  consumer.pause(orders);
  consumer.resume(orders);
  assert.equal(await consumer.publish(copies, { key: "k", json: { n: 1 }, id: "mine" }), "mine");
  controller.abort();
  assert.equal((await running).handled, 50);
  const [copy] = await read(copies, 1);
  assert.deepEqual([copy.key.toString(), copy.value.toString(), copy.headers["onceward-id"].toString()], ["k", '{"n":1}', "mine"]);
  await assert.rejects(consumer.publish(copies, { json: 1 }), ClosedError);
});

test("publishes side by side; those that the end overtakes are told so", broker, async (t) => {
  const [orders, copies] = [await topic("orders"), await topic("copies")];
  const consumer = app(folder(t), name("g"));
  consumer.on(orders, () => {});
  const running = consumer.run({ signals: false });
  const send = (from) => Array.from({ length: 200 }, (_, number) => consumer.publish(copies, { json: number, id: `p${from + number}` }));
  await until(() => consumer.publish(copies, { json: 0, id: "first" }).then(() => true, () => false), "it runs");
  assert.deepEqual(await Promise.all(send(0)), Array.from({ length: 200 }, (_, number) => `p${number}`));
  const overtaken = Promise.allSettled(send(200));
  consumer.stop();
  await running;
  for (const { status, reason } of await overtaken) assert.ok(status === "fulfilled" || reason instanceof ClosedError, String(reason));
  const ids = (await read(copies, 201)).map((record) => record.headers["onceward-id"].toString());
  for (let number = 0; number < 200; number += 1) assert.ok(ids.includes(`p${number}`), "what was answered is there");
});

test("event.signal aborts at the timeout, and the event is tried again", broker, async (t) => {
  const [orders, group] = [await topic("orders"), name("g")];
  await send(orders, 2);
  const consumer = app(folder(t), group);
  const aborted = [];
  consumer.on(orders, { timeout: "300ms", retry: { attempts: 2, first: "10ms" } }, async (event) => {
    if (event.attempt > 1) return;
    await new Promise((_, reject) => {
      event.signal.addEventListener("abort", () => {
        aborted.push(event.id);
        reject(event.signal.reason);
      });
    });
  });
  const { handled, failedAttempts } = await consumer.run({ until: "end" });
  assert.deepEqual([handled, failedAttempts, aborted.sort()], [2, 2, ["e0", "e1"]]);
});

test("for await: an event is handled when the next one is asked for", broker, async (t) => {
  const [orders, group, place] = [await topic("orders"), name("g"), folder(t)];
  await send(orders, 10, 1);
  const first = [];
  for await (const event of app(place, group).events(orders)) {
    first.push(event.id);
    if (first.length === 4) break;
  }
  assert.deepEqual(first, ["e0", "e1", "e2", "e3"]);
  const rest = [];
  for await (const event of app(place, group).events(orders, { until: "end" })) rest.push(event.id);
  assert.deepEqual(rest, ["e3", "e4", "e5", "e6", "e7", "e8", "e9"], "what was in hand when the loop was left comes again");
});

test("await using drains", broker, async (t) => {
  const [orders, group] = [await topic("orders"), name("g")];
  await send(orders, 5);
  const consumer = app(folder(t), group);
  let seen = 0;
  consumer.on(orders, () => void (seen += 1));
  const running = consumer.run();
  await until(() => seen === 5, "all are handled");
  await consumer[Symbol.asyncDispose]();
  assert.equal((await running).handled, 5);
});

test("what keeps it from starting is thrown", broker, async (t) => {
  const consumer = app(folder(t), name("g"), { createTopics: false });
  consumer.on(await topic("orders"), () => {});
  await assert.rejects(consumer.run({ until: "end" }), (error) => error instanceof TopicsError && /topics apply/.test(error.message));
  assert.throws(() => consumer.pause("orders"), ClosedError);
  // `await using` would hide the block's error behind a SuppressedError.
  await consumer[Symbol.asyncDispose]();
});

test("Retry waits as long as it says", broker, async (t) => {
  const [orders, group] = [await topic("orders"), name("g")];
  await send(orders, 1);
  const consumer = app(folder(t), group);
  const at = [];
  consumer.on(orders, (event) => {
    at.push(performance.now());
    if (event.attempt === 1) throw new Retry({ after: "400ms", message: "busy" });
  });
  await consumer.run({ until: "end" });
  assert.ok(at[1] - at[0] >= 390, `${at[1] - at[0]} ms`);
});
