// Takes work when Node has time, calls handlers, and answers for their events. No decision is made here.

import { EventBatch } from "./batch";
import { current, fieldsOf } from "./context";
import { ClosedError, TimeoutError } from "./errors";
import { Event, type Holder, over } from "./event";
import { BATCH, Frame, LETTER, NEXT, type Piece, Topics } from "./flat";
import type { Handler } from "./handler";
import { type LetterFunction, tell } from "./letters";
import type { Lines } from "./logs";
import type { Session, Told } from "./native";
import { isBecause, told } from "./outcome";
import { attached } from "./trace";

/** Runs that are begun before the rest of the program gets a turn. */
const TURN = 256;

/** One queue of work and its handlers. */
export class Pump {
  /** What somebody listens for, by token. */
  readonly listened = new Map<number, AbortController>();
  /** Ends when nothing comes any more. */
  readonly closed: Promise<void>;

  /** The event in hand of a run is done, and the next one is begun; false: the run is over. */
  readonly next: (token: number) => boolean;

  #topics: Topics;
  #end: () => void = () => {};
  #failed: (error: unknown) => void = () => {};

  constructor(
    readonly session: Session,
    private readonly handlers: readonly Handler[],
    private readonly onDeadLetter: LetterFunction | undefined,
    readonly lines: Lines,
  ) {
    this.#topics = new Topics(session);
    this.next = session.stepper();
    this.closed = new Promise((resolve, reject) => {
      this.#end = resolve;
      this.#failed = reject;
    });
    // Who waits for it hears of it; nobody else is disturbed.
    this.closed.catch(() => {});
  }

  start(): void {
    this.session.onReady(this.#look);
  }

  /** Called by Node's loop: an error that passed here would end the process. */
  #look = (): void => {
    try {
      for (const [token, lost] of this.session.told()) this.listened.get(token)?.abort(lost ? gone() : overdue());
      const taken = this.session.take(TURN);
      if (taken) {
        this.#handle(new Frame(taken, this.#topics));
        setImmediate(this.#look);
      } else if (this.session.closed()) {
        this.#over();
        this.#end();
      }
    } catch (error) {
      this.#over();
      this.#failed(error);
      this.session.stop();
    }
  };

  /** Handlers that still run did not come to an end in time: nobody waits for them any more, and their events are handled again. */
  #over(): void {
    const controllers = [...this.listened.values()];
    this.listened.clear();
    for (const controller of controllers) controller.abort(new ClosedError("the run is over; the event is handled again after the next start"));
  }

  #handle(frame: Frame): void {
    for (const piece of frame.pieces()) {
      if (piece.kind === LETTER) {
        void tell(this.session, piece.token, this.onDeadLetter, this.lines);
        continue;
      }
      const handler = this.handlers[piece.handler];
      if (!handler) throw new Error(`there is no handler ${piece.handler}`);
      if (piece.kind === BATCH) void new Call(this, handler, frame, piece).go();
      else new Run(this, handler, frame, piece).go();
    }
  }
}

/** What runs and calls have in common. */
abstract class Held implements Holder {
  readonly session: Session;
  readonly token: number;
  readonly parse: ((json: unknown) => unknown) | undefined;
  #controller: AbortController | undefined;

  constructor(
    protected readonly pump: Pump,
    protected readonly handler: Handler,
    protected readonly frame: Frame,
    protected readonly piece: Piece,
  ) {
    this.session = pump.session;
    this.token = piece.token;
    this.parse = handler.parse;
  }

  signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      this.pump.listened.set(this.token, this.#controller);
      this.listen();
    }
    return this.#controller.signal;
  }

  late(event: Event): void {
    this.pump.lines.say(
      "warn",
      fieldsOf(event),
      "an effect or publish was recorded after the handler had ended; it is ignored: await everything before you return",
    );
  }

  /** Whether it was told to stop, and this is why it did. What else it throws meanwhile is what it says. */
  protected hasStopped(error: unknown): boolean {
    const signal = this.#controller?.signal;
    return signal !== undefined && signal.aborted && isBecause(error, signal.reason);
  }

  /** The event in hand is over: the next one has a signal of its own. */
  protected quiet(): void {
    if (this.#controller) {
      this.pump.listened.delete(this.token);
      this.#controller = undefined;
    }
  }

  protected told(error: unknown): Told {
    return told(error, this.handler.fatal, this.handler.isFatal);
  }

  protected abstract listen(): void;
}

/** Consecutive events of one key, one after the other. */
class Run extends Held {
  #at = this.piece.at;
  #position = 0;
  #event: Event | undefined;

  /** Begins with the next event, until a handler has to be awaited. */
  go = (): void => {
    for (;;) {
      this.#over();
      if (!this.pump.next(this.token)) return;
      const event = new Event(this, this.frame, this.#at, this.#position);
      this.#event = event;
      this.#at += NEXT;
      this.#position += 1;
      try {
        const result = enter(this.handler.call, event);
        // Looking for `then` is a call of the handler's, too: it may be a getter.
        if (isThenable(result)) {
          Promise.resolve(result).then(this.go, this.#fail);
          return;
        }
      } catch (error) {
        this.#fail(error);
        return;
      }
    }
  };

  #fail = (error: unknown): void => {
    const stopped = this.hasStopped(error);
    this.#over();
    if (stopped) this.session.stopped(this.token);
    else this.session.fail(this.token, this.told(error));
  };

  #over(): void {
    if (this.#event) {
      Event.close(this.#event);
      this.#event = undefined;
      this.quiet();
    }
  }

  protected override listen(): void {
    this.session.watch(this.token);
  }
}

/** A call of a batch handler. */
class Call extends Held {
  #ended = false;

  async go(): Promise<void> {
    const { frame, piece } = this;
    const events = Array.from({ length: piece.count }, (_, position) => new Event(this, frame, piece.at + NEXT * position, position));
    const batch = new EventBatch(
      events,
      (position, error) => this.session.failOne(this.token, position, this.told(error)),
      () => (this.#ended ? over() : this.signal()),
    );
    let ended: Told | null = null;
    try {
      // A loop over the batch enters its events; that must not stay with whoever calls this.
      await current.run(undefined, () => this.handler.call(batch));
    } catch (error) {
      ended = this.told(error);
    }
    this.#ended = true;
    events.forEach(Event.close);
    this.quiet();
    this.session.endBatch(this.token, ended);
  }

  protected override listen(): void {
    // The loop says it of calls without being asked.
  }
}

function overdue(): Error {
  return new TimeoutError("the handler is past its timeout");
}

function gone(): Error {
  return new ClosedError("the partition was taken away; its new owner handles the event");
}

function enter(call: Handler["call"], event: Event): unknown {
  return attached ? current.run(event, traced, call, event) : current.run(event, call, event);
}

function traced(call: Handler["call"], event: Event): unknown {
  return attached?.(event, () => call(event));
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (typeof value === "object" || typeof value === "function") && value !== null && typeof (value as { then?: unknown }).then === "function";
}
