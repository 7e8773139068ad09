// The trace of an event becomes OpenTelemetry's current one, where @opentelemetry/api is installed: spans of a handler nest below its attempt.

import type * as Api from "@opentelemetry/api";

import type { Event } from "./event";

function load(): typeof Api | undefined {
  try {
    return require("@opentelemetry/api") as typeof Api;
  } catch {
    return undefined;
  }
}

const api = load();

/** Calls a handler with the event's trace as the current one. Undefined: OpenTelemetry is not installed. @internal */
export const attached: (<R>(event: Event, call: () => R) => R) | undefined =
  api &&
  ((event, call) => {
    const parent = event.traceparent;
    const span = parent === null ? undefined : spanContext(parent);
    if (!span || !api) return call();
    return api.context.with(api.trace.setSpanContext(api.context.active(), span), call);
  });

function spanContext(traceparent: string): Api.SpanContext | undefined {
  const found = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/.exec(traceparent);
  if (!found) return undefined;
  return { traceId: found[1]!, spanId: found[2]!, traceFlags: parseInt(found[3]!, 16), isRemote: true };
}
