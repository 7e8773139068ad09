// From what was thrown to what the loop is told. Nothing here may throw, whatever was thrown.

import { inspect } from "node:util";

import { secondsOf } from "./duration";
import { DecodeError, Reject, Retry, isError } from "./errors";
import type { Told } from "./native";

/** Characters of a stack that are kept. */
const LONGEST = 16_384;
/** Causes that are followed. */
const DEEPEST = 8;

/** What JavaScript itself throws. */
const BUILT_IN: ReadonlySet<string> = new Set(["AggregateError", "EvalError", "RangeError", "ReferenceError", "SyntaxError", "TypeError", "URIError"]);
/** Names of fields that are told of what is no error. */
const SHOWN = 8;

/** What is given up at once: error classes (subclasses included), or names of classes. */
export type Fatal = ReadonlyArray<(abstract new (...args: never[]) => unknown) | string>;

/** The program goes elsewhere: nobody's failure. @internal */
export class Left extends Error {}

/** What became of an attempt that threw. @internal */
export function told(error: unknown, fatal: Fatal, isFatal: ((error: unknown) => boolean) | undefined): Told {
  const kind = safely(() => kindOf(error), "unknown");
  const message = safely(() => textOf(error), "(no text: reading it threw)");
  const names = safely(() => namesOf(error), []);
  const stack = safely(() => stackOf(error), "(no stack: reading it threw)");
  const as = (verdict: Told["verdict"]): Told => ({ verdict, kind, message, stack, names });
  if (safely(() => error instanceof Left, false)) return as("stop");
  if (safely(() => error instanceof Reject, false)) return { verdict: "reject", kind: "Reject", message, stack: "", names: [] };
  if (safely(() => error instanceof DecodeError, false)) return as("undecodable");
  if (safely(() => error instanceof Retry, false)) {
    try {
      return { verdict: "retry", kind: "Retry", message, stack, names: [], after: secondsOf((error as Retry).after) };
    } catch (wrong) {
      return { ...as("failed"), message: `${message}: ${String(wrong)}` };
    }
  }
  const known = fatal.some((one) => {
    if (typeof one === "string") return kind === one || names.includes(one);
    // Each realm has classes of its own for what JavaScript itself throws.
    return safely(() => error instanceof one || (BUILT_IN.has(one.name) && isError(error) && names.includes(one.name)), false);
  });
  // A predicate that throws has not said that the failure is fatal.
  return as(known || safely(() => isFatal?.(error) === true, false) ? "reject" : "failed");
}

/** Whether something was thrown because of this reason: it is that, or names it among its causes, as Node's AbortError does. @internal */
export function isBecause(error: unknown, reason: unknown): boolean {
  let at = error;
  for (let depth = 0; depth < DEEPEST; depth += 1) {
    if (at === reason) return true;
    if (!safely(() => isError(at), false)) return false;
    at = safely(() => (at as Error).cause, undefined);
  }
  return false;
}

/** @internal */
export function safely<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

/** @internal */
export function kindOf(error: unknown): string {
  if (error === null) return "null";
  if (typeof error !== "object" && typeof error !== "function") return typeof error;
  const name: unknown = isError(error) ? error.name : undefined;
  // Many give their errors a name of its own; a bare "Error" says less than the class.
  if (typeof name === "string" && name !== "" && name !== "Error") return name;
  const made: unknown = (error as object).constructor?.name;
  return typeof made === "string" && made !== "" ? made : "object";
}

function namesOf(error: unknown): string[] {
  if (typeof error !== "object" || error === null) return [];
  const found: string[] = [];
  for (let proto: unknown = Object.getPrototypeOf(error); proto && proto !== Object.prototype && found.length < 64; ) {
    const name: unknown = (proto as object).constructor?.name;
    if (typeof name === "string" && name !== "" && !found.includes(name)) found.push(name);
    proto = Object.getPrototypeOf(proto);
  }
  return found;
}

function textOf(error: unknown): string {
  if (typeof error === "string") return error;
  const message: unknown = typeof error === "object" && error !== null ? (error as { message?: unknown }).message : undefined;
  if (typeof message === "string") return message;
  if (error === undefined || error === null) return `a handler threw ${error}`;
  if (typeof error !== "object") return shown(error);
  // This text is logged, and an object may hold the event's payload: the letter has it whole, where others have their stack.
  const fields = Object.keys(error as object);
  const named = fields.slice(0, SHOWN).map((field) => field.slice(0, 40)).join(", ") + (fields.length > SHOWN ? ", …" : "");
  return `a handler threw an object that is no Error${named && `, with ${named}`}`;
}

function shown(value: unknown): string {
  return inspect(value, { depth: 1, breakLength: Infinity, maxStringLength: 500 }).slice(0, 1000);
}

function stackOf(error: unknown): string {
  if (typeof error === "object" && error !== null && !isError(error)) return shown(error);
  let written = "";
  const seen = new Set<unknown>();
  for (let at = error, depth = 0; isError(at) && depth < DEEPEST && !seen.has(at); at = at.cause, depth += 1) {
    seen.add(at);
    written += (depth === 0 ? "" : "\nCaused by: ") + String(at.stack ?? at);
    if (at instanceof DecodeError && at.detail) written += `\n${at.detail}`;
    const errors: unknown = (at as Error & { errors?: unknown }).errors;
    if (Array.isArray(errors)) written += `\n${errors.length} errors: ${errors.slice(0, 5).map((one) => textOf(one)).join("; ")}`;
  }
  return written.slice(0, LONGEST);
}
