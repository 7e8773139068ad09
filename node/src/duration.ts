// Durations and the retry policy.

/** A text as `"200ms"`, `"10s"`, `"5m"`, `"1h"` or `"7d"`; or milliseconds. */
export type Duration = string | number;

const UNITS: Record<string, number> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 };
/** A hundred years: clocks overflow. */
const LONGEST = 100 * 365 * 86_400;

/** As the configuration has it: a text is passed on and checked there. @internal */
export function textOf(duration: Duration): string {
  return typeof duration === "string" ? duration : `${Math.max(0, Math.round(Number(duration)))}ms`;
}

/** In seconds; a RangeError says what would be right. @internal */
export function secondsOf(duration: Duration): number {
  if (typeof duration === "number") {
    if (!Number.isFinite(duration)) throw new RangeError(`${duration} is not a duration`);
    return Math.min(Math.max(0, duration / 1000), LONGEST);
  }
  const found = /^\s*(\d+)\s*(ms|s|m|h|d)\s*$/.exec(String(duration));
  if (!found) {
    throw new RangeError(`${JSON.stringify(duration)} is not a duration; write a whole number and a unit: 200ms, 10s, 5m, 1h or 7d`);
  }
  return Math.min(Number(found[1]) * (UNITS[found[2] ?? ""] ?? 1), LONGEST);
}

/** When a failed event is tried again, and when it is given up. What is not set comes from the configuration. */
export interface BackoffOptions {
  /** Handler calls per event, the first included. Default 5. */
  attempts?: number;
  /** Wait after the first failure. Default 200 ms. */
  first?: Duration;
  /** Each further wait is this many times the one before. Default 2. */
  factor?: number;
  /** Longest single wait. Default 30 s. */
  max?: Duration;
  /** Time from the first attempt to the last. Default 5 min. */
  total?: Duration;
  /** How much of each wait is random, from 0 to 1. Default 0.2. */
  jitter?: number;
}

/** A retry policy: the wait after attempt n is `first * factor ** (n - 1)`, at most `max`, shortened by up to `jitter`. */
export class Backoff {
  readonly options: Readonly<BackoffOptions>;

  constructor(options: BackoffOptions = {}) {
    this.options = { ...options };
  }
}

/** As it stands in a configuration. @internal */
export function retryConfig(retry: Backoff | BackoffOptions): Record<string, unknown> {
  const options: BackoffOptions = retry instanceof Backoff ? retry.options : retry;
  return Object.fromEntries(
    Object.entries(options)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, ["first", "max", "total"].includes(name) ? textOf(value as Duration) : value]),
  );
}
