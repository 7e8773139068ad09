// Events one after the other, for `for await`.

import type { Event } from "./event";
import { Left } from "./outcome";

/** An event that waits for the loop's body, and who waits for the end of it. */
interface Waiting {
  event: Event;
  done(): void;
  leave(error: Left): void;
}

/** Between a handler, which is called, and a loop, which asks. */
export class Stream {
  #waiting: Waiting[] = [];
  #over = false;
  #wake: () => void = () => {};

  /** The handler: its event is handled when the loop asks for the next one. */
  take = (event: Event): Promise<void> =>
    new Promise((done, leave) => {
      this.#waiting.push({ event, done, leave });
      this.#wake();
    });

  /** Yields until the run is over. What is in hand when the loop is left is nobody's failure: it is handled after the next start. */
  async *events(run: Promise<unknown>, stop: () => void): AsyncGenerator<Event, void, void> {
    const over = (): void => {
      this.#over = true;
      this.#wake();
    };
    run.then(over, over);
    let left = true;
    try {
      for (;;) {
        const next = this.#waiting[0];
        if (next) {
          yield next.event;
          this.#waiting.shift();
          next.done();
        } else if (this.#over) {
          left = false;
          await run;
          return;
        } else {
          await new Promise<void>((resolve) => (this.#wake = resolve));
        }
      }
    } finally {
      // It ends the run by itself; asked to drain before, the run would wait for the event until its deadline.
      for (const { leave } of this.#waiting) leave(new Left("the loop over events was left; its event is handled after the next start"));
      if (this.#waiting.length === 0) stop();
      // Why a run ended that nobody wants any more is no news.
      if (left) await run.catch(() => {});
    }
  }
}
