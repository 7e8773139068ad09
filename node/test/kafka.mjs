// What tests of a real broker need of Kafka: another client, processes, and a look at SQLite from outside.

import { spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import kafkajs from "kafkajs";

export const BROKERS = process.env.ONCEWARD_TEST_BROKERS ?? "";
/** Options of a test that needs a broker. */
export const broker = { skip: BROKERS === "" && "no broker: set ONCEWARD_TEST_BROKERS", timeout: 120_000 };

const kafka = () => new kafkajs.Kafka({ brokers: BROKERS.split(","), logLevel: kafkajs.logLevel.NOTHING });

export const name = (what) => `js-${what}-${randomUUID().slice(0, 8)}`;

/** Waits for what another process or thread brings about. */
export async function until(holds, what, seconds = 60) {
  const end = performance.now() + seconds * 1000;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A new topic. */
export async function topic(what, numPartitions = 1) {
  const made = name(what);
  const admin = kafka().admin();
  await admin.connect();
  // Asked too early, a busy broker does not know it yet, and kafkajs takes that for an error.
  await admin.createTopics({ waitForLeaders: false, topics: [{ topic: made, numPartitions }] });
  const led = ({ topics: [{ partitions }] }) => partitions.length === numPartitions && partitions.every(({ leader }) => leader >= 0);
  try {
    await until(() => admin.fetchTopicMetadata({ topics: [made] }).then(led, () => false), `${made} has leaders`);
  } finally {
    // A connection that stays open would keep the test's process.
    await admin.disconnect();
  }
  return made;
}

/** Orders, numbered by their ids. */
export async function send(topic, count, keys = 10, first = 0) {
  const producer = kafka().producer();
  await producer.connect();
  const messages = Array.from({ length: count }, (_, index) => first + index).map((number) => ({
    key: `k${number % keys}`,
    value: JSON.stringify({ id: `o${number}`, total: number }),
    headers: { "onceward-id": `e${number}` },
  }));
  for (let from = 0; from < count; from += 5_000) await producer.send({ topic, messages: messages.slice(from, from + 5_000) });
  await producer.disconnect();
}

/** Records from the beginning of a topic. */
export async function read(topic, count) {
  const consumer = kafka().consumer({ groupId: name("reader") });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const found = [];
  await new Promise((resolve, reject) => {
    const eachMessage = async ({ message }) => {
      if (found.push(message) === count) resolve();
    };
    consumer.run({ eachMessage }).catch(reject);
  });
  await consumer.disconnect();
  return found;
}

/** A folder of the test's own, below the one with the packages, so that programs in it find them. */
export function folder(t) {
  const made = mkdtempSync(join(process.cwd(), "run-"));
  t.after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

/** A program in a process of its own; `out` is all that it said. */
export function program(t, cwd, code, given = [], flags = []) {
  const file = join(cwd, `service-${randomUUID().slice(0, 6)}.mjs`);
  writeFileSync(file, code);
  const child = spawn(process.execPath, [...flags, file, ...given], { cwd, env: { ...process.env, BROKERS } });
  const found = { child, out: "", ended: once(child, "close").then(([status, signal]) => ({ status, signal, out: found.out })) };
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (found.out += text));
  t.after(() => child.kill("SIGKILL"));
  return found;
}

/** Rows of a database that other processes write: read by another process, whose locks are its own. */
export function rows(file, query) {
  if (!existsSync(file)) return [];
  const code = "import json, sqlite3, sys; print(json.dumps(sqlite3.connect(f'file:{sys.argv[1]}?mode=ro', uri=True).execute(sys.argv[2]).fetchall()))";
  const done = spawnSync("python3", ["-c", code, file, query], { encoding: "utf8" });
  return done.status === 0 ? JSON.parse(done.stdout) : [];
}
