// Keys, values, headers and parameters, as people write them.

import type { Bytes, HeaderPairs, Parameter } from "./native";

/** What an event is published with, or sent to a rig with. */
export interface RecordOptions {
  /** Bytes, or text as UTF-8; null or nothing is Kafka's null. */
  key?: string | Uint8Array | null;
  /** Bytes, or text as UTF-8; null or nothing is Kafka's null. */
  value?: string | Uint8Array | null;
  /** Written as JSON, in place of `value`. */
  json?: unknown;
  /** An object, or pairs where a name may come twice. */
  headers?: HeaderInput;
  /** The event's id. */
  id?: string;
}

/** Headers, as they are written. */
export type HeaderInput =
  | Readonly<Record<string, string | Uint8Array | null>>
  | Iterable<readonly [string, string | Uint8Array | null]>;

/** Bytes, or text as UTF-8. @internal */
export function octets(given: unknown, what: string): Bytes {
  if (given === null || given === undefined) return null;
  if (typeof given === "string") return Buffer.from(given);
  // A buffer's own memory may change before the event is sent.
  if (given instanceof Uint8Array) return given;
  throw new TypeError(`${what} must be a string, a Uint8Array or null`);
}

/** The value: `value`, or `json` written as JSON. @internal */
export function body(record: RecordOptions): Bytes {
  if (record.json === undefined) return octets(record.value, "value");
  if (record.value !== undefined) throw new TypeError("give value or json, not both");
  const text = JSON.stringify(record.json);
  if (text === undefined) throw new TypeError(`json is a ${typeof record.json}, which JSON can't write`);
  return Buffer.from(text);
}

/** @internal */
export function headerPairs(given: HeaderInput | undefined): HeaderPairs {
  if (given === undefined || given === null) return [];
  const pairs = Symbol.iterator in given ? (given as Iterable<readonly [string, string | Uint8Array | null]>) : Object.entries(given);
  return Array.from(pairs, ([name, value]): [string, Bytes] => {
    if (typeof name !== "string") throw new TypeError("headers must be an object or pairs of name and value");
    return [name, octets(value, "the value of a header")];
  });
}

/** The parameters of a statement; what is no value is refused by its position. @internal */
export function parameters(given: readonly unknown[] | undefined): Parameter[] {
  if (given === undefined) return [];
  if (!Array.isArray(given)) throw new TypeError("params must be an array with a value for each `?`; a single one is written [value]");
  for (let index = 0; index < given.length; index += 1) {
    const value: unknown = given[index];
    if (value === null || value instanceof Uint8Array) continue;
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean" || typeof value === "bigint") continue;
    const kind = value === undefined ? "undefined" : value instanceof Date ? "Date" : typeof value;
    throw new TypeError(
      `params[${index}] is ${kind}; a value is null, a boolean, a number, a bigint, a string or a Uint8Array. Write a Date as text or ` +
        "number, and anything else as JSON",
    );
  }
  return given as Parameter[];
}
