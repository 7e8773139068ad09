// Which package holds the library for this machine.

const { version, optionalDependencies = {} } = require("../package.json") as { version: string; optionalDependencies?: Record<string, string> };

/** The package that holds the library for this platform; a Linux without glibc has one of its own. */
export function platformPackage(): string {
  const report = process.platform === "linux" ? (process.report?.getReport() as { header?: { glibcVersionRuntime?: string } }) : undefined;
  const libc = process.platform !== "linux" ? "" : report?.header?.glibcVersionRuntime ? "-gnu" : "-musl";
  return `onceward-${process.platform}-${process.arch}${libc}`;
}

/** Why the package can't be used, and what to do. @internal */
export function missing(name = platformPackage(), known: readonly string[] = Object.keys(optionalDependencies)): string {
  if (known.includes(name)) {
    return (
      `the package ${name}, which holds onceward's native library for this machine, is not installed or does not load: install without ` +
      "--omit=optional, on the machine (or in the image) that runs it; a node_modules of another platform does not hold it"
    );
  }
  return (
    `onceward ${version} has no package for this platform (${name}); there ${known.length === 1 ? "is" : "are"} ${known.join(", ")}. ` +
    'Run it on one of these, or build the package: "Platforms" in the guide for Node says how'
  );
}
