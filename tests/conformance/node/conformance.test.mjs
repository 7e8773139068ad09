// Node's runner of the conformance cases: every handler once as a plain function and once as an async one.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { Consumer, Reject, Retry, mixin } from "onceward";
import { Rig } from "onceward/testing";

const CASES = new URL("../cases/", import.meta.url);
const FILES = fileURLToPath(new URL("../files", import.meta.url));
const SETTINGS = { brokers: "localhost:9092", group: "g", inbox: "sqlite:unused.db", autoOffsetReset: "earliest" };

class Trouble extends Error {}

function failure(name, message) {
  const kind = { [name]: class extends Trouble {} }[name];
  return new kind(message);
}

function behave(found, event, said) {
  const attempts = found.behaviour[event.id] ?? found.behaviour["*"] ?? [[]];
  for (const step of attempts[Math.min(event.attempt, attempts.length) - 1]) {
    const [word] = Object.keys(step);
    switch (word) {
      case "fail":
        throw failure(step.fail, step.message ?? "");
      case "reject":
        throw new Reject(step.reject);
      case "unless_replayed":
        if (!event.replayed) throw new Reject(step.unless_replayed);
        break;
      case "retry_after":
        throw new Retry({ after: step.retry_after });
      case "decode":
        event.json();
        break;
      case "effect": {
        const known = { $id: event.id, $key: event.key?.toString() ?? null };
        if (step.effect[1].some((value) => String(value).startsWith("$json."))) {
          for (const [name, value] of Object.entries(event.json())) known[`$json.${name}`] = value;
        }
        event.effect(step.effect[0], step.effect[1].map((value) => (value in known ? known[value] : value)));
        break;
      }
      case "publish": {
        const { topic, ...record } = step.publish;
        event.publish(topic, record);
        break;
      }
      case "log": {
        // What pino would write: the mixin's fields beside the text.
        const fields = Object.fromEntries(Object.entries(mixin()).map(([name, value]) => [name, String(value)]));
        said.push({ level: "WARN", message: step.log, fields });
        break;
      }
      default:
        assert.fail(`no step of the vocabulary: ${word}`);
    }
  }
}

function camel(config) {
  const settings = {};
  for (const [name, value] of Object.entries(config)) settings[name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase())] = value;
  return settings;
}

function build(found, awaits, said) {
  const config = JSON.parse(JSON.stringify(found.config ?? {}).replaceAll("$files", FILES));
  const app = new Consumer({ ...SETTINGS, ...camel(config) });
  for (const { topics, types, batch, retry, fatal, max_rate, reads } of found.handlers) {
    const options = { ...(retry && { retry }), ...(types && { type: types }), ...(fatal && { fatal }), ...(max_rate && { maxRate: max_rate }) };
    const one = (event) => behave(found, event, said);
    const many = (events) => {
      for (const [position, event] of events.events.entries()) {
        try {
          behave(found, event, said);
        } catch (error) {
          events.fail(position, error);
        }
      }
    };
    const call = batch ? many : one;
    const handler = awaits
      ? async (given) => {
          await new Promise(setImmediate);
          call(given);
        }
      : call;
    if (batch) app.onBatch(topics, options, handler);
    else app.on(topics, { ...options, ...(reads && { reads }) }, handler);
  }
  return app;
}

function send(rig, found) {
  for (const { topic, base64, ...record } of found.records) {
    if (base64 !== undefined) record.value = Buffer.from(base64, "base64");
    rig.send(topic, record);
  }
}

function compare(expect, rig, said, told) {
  for (const [name, wanted] of Object.entries(expect)) {
    const logs = () => [...rig.logs, ...said];
    switch (name) {
      case "handled":
        assert.deepEqual(rig.handled, wanted);
        break;
      case "handled_in_any_order":
        assert.deepEqual(rig.handled.sort(), [...wanted].sort());
        break;
      case "attempts":
        assert.deepEqual(Object.fromEntries(Object.keys(wanted).map((id) => [id, rig.attempts(id)])), wanted);
        break;
      case "letters":
        records(wanted, rig.deadLetters);
        break;
      case "held":
        assert.deepEqual(rig.held.map(({ key, ...held }) => ({ ...held, key: key?.toString() ?? null })), wanted);
        break;
      case "published":
        records(wanted, rig.published);
        break;
      case "told":
        summaries(wanted, told);
        break;
      case "sql":
        for (const [query, rows] of Object.entries(wanted)) assert.deepEqual(rig.sql(query), rows);
        break;
      case "seconds":
        assert.ok(wanted[0] * 1000 <= rig.now && rig.now <= wanted[1] * 1000, `${rig.now} ms`);
        break;
      case "logs":
        for (const line of wanted) assert.ok(logs().some((found) => matches(line, found)), `no line ${JSON.stringify(line)} in ${JSON.stringify(logs())}`);
        break;
      case "silent":
        for (const word of wanted) assert.ok(!JSON.stringify(logs()).includes(word), `${word} is in the log`);
        break;
      default:
        assert.fail(`nothing of that name is compared: ${name}`);
    }
  }
}

function summaries(wanted, found) {
  const written = found.map((letter) => ({ ...letter, offset: Number(letter.offset) }));
  assert.equal(found.length, wanted.length);
  assert.ok(!JSON.stringify(written).includes("SECRET"), "a payload was told");
  wanted.forEach((expected, index) => {
    for (const [name, value] of Object.entries(camel(expected))) assert.ok(fits(value, written[index][name]), `${name}: ${written[index][name]}`);
  });
}

function records(wanted, found) {
  assert.equal(found.length, wanted.length, JSON.stringify(found.map(({ topic, id }) => [topic, id])));
  wanted.forEach((expected, index) => {
    const record = found[index];
    for (const [name, value] of Object.entries(expected)) {
      if (name === "headers") {
        for (const [header, text] of Object.entries(value)) assert.ok(fits(text, record.header(header)), `${header}: ${record.header(header)}`);
      } else if (name === "base64") assert.deepEqual(record.value, Buffer.from(value, "base64"));
      else if (name === "json") assert.deepEqual(record.json(), value);
      else if (name === "key") assert.equal(record.key.toString(), value);
      else assert.equal(record[name], value, name);
    }
  });
}

function fits(wanted, found) {
  if (wanted === null) return found === null;
  if (wanted.ends !== undefined) return found?.endsWith(wanted.ends) ?? false;
  if (wanted.contains !== undefined) return found?.includes(wanted.contains) ?? false;
  return found === wanted;
}

function matches({ contains, level, correlated, fields = {} }, line) {
  return (
    line.message.includes(contains) &&
    (level === undefined || line.level === level) &&
    (correlated === undefined || Boolean(line.fields.correlation_id)) &&
    Object.entries(fields).every(([name, value]) => line.fields[name] === value)
  );
}

for (const file of readdirSync(CASES).filter((name) => name.endsWith(".json")).sort()) {
  const found = JSON.parse(readFileSync(new URL(file, CASES), "utf8"));
  for (const awaits of [false, true]) {
    test(`${file} ${awaits ? "async" : "plain"}`, async () => {
      const said = [];
      const app = build(found, awaits, said);
      const told = [];
      if ("told" in found.expect) app.onDeadLetter(awaits ? async (letter) => void told.push(letter) : (letter) => void told.push(letter));
      const rig = new Rig(app, { partitions: found.partitions ?? {} });
      try {
        for (const step of found.script ?? ["send", "run"]) {
          if (step === "send") send(rig, found);
          else await rig[step]();
        }
        compare(found.expect, rig, said, told);
      } finally {
        rig.close();
      }
    });
  }
}
