/**
 * Kafka events handled once, in order per key, retried, dead-lettered and traced.
 *
 * @packageDocumentation
 */

export { EventBatch } from "./batch";
export type { HeaderInput, RecordOptions } from "./bytes";
export { Consumer, type ConsumerOptions, type RunOptions, type Summary } from "./consumer";
export { currentEvent, mixin, type EventFields } from "./context";
export { Backoff, type BackoffOptions, type Duration } from "./duration";
export {
  BrokerError,
  ClosedError,
  ConfigError,
  DecodeError,
  HaltedError,
  InboxError,
  OncewardError,
  Reject,
  Retry,
  TimeoutError,
  TopicsError,
} from "./errors";
export { Event, type Header, type Parse } from "./event";
export type { BatchHandler, BatchOptions, CommonOptions, EventHandler, HandlerOptions } from "./handler";
export type { DeadLetter, LetterFunction } from "./letters";
export type { LogLevel, Logger } from "./logs";
export type { Cell } from "./native";
export type { Fatal } from "./outcome";
export type { Settings } from "./settings";
