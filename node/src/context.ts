// The event that is being handled, for everything that is called meanwhile.

import { AsyncLocalStorage } from "node:async_hooks";

import type { Event } from "./event";

/** @internal */
export const current = new AsyncLocalStorage<Event | undefined>();

/** The event that is being handled here; undefined outside of handlers. It follows promises, timers and callbacks. */
export function currentEvent(): Event | undefined {
  return current.getStore();
}

/** What a log line says of the event at hand. */
export interface EventFields {
  correlation_id: string;
  topic: string;
  partition: number;
  offset: number | string;
  attempt: number;
}

/** A mixin for pino: `pino({ mixin: onceward.mixin })` puts the event at hand on every line. Empty outside of handlers. */
export function mixin(): EventFields | Record<string, never> {
  const event = current.getStore();
  return event ? fieldsOf(event) : {};
}

/** @internal */
export function fieldsOf(event: Event): EventFields {
  const { correlationId, topic, partition, offset, attempt } = event;
  // JSON has no bigint; numbers beyond the safe range are texts.
  const shown = offset <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(offset) : String(offset);
  return { correlation_id: correlationId, topic, partition, offset: shown, attempt };
}
