// Many rigs: one after the other without a trace, and side by side.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { Consumer } from "onceward";
import { Rig } from "onceward/testing";

import { folder, program } from "./kafka.mjs";

test("a rig that is closed lets go of its handlers", async (t) => {
  const { status, out } = await program(t, folder(t), `
import { Consumer } from "onceward";
import { Rig } from "onceward/testing";
async function life() {
  const handler = () => {};
  const app = new Consumer({ brokers: "x:1", group: "g", inbox: "sqlite:u.db", autoOffsetReset: "earliest" }).on("orders", handler);
  const rig = new Rig(app);
  rig.send("orders", { json: 1 });
  await rig.run();
  rig.close();
  return new WeakRef(handler);
}
const lives = [];
for (let round = 0; round < 20; round += 1) lives.push(await life());
for (let turn = 0; turn < 10; turn += 1) {
  await new Promise(setImmediate);
  gc();
}
console.log("left:", lives.filter((life) => life.deref() !== undefined).length);`, [], ["--expose-gc"]).ended;
  assert.equal(status, 0, out);
  // The last one may still lie on the stack.
  assert.match(out, /left: [01]$/m);
});

test("rigs side by side leave Node's pool of threads to their handlers", async () => {
  const one = async () => {
    const app = new Consumer({ brokers: "x:1", group: "g", inbox: "sqlite:u.db", autoOffsetReset: "earliest", logger: false });
    app.on("orders", { retry: { attempts: 1 } }, async () => void (await readFile(import.meta.filename)));
    const rig = new Rig(app, { patience: "10s" });
    rig.send("orders", { json: 1, id: "e1" });
    await rig.run();
    const { handled } = rig;
    rig.close();
    return handled;
  };
  // As many as the pool has threads, and two more.
  assert.deepEqual(await Promise.all(Array.from({ length: 6 }, one)), Array(6).fill(["e1"]));
});

test("the benchmark of the border measures every row", () => {
  const file = fileURLToPath(new URL("../../benches/crossing/node/crossing.mjs", import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, "--count", "2000", "--rounds", "1"], { encoding: "utf8", timeout: 60_000 });
  assert.equal(status, 0, stderr);
  const found = [...stdout.matchAll(/ ([\d.]+) µs per record/g)].map(([, cost]) => Number(cost));
  assert.equal(found.length, 5, stdout);
  assert.ok(found.every((cost) => cost > 0 && cost < 1_000), stdout);
});
