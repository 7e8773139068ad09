// Writes src/library.d.ts from what napi's macros wrote down while the library was compiled. `--check` only compares.
//
//     node tools/library.mjs [--check] [FOLDER]
//
// FOLDER is that of a cargo profile; without one, ../target/ci.

import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const target = join(root, "node/src/library.d.ts");
const check = process.argv.includes("--check");
const folder = process.argv.slice(2).find((argument) => argument !== "--check") ?? join(root, "target/ci");

/** Of several builds the last one. */
function written() {
  const files = readdirSync(join(folder, "build"))
    .filter((name) => name.startsWith("onceward-node-"))
    .map((name) => join(folder, "build", name, "out/types/onceward-node"))
    .filter(existsSync)
    .sort((one, other) => statSync(other).mtimeMs - statSync(one).mtimeMs);
  if (files.length === 0) fail(`nothing was compiled in ${folder}: cargo build --profile ci -p onceward-node`);
  return readFileSync(files[0], "utf8").trimEnd().split("\n").map((line) => JSON.parse(line));
}

/** Macros write in the order in which files are compiled; here, names decide. */
const byName = (one, other) => (one.name < other.name ? -1 : Number(one.name > other.name));

/** `key?: T` takes null as well, and so do parameters: Rust reads both as none. */
const meant = (text) => text.replaceAll(" | undefined | null", " | null").replaceAll(/(\w)\?: ([^\n,)]+?)(?=[\n,)]|$)/g, tidied);
const tidied = (_, last, type) => `${last}?: ${type.endsWith(" | null") ? type : `${type} | null`}`;

const indented = (text) => text.split("\n").map((line) => (line === "" ? "" : `  ${line.replace(/^ (?!\*)/, "")}${/^\s*[/*]/.test(line) ? "" : ";"}`)).join("\n");

function library(found) {
  const of = (kind) => found.filter((one) => one.kind === kind).sort(byName);
  const types = of("type").map(({ name, def, js_doc }) => `${js_doc}export type ${name} = ${meant(def)};\n`);
  const interfaces = of("interface").map(({ name, def, js_doc }) => `${js_doc}export interface ${name} {\n${indented(meant(def))}\n}\n`);
  const classes = of("struct").map(({ name, js_doc }) => {
    const parts = found.filter((one) => one.kind === "impl" && one.name === name);
    return `${js_doc}export declare class ${name} {\n${parts.map((part) => indented(meant(part.def))).join("\n")}\n}\n`;
  });
  const functions = of("fn").map(({ def, js_doc }) => `${js_doc}export declare ${meant(def)};\n`);
  const head = "// Written by tools/library.mjs from what napi's macros say of bindings/node; a test compares the two.\n";
  return [head, ...types, ...interfaces, ...classes, ...functions].join("\n");
}

function fail(why) {
  console.error(why);
  process.exit(1);
}

const now = library(written());
if (!check) writeFileSync(target, now);
else if (!existsSync(target) || readFileSync(target, "utf8") !== now) {
  const before = existsSync(target) ? readFileSync(target, "utf8").split("\n") : [];
  const differs = now.split("\n").findIndex((line, at) => line !== before[at]);
  fail(
    `node/src/library.d.ts is not what bindings/node is, from line ${differs + 1} on:\n  there: ${before[differs] ?? "(nothing)"}\n` +
      `  now:   ${now.split("\n")[differs] ?? "(nothing)"}\nWrite it with \`node node/tools/library.mjs\`, and look at what became of its users.`,
  );
}
