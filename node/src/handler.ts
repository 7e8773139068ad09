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
  /** How long one call may take. Default 60 s. */
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
