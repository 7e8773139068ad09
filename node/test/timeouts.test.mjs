// `event.signal`: when it aborts, when it must not, and what a handler says after it.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";

import { ClosedError, Consumer, Reject } from "onceward";
import { Rig } from "onceward/testing";

import { BROKERS, broker, folder, name, send, topic, until } from "./kafka.mjs";

const settings = { brokers: "x:1", group: "g", inbox: "sqlite:unused.db", autoOffsetReset: "earliest", logger: false };
const app = (t, more = {}) =>
  new Consumer({ ...settings, brokers: BROKERS, group: name("g"), inbox: `sqlite:${join(folder(t), "inbox.db")}`, createTopics: true, ...more });

/** Nothing else of this process runs meanwhile. */
const block = (milliseconds) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);

test("a word that comes late is nothing to the next event of the run", broker, async (t) => {
  const orders = await topic("orders");
  await send(orders, 20, 1);
  const consumer = app(t);
  const aborted = [];
  consumer.on(orders, { timeout: "300ms", retry: { attempts: 1 } }, (event) => {
    event.signal.addEventListener("abort", () => aborted.push(event.id));
    // Long enough to be told, and back before anybody can hear it.
    if (event.id === "e0") return block(1500);
    return wait(20, undefined, { signal: event.signal });
  });
  const { handled, failedAttempts } = await consumer.run({ until: "end" });
  assert.deepEqual([aborted, handled, failedAttempts], [[], 20, 0]);
});

test("what a handler throws after its timeout is what it says, unless it only stops", broker, async (t) => {
  const orders = await topic("orders");
  await send(orders, 2);
  const consumer = app(t);
  const told = new Map();
  consumer.onDeadLetter((letter) => void told.set(letter.offset, letter));
  consumer.on(orders, { timeout: "300ms", retry: { attempts: 1 } }, async (event) => {
    // Node's own rejection names the signal's reason as its cause.
    if (event.id === "e1") return wait(60_000, undefined, { signal: event.signal });
    await new Promise((resolve) => event.signal.addEventListener("abort", resolve));
    throw new Reject("the bank has refused");
  });
  await consumer.run({ until: "end" });
  assert.deepEqual([told.get(0n).reason, told.get(0n).message], ["rejected", "the bank has refused"]);
  assert.deepEqual([told.get(1n).reason, /handler_timeout|timeout/i.test(told.get(1n).message + told.get(1n).errorType)], ["exhausted", true]);
});

for (const batch of [false, true]) {
  test(`a partition that goes to another member aborts what it does not wait for any longer${batch ? ", batches too" : ""}`, broker, async (t) => {
    const [orders, group] = [await topic("orders", 2), name("g")];
    await send(orders, 40, 20);
    const begun = new Map();
    const stuck = (given) =>
      new Promise((_, reject) => {
        const { signal } = given;
        signal.addEventListener("abort", () => reject(signal.reason));
        begun.set(signal, new Set(batch ? [...given].map((event) => event.partition) : [given.partition]));
      });
    // It waits for handlers for a second, and then gives the partition back without them.
    const first = app(t, { group, drainDeadline: "1s" });
    if (batch) first.onBatch(orders, { size: 1, atOnce: 40 }, stuck);
    else first.on(orders, stuck);
    const running = first.run({ signals: false });
    const partitions = () => new Set([...begun.values()].flatMap((found) => [...found]));
    await until(() => partitions().size === 2, "handlers of both partitions began");
    const moved = new Set();
    const second = app(t, { group }).on(orders, (event) => void moved.add(event.partition));
    const others = second.run({ signals: false });
    await until(() => moved.size === 1, "the other member handles what was taken away");
    await until(() => [...begun].every(([signal, [partition]]) => signal.aborted === moved.has(partition)), "its handlers hear of it, and no others");
    for (const [signal] of begun) if (signal.aborted) assert.ok(signal.reason instanceof ClosedError && /new owner/.test(signal.reason.message), String(signal.reason));
    second.stop();
    first.stop();
    const [{ failedAttempts, deadLetters }] = await Promise.all([running, others]);
    assert.deepEqual([failedAttempts, deadLetters], [0, 0], "it is nobody's failure");
  });
}

test("the end of the run aborts what still runs", broker, async (t) => {
  const orders = await topic("orders");
  await send(orders, 1);
  const consumer = app(t, { drainDeadline: "1s" });
  let signal;
  consumer.on(orders, (event) => {
    ({ signal } = event);
    return new Promise(() => {});
  });
  const running = consumer.run({ signals: false });
  await until(() => signal !== undefined, "the handler began");
  assert.equal(signal.aborted, false);
  consumer.stop();
  await running;
  assert.ok(signal.aborted && signal.reason instanceof ClosedError, String(signal.reason));
});

test("a signal that is read after the handler is aborted, and nobody else's", async () => {
  const consumer = new Consumer(settings);
  const kept = [];
  let batch;
  consumer.on("orders", (event) => void kept.push(event));
  consumer.onBatch("copies", (given) => void (batch = given));
  const rig = new Rig(consumer);
  for (const id of ["e1", "e2"]) rig.send("orders", { key: "a", json: 1, id });
  rig.send("copies", { json: 1 });
  await rig.run();
  assert.deepEqual(kept.map((event) => event.signal.aborted), [true, true]);
  assert.equal(kept[0].signal, kept[0].signal);
  assert.equal(batch.signal.aborted, true);
  rig.close();
});
