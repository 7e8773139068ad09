// What goes wrong on purpose: whatever handlers throw, never do, or do to the process.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { Consumer } from "onceward";
import { Rig } from "onceward/testing";

import { broker, folder, name, program, rows, send, topic, until } from "./kafka.mjs";

const consumer = () => new Consumer({ brokers: "x:1", group: "g", inbox: "sqlite:unused.db", autoOffsetReset: "earliest", logger: false });

const trap = new Proxy({}, { get: () => { throw new Error("trap"); }, getPrototypeOf: () => { throw new Error("trap"); } });
const liar = Object.defineProperty(new Error("x"), "message", { get: () => { throw new Error("trap"); } });
const circle = new Error("round");
circle.cause = circle;

const THROWN = [
  ["a string", "just text", "string", "just text"],
  ["undefined", undefined, "undefined", "a handler threw undefined"],
  ["null", null, "null", "a handler threw null"],
  ["a number", 7, "number", "7"],
  ["a symbol", Symbol("s"), "symbol", "Symbol(s)"],
  ["a bigint", 5n, "bigint", "5n"],
  ["a function", () => {}, "Function", "[Function (anonymous)]"],
  ["an object without a prototype", Object.create(null), "object", "a handler threw an object that is no Error"],
  ["an object", { code: 42, text: "no" }, "Object", "a handler threw an object that is no Error, with code, text"],
  ["an error of a class", new (class NoStock extends Error {})("none"), "NoStock", "none"],
  ["an error that causes itself", circle, "Error", "round"],
  ["an AggregateError", new AggregateError([new Error("a"), new Error("b")], "both"), "AggregateError", "both"],
  ["what throws when it is looked at", trap, "unknown", "(no text: reading it threw)"],
  ["an error whose text throws", liar, "Error", "(no text: reading it threw)"],
  ["what can't be UTF-8", new Error("\ud800 half"), "Error", undefined],
];

for (const [what, thrown, kind, message] of THROWN) {
  for (const how of ["thrown", "rejected"]) {
    test(`${what}, ${how}, is a failed attempt and a letter`, async () => {
      const app = consumer();
      app.on("orders", { retry: { attempts: 2, first: "1s" } }, () => {
        if (how === "rejected") return Promise.reject(thrown);
        throw thrown;
      });
      const rig = new Rig(app);
      rig.send("orders", { json: 1, id: "e1" });
      await rig.run();
      const [letter] = rig.deadLetters;
      assert.deepEqual([letter.reason, letter.attempts], ["exhausted", 2]);
      assert.equal(letter.header("kafka_dlt-exception-fqcn"), kind);
      if (message !== undefined) assert.equal(letter.header("kafka_dlt-exception-message"), message);
      rig.close();
    });
  }
}

test("a `then` that throws when it is looked at is a failed attempt, and the run goes on", async () => {
  const app = consumer();
  const result = Object.defineProperty({}, "then", { get: () => { throw new RangeError("do not look"); } });
  app.on("orders", { retry: { attempts: 1 } }, (event) => (event.id === "e1" ? result : undefined));
  const rig = new Rig(app);
  for (const id of ["e1", "e2"]) rig.send("orders", { key: id, json: 1, id });
  await rig.run();
  assert.deepEqual(rig.handled, ["e2"]);
  assert.equal(rig.deadLetters[0].header("kafka_dlt-exception-fqcn"), "RangeError");
  rig.close();
});

test("what an object that is thrown holds is in the letter, and in no line of the log", async () => {
  const app = consumer();
  app.on("orders", { retry: { attempts: 1 } }, (event) => {
    throw { order: event.json() };
  });
  const rig = new Rig(app);
  rig.send("orders", { json: { card: "CANARY" }, id: "e1" });
  await rig.run();
  assert.match(rig.deadLetters[0].header("kafka_dlt-exception-stacktrace"), /CANARY/);
  assert.doesNotMatch(JSON.stringify(rig.logs), /CANARY/);
  rig.close();
});

test("what `parse` throws gives the event up, whatever it is", async () => {
  const app = consumer();
  const thrown = { e1: Object.create(null), e2: trap, e3: undefined };
  app.on("orders", { parse: (id) => { throw thrown[id]; } }, (event) => event.json());
  const rig = new Rig(app);
  for (const id of Object.keys(thrown)) rig.send("orders", { json: id, id });
  await rig.run();
  assert.deepEqual(rig.deadLetters.map(({ id, reason }) => [id, reason]), Object.keys(thrown).map((id) => [id, "undecodable"]));
  rig.close();
});

test("a thenable that settles twice, or throws when asked, is settled once", async () => {
  const app = consumer();
  const twice = { then: (done, fail) => { done(); done(); fail(new Error("late")); } };
  const throwing = { then: () => { throw new RangeError("no then"); } };
  app.on("orders", { retry: { attempts: 1 } }, (event) => (event.id === "e1" ? twice : throwing));
  const rig = new Rig(app);
  rig.send("orders", { json: 1, id: "e1" });
  rig.send("orders", { json: 1, id: "e2" });
  await rig.run();
  assert.deepEqual(rig.handled, ["e1"]);
  assert.deepEqual(rig.deadLetters.map((letter) => letter.id), ["e2"]);
  rig.close();
});

test("an effect after the handler has ended is ignored, and values that are none are refused by their position", async () => {
  const app = new Consumer({ brokers: "x:1", group: "g", inbox: "sqlite:u.db", autoOffsetReset: "earliest", setupSql: ["CREATE TABLE n(a, b)"], logger: false });
  let kept;
  const refused = [];
  app.on("orders", (event) => {
    kept = event;
    for (const bad of [undefined, new Date(), {}, Symbol("s")]) {
      try {
        event.effect("INSERT INTO n VALUES (?, ?)", [1, bad]);
      } catch (error) {
        refused.push(error.message.slice(0, 9));
      }
    }
    event.effect("INSERT INTO n VALUES (?, ?)", [2n ** 53n + 1n, Buffer.from([0, 255])]);
    event.effect("INSERT INTO n VALUES (?, ?)", [1.5, null]);
    event.effect("INSERT INTO n VALUES (?, ?)", [true, "text"]);
  });
  const rig = new Rig(app);
  rig.send("orders", { json: 1, id: "e1" });
  await rig.run();
  kept.effect("INSERT INTO n VALUES (?, ?)", [9, 9]);
  kept.publish("more", { json: 1 });
  assert.deepEqual(refused, Array(4).fill("params[1]"));
  assert.deepEqual(rig.sql("SELECT a, b FROM n"), [[2n ** 53n + 1n, Buffer.from([0, 255])], [1.5, null], [1, "text"]]);
  assert.deepEqual([kept.id, kept.key, kept.value.toString()], ["e1", null, "1"], "what is kept can still be read");
  assert.throws(() => kept.idempotencyKey, /read it before the handler ends/);
  rig.close();
});

test("a rig that is asked while it works says so", async () => {
  const app = consumer();
  app.on("orders", () => {});
  const rig = new Rig(app);
  rig.send("orders", { json: 1, id: "e1" });
  const running = rig.run();
  assert.throws(() => rig.handled, /await run\(\)/);
  await assert.rejects(rig.crash(), /await run\(\)/);
  await running;
  assert.deepEqual(rig.handled, ["e1"], "a crash that was refused has dropped nothing");
  rig.close();
  assert.throws(() => rig.handled, /closed/);
});

const START = `
import { Consumer } from "onceward";
const [topic, group, ...rest] = process.argv.slice(2);
const until = rest.includes("end") ? { until: "end" } : {};
const app = new Consumer({ brokers: process.env.BROKERS, group, inbox: "sqlite:billing.db", autoOffsetReset: "earliest", createTopics: true, logLevel: "error", drainDeadline: "2s",
  setupSql: ["CREATE TABLE IF NOT EXISTS invoice(order_id TEXT)"], kafka: { "session.timeout.ms": "6000", "heartbeat.interval.ms": "500" } });
const insert = (event) => event.effect("INSERT INTO invoice VALUES (?)", [event.json().id]);
`;

const service = async (t, count, code, partitions = 1) => {
  const [orders, group, place] = [await topic("orders", partitions), name("g"), folder(t)];
  await send(orders, count);
  const start = (given = [], flags = []) => program(t, place, START + code, [orders, group, ...given], flags);
  return { start, count: () => rows(join(place, "billing.db"), "SELECT count(*), count(DISTINCT order_id) FROM invoice")[0] ?? [0, 0] };
};

test("a handler that blocks the event loop loses no partition", broker, async (t) => {
  // Nine seconds without a turn for anything else, under a session timeout of six.
  const { start, count } = await service(t, 20, `
app.on(topic, (event) => {
  insert(event);
  if (event.id === "e3") for (const end = Date.now() + 9000; Date.now() < end; ) {}
});
console.log(JSON.stringify(await app.run(until)));`);
  const { status, out } = await start(["end"]).ended;
  assert.equal(status, 0, out);
  assert.match(out, /"abandoned":0/);
  assert.match(out, /"handled":20/);
  assert.deepEqual(count(), [20, 20]);
});

test("a handler that never settles holds up its key and nothing else, and the end of the run", broker, async (t) => {
  const { start, count } = await service(t, 20, `
let seen = 0;
app.on(topic, (event) => {
  if (event.id === "e3") return new Promise(() => {});
  insert(event);
  // Of ten keys one waits: e3 and e13.
  if (++seen === 18) setTimeout(() => app.stop(), 200);
});
const summary = await app.run();
console.log(JSON.stringify(summary));
process.on("exit", () => console.log("left by itself"));`);
  const began = performance.now();
  const { status, out } = await start().ended;
  assert.equal(status, 0, out);
  assert.match(out, /left by itself/);
  assert.ok(performance.now() - began < 60_000);
  assert.equal(count()[0], 18);
});

test("process.exit with events in flight: no crash, no hang, nothing lost or doubled", broker, async (t) => {
  const { start, count } = await service(t, 300, `
let seen = 0;
app.on(topic, async (event) => {
  insert(event);
  await new Promise((resolve) => setTimeout(resolve, 3));
  if (++seen === 40 && !rest.includes("end")) process.exit(7);
});
console.log(JSON.stringify(await app.run(until)));`, 4);
  const first = await start().ended;
  assert.equal(first.status, 7, first.out);
  const { status, out } = await start(["end"]).ended;
  assert.equal(status, 0, out);
  assert.deepEqual(count(), [300, 300]);
});

test("process.exit does not wait for a letter that nobody can be told of any more", broker, async (t) => {
  const { start } = await service(t, 2, `
import { Reject } from "onceward";
app.onDeadLetter(() => {});
app.on(topic, (event) => {
  if (event.id === "e0") throw new Reject("no");
  // The letter comes meanwhile, and waits for a turn.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2000);
  console.log("left at", Date.now());
  process.exit(7);
});
await app.run();`);
  const { status, out } = await start().ended;
  const took = Date.now() - Number(/left at (\d+)/.exec(out)?.[1]);
  assert.equal(status, 7, out);
  assert.ok(took < 4_000, `${took} ms`);
});

test("unhandledRejection stays the program's own", broker, async (t) => {
  const { start } = await service(t, 3, `
process.on("unhandledRejection", (error) => console.log("theirs:", error.message));
app.on(topic, async (event) => {
  if (event.id === "e1") void Promise.reject(new Error("floating"));
  if (event.id === "e2") throw new Error("ours");
});
console.log(JSON.stringify(await app.run(until)));`);
  const { status, out } = await start(["end"]).ended;
  assert.equal(status, 0, out);
  assert.match(out, /theirs: floating/);
  assert.doesNotMatch(out, /theirs: ours/);
});

test("workers run consumers of their own, and may be ended in the middle", broker, async (t) => {
  const { start, count } = await service(t, 400, `
import { Worker, isMainThread, workerData } from "node:worker_threads";
import { once } from "node:events";
if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url), { argv: process.argv.slice(2), stdout: false });
  await once(worker, "message");
  await worker.terminate();
  const [second] = [new Worker(new URL(import.meta.url), { argv: [...process.argv.slice(2), "end"] })];
  await once(second, "exit");
  console.log("both ended");
} else {
  const { parentPort } = await import("node:worker_threads");
  let seen = 0;
  app.on(topic, async (event) => {
    insert(event);
    await new Promise((resolve) => setTimeout(resolve, 2));
    if (++seen === 30) parentPort.postMessage("some");
  });
  await app.run(until);
}`, 2);
  const { status, out } = await start().ended;
  assert.equal(status, 0, out);
  assert.match(out, /both ended/);
  assert.deepEqual(count(), [400, 400]);
});

test("a second signal ends the process at once", broker, async (t) => {
  const { start } = await service(t, 1, `
app.on(topic, () => { console.log("began"); return new Promise(() => setInterval(() => {}, 1000)); });
await app.run();`);
  const running = start();
  await until(() => running.out.includes("began"), "the handler began");
  running.child.kill("SIGTERM");
  await new Promise((resolve) => setTimeout(resolve, 300));
  running.child.kill("SIGTERM");
  assert.equal((await running.ended).status, 143, running.out);
});

test("started and stopped a thousand times, nothing is left", async (t) => {
  const { status, out } = await program(t, folder(t), `
import { Consumer } from "onceward";
import { Rig } from "onceward/testing";
for (let round = 0; round < 1000; round += 1) {
  const app = new Consumer({ brokers: "x:1", group: "g", inbox: "sqlite:u.db", autoOffsetReset: "earliest" });
  app.on("orders", () => {});
  const rig = new Rig(app);
  if (round % 3) {
    rig.send("orders", { json: round, id: "e" + round });
    await rig.run();
  }
  rig.close();
}
globalThis.gc?.();
// The last look at a closed queue.
await new Promise(setImmediate);
await new Promise(setImmediate);
const left = process.getActiveResourcesInfo().filter((one) => !/TTYWrap|PipeWrap/.test(one));
console.log(JSON.stringify({ left, threads: (await import("node:fs")).readdirSync("/proc/self/task").length }));`, [], ["--expose-gc"]).ended;
  assert.equal(status, 0, out);
  const { left, threads } = JSON.parse(out);
  assert.deepEqual(left, []);
  assert.ok(threads < 40, `${threads} threads`);
});
