// What crosses the border to Rust: the other side is bindings/node. A test compares the two.

/** How an attempt ended. */
export interface Told {
  verdict: "failed" | "retry" | "reject" | "undecodable" | "stop";
  kind: string;
  message: string;
  stack: string;
  names: string[];
  after?: number;
}

export type Bytes = Uint8Array | null;
export type HeaderPairs = [string, Bytes][];
export type Parameter = null | boolean | number | bigint | string | Uint8Array;
/** A value of a row: integers that a number can't hold exactly are bigints. */
export type Cell = null | number | bigint | string | Buffer;

export interface Session {
  onReady(look: () => void): void;
  start(untilEnd: boolean): void;
  stop(): void;
  close(): void;
  ended(): string | null;
  publish(topic: string, key: Bytes, value: Bytes, headers: HeaderPairs, id: string | null): Promise<string>;
  suspend(topic: string, paused: boolean): void;
  take(max: number): Buffer | null;
  closed(): boolean;
  topics(): string[];
  told(): number[];
  watch(token: number): void;
  /** A function: the event in hand of a run is done, and the next one is begun; false: the run is over. */
  stepper(): (token: number) => boolean;
  fail(token: number, told: Told): void;
  stopped(token: number): void;
  failOne(token: number, position: number, told: Told): void;
  endBatch(token: number, told: Told | null): void;
  letter(token: number): string;
  letterTold(token: number): void;
  detail(token: number, position: number, name: "type" | "causationId" | "traceparent" | "idempotencyKey"): string | null;
  effect(token: number, position: number, sql: string, params: Parameter[], rows: number | null): void;
  emit(token: number, position: number, topic: string, key: Bytes, value: Bytes, headers: HeaderPairs, id: string | null): void;
  query(token: number, position: number, sql: string, params: Parameter[]): Cell[][];
  clear(): void;
}

/** A record that lies in a topic of a rig. */
export interface Found {
  topic: string;
  partition: number;
  offset: number;
  key: Buffer | null;
  value: Buffer | null;
  headers: [string, Buffer | null][];
  id: string;
  reason?: string;
  attempts?: number;
}

export interface Rig {
  send(
    topic: string,
    key: Bytes,
    value: Bytes,
    headers: HeaderPairs,
    id: string | null,
    timestamp: number | null,
    partition: number | null,
  ): string;
  run(): Promise<boolean>;
  step(): Promise<boolean>;
  advance(seconds: number): Promise<boolean>;
  crash(): Promise<boolean>;
  now(): number;
  group(what: "revoke" | "lose" | "assign", topic: string, partition: number): void;
  failStore(times: number): void;
  failProduce(times: number): void;
  handled(): string[];
  attempts(id: string): number;
  committed(topic: string, partition: number): number | null;
  deadLetters(): Found[];
  published(): Found[];
  sql(query: string): Cell[][];
  logs(): string;
  history(): string[];
}

interface Native {
  Session: new (document: string) => Session;
  Rig: new (session: Session, seed: number, start: number | null, partitions: [string, number][], patience: number) => Rig;
  errorCodes(): string[];
  collectLogs(level: string): void;
  nextLogs(max: number): string;
}

/** The package that holds the library for this platform; a Linux without glibc has one of its own. */
export function platformPackage(): string {
  const report = process.platform === "linux" ? (process.report?.getReport() as { header?: { glibcVersionRuntime?: string } }) : undefined;
  const libc = process.platform !== "linux" ? "" : report?.header?.glibcVersionRuntime ? "-gnu" : "-musl";
  return `onceward-${process.platform}-${process.arch}${libc}`;
}

function load(): Native {
  const name = platformPackage();
  try {
    return require(name) as Native;
  } catch (error) {
    throw new Error(
      `onceward has no native library for ${process.platform} ${process.arch}: the package ${name} is not installed or does not load ` +
        "(is `npm install` run with --omit=optional, or was node_modules copied from another machine?)",
      { cause: error },
    );
  }
}

export const native = load();
