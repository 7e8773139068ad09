// Events that are handled in one call.

import { current } from "./context";
import type { Event } from "./event";
import type { Told } from "./native";

/**
 * Several events for one call of a batch handler: of one topic, of any of its partitions; those of one key in order.
 * `for (const event of batch)` makes each the current one, so that log lines of the loop's body carry its correlation id.
 */
export class EventBatch<T = any> implements Iterable<Event<T>> {
  #fail: (position: number, error: unknown) => void;
  #signal: () => AbortSignal;

  /** @internal */
  constructor(
    /** The events. There is at least one. */
    readonly events: readonly Event<T>[],
    fail: (position: number, error: unknown) => void,
    signal: () => AbortSignal,
  ) {
    this.#fail = fail;
    this.#signal = signal;
  }

  get length(): number {
    return this.events.length;
  }

  *[Symbol.iterator](): Generator<Event<T>, void, undefined> {
    try {
      for (const event of this.events) {
        current.enterWith(event);
        yield event;
      }
    } finally {
      current.enterWith(undefined);
    }
  }

  /** Says that one event failed, by its position; the others are not concerned, except those behind it that have its key. */
  fail(position: number, error: unknown): void {
    if (!Number.isInteger(position) || position < 0 || position >= this.events.length) {
      throw new RangeError(`there is no event at ${position}; the batch has ${this.events.length}`);
    }
    this.#fail(position, error);
  }

  /** Aborts when the call is past its timeout, when all its partitions are gone, and when the run ends before the call does. */
  get signal(): AbortSignal {
    return this.#signal();
  }
}

/** How an event or a call failed. @internal */
export type Tell = (error: unknown) => Told;
