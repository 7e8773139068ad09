// Compiles src to dist: CommonJS, and for ESM a file beside it that names the same things. There is one instance of everything, however
// it is loaded: two would not know each other's events.

import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = `${root}dist/`;
rmSync(dist, { recursive: true, force: true });
const tsc = createRequire(import.meta.url).resolve("typescript/package.json").replace("package.json", "bin/tsc");
execFileSync(process.execPath, [tsc, "-p", "tsconfig.json"], { cwd: root, stdio: "inherit" });

// Declarations are no source: they are not written again.
copyFileSync(`${root}src/library.d.ts`, `${dist}library.d.ts`);

for (const name of ["index", "testing"]) {
  const names = [...readFileSync(`${dist}${name}.js`, "utf8").matchAll(/^Object\.defineProperty\(exports, "(\w+)"|^exports\.(\w+) = /gm)]
    .map((found) => found[1] ?? found[2])
    .filter((one) => one !== "__esModule");
  const unique = [...new Set(names)].sort();
  writeFileSync(`${dist}${name}.mjs`, `export { ${unique.join(", ")} } from "./${name}.js";\n`);
  writeFileSync(`${dist}${name}.d.mts`, `export * from "./${name}.js";\n`);
}
if (existsSync(`${dist}cli.js`)) chmodSync(`${dist}cli.js`, 0o755);
copyFileSync(`${root}../LICENSE`, `${root}LICENSE`);
