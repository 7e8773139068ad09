/**
 * A handler's life without a broker: the real core, simulated time, and your handlers as they are.
 *
 *     const rig = new Rig(app);
 *     rig.send("orders", { key: "c1", json: { id: "o1", total: 9.5 }, id: "e1" });
 *     await rig.run();
 *     assert.deepEqual(rig.handled, ["e1"]);
 *     rig.close();
 *
 * Brokers are not contacted, and the inbox is a file of the rig's own. Waits between attempts are jumped over. While a handler works, the
 * simulated clock stands still: timers and I/O in handlers take their real time.
 *
 * @packageDocumentation
 */

import { type RecordOptions, body, headerPairs, octets } from "./bytes";
import type { Consumer } from "./consumer";
import { type Duration, secondsOf } from "./duration";
import { ClosedError, asked, translated } from "./errors";
import type { Header } from "./event";
import { type Life, opening } from "./life";
import { type Cell, type Found, type Rig as NativeRig, native } from "./native";
import { Pump } from "./pump";

/** Options of a rig. */
export interface RigOptions {
  /** For the jitter of retries. Default 1. */
  seed?: number;
  /** Wall time at its beginning. */
  start?: Date | number;
  /** How many partitions a topic has. Default 1. */
  partitions?: Readonly<Record<string, number>>;
  /** Real time that one call may take before it is an error. Default 60 s. */
  patience?: Duration;
}

/** What is sent. */
export interface SendOptions extends RecordOptions {
  timestamp?: Date | number;
  partition?: number;
}

/** A line of the core's log. */
export interface LogLine {
  level: string;
  message: string;
  fields: Readonly<Record<string, string>>;
}

/** A record in a topic. */
export class FoundRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly Header[];
  /** The event's id. */
  readonly id: string;

  /** @internal */
  constructor(found: Found) {
    this.topic = found.topic;
    this.partition = found.partition;
    this.offset = BigInt(found.offset);
    this.key = found.key ?? null;
    this.value = found.value ?? null;
    this.headers = found.headers.map(([name, value]) => [name, value ?? null]);
    this.id = found.id;
  }

  /** The text of the last header of this name that is not null. */
  header(name: string): string | null {
    return this.headers.findLast(([found, value]) => found === name && value !== null)?.[1]?.toString() ?? null;
  }

  /** The value as JSON. */
  json<T = any>(): T {
    return JSON.parse(this.value?.toString() ?? "null") as T;
  }
}

/** A dead letter. */
export class DeadLetter extends FoundRecord {
  /** `exhausted`, `rejected`, `undecodable`, `invalid`, `conflict`, … */
  readonly reason: string;
  /** Handler calls. */
  readonly attempts: number;
  /** `open`, `held`, `done` or `discarded`; `orphan`: a copy that the ledger does not know. */
  readonly state: string;
  /** Replays of it that failed. */
  readonly replays: number;
  /** Its id, as `onceward dlt show` takes it. */
  readonly letterId: string;
  /** What letters of one cause have in common. */
  readonly fingerprint: string;

  /** @internal */
  constructor(found: Found) {
    super(found);
    this.reason = found.reason ?? "";
    this.attempts = found.attempts ?? 0;
    this.state = found.state ?? "orphan";
    this.replays = found.replays ?? 0;
    this.letterId = found.letterId ?? "";
    this.fingerprint = found.fingerprint ?? "";
  }
}

/** Which letters: everything that is given must fit. Nothing: all. */
export interface Which {
  fingerprint?: string;
  reason?: string;
  key?: string | Uint8Array;
  partition?: number;
  /** A letter's id. */
  letter?: string;
}

/** A key whose later events wait behind a dead letter: `afterDeadLetter: "hold"`. */
export interface HeldKey {
  topic: string;
  partition: number;
  /** The key of the letter's record. */
  key: Buffer | null;
  /** The id of the event whose letter has to be settled. */
  letter: string;
  /** Ids of the events behind it, in their order. */
  behind: string[];
}

/** A consumer in a test. The consumer itself is not changed, and may be put into any number of rigs. */
export class Rig {
  #life: Life;
  #native: NativeRig | undefined;
  #busy = false;

  constructor(app: Consumer, options: RigOptions = {}) {
    const { seed = 1, start, partitions = {}, patience = "60s" } = options;
    const life = opening.life(app);
    this.#life = life;
    const began = start === undefined ? null : Number(start);
    this.#native = asked(() => new native.Rig(life.session, seed, began, Object.entries(partitions), secondsOf(patience)));
    new Pump(life.session, life.handlers, life.onDeadLetter, life.lines).start();
  }

  /** Ends it. Afterwards nothing can be asked. */
  close(): void {
    this.#native = undefined;
    this.#life.session.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Puts a record into a subscribed topic. */
  send(topic: string, record: SendOptions = {}): { topic: string; partition: number; offset: bigint } {
    const [key, value, headers] = [octets(record.key, "key"), body(record), headerPairs(record.headers)];
    const at = record.timestamp === undefined ? null : Number(record.timestamp);
    const sent = this.#ask((rig) => rig.send(topic, key, value, headers, record.id ?? null, at, record.partition ?? null));
    const found = JSON.parse(sent) as { topic: string; partition: number; offset: number };
    return { ...found, offset: BigInt(found.offset) };
  }

  /** Until nothing is left to do. Hours of back-off pass in milliseconds. */
  async run(): Promise<void> {
    await this.#wait((rig) => rig.run());
  }

  /** One step; false: nothing is left to do. */
  step(): Promise<boolean> {
    return this.#wait((rig) => rig.step());
  }

  /** Lets time pass, and everything that happens meanwhile. */
  async advance(by: Duration): Promise<void> {
    const seconds = secondsOf(by);
    await this.#wait((rig) => rig.advance(seconds));
  }

  /** The process dies and starts again: reading goes on at the committed offsets, the inbox's file stays. */
  async crash(): Promise<void> {
    await this.#wait((rig) => {
      this.#life.session.clear();
      return rig.crash();
    });
  }

  /** The group takes a partition away; it is drained by the next `run`. */
  revoke(topic: string, partition = 0): void {
    this.#ask((rig) => rig.group("revoke", topic, partition));
  }

  /** The partition is another member's before this one knew. */
  lose(topic: string, partition = 0): void {
    this.#ask((rig) => rig.group("lose", topic, partition));
  }

  /** The group gives a partition back. */
  assign(topic: string, partition = 0): void {
    this.#ask((rig) => rig.group("assign", topic, partition));
  }

  /** The inbox fails to write so many times. */
  failStore(times = 1): void {
    this.#ask((rig) => rig.failStore(times));
  }

  /** The broker refuses so many writes of dead letters and publishes. */
  failProduce(times = 1): void {
    this.#ask((rig) => rig.failProduce(times));
  }

  /**
   * Asks that open dead letters are handled again, as `onceward dlt replay --yes` does; the next `run` carries it out. How many were asked for:
   * those that are held behind another one run by themselves, and those of which `maxReplays` replays failed are left out.
   */
  replay(which: Which = {}): number {
    return this.#settle("replay", which);
  }

  /** Asks that dead letters, open and held ones, are settled unhandled, as `onceward dlt discard --yes` does. How many were asked for. */
  discard(which: Which = {}): number {
    return this.#settle("discard", which);
  }

  #settle(verb: "replay" | "discard", { fingerprint, reason, key, partition, letter }: Which): number {
    const bytes = octets(key, "key");
    return this.#ask((rig) => rig.settle(verb, fingerprint ?? null, reason ?? null, bytes, partition ?? null, letter ?? null));
  }

  /** Keys that wait behind a dead letter. */
  get held(): HeldKey[] {
    return this.#ask((rig) => rig.held()).map((held) => ({ ...held, key: held.key ?? null }));
  }

  /** Milliseconds of simulated time since the rig began. */
  get now(): number {
    return this.#ask((rig) => rig.now()) * 1000;
  }

  /** Ids of the events handled and marked, in the order of their marks. */
  get handled(): string[] {
    return this.#ask((rig) => rig.handled());
  }

  /** Handler calls for an event. */
  attempts(id: string): number {
    return this.#ask((rig) => rig.attempts(id));
  }

  /** The offset that the group has committed. */
  committed(topic: string, partition = 0): bigint | null {
    const found = this.#ask((rig) => rig.committed(topic, partition)) ?? null;
    return found === null ? null : BigInt(found);
  }

  /** Oldest first, each as it stands. */
  get deadLetters(): DeadLetter[] {
    return this.#ask((rig) => rig.deadLetters()).map((found) => new DeadLetter(found));
  }

  /** In the order of arrival. */
  get published(): FoundRecord[] {
    return this.#ask((rig) => rig.published()).map((found) => new FoundRecord(found));
  }

  /** Rows of your tables in the inbox's file. */
  sql(query: string): Cell[][] {
    return this.#ask((rig) => rig.sql(query));
  }

  /** Lines of the core, INFO and above, each with the fields of its event. */
  get logs(): LogLine[] {
    const lines = JSON.parse(this.#ask((rig) => rig.logs())) as { level: string; message: string; fields: [string, string][] }[];
    // Of several fields with one name the innermost counts, which stands first.
    return lines.map(({ level, message, fields }) => ({ level, message, fields: Object.fromEntries([...fields].reverse()) }));
  }

  /** Everything that happened, with its simulated time. */
  get history(): string[] {
    return this.#ask((rig) => rig.history());
  }

  #ask<T>(call: (rig: NativeRig) => T): T {
    const rig = this.#native;
    if (!rig) throw new ClosedError("this rig is closed");
    if (this.#busy) throw new ClosedError("this rig is at work: await run(), step(), advance() and crash() before anything else is asked of it");
    return asked(() => call(rig));
  }

  async #wait(call: (rig: NativeRig) => Promise<boolean>): Promise<boolean> {
    const asking = this.#ask(call);
    this.#busy = true;
    try {
      return await asking;
    } catch (error) {
      throw translated(error);
    } finally {
      this.#busy = false;
    }
  }
}
