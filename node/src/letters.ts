// Dead letters, told to a function while they happen.

import type { Lines } from "./logs";
import type { Session } from "./native";
import { isError } from "./errors";
import { safely } from "./outcome";

/** A dead letter, summarised for people who are to be told of it. It never holds key, value or headers of the record. */
export interface DeadLetter {
  /** The consumer group that gave the event up. */
  group: string;
  /** Where the event came from. */
  topic: string;
  partition: number;
  offset: bigint;
  /** For `onceward dlt show`. */
  letterId: string;
  /** Why: `exhausted`, `rejected`, `undecodable`, … */
  reason: string;
  /** Groups letters with one cause. */
  fingerprint: string;
  /** The error's type. */
  errorType: string;
  /** The error's text on one line, at most 500 characters. */
  message: string;
  correlationId: string;
  /** Handler calls, by the last replay if there was one. */
  attempts: number;
  /** Replays of it that failed: 0 when it is given up for the first time. */
  replays: number;
}

/** What is called with them. */
export type LetterFunction = (letter: DeadLetter) => void | Promise<void>;

/** What the function throws is logged and changes nothing. @internal */
export async function tell(session: Session, token: number, call: LetterFunction | undefined, lines: Lines): Promise<void> {
  try {
    const text = session.letter(token);
    if (text !== "") await call?.(read(text));
  } catch (error) {
    const said = safely(() => (isError(error) ? `${error.name}: ${error.message}` : String(error)), "something without a text");
    lines.say("error", {}, `onDeadLetter threw ${said}; the letter is safe, and the next one is told`);
  }
  session.letterTold(token);
}

function read(text: string): DeadLetter {
  const found = JSON.parse(text) as Record<string, never>;
  const { group, topic, partition, offset, letter_id, reason, fingerprint, error_type, message, correlation_id, attempts, replays } = found;
  return {
    ...{ group, topic, partition, reason, fingerprint, message, attempts, replays },
    ...{ offset: BigInt(offset!), letterId: letter_id, errorType: error_type, correlationId: correlation_id },
  } as unknown as DeadLetter;
}
