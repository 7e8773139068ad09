// What is known of a registered handler.

import type { EventBatch } from "./batch";
import { type Backoff, type BackoffOptions, type Duration, retryConfig, textOf } from "./duration";
import type { Event, Parse } from "./event";
import type { Fatal } from "./outcome";

/** What all handlers have. */
export interface CommonOptions<T> {
  /** Only events of this type, or these types. Default: of all types that no other handler is for. */
  type?: string | readonly string[];
  /** The retry policy. What is left out comes from the topic's. */
  retry?: Backoff | BackoffOptions;
  /** What is given up at once, with the reason `rejected`: error classes (subclasses included), or names of classes. */
  fatal?: Fatal;
  /** A predicate for the same. */
  isFatal?: (error: unknown) => boolean;
  /** Reads bodies: what `event.json()` returns. A function, or anything with a `parse` method, as a zod schema. */
  parse?: Parse<T>;
  /** How long one call may take: the `handlerTimeout` of its topics, also for their other handlers. Default 60 s. */
  timeout?: Duration;
  /** Events that may start per second. */
  maxRate?: number;
}

/** Options of a handler of one event. */
export interface HandlerOptions<T = any> extends CommonOptions<T> {
  /** The handler calls `event.query`; its events are handed over one by one. */
  reads?: boolean;
}

/** Options of a handler of several events. */
export interface BatchOptions<T = any> extends CommonOptions<T> {
  /** Most events of one call. Default 500. */
  size?: number;
  /** Calls at once. Default 1. */
  atOnce?: number;
}

/** One registered handler: its declaration for the core, and how it is called. @internal */
export interface Handler {
  call: (events: any) => unknown;
  fatal: Fatal;
  isFatal: ((error: unknown) => boolean) | undefined;
  parse: ((json: unknown) => unknown) | undefined;
  declared: Record<string, unknown>;
}

export type EventHandler<T = any> = (event: Event<T>) => void | Promise<void>;
export type BatchHandler<T = any> = (batch: EventBatch<T>) => void | Promise<void>;

/** @internal */
export function handlerOf(
  topics: string | readonly string[],
  options: HandlerOptions & BatchOptions,
  call: unknown,
  batch: boolean,
): Handler {
  const named = typeof topics === "string" ? [topics] : [...topics];
  if (named.length === 0 || named.some((topic) => typeof topic !== "string")) throw new TypeError('name the topics: app.on("orders", …)');
  if (typeof call !== "function") throw new TypeError(`the handler of ${named.join(", ")} is a ${typeof call}; it must be a function`);
  checked(options, batch, `the handler of ${named.join(", ")}`);
  const { type, retry, fatal = [], isFatal, parse, timeout, maxRate, reads = false, size, atOnce } = options;
  const declared = {
    topics: named,
    types: type === undefined ? [] : typeof type === "string" ? [type] : [...type],
    retry: retry === undefined ? null : retryConfig(retry),
    timeout: timeout === undefined ? null : textOf(timeout),
    max_rate: maxRate ?? null,
    ...(batch ? { batch, batch_size: size ?? null, batches_at_once: atOnce ?? null } : { reads }),
  };
  const read = parse === undefined || typeof parse === "function" ? parse : (json: unknown) => parse.parse(json);
  return { call: call as Handler["call"], fatal, isFatal, parse: read, declared };
}

const isText = (one: unknown): boolean => typeof one === "string";
const isNumber = (one: unknown): boolean => typeof one === "number";
const isCalled = (one: unknown): boolean => typeof one === "function";

/** What an option may be, in words and as a check. */
const COMMON: Record<string, [wanted: string, fits: (given: any) => boolean]> = {
  type: ["a string or an array of strings", (given) => isText(given) || (Array.isArray(given) && given.every(isText))],
  retry: ["an object or a Backoff", (given) => typeof given === "object" && !Array.isArray(given)],
  fatal: ["an array of error classes and names of classes", (given) => Array.isArray(given) && given.every((one) => isText(one) || isCalled(one))],
  isFatal: ["a function", isCalled],
  parse: ["a function, or an object with a function `parse`", (given) => isCalled(given) || isCalled(given.parse)],
  timeout: ['a text as "10s", or milliseconds', (given) => isText(given) || isNumber(given)],
  maxRate: ["a number", isNumber],
};
const ONE: typeof COMMON = { ...COMMON, reads: ["true or false", (given) => typeof given === "boolean"] };
const SEVERAL: typeof COMMON = { ...COMMON, size: ["a whole number", Number.isInteger], atOnce: ["a whole number", Number.isInteger] };

/** A word that is overlooked would be a policy that nobody has. */
function checked(options: object, batch: boolean, whose: string): void {
  const known = batch ? SEVERAL : ONE;
  for (const [name, given] of Object.entries(options)) {
    const rule = known[name];
    if (!rule) throw new TypeError(`${whose} has an option ${name}; there are ${Object.keys(known).join(", ")}`);
    if (given !== undefined && (given === null || !rule[1](given))) throw new TypeError(`${whose}: ${name} must be ${rule[0]}`);
  }
}
