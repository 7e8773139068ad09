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

const LEVELS = ["error", "warn", "info", "debug"] as const;
/** What wants lines now. Lines do not say whose they are, so each logger gets all of its level. */
const wanting = new Set<Lines>();

/** Passes on what is there. @internal */
export function drain(): void {
  if (wanting.size === 0) return;
  // Consumers often share one: it gets a line once.
  const loggers = new Map<Logger, Lines>();
  for (const lines of wanting) {
    const known = loggers.get(lines.logger!);
    if (!known || lines.depth > known.depth) loggers.set(lines.logger!, lines);
  }
  for (let text = native.nextLogs(LINES); text !== ""; text = native.nextLogs(LINES)) {
    for (const line of JSON.parse(text) as Line[]) {
      const level = levelOf(line.level.toLowerCase());
      const fields = { target: line.target, ...named(line.fields) };
      for (const lines of loggers.values()) if (LEVELS.indexOf(level) <= lines.depth) lines.say(level, fields, line.message);
    }
  }
}

function collect(): void {
  const depth = Math.max(...[...wanting].map((lines) => lines.depth));
  native.collectLogs(LEVELS[depth] ?? "info");
}

function levelOf(level: string): LogLevel {
  return level === "error" || level === "warn" || level === "info" ? level : "debug";
}

/** Lines of the core are collected per process; consumers of one process share them. @internal */
export class Lines {
  readonly logger: Logger | undefined;
  /** How many levels it wants, after the first. */
  readonly depth: number;

  constructor(logger: Logger | false | undefined, level: LogLevel = "info") {
    this.logger = logger === false ? undefined : (logger ?? plain);
    this.depth = LEVELS.indexOf(level);
    if (this.depth < 0) throw new TypeError(`logLevel is ${JSON.stringify(level)}; it can be ${LEVELS.join(", ")}`);
  }

  start(): void {
    if (!this.logger) return;
    wanting.add(this);
    collect();
  }

  /** With its last lines. */
  stop(): void {
    drain();
    if (wanting.delete(this) && wanting.size > 0) collect();
  }

  /** A logger that throws must not become an event's fate. */
  say(level: LogLevel, fields: object, message: string): void {
    try {
      this.logger?.[level](fields, message);
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
