// A hand-over from Rust: one buffer, of which only what a handler asks for is made into objects. bindings/bridge/src/flat.rs writes it.

import type { Session } from "./native";

const VERSION = 2;
const HEAD = 2;
const PIECE = 5;
const EVENT = 15;
const LOWEST = -(2n ** 63n);

export const RUN = 0;
export const BATCH = 1;
export const LETTER = 2;

/** A run, a batch, or a letter that is told. */
export interface Piece {
  kind: number;
  handler: number;
  token: number;
  count: number;
  /** Where its first event stands. */
  at: number;
}

/** Where an event stands when the one before it stands there. */
export const NEXT = EVENT;

/** One hand-over. */
export class Frame {
  readonly words: Int32Array;

  constructor(
    readonly bytes: Buffer,
    readonly topics: Topics,
  ) {
    const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
    if (words[0] !== VERSION) throw new Error("onceward and its native package are of different versions: install them together");
    this.words = words;
  }

  *pieces(): Generator<Piece> {
    const { words } = this;
    let at = HEAD;
    for (let left = words[1]!; left > 0; left -= 1) {
      const count = words[at + 4]!;
      const token = (words[at + 2]! >>> 0) + words[at + 3]! * 4_294_967_296;
      yield { kind: words[at]!, handler: words[at + 1]!, token, count, at: at + PIECE };
      at += PIECE + EVENT * count;
    }
  }

  topic(at: number): string {
    return this.topics.name(this.words[at + 1]!);
  }

  partition(at: number): number {
    return this.words[at + 2]!;
  }

  /** Counted from 1. */
  attempt(at: number): number {
    return Math.abs(this.words[at + 3]!);
  }

  replayed(at: number): boolean {
    return this.words[at + 3]! < 0;
  }

  offset(at: number): bigint {
    return this.wide(at + 4);
  }

  timestamp(at: number): number | null {
    const found = this.wide(at + 6);
    return found === LOWEST ? null : Number(found);
  }

  key(at: number): Buffer | null {
    const begin = this.words[at]!;
    return this.slice(begin, this.words[at + 8]!);
  }

  value(at: number): Buffer | null {
    const { words } = this;
    return this.slice(words[at]! + size(words[at + 8]!), words[at + 9]!);
  }

  /** What `json()` reads: the JSON that a schema made of the value, or the value. */
  body(at: number): Buffer | null {
    const { words } = this;
    const length = words[at + 14]!;
    if (length < 0) return this.value(at);
    return this.slice(this.afterValue(at) + words[at + 10]! + words[at + 11]! + words[at + 13]!, length);
  }

  id(at: number): string {
    const begin = this.afterValue(at);
    return this.bytes.toString("utf8", begin, begin + this.words[at + 10]!);
  }

  correlationId(at: number): string {
    const begin = this.afterValue(at) + this.words[at + 10]!;
    return this.bytes.toString("utf8", begin, begin + this.words[at + 11]!);
  }

  headers(at: number): [string, Buffer | null][] {
    const { bytes, words } = this;
    let place = this.afterValue(at) + words[at + 10]! + words[at + 11]!;
    const part = (): Buffer | null => {
      const length = bytes.readInt32LE(place);
      const found = this.slice(place + 4, length);
      place += 4 + size(length);
      return found;
    };
    return Array.from({ length: words[at + 12]! }, () => [(part() ?? bytes.subarray(0, 0)).toString("utf8"), part()]);
  }

  private afterValue(at: number): number {
    const { words } = this;
    return words[at]! + size(words[at + 8]!) + size(words[at + 9]!);
  }

  private slice(begin: number, length: number): Buffer | null {
    return length < 0 ? null : this.bytes.subarray(begin, begin + length);
  }

  private wide(word: number): bigint {
    return (BigInt(this.words[word + 1]!) << 32n) | BigInt(this.words[word]! >>> 0);
  }
}

/** Names of topics by the numbers that Rust gave them. */
export class Topics {
  private names: string[] = [];

  constructor(private readonly session: Session) {}

  name(number: number): string {
    if (number >= this.names.length) this.names = this.session.topics();
    return this.names[number] ?? "";
  }
}

/** Null has no bytes. */
function size(length: number): number {
  return length < 0 ? 0 : length;
}
