// One event as a handler sees it: read from the hand-over when it is asked for.

import { isUtf8 } from "node:buffer";
import { inspect } from "node:util";

import { body, headerPairs, octets, parameters, type RecordOptions } from "./bytes";
import { ClosedError, DecodeError, asked, isError } from "./errors";
import type { Frame } from "./flat";
import type { Cell, Session } from "./native";
import { kindOf, safely } from "./outcome";

/** A key, a value: bytes of the hand-over. They are not copied; who keeps one for long keeps its neighbours in memory, too. */
export type Header = readonly [name: string, value: Buffer | null];

/** Reads what JSON gave: a function, or anything with a `parse` method, as a zod schema. */
export type Parse<T> = ((json: unknown) => T) | { parse(json: unknown): T };

/** Who holds an event: a run, or a call of a batch handler. @internal */
export interface Holder {
  readonly session: Session;
  readonly token: number;
  readonly parse: ((json: unknown) => unknown) | undefined;
  signal(): AbortSignal;
  late(event: Event): void;
}

type Detail = "type" | "causationId" | "traceparent" | "idempotencyKey" | "schema";

/** A record of Kafka, with an identity. Its parts are read when they are asked for. */
export class Event<T = any> {
  #holder: Holder;
  #frame: Frame;
  #at: number;
  #position: number;
  #open = true;
  #details: Partial<Record<Detail, string | null>> | undefined;
  #parsed: { body: T } | undefined;
  #signal: AbortSignal | undefined;

  /** @internal */
  constructor(holder: Holder, frame: Frame, at: number, position: number) {
    this.#holder = holder;
    this.#frame = frame;
    this.#at = at;
    this.#position = position;
  }

  /** The handler has ended: nothing is recorded any more. @internal */
  static close(event: Event): void {
    event.#open = false;
  }

  /** The source topic. */
  get topic(): string {
    return this.#frame.topic(this.#at);
  }

  /** The partition's number. */
  get partition(): number {
    return this.#frame.partition(this.#at);
  }

  /** The record's offset. */
  get offset(): bigint {
    return this.#frame.offset(this.#at);
  }

  /** The record's key; null is Kafka's null. */
  get key(): Buffer | null {
    return this.#frame.key(this.#at);
  }

  /** The record's value; null is Kafka's null, a tombstone. */
  get value(): Buffer | null {
    return this.#frame.value(this.#at);
  }

  /** All headers in order, repeated ones included. */
  get headers(): readonly Header[] {
    return this.#frame.headers(this.#at);
  }

  /** The last header of this name that is not null. */
  header(name: string): Buffer | null {
    return this.headers.findLast(([found, value]) => found === name && value !== null)?.[1] ?? null;
  }

  /** When the record was made. */
  get timestamp(): Date | null {
    const found = this.#frame.timestamp(this.#at);
    return found === null ? null : new Date(found);
  }

  /** The event's id as its producer gave it; else its coordinates, as `topic/partition/offset`. */
  get id(): string {
    return this.#frame.id(this.#at);
  }

  /** The event's type, from where the topic's `eventType` says. */
  get type(): string | null {
    return this.#detail("type");
  }

  /** The id of the business flow. */
  get correlationId(): string {
    return this.#frame.correlationId(this.#at);
  }

  /** The id of the event that caused this one, if its producer said so. */
  get causationId(): string | null {
    return this.#detail("causationId");
  }

  /** The W3C trace context for calls to other services. */
  get traceparent(): string | null {
    return this.#detail("traceparent");
  }

  /** The number of this call for this event, counted from 1. */
  get attempt(): number {
    return this.#frame.attempt(this.#at);
  }

  /** Whether this is the replay of a dead letter. */
  get replayed(): boolean {
    return this.#frame.replayed(this.#at);
  }

  /** The id of the schema that wrote the value: a registry's number, or a global id. Null where the topic has no schema or the record does not say. */
  get schema(): number | string | null {
    const found = this.#detail("schema");
    return found !== null && /^\d+$/.test(found) ? Number(found) : found;
  }

  /** A key for the other side of a call that is no effect: the same for every attempt and redelivery. 32 hex digits. */
  get idempotencyKey(): string {
    return this.#detail("idempotencyKey") ?? "";
  }

  /**
   * Aborts when the handler is past its timeout, when its partition is gone (lost, or given back without waiting for it any longer), and when the
   * run ends before the handler does. Pass it to `fetch` and its like. Read for the first time when the handler has ended, it is aborted.
   */
  get signal(): AbortSignal {
    return (this.#signal ??= this.#open ? this.#holder.signal() : over());
  }

  /** The value as JSON (of a topic with a schema: as the schema decoded it), read by the handler's `parse` if it has one. Throws DecodeError, which gives the event up at once. */
  json(): T {
    return (this.#parsed ??= { body: this.#read() }).body;
  }

  /** Records a statement that commits with this event's mark: exactly once. Deferred: it returns nothing, and nothing runs now. */
  effect(sql: string, params?: readonly unknown[], options: { expectRows?: number } = {}): void {
    const given = parameters(params);
    if (!this.#records()) return;
    this.#holder.session.effect(this.#holder.token, this.#position, sql, given, options.expectRows ?? null);
  }

  /** Publishes an event when, and only when, this handler succeeds. */
  publish(topic: string, record: RecordOptions = {}): void {
    const { session, token } = this.#holder;
    const [key, value, headers] = [octets(record.key, "key"), body(record), headerPairs(record.headers)];
    if (this.#records()) session.emit(token, this.#position, topic, key, value, headers, record.id ?? null);
  }

  /** Reads tables in the inbox's file, now and on this thread. For handlers registered with `reads: true`. */
  query(sql: string, params?: readonly unknown[]): Cell[][] {
    const given = parameters(params);
    if (!this.#open) throw new ClosedError("the handler of this event has ended; it can't query any more");
    return asked(() => this.#holder.session.query(this.#holder.token, this.#position, sql, given));
  }

  /** Where it came from, and no payload: events are logged. */
  toJSON(): object {
    return { topic: this.topic, partition: this.partition, offset: String(this.offset), attempt: this.attempt };
  }

  /** @internal */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return `Event ${this.topic}/${this.partition}/${this.offset} attempt ${this.attempt}`;
  }

  #detail(name: Detail): string | null {
    const known = this.#details?.[name];
    if (known !== undefined) return known;
    if (!this.#open) throw new ClosedError(`event.${name} is read while the event is handled; read it before the handler ends`);
    const found = this.#holder.session.detail(this.#holder.token, this.#position, name);
    (this.#details ??= {})[name] = found;
    return found;
  }

  #records(): boolean {
    if (!this.#open) this.#holder.late(this);
    return this.#open;
  }

  #read(): T {
    const value = this.#frame.body(this.#at);
    if (value === null) throw new DecodeError("the value is null, and the handler expects JSON");
    // Decoding would put question marks in the place of what is none, and the handler would bill somebody of that name.
    if (!isUtf8(value)) throw new DecodeError("the value is not JSON: it is not UTF-8");
    let json: unknown;
    try {
      json = JSON.parse(value.toString("utf8"));
    } catch (error) {
      // Its text quotes the value, and belongs into the letter, not into a log line.
      const detail = isError(error) ? error.message : "";
      const place = /at position \d+/.exec(detail)?.[0];
      throw new DecodeError(`the value is not JSON${place ? ` ${place}` : ""}`, detail);
    }
    const { parse } = this.#holder;
    if (!parse) return json as T;
    try {
      return parse(json) as T;
    } catch (error) {
      if (safely(() => error instanceof DecodeError, false)) throw error;
      const kind = safely(() => kindOf(error), "unknown");
      const detail = safely(() => (isError(error) ? error.message : inspect(error, { depth: 2 })), "");
      throw new DecodeError(`the value is not what \`parse\` expects (${kind})`, detail);
    }
  }
}

/** The signal of what is over. @internal */
export function over(): AbortSignal {
  return AbortSignal.abort(new ClosedError("the handler of this event has ended"));
}
