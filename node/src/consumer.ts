// The consumer: handlers for topics, in one group.

import { body, headerPairs, octets, type RecordOptions } from "./bytes";
import { written } from "./config";
import { CREATED, type Created } from "./created";
import { ClosedError, ConfigError, asked, translated } from "./errors";
import type { Event } from "./event";
import { type BatchHandler, type BatchOptions, type EventHandler, type Handler, type HandlerOptions, handlerOf } from "./handler";
import type { LetterFunction } from "./letters";
import { opening } from "./life";
import { Lines, type LogLevel, type Logger, drain } from "./logs";
import { native, type Session } from "./native";
import { Pump } from "./pump";
import type { Settings } from "./settings";
import { Signals } from "./signals";
import { Stream } from "./stream";

/** Milliseconds between two looks at lines of the log. */
const LINES = 200;

/** What a run did. */
export interface Summary {
  /** Events handled and durably marked. */
  handled: number;
  /** Copies dropped. */
  duplicates: number;
  /** Events that no handler wanted (`unroutedType: "ignore"`). */
  ignored: number;
  /** Attempts that failed. */
  failedAttempts: number;
  /** Events in the dead-letter topic. */
  deadLetters: number;
  /** Ids seen with other bytes. */
  identityConflicts: number;
  /** Events given back unresolved with their partition; somebody reads them again. */
  abandoned: number;
  /** Partitions halted by an alert. */
  halted: number;
}

/** Besides the settings of onceward.toml. */
export interface ConsumerOptions {
  /** A TOML file to start from, with `ONCEWARD_*` variables over it; settings given here win. */
  file?: string;
  /** Where lines of the core go: pino or its like. Default: one line each on standard error. `false`: nowhere. */
  logger?: Logger | false;
  /** From which level on. Default `"info"`. Lines are the process's: each logger of its running consumers gets all of its level. */
  logLevel?: LogLevel;
}

/** How long to run. */
export interface RunOptions {
  /** Aborted, the run drains, commits and ends. */
  signal?: AbortSignal;
  /** `"end"`: stops when every partition is read to its end and everything is handled or dead-lettered. */
  until?: "end";
  /** Whether SIGINT and SIGTERM drain, and a second one ends the process at once. Default: without `signal`, in the main thread. */
  signals?: boolean;
}

/** A consumer. A wrong setting throws ConfigError here, with every problem at once. */
export class Consumer {
  #document: { file?: string; config: Record<string, unknown> };
  #handlers: Handler[] = [];
  #letters: LetterFunction | undefined;
  #lines: Lines;
  #session: Session | undefined;
  /** The end of a run, however it ends: whoever called it hears why. */
  #running: Promise<unknown> | undefined;
  /** Whether it was run. */
  hasRun = false;

  constructor(settings: Settings & ConsumerOptions) {
    const { file, logger, logLevel, ...rest } = settings;
    this.#lines = new Lines(logger, logLevel);
    this.#document = { ...(file !== undefined && { file }), config: written(rest) };
    // Opened for its checks only.
    this.#open([]);
    (globalThis as { [CREATED]?: Created[] })[CREATED]?.push(this);
  }

  /** A consumer configured by a TOML file, with `ONCEWARD_*` variables over it. */
  static fromFile(file: string, options: Omit<ConsumerOptions, "file"> = {}): Consumer {
    return new Consumer({ ...options, file });
  }

  /** Handles the events of topics, one per call. */
  on<T = any>(topics: string | readonly string[], handler: EventHandler<T>): this;
  on<T = any>(topics: string | readonly string[], options: HandlerOptions<T>, handler: EventHandler<T>): this;
  on(topics: string | readonly string[], options: HandlerOptions | EventHandler, handler?: EventHandler): this {
    return this.#register(topics, options, handler, false);
  }

  /** Handles the events of topics several at a time: as many as are ready. */
  onBatch<T = any>(topics: string | readonly string[], handler: BatchHandler<T>): this;
  onBatch<T = any>(topics: string | readonly string[], options: BatchOptions<T>, handler: BatchHandler<T>): this;
  onBatch(topics: string | readonly string[], options: BatchOptions | BatchHandler, handler?: BatchHandler): this {
    return this.#register(topics, options, handler, true);
  }

  /**
   * Calls a function for each event that this consumer gives up: when the letter is durable, one after the other, and never in the way of
   * handlers. What it throws is logged and changes nothing.
   */
  onDeadLetter(call: LetterFunction): this {
    if (this.#session) throw new ClosedError("this consumer runs already; register functions before run()");
    if (typeof call !== "function") throw new TypeError(`onDeadLetter is a ${typeof call}; it must be a function`);
    const message = "has a function already; call what else is to hear of letters from there";
    if (this.#letters) throw new ConfigError(`onDeadLetter: ${message}`, [["on_dead_letter", message]]);
    this.#letters = call;
    return this;
  }

  #register(topics: string | readonly string[], options: unknown, handler: unknown, batch: boolean): this {
    if (this.#session) throw new ClosedError("this consumer runs already; register handlers before run()");
    const [given, call] = typeof options === "function" ? [{}, options] : [options ?? {}, handler];
    this.#handlers.push(handlerOf(topics, given as HandlerOptions, call, batch));
    return this;
  }

  /**
   * Runs until `stop()`, the signal, SIGINT or SIGTERM; then drains, commits and closes. Rejects with what keeps it from starting or going
   * on.
   */
  run(options: RunOptions = {}): Promise<Summary> {
    if (this.#session) return Promise.reject(new ClosedError("this consumer runs already"));
    const running = this.#run(options, this.#handlers);
    this.#running = running.then(Boolean, Boolean);
    return running;
  }

  async #run({ signal, until, signals = signal === undefined }: RunOptions, handlers: readonly Handler[], more = {}): Promise<Summary> {
    if (until !== undefined && until !== "end") throw new TypeError(`until is ${JSON.stringify(until)}; it can be "end"`);
    if (signal !== undefined && typeof signal.addEventListener !== "function") throw new TypeError("signal must be an AbortSignal");
    this.hasRun = true;
    const session = this.#open(handlers, more);
    this.#session = session;
    const lines = this.#lines;
    const pump = new Pump(session, handlers, this.#letters, lines);
    const stop = (): void => session.stop();
    const heard = new Signals(stop, signals);
    // Work wakes Node by itself, and does not keep it alive; this does.
    const alive = setInterval(drain, LINES);
    try {
      lines.start();
      pump.start();
      signal?.addEventListener("abort", stop);
      if (signal?.aborted) stop();
      else asked(() => session.start(until === "end"));
      await pump.closed;
      return JSON.parse(asked(() => session.ended()) ?? "{}") as Summary;
    } finally {
      clearInterval(alive);
      signal?.removeEventListener("abort", stop);
      heard.forget();
      session.close();
      lines.stop();
      this.#session = undefined;
    }
  }

  /**
   * Runs, and gives the events of topics one after the other, in place of a handler: `for await (const event of app.events("orders"))`. An
   * event is handled when the loop asks for the next one; when the loop is left by `break` or an error, the event in hand is handled again
   * after the next start. One event at a time: handlers do more at once.
   */
  async *events<T = any>(topics: string | readonly string[], options: HandlerOptions<T> & RunOptions = {}): AsyncGenerator<Event<T>, void, void> {
    const { signal, until, signals, ...rest } = options;
    if (this.#session) throw new ClosedError("this consumer runs already");
    const stream = new Stream();
    const given = { ...(signal && { signal }), ...(until && { until }), ...(signals !== undefined && { signals }) };
    const running = this.#run(given, [...this.#handlers, handlerOf(topics, rest, stream.take, false)], { concurrency: 1 });
    this.#running = running.then(Boolean, Boolean);
    yield* stream.events(running, () => this.stop());
  }

  /** Asks a run to drain and end. Asking twice is fine. */
  stop(): void {
    this.#session?.stop();
  }

  /**
   * Stops it, and waits for the end: `await using app = new Consumer(…)`. Why a run ended is told by its promise alone: thrown here as well, it
   * would bury what the block itself throws.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    await this.#running;
  }

  /** Starts no handler of this topic any more. Running ones go on to their end; the topic keeps its partitions. */
  pause(topic: string): void {
    asked(() => this.#started().suspend(topic, true));
  }

  /** Starts handlers of this topic again. */
  resume(topic: string): void {
    asked(() => this.#started().suspend(topic, false));
  }

  /** Publishes from outside of handlers, while the consumer runs. The event's id, when it is durable. */
  async publish(topic: string, record: RecordOptions = {}): Promise<string> {
    const session = this.#started();
    try {
      return await session.publish(topic, octets(record.key, "key"), body(record), headerPairs(record.headers), record.id ?? null);
    } catch (error) {
      throw translated(error);
    }
  }

  static {
    opening.life = (consumer) => {
      if (!(consumer instanceof Consumer)) throw new TypeError("a rig takes a Consumer of this package");
      const handlers = [...consumer.#handlers];
      return { handlers, onDeadLetter: consumer.#letters, session: consumer.#open(handlers), lines: new Lines(false, undefined) };
    };
  }

  #open(handlers: readonly Handler[], more = {}): Session {
    const config = { ...this.#document.config, ...more };
    const document = { ...this.#document, config, handlers: handlers.map((handler) => handler.declared), channels: 1, on_dead_letter: this.#letters ? 0 : null };
    return asked(() => new native.Session(JSON.stringify(document)));
  }

  #started(): Session {
    if (!this.#session) throw new ClosedError("this consumer does not run; call this while run() is under way");
    return this.#session;
  }
}
