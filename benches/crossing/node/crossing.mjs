// What crossing the border costs per record: CPU of Node's own thread, which takes hand-overs, calls a handler that does next to nothing, and
// answers. Everything else is done by threads of ours, and is not counted.
//
// In a rig, without a broker, with the installed package: `cargo xtask bench --node crossing`. Target: 0.5 µs per record in batches.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { Consumer } from "onceward";
import { Rig } from "onceward/testing";

const { values: chosen } = parseArgs({ options: { count: { type: "string", default: "100000" }, rounds: { type: "string", default: "5" } } });
const [count, rounds] = [Number(chosen.count), Number(chosen.rounds)];

const nothing = () => {};
const read = (event) => {
  if (event.key.length + event.value.length === 0) throw new Error("nothing to read");
};

/** How a handler is registered. */
const ROWS = {
  "batches of 500": (app) => app.onBatch("orders", { size: 500 }, nothing),
  "batches of 500, key and value read": (app) => app.onBatch("orders", { size: 500 }, (batch) => batch.events.forEach(read)),
  "one by one": (app) => app.on("orders", nothing),
  "one by one, key and value read": (app) => app.on("orders", read),
  "one by one, async": (app) => app.on("orders", async () => {}),
};

/** Nanoseconds that Node's thread was on a CPU; its id is that of the process. */
const spent = () => Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, "utf8").split(" ")[0]);

async function measure(register) {
  const app = new Consumer({ brokers: "x:1", group: "g", inbox: "sqlite:unused.db", autoOffsetReset: "earliest", logger: false });
  register(app);
  const rig = new Rig(app, { patience: "600s" });
  const value = "x".repeat(240);
  // One key: long runs, so that what a run costs does not count.
  for (let number = 0; number < count; number += 1) rig.send("orders", { key: "k", value, id: `e${number}` });
  const before = spent();
  await rig.run();
  const found = (spent() - before) / count / 1_000;
  const { length } = rig.handled;
  rig.close();
  if (length !== count) throw new Error(`${length} of ${count} were handled`);
  return found;
}

for (const [name, register] of Object.entries(ROWS)) {
  const found = [];
  // The first one warms up: what is compiled then is not compiled again.
  for (let round = 0; round <= rounds; round += 1) found.push(await measure(register));
  found.shift();
  found.sort((one, other) => one - other);
  console.log(`${name.padEnd(36)} ${found[found.length >> 1].toFixed(2)} µs per record (${found[0].toFixed(2)} to ${found.at(-1).toFixed(2)})`);
}
