// Handlers in a rig: no broker, simulated time.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Consumer } from "onceward";
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
