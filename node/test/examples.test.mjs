// What the documents and examples show does what they say.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

import { Rig } from "onceward/testing";

import { app } from "../../examples/node/billing.mjs";
import { service } from "../../examples/node/web.mjs";
import { BROKERS, broker, folder, name, read, rows, topic, until } from "./kafka.mjs";

async function bills(consumer) {
  const rig = new Rig(consumer);
  for (const id of ["e1", "e1", "e2"]) rig.send("orders", { key: "c1", json: { id: id.replace("e", "o"), total: 9.5 }, id });
  await rig.run();
  assert.deepEqual(rig.sql("SELECT order_id, total FROM invoice ORDER BY order_id"), [["o1", 9.5], ["o2", 9.5]]);
  assert.deepEqual(rig.published.map((published) => published.json()), [{ order: "o1" }, { order: "o2" }]);
  rig.close();
}

test("the example's service writes each invoice once", () => bills(app));

test("the README's service does what it says", async (t) => {
  const [, code] = /```js\n([^]*?)```/.exec(readFileSync(new URL("../README.md", import.meta.url), "utf8"));
  // Of the file only the last line is left out: it would run.
  const file = join(folder(t), "readme.mjs");
  writeFileSync(file, code.replace(/^await app\.run\(.*$/m, "export { app };"));
  await bills((await import(pathToFileURL(file).href)).app);
});

test("a web service: an order that is sent twice is billed once, and closing drains", broker, async (t) => {
  const [orders, invoices, place] = [await topic("orders"), await topic("invoices"), folder(t)];
  const { web } = service({ brokers: BROKERS, group: name("g"), inbox: `sqlite:${join(place, "billing.db")}`, orders, invoices, level: "silent" });
  await web.ready();
  const send = () => web.inject({ method: "POST", url: "/orders", payload: { id: "o1", total: 9.5 } });
  await until(async () => (await send()).statusCode === 202, "the consumer runs");
  assert.deepEqual((await send()).json(), { id: "o1" });
  assert.equal((await read(invoices, 1))[0].value.toString(), '{"order":"o1"}');
  await web.close();
  assert.deepEqual(rows(join(place, "billing.db"), "SELECT order_id, total FROM invoice"), [["o1", 9.5]]);
});
