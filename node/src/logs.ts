// Lines of the core go where the program's own go.

import { native } from "./native";

/** Where lines go: pino fits, and so do winston's child loggers with this order of arguments. */
export interface Logger {
  error(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
  debug(fields: object, message: string): void;
}

/** From which level on lines are written. */
export type LogLevel = "error" | "warn" | "info" | "debug";

interface Line {
  level: string;
  target: string;
  message: string;
  at: number;
  fields: [string, string][];
}

const NUMBERS = new Set(["partition", "offset", "attempt"]);
const LINES = 1_000;

/** One line each on standard error. */
const plain: Logger = {
  error: (fields, message) => write("ERROR", fields, message),
  warn: (fields, message) => write("WARN", fields, message),
  info: (fields, message) => write("INFO", fields, message),
  debug: (fields, message) => write("DEBUG", fields, message),
};

function write(level: string, fields: object, message: string): void {
  // The text has the line's own fields already.
  const shown = Object.entries(fields).filter(([name]) => name !== "target" && !message.includes(` ${name}=`));
  const tail = shown.length ? ` {${shown.map(([name, value]) => `${name}=${String(value)}`).join(" ")}}` : "";
  process.stderr.write(`${new Date().toISOString()} ${level} ${message}${tail}\n`);
}

/** Lines are collected per process; consumers of one process share them. @internal */
export class Lines {
  readonly #logger: Logger | undefined;
  readonly #level: LogLevel;

  constructor(logger: Logger | false | undefined, level: LogLevel | undefined) {
    this.#logger = logger === false ? undefined : (logger ?? plain);
    this.#level = level ?? "info";
  }

  start(): void {
    if (this.#logger) native.collectLogs(this.#level);
  }

  /** Passes on what is there. A logger that throws must not become an event's fate. */
  drain(): void {
    if (!this.#logger) return;
    for (let text = native.nextLogs(LINES); text !== ""; text = native.nextLogs(LINES)) {
      for (const line of JSON.parse(text) as Line[]) {
        this.say(line.level.toLowerCase(), { target: line.target, ...named(line.fields) }, line.message);
      }
    }
  }

  say(level: string, fields: object, message: string): void {
    try {
      const known = level === "error" || level === "warn" || level === "info" ? level : "debug";
      this.#logger?.[known](fields, message);
    } catch {
      // There is nowhere left to say it.
    }
  }
}

/** Of several fields with one name the innermost, which stands first. */
function named(fields: [string, string][]): Record<string, string | number> {
  const found: Record<string, string | number> = {};
  for (const [name, value] of fields) {
    if (!(name in found)) found[name] = NUMBERS.has(name) && /^-?\d{1,15}$/.test(value) ? Number(value) : value;
  }
  return found;
}
