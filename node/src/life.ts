// What a rig and a run have in common beneath.

import type { Handler } from "./handler";
import type { LetterFunction } from "./letters";
import type { Lines } from "./logs";
import type { Session } from "./native";

/** A session that was opened and not started. */
export interface Life {
  readonly handlers: readonly Handler[];
  readonly onDeadLetter: LetterFunction | undefined;
  readonly session: Session;
  readonly lines: Lines;
}

/** Opens one for a consumer. The consumer sets it, so that nobody else has to see what it is made of. */
export const opening: { life: (consumer: object) => Life } = {
  life: () => {
    throw new TypeError("a rig takes a Consumer of this package");
  },
};
