// Jest and node:vm run code in a realm of its own: `Error` there is not the one of errors that Node and the core make.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { test } from "node:test";
import vm from "node:vm";

const require = createRequire(import.meta.url);

/** The package as Jest loads it: its JavaScript in the realm, Node's modules and the library outside of it. */
function realm() {
  const shared = { AbortController, AbortSignal, Buffer, Uint8Array, clearInterval, process, setImmediate, setInterval, setTimeout };
  const context = vm.createContext({ ...shared });
  const loaded = new Map();
  const load = (file) => {
    if (loaded.has(file)) return loaded.get(file).exports;
    const [module, outside] = [{ exports: {} }, createRequire(file)];
    loaded.set(file, module);
    const names = ["exports", "require", "module"];
    const code = vm.compileFunction(readFileSync(file, "utf8"), names, { filename: file, parsingContext: context });
    code(module.exports, (name) => (/^\..*(?<!\.json)$/.test(name) ? load(outside.resolve(name)) : outside(name)), module);
    return module.exports;
  };
  const dist = dirname(require.resolve("onceward"));
  return { context, ...load(join(dist, "index.js")), ...load(join(dist, "testing.js")) };
}

const settings = { brokers: "x:1", group: "g", inbox: "sqlite:unused.db", autoOffsetReset: "earliest", logger: false };

test("errors of the core have their class, code and problems", () => {
  const { Consumer, ConfigError } = realm();
  assert.throws(() => new Consumer({ ...settings, autoOffsetReset: "first" }), (error) => {
    assert.ok(error instanceof ConfigError, String(error));
    assert.deepEqual([error.code, error.problems[0][0]], ["config", "auto_offset_reset"]);
    return true;
  });
});

test("what Node throws is an error with name and stack there, and fatal by its class", async () => {
  const { context, Consumer, Rig } = realm();
  const theirs = vm.runInContext("TypeError", context);
  assert.ok(!(new TypeError() instanceof theirs), "these are two realms");
  const app = new Consumer(settings);
  app.on("orders", { fatal: [theirs] }, () => {
    throw new TypeError("fetch failed", { cause: new Error("ECONNREFUSED") });
  });
  const rig = new Rig(app);
  rig.send("orders", { json: 1, id: "e1" });
  await rig.run();
  const [letter] = rig.deadLetters;
  assert.deepEqual([letter.reason, letter.header("kafka_dlt-exception-fqcn")], ["rejected", "TypeError"]);
  assert.match(letter.header("kafka_dlt-exception-stacktrace"), /fetch failed[^]*Caused by: Error: ECONNREFUSED/);
  rig.close();
});
