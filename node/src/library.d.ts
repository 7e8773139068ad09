// Written by tools/library.mjs from what napi's macros say of bindings/node; a test compares the two.

/** A value of a row: integers that a number can't hold exactly are bigints. */
export type Cell = null | number | bigint | string | Buffer;

/** Headers: name and bytes; null stays null. */
export type Headers = Array<[string, Uint8Array | null]>;

/** A parameter, as JavaScript has it. */
export type Parameter = null | boolean | number | bigint | string | Uint8Array;

/** A record that lies in a topic. */
export interface Found {
  /** Topic, partition and offset. */
  topic: string;
  /** The partition. */
  partition: number;
  /** The offset. */
  offset: number;
  /** The key. */
  key?: Buffer | null;
  /** The value. */
  value?: Buffer | null;
  /** Headers in order. */
  headers: Array<[string, Buffer | null]>;
  /** The event's id. */
  id: string;
  /** Of a letter: why. */
  reason?: string | null;
  /** Of a letter: handler calls. */
  attempts?: number | null;
  /** Of a letter: how it stands. */
  state?: string | null;
  /** Of a letter: replays of it that failed. */
  replays?: number | null;
  /** Of a letter: its id. */
  letterId?: string | null;
  /** Of a letter: what letters of one cause have in common. */
  fingerprint?: string | null;
}

/** How an attempt ended, as TypeScript says it. */
export interface Told {
  /** What the loop does about it. */
  verdict: 'failed' | 'retry' | 'reject' | 'undecodable' | 'stop';
  /** The error's type. */
  kind: string;
  /** Its text. */
  message: string;
  /** Its stack and causes. */
  stack: string;
  /** The names of the types above its own. */
  names: Array<string>;
  /** For `retry`: seconds. */
  after?: number | null;
}

/** A key whose later events wait behind a dead letter. */
export interface Waiting {
  /** The topic. */
  topic: string;
  /** The partition. */
  partition: number;
  /** The key of the letter's record. */
  key?: Buffer | null;
  /** The id of the event whose letter has to be settled. */
  letter: string;
  /** Ids of the events behind it, in their order. */
  behind: Array<string>;
}

/** A rig of the runtime. What lets handlers run is a promise: Node's thread handles meanwhile. */
export declare class Rig {
  /** Starts a consumer in a rig. */
  constructor(session: Session, seed: number, start: number | null, partitions: Array<[string, number]>, patience: number);
  /** Puts a record into a subscribed topic; answers topic, partition and offset as JSON. */
  send(topic: string, key: Uint8Array | null, value: Uint8Array | null, headers: Headers, id?: string | null, timestamp?: number | null, partition?: number | null): string;
  /** Until nothing is left to do. */
  run(): Promise<boolean>;
  /** One step; false: nothing is left to do. */
  step(): Promise<boolean>;
  /** Lets time pass. */
  advance(by: number): Promise<boolean>;
  /** The process dies and starts again. */
  crash(): Promise<boolean>;
  /** Seconds of simulated time. */
  now(): number;
  /** The group decides about a partition. */
  group(what: 'revoke' | 'lose' | 'assign', topic: string, partition: number): void;
  /** The inbox fails to write so many times. */
  failStore(times: number): void;
  /** The broker refuses so many writes. */
  failProduce(times: number): void;
  /** Asks that letters are handled again, or (`discard`) settled unhandled: those that have everything that is given. How many were asked for. */
  settle(verb: 'replay' | 'discard', fingerprint?: string | null, reason?: string | null, key?: Uint8Array | null, partition?: number | null, letter?: string | null): number;
  /** Keys that wait behind a dead letter. */
  held(): Array<Waiting>;
  /** Ids of the events handled and marked. */
  handled(): Array<string>;
  /** Handler calls for an event. */
  attempts(id: string): number;
  /** The offset that the group has committed. */
  committed(topic: string, partition: number): number | null;
  /** Oldest first. */
  deadLetters(): Array<Found>;
  /** In the order of arrival. */
  published(): Array<Found>;
  /** Rows of tables in the inbox's file. */
  sql(query: string): Array<Array<Cell>>;
  /** Lines of the log, as JSON. */
  logs(): string;
  /** Everything that happened. */
  history(): Array<string>;
}

/** Opened from one JSON document, started once. */
export declare class Session {
  /** Up to so many runs and batches that are there, in one buffer; null: none. From now on the bell rings again. */
  take(max: number): Buffer | null;
  /** Whether nothing comes any more. */
  closed(): boolean;
  /** Names of topics, in the order of their numbers. */
  topics(): Array<string>;
  /** Tokens of what is to stop, batches and runs with the event in hand: past its `handler_timeout`, or (true) because its partition is gone. */
  told(): Array<[number, boolean]>;
  /** From now on `told` names this run when the handler of its event in hand is to stop. */
  watch(token: number): void;
  /** A function of a token: the event in hand of that run is done, and the next one is begun; false: the run is over. */
  stepper(): (token: number) => boolean;
  /** The event in hand of a run failed; nothing behind it is begun. */
  fail(token: number, told: Told): void;
  /** The handler gave up because it was told to stop. */
  stopped(token: number): void;
  /** One event of a batch failed. */
  failOne(token: number, position: number, told: Told): void;
  /** A call of a batch handler has ended; without a word, well. */
  endBatch(token: number, told?: Told | null): void;
  /** What is told of a dead letter, as JSON. */
  letter(token: number): string;
  /** The function has heard of a letter: the next one may come. */
  letterTold(token: number): void;
  /** What is not written down in the buffer, of an event in hand. */
  detail(token: number, position: number, name: 'type' | 'causationId' | 'traceparent' | 'idempotencyKey' | 'schema'): string | null;
  /** Records a statement that commits with the mark. */
  effect(token: number, position: number, sql: string, params: Array<Parameter>, rows?: number | null): void;
  /** Publishes when the handler succeeds. */
  emit(token: number, position: number, topic: string, key: Uint8Array | null, value: Uint8Array | null, headers: Headers, id?: string | null): void;
  /** Reads tables in the inbox's file, now. */
  query(token: number, position: number, sql: string, params: Array<Parameter>): Array<Array<Cell>>;
  /** Drops what waits and what is in hand: the end of a life in a rig. */
  clear(): void;
  /** Reads and validates everything; nothing is started or connected. */
  constructor(document: string);
  /**
   * Calls the function, from Node's own loop, when there is something to do; once, until `take`. It does not keep the process alive, and
   * must not throw.
   */
  onReady(look: () => void): void;
  /** Starts it on threads of its own. */
  start(untilEnd: boolean): void;
  /** Asks it to drain and end. */
  stop(): void;
  /**
   * Nothing is handed out any more, and Node is not called any more: the end of a run or a rig. The function that was called leads to the
   * handlers, and these to us.
   */
  close(): void;
  /** Its numbers as JSON when it has ended; null while it runs. */
  ended(): string | null;
  /** Publishes from outside of handlers. The promise holds its id, when the event is durable. */
  publish(topic: string, key: Uint8Array | null, value: Uint8Array | null, headers: Headers, id?: string | null): Promise<string>;
  /** Pauses a topic, or lets it go on. */
  suspend(topic: string, paused: boolean): void;
}

/** Collects lines of this level and above, for the whole process. */
export declare function collectLogs(level: string): void;

/** The codes of errors: `errors.ts` has a class for each. */
export declare function errorCodes(): Array<string>;

/** Up to so many lines that are there now, as JSON; none: an empty text. */
export declare function nextLogs(max: number): string;
