// SIGINT and SIGTERM while a consumer runs.

import { isMainThread } from "node:worker_threads";

const NUMBERS = { SIGINT: 130, SIGTERM: 143 } as const;

/** The first one drains, the second one ends the process at once. Other listeners of the program are not disturbed. @internal */
export class Signals {
  #asked = false;
  #wanted: boolean;

  constructor(
    private readonly stop: () => void,
    wanted: boolean,
  ) {
    this.#wanted = wanted && isMainThread;
    if (this.#wanted) for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, this.#heard);
  }

  forget(): void {
    if (this.#wanted) for (const name of ["SIGINT", "SIGTERM"] as const) process.off(name, this.#heard);
  }

  #heard = (name: "SIGINT" | "SIGTERM"): void => {
    if (this.#asked) process.exit(NUMBERS[name]);
    this.#asked = true;
    this.stop();
  };
}
