#!/usr/bin/env node
// The `onceward` command: `run` is Node's, everything else is the core's own program, which comes with the platform's package.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { CREATED, type Created } from "./created";
import { missing, platformPackage } from "./platform";

const USAGE = `Usage: onceward run [--reload] FILE [--reload] [ARGUMENTS...]

Runs a consumer file, like \`node FILE\`; without a call of run() in it, its one Consumer is run. With --reload it is stopped (drained,
committed) and started again whenever a file that it loaded changes: for development.
`;

function main(given: string[]): void {
  if (given[0] === "run") void run(given.slice(1));
  else program(given);
}

function program(given: string[]): void {
  const name = platformPackage();
  let folder: string;
  try {
    folder = dirname(require.resolve(`${name}/package.json`));
  } catch {
    fail(missing(name));
  }
  const file = join(folder, "bin", "onceward");
  if (!existsSync(file)) fail(`the package ${name} was built without the command line program (only \`onceward run\` is here)`);
  child(file, given);
}

/** Another program in the place of this one. */
function child(file: string, given: string[]): void {
  const started = spawn(file, given, { stdio: "inherit" });
  // A terminal tells both; what a supervisor tells one process is handed on.
  for (const name of ["SIGTERM", "SIGHUP"] as const) process.on(name, () => started.kill(name));
  process.on("SIGINT", () => {});
  started.on("error", (error) => fail(`${file} can't be started: ${error.message}`));
  started.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

async function run(given: string[]): Promise<void> {
  // Before the file or right behind it; further behind it is the file's own.
  const reload = given.slice(0, 2).includes("--reload");
  const [file, ...rest] = given.filter((argument, place) => place > 1 || argument !== "--reload");
  if (file === undefined || file.startsWith("-")) {
    const wanted = file === "--help" || file === "-h";
    (wanted ? process.stdout : process.stderr).write(USAGE);
    process.exitCode = wanted ? 0 : 2;
    return;
  }
  if (!existsSync(file)) fail(`${file} is not a file`);
  if (reload) return child(process.execPath, ["--watch", __filename, "run", file, ...rest]);
  process.argv.splice(1, process.argv.length, resolve(file), ...rest);
  const created: Created[] = [];
  (globalThis as { [CREATED]?: Created[] })[CREATED] = created;
  await import(pathToFileURL(resolve(file)).href);
  // A file that ran its consumer itself has nothing left to do.
  const waiting = created.filter((app) => !app.hasRun);
  if (waiting.length > 1) fail("the file has several consumers and runs none of them; call run() for the one that is meant");
  await waiting[0]?.run();
}

function fail(message: string): never {
  process.stderr.write(`onceward: ${message}\n`);
  process.exit(2);
}

main(process.argv.slice(2));
