// What can go wrong, and what a handler can say by throwing.

import { types } from "node:util";

import type { Duration } from "./duration";

/** Base of every error of this package. `code` is one of a closed list, the same in every language. */
export class OncewardError extends Error {
  readonly code: string = "";
  override get name(): string {
    return this.constructor.name;
  }
}

/** The configuration is wrong. */
export class ConfigError extends OncewardError {
  override readonly code = "config";
  /** All problems: pairs of field path, as in onceward.toml, and message. */
  readonly problems: ReadonlyArray<readonly [path: string, message: string]>;

  constructor(message: string, problems: ReadonlyArray<readonly [string, string]> = []) {
    super(message);
    this.problems = problems;
  }
}

/** The inbox can't be used. */
export class InboxError extends OncewardError {
  override readonly code = "inbox";
}

/** Kafka said no, or nothing. */
export class BrokerError extends OncewardError {
  override readonly code = "broker";
}

/** Topics are missing or do not fit. */
export class TopicsError extends OncewardError {
  override readonly code = "topics";
}

/** A partition halted, or the program can't go on. */
export class HaltedError extends OncewardError {
  override readonly code = "halted";
}

/** The consumer does not run, or has run. */
export class ClosedError extends OncewardError {
  override readonly code = "closed";
}

/**
 * A value is not what the handler expects. Thrown in a handler, it gives the event up at once, with the reason `undecodable`.
 *
 * Its text tells kind and place, never the value: texts are logged. The letter has the whole story, beside the value.
 */
export class DecodeError extends OncewardError {
  override readonly code = "decode";
  readonly detail: string;

  constructor(message: string, detail = "") {
    super(message);
    this.detail = detail;
  }
}

/** Why `event.signal` aborts when the handler is past its timeout. */
export class TimeoutError extends OncewardError {
  override readonly code = "timeout";
}

/** Thrown in a handler: another attempt after this long, instead of the policy's wait. It counts as an attempt. */
export class Retry extends Error {
  override readonly name = "Retry";
  /** A text as `"5s"`, or milliseconds. */
  readonly after: Duration;

  constructor(options: { after: Duration; message?: string; cause?: unknown }) {
    super(options.message ?? "the handler asked for another attempt", "cause" in options ? { cause: options.cause } : undefined);
    this.after = options.after;
  }
}

/** Thrown in a handler: the event is given up at once, with the reason `rejected`. */
export class Reject extends Error {
  override readonly name = "Reject";
}

/**
 * Whether it is an error, of whatever realm: Jest and `node:vm` have an `Error` of their own, and those that Node makes are no instances of
 * it. @internal
 */
export function isError(given: unknown): given is Error {
  return types.isNativeError(given) || given instanceof Error;
}

const MARK = "onceward-fault:";
const CLASSES: Record<string, new (message: string) => OncewardError> = {
  inbox: InboxError,
  broker: BrokerError,
  topics: TopicsError,
  halted: HaltedError,
  closed: ClosedError,
};

/** The codes that have a class. @internal */
export const codes = ["config", ...Object.keys(CLASSES)];

/** The error of a fault that crossed the border; anything else as it is. @internal */
export function translated(error: unknown): unknown {
  const text = isError(error) ? error.message : "";
  if (!text.startsWith(MARK)) return error;
  const { code, message, problems } = JSON.parse(text.slice(MARK.length)) as {
    code: string;
    message: string;
    problems: [string, string][];
  };
  if (code === "config") return new ConfigError(message, problems);
  return new (CLASSES[code] ?? OncewardError)(message);
}

/** Calls into Rust; faults come back as errors of this package. @internal */
export function asked<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw translated(error);
  }
}
