// Long lives: many real starts, and many events. Short by default; `cargo xtask node --long` takes the lengths that leaks show themselves in.

import assert from "node:assert/strict";
import { test } from "node:test";

import { broker, folder, name, program, send, topic } from "./kafka.mjs";

const LONG = process.env.ONCEWARD_TEST_LONG === "1";
/** With a real group, producer and inbox, each. */
const CYCLES = LONG ? 1_000 : 15;

test(`started and stopped ${CYCLES} times on a real broker, nothing is left`, { ...broker, timeout: LONG ? 1_800_000 : 60_000 }, async (t) => {
  const [orders, place] = [await topic("orders"), folder(t)];
  const code = `
import { Consumer } from "onceward";
import { readdirSync } from "node:fs";
const [topic, group] = process.argv.slice(2);
const settle = () => new Promise(setImmediate);
const left = () => ({ threads: readdirSync("/proc/self/task").length, files: readdirSync("/proc/self/fd").length });
let first;
for (let cycle = 0; cycle < ${CYCLES}; cycle += 1) {
  const app = new Consumer({ brokers: process.env.BROKERS, group, inbox: "sqlite:cycles.db", autoOffsetReset: "earliest", createTopics: true, logLevel: "error" });
  app.on(topic, async () => { await settle(); app.stop(); });
  const running = app.run({ signals: cycle % 2 === 0 });
  await app.publish(topic, { json: cycle, id: "c" + cycle });
  const { handled, abandoned } = await running;
  if (handled !== 1 || abandoned !== 0) throw new Error(JSON.stringify({ cycle, handled, abandoned }));
  // What is made once per process is there by then.
  if (cycle === 4) first = left();
}
await settle();
const resources = process.getActiveResourcesInfo().filter((one) => !/TTYWrap|PipeWrap/.test(one));
const signals = process.listenerCount("SIGTERM") + process.listenerCount("SIGINT");
console.log(JSON.stringify({ first, last: left(), resources, signals, rss: Math.round(process.memoryUsage.rss() / 1048576) }));`;
  const { status, out } = await program(t, place, code, [orders, name("g")]).ended;
  assert.equal(status, 0, out);
  const { first, last, resources, signals, rss } = JSON.parse(out.trim().split("\n").at(-1));
  t.diagnostic(`after ${CYCLES}: ${JSON.stringify({ first, last, rss })}`);
  assert.deepEqual([resources, signals], [[], 0]);
  // Clients of Kafka are destroyed behind the run's back, at most for a few seconds.
  assert.ok(last.threads <= first.threads + 12 && last.files <= first.files + 12, out);
});

const MILLION = 1_000_000;

test("memory grows by less than a megabyte per million events", { ...broker, skip: broker.skip || (!LONG && "with cargo xtask node --long"), timeout: 1_800_000 }, async (t) => {
  const [orders, place] = [await topic("orders", 4), folder(t)];
  for (let sent = 0; sent < 5 * MILLION; sent += 50_000) await send(orders, 50_000, 10_000, sent);
  const code = `
import { Consumer } from "onceward";
const [topic, group] = process.argv.slice(2);
const app = new Consumer({ brokers: process.env.BROKERS, group, inbox: "sqlite:many.db", autoOffsetReset: "earliest", createTopics: true, logLevel: "error" });
const found = [];
let seen = 0;
app.on(topic, (event) => {
  if (event.value === null) throw new Error("no value");
  seen += 1;
  // Of every hundred thousand the lowest, right after the garbage was collected: what is held, not what waits to be freed.
  if (seen % 100_000 === 0) { gc(); found.push([seen, process.memoryUsage.rss()]); }
});
const began = performance.now();
const { handled } = await app.run({ until: "end" });
console.log(JSON.stringify({ handled, found, seconds: (performance.now() - began) / 1000 }));`;
  const { status, out } = await program(t, place, code, [orders, name("g")], ["--expose-gc"]).ended;
  assert.equal(status, 0, out);
  const { handled, found, seconds } = JSON.parse(out.trim().split("\n").at(-1));
  assert.equal(handled, 5 * MILLION);
  const grown = slope(found.filter(([seen]) => seen > MILLION)) * MILLION / 1_048_576;
  const shown = found.filter(([seen]) => seen % 500_000 === 0).map(([seen, rss]) => `${seen / MILLION}M ${Math.round(rss / 1_048_576)}`);
  t.diagnostic(`${grown.toFixed(2)} MiB per million; ${shown.join(", ")} MiB; ${Math.round(seconds)} s`);
  assert.ok(grown < 1, `${grown.toFixed(2)} MiB per million: ${shown.join(", ")}`);
});

/** By least squares. */
function slope(points) {
  const mean = (at) => points.reduce((sum, point) => sum + point[at], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const [above, below] = points.reduce(([a, b], point) => [a + (point[0] - x) * (point[1] - y), b + (point[0] - x) ** 2], [0, 0]);
  return above / below;
}
