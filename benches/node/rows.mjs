// Rows of the npm package and of what people use now, in one run against one broker: `cargo xtask bench --node`.
//
// Each row runs in a process of its own, so many times, in turns; the median is shown with the lowest and highest. Numbers of different
// runs are not comparable: the machine differs. Rates are from the first event in hand to the end.

import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import kafkajs from "kafkajs";
import { Consumer } from "onceward";

const BROKERS = process.env.ONCEWARD_TEST_BROKERS ?? "";
const KEYS = 10_000;
const PARTITIONS = 8;

const kafka = () => new kafkajs.Kafka({ brokers: BROKERS.split(","), logLevel: kafkajs.logLevel.NOTHING });

async function prepare(topic, count) {
  const admin = kafka().admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS }] });
  await admin.disconnect();
  const producer = kafka().producer();
  await producer.connect();
  for (let from = 0; from < count; from += 5_000) {
    const messages = Array.from({ length: Math.min(5_000, count - from) }, (_, index) => {
      const number = from + index;
      const value = JSON.stringify({ id: `o${number}`, total: number * 1.5, pad: "x".repeat(180) });
      return { key: `k${number % KEYS}`, value, headers: { "onceward-id": `e${number}` } };
    });
    await producer.send({ topic, messages });
  }
  await producer.disconnect();
}

/** From the first event on: on the wall, and in CPU of the whole process. */
class Clock {
  count = 0;

  tick(events = 1) {
    if (this.count === 0) [this.began, this.cpu] = [performance.now(), process.cpuUsage()];
    this.count += events;
  }

  end() {
    const { user, system } = process.cpuUsage(this.cpu);
    return { rate: this.count / ((performance.now() - this.began) / 1000), cpu: (user + system) / this.count };
  }
}

/** A kafkajs consumer until so many were counted. */
async function theirs(topic, count, run) {
  const clock = new Clock();
  const consumer = kafka().consumer({ groupId: randomUUID() });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise((resolve, reject) => {
    const ended = () => clock.count >= count && resolve();
    consumer.run(run(clock, ended)).catch(reject);
  });
  const found = clock.end();
  setTimeout(() => process.exit(0), 5_000).unref();
  await consumer.disconnect();
  return found;
}

const eachMessage = (topic, count) =>
  theirs(topic, count, (clock, ended) => ({
    eachMessage: async ({ message }) => {
      clock.tick();
      void message.value;
      ended();
    },
  }));

const eachBatch = (topic, count) =>
  theirs(topic, count, (clock, ended) => ({
    eachBatch: async ({ batch }) => {
      clock.tick(batch.messages.length);
      ended();
    },
  }));

const waiting = (topic, count) =>
  theirs(topic, count, (clock, ended) => ({
    partitionsConsumedConcurrently: PARTITIONS,
    eachMessage: async () => {
      clock.tick();
      await new Promise((resolve) => setTimeout(resolve, 5));
      ended();
    },
  }));

/** What people write: insert or ignore the id, then the row, then commit, for each record. */
async function byHand(topic, count) {
  const Database = createRequire(import.meta.url)("better-sqlite3");
  const database = new Database("hand.db");
  database.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE seen(id TEXT PRIMARY KEY) WITHOUT ROWID; CREATE TABLE n(id TEXT, total REAL)");
  const [seen, insert] = [database.prepare("INSERT OR IGNORE INTO seen VALUES (?)"), database.prepare("INSERT INTO n VALUES (?, ?)")];
  const handle = database.transaction((id) => seen.run(id).changes > 0 && insert.run(id, 1.5));
  return theirs(topic, count, (clock, ended) => ({
    eachMessage: async ({ message }) => {
      clock.tick();
      handle(message.headers["onceward-id"].toString());
      ended();
    },
  }));
}

async function ours(topic, count, kind) {
  const clock = new Clock();
  const spent = { sum: 0, calls: 0 };
  const app = new Consumer({
    brokers: BROKERS,
    group: randomUUID(),
    inbox: "sqlite:ours.db",
    autoOffsetReset: "earliest",
    createTopics: true,
    concurrency: 256,
    setupSql: ["CREATE TABLE n(id TEXT, total REAL)"],
    logLevel: "error",
    ...(kind === "poison" && { logger: false }),
  });
  const handlers = {
    plain: () => clock.tick(),
    async: async () => clock.tick(),
    effect: (event) => {
      clock.tick();
      event.effect("INSERT INTO n VALUES (?, ?)", [event.id, 1.5]);
    },
    poison: (event) => {
      clock.tick();
      if (event.offset % 100n === 0n) throw new RangeError("poison");
    },
    "5 ms": async () => {
      clock.tick();
      const began = performance.now();
      await new Promise((resolve) => setTimeout(resolve, 5));
      spent.sum += performance.now() - began;
      spent.calls += 1;
    },
  };
  if (kind === "batch") app.onBatch(topic, (batch) => clock.tick(batch.length));
  else app.on(topic, { fatal: [RangeError] }, handlers[kind]);
  const summary = await app.run({ until: "end" });
  if (summary.handled + summary.deadLetters !== count) throw new Error(JSON.stringify(summary));
  const allowed = spent.calls > 0 ? 256 / (spent.sum / spent.calls / 1000) : undefined;
  return { ...clock.end(), ...(allowed && { allowed }) };
}

const ROWS = {
  "kafkajs eachMessage, bare": [eachMessage, 1],
  "kafkajs eachBatch, bare": [eachBatch, 1],
  "onceward, everything on": [(topic, count) => ours(topic, count, "plain"), 1],
  "onceward async, everything on": [(topic, count) => ours(topic, count, "async"), 1],
  "onceward batch, everything on": [(topic, count) => ours(topic, count, "batch"), 1],
  "onceward, 1 % poison": [(topic, count) => ours(topic, count, "poison"), 1],
  "idempotent by hand, per record": [byHand, 0.05],
  "onceward with event.effect": [(topic, count) => ours(topic, count, "effect"), 1],
  "kafkajs eachMessage, 5 ms, 8 at a time": [waiting, 0.02],
  "onceward async, 5 ms": [(topic, count) => ours(topic, count, "5 ms"), 0.2],
};

const { values: chosen } = parseArgs({
  options: {
    count: { type: "string", default: "500000" },
    rounds: { type: "string", default: "3" },
    only: { type: "string", default: "" },
    row: { type: "string" },
    topic: { type: "string" },
  },
});
const total = Number(chosen.count);
if (BROKERS === "") throw new Error("set ONCEWARD_TEST_BROKERS, or use `cargo xtask bench --node`");

if (chosen.row) {
  const found = await ROWS[chosen.row][0](chosen.topic, total);
  process.stdout.write(`${JSON.stringify(found)}\n`, () => process.exit(0));
} else {
  const rows = Object.entries(ROWS).filter(([name]) => name.includes(chosen.only));
  const topics = new Map();
  for (const [, [, share]] of rows) {
    const count = Math.floor(total * share);
    if (topics.has(count)) continue;
    topics.set(count, `bench-${randomUUID().slice(0, 8)}`);
    await prepare(topics.get(count), count);
  }
  const found = new Map(rows.map(([name]) => [name, []]));
  for (let round = 0; round < Number(chosen.rounds); round += 1) {
    for (const [name, [, share]] of rows) {
      const count = Math.floor(total * share);
      const folder = mkdtempSync(join(tmpdir(), "onceward-bench-"));
      const command = [fileURLToPath(import.meta.url), "--row", name, "--topic", topics.get(count), "--count", String(count)];
      const done = spawnSync(process.execPath, command, { cwd: folder, encoding: "utf8", timeout: 600_000 });
      rmSync(folder, { recursive: true, force: true });
      if (done.status !== 0) {
        // better-sqlite3 is compiled where it is installed, and may be missing.
        console.error(`${name}: left out: ${done.stderr.split("\n").find((line) => line.includes("Error")) ?? done.stderr}`);
        found.delete(name);
        continue;
      }
      found.get(name)?.push(JSON.parse(done.stdout.trim().split("\n").at(-1)));
    }
  }
  const middle = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
  const shown = (number) => Math.round(number).toLocaleString("en");
  console.log(`${"row".padEnd(40)} ${"records/s".padStart(10)}  (lowest to highest)      CPU of the process`);
  for (const [name, runs] of found) {
    const rates = runs.map((run) => run.rate);
    const allowed = runs[0]?.allowed ? `; of what handlers allow: ${(middle(rates) / middle(runs.map((run) => run.allowed))).toFixed(2)}` : "";
    const spent = middle(runs.map((run) => run.cpu)).toFixed(2);
    console.log(
      `${name.padEnd(40)} ${shown(middle(rates)).padStart(10)}  (${shown(Math.min(...rates))} to ${shown(Math.max(...rates))})  ${spent} µs per record${allowed}`,
    );
  }
}
