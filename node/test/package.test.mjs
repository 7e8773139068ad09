// What is installed: one instance however it is loaded, a border that both sides agree on, and the command.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";

import * as esm from "onceward";
import * as testing from "onceward/testing";

import { BROKERS, broker, folder, name, send, topic, until } from "./kafka.mjs";

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
    const [, body] = new RegExp(`export declare class ${name} \\{([^]*?)\\n\\}`).exec(file);
    return [...body.matchAll(/^ {2}(\w+)\(/gm)].map((found) => found[1]).filter((one) => one !== "constructor").sort();
  };
  const file = readFileSync(join(dist, "../library.d.ts"), "utf8");
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

test("options are checked: a word that is overlooked would be a policy that nobody has", () => {
  const app = new esm.Consumer({ brokers: "x:1", group: "g", inbox: "memory", autoOffsetReset: "earliest" });
  const wrong = (options) => assert.throws(() => app.on("orders", options, () => {}), TypeError, JSON.stringify(options));
  for (const options of [{ retries: 5 }, { size: 5 }, { fatal: TypeError }, { fatal: [5] }, { isFatal: true }, { parse: {} }, { type: 5 }, { reads: 1 }]) wrong(options);
  assert.throws(() => app.onBatch("orders", { reads: true }, () => {}), /there are .*atOnce/);
  assert.throws(() => new esm.Consumer({ brokers: "x:1", group: "g", inbox: "memory", autoOffsetReset: "earliest", logLevel: "loud" }), /error, warn, info, debug/);
});

test("two timeouts for the handlers of one topic are refused, since it has one", () => {
  const app = new esm.Consumer({ brokers: "x:1", group: "g", inbox: "sqlite:x.db", autoOffsetReset: "earliest" });
  app.on("orders", { type: "paid", timeout: "5s" }, () => {});
  app.on("orders", { type: "shipped", timeout: "10s" }, () => {});
  assert.throws(() => new testing.Rig(app), (error) => error instanceof esm.ConfigError && /5s.*10s/.test(error.message));
});

test("a machine without a package hears which there are; one whose package is missing, how to get it", () => {
  const { missing } = require(join(require.resolve("onceward"), "../platform.js"));
  assert.match(missing("onceward-win32-x64"), /no package for this platform \(onceward-win32-x64\); there is onceward-linux-x64-gnu\. /);
  assert.match(missing("onceward-linux-x64-gnu"), /is not installed or does not load: install without --omit=optional/);
});

test("the package with the machine code holds the texts of its licences and its bill of materials", () => {
  const read = (file) => readFileSync(require.resolve(`onceward-linux-x64-gnu/${file}`), "utf8");
  assert.match(read("LICENSE"), /Apache License/);
  const [texts, sbom] = [read("LICENSE-third-party.txt"), JSON.parse(read("onceward.cdx.json"))];
  for (const name of ["librdkafka", "napi", "tokio"]) {
    assert.ok(texts.includes(`\n${name} `), name);
    assert.ok(sbom.components.some((part) => part.name === name && part.version), name);
  }
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

for (const given of [["--reload", "app.mjs"], ["app.mjs", "--reload"]]) {
  test(`\`onceward run ${given.join(" ")}\` starts the file again when it changes`, async (t) => {
    const place = folder(t);
    const write = (word) => writeFileSync(join(place, "app.mjs"), `console.log("${word}", process.argv.slice(2).join()); setInterval(() => {}, 1000);`);
    write("first");
    const child = spawn(process.execPath, [require.resolve("onceward").replace("index.js", "cli.js"), "run", ...given, "its", "--reload"], { cwd: place, detached: true });
    t.after(() => {
      // It and its children, if any is left.
      try {
        process.kill(-child.pid, "SIGKILL");
      } catch (error) {
        assert.equal(error.code, "ESRCH");
      }
    });
    let out = "";
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (out += text));
    await until(() => out.includes("first its,--reload"), "it runs, and what stands further behind is its own");
    // Node begins to watch a file after it was loaded, and waits until it has been quiet for a moment: written until it is seen, with pauses.
    let written = -Infinity;
    const again = () => {
      if (performance.now() - written < 1_500) return;
      write("second");
      written = performance.now();
    };
    await until(() => (again(), out.includes("second its,--reload")), "it runs again");
    child.kill("SIGTERM");
    await once(child, "close");
  });
}
