// Handlers in a rig: no broker, simulated time.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Consumer, Reject } from "onceward";
import { Rig } from "onceward/testing";

test("a customer pays once", async () => {
  const app = new Consumer({ brokers: "x:1", group: "g", inbox: "sqlite:unused.db", autoOffsetReset: "earliest", setupSql: ["CREATE TABLE invoice(id TEXT, total REAL)"] });
  app.on("orders", (event) => event.effect("INSERT INTO invoice VALUES (?, ?)", [event.json().id, event.json().total]));
  const rig = new Rig(app);
  for (let copy = 0; copy < 2; copy += 1) rig.send("orders", { key: "c1", json: { id: "o1", total: 9.5 }, id: "e1" });
  await rig.run();
  assert.deepEqual(rig.handled, ["e1"]);
  assert.deepEqual(rig.sql("SELECT id, total FROM invoice"), [["o1", 9.5]]);
  rig.close();
});

test("letters are chosen, replayed and discarded, and say how they stand", async () => {
  const app = new Consumer({ brokers: "x:1", group: "g", inbox: "sqlite:u.db", autoOffsetReset: "earliest", topics: { orders: { maxReplays: 1 } } });
  app.on("orders", () => {
    throw new Reject("not mended");
  });
  const rig = new Rig(app);
  for (const id of ["a1", "b1"]) rig.send("orders", { key: id[0], json: 1, id });
  await rig.run();
  const [{ letterId, fingerprint }] = rig.deadLetters;
  assert.equal(rig.replay({ reason: "exhausted" }), 0);
  assert.equal(rig.replay({ key: "a", partition: 0, letter: letterId, fingerprint, reason: "rejected" }), 1);
  await rig.run();
  const stands = () => rig.deadLetters.findLast((letter) => letter.id === "a1");
  assert.deepEqual([stands().state, stands().replays, rig.attempts("a1"), rig.attempts("b1")], ["open", 1, 2, 1]);
  assert.equal(rig.replay({ key: "a" }), 0, "maxReplays");
  assert.equal(rig.discard({ key: Buffer.from("a") }), 1);
  await rig.run();
  assert.equal(stands().state, "discarded");
  assert.deepEqual(rig.held, []);
  rig.close();
});
