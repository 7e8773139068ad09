// What is installed: one instance however it is loaded, a border that both sides agree on, and the command.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";

import * as esm from "onceward";
import * as testing from "onceward/testing";

import { BROKERS, broker, folder, name, send, topic } from "./kafka.mjs";

const require = createRequire(import.meta.url);

test("ESM and CommonJS are one instance, and name the same things", () => {
  const cjs = require("onceward");
  assert.deepEqual(Object.keys(esm).filter((one) => one !== "default").sort(), Object.keys(cjs).sort());
  for (const one of Object.keys(cjs)) assert.equal(esm[one], cjs[one], one);
  assert.equal(testing.Rig, require("onceward/testing").Rig);
});

test("both sides of the border agree", () => {
  const dist = require.resolve("onceward");
  const { native } = require(join(dist, "../native.js"));
  const declared = (name, file) => {
    const [, body] = new RegExp(`export interface ${name} \\{([^]*?)\\n\\}`).exec(file);
    return [...body.matchAll(/^ {4}(\w+)\(/gm)].map((found) => found[1]).sort();
  };
  const file = readFileSync(join(dist, "../native.d.ts"), "utf8");
  for (const name of ["Session", "Rig"]) {
    const there = Object.getOwnPropertyNames(native[name].prototype).filter((one) => one !== "constructor");
    assert.deepEqual(declared(name, file), there.sort(), name);
  }
  const { codes } = require(join(dist, "../errors.js"));
  assert.deepEqual([...codes].sort(), native.errorCodes().sort());
});

test("every problem of a configuration is named at once", () => {
  const wrong = () => new esm.Consumer({ group: "g", inbox: "sqlite:x.db", autoOffsetReset: "first", topics: { orders: { handlerTimeout: "soon" } } });
  assert.throws(wrong, (error) => {
    assert.ok(error instanceof esm.ConfigError && error instanceof esm.OncewardError);
    assert.deepEqual(error.problems.map(([path]) => path).sort(), ["auto_offset_reset", "brokers", "topics.orders.handler_timeout"]);
    return true;
  });
  const app = new esm.Consumer({ brokers: "x:1", group: "g", inbox: "memory", autoOffsetReset: "earliest" });
  assert.throws(() => app.on("orders"), /must be a function/);
  assert.throws(() => app.on([], () => {}), /name the topics/);
});

const command = (cwd, ...given) => spawnSync(process.execPath, [require.resolve("onceward").replace("index.js", "cli.js"), ...given], { cwd, encoding: "utf8", timeout: 60_000 });

test("the command is the core's, and its exit code, too", (t) => {
  const place = folder(t);
  const version = command(place, "--version");
  assert.match(version.stdout, /^onceward \d/);
  assert.equal(command(place, "no-such-command").status, 2);
  const absent = command(place, "run", "absent.mjs");
  assert.equal(absent.status, 2);
  assert.match(absent.stderr, /absent.mjs is not a file/);
});

test("`onceward run` runs the consumer that a file makes", broker, async (t) => {
  const [orders, place] = [await topic("orders"), folder(t)];
  await send(orders, 10);
  const code = `
import { Consumer } from "onceward";
const [topic, group] = process.argv.slice(2);
const app = new Consumer({ brokers: "${BROKERS}", group, inbox: "sqlite:billing.db", autoOffsetReset: "earliest", createTopics: true });
let seen = 0;
app.on(topic, (event) => { if (++seen === 10) { console.log("seen", event.id); app.stop(); } });
`;
  writeFileSync(join(place, "app.mjs"), code);
  const done = command(place, "run", "app.mjs", orders, name("g"));
  assert.equal(done.status, 0, done.stderr);
  assert.match(done.stdout, /seen e9/);
});
