// The library in Rust. What crosses the border is written down in library.d.ts, by the macros of bindings/node.

import type * as Library from "./library";
import { missing, platformPackage } from "./platform";

export type { Cell, Found, Parameter, Rig, Session, Told, Waiting } from "./library";

export type Bytes = Uint8Array | null;
export type HeaderPairs = Library.Headers;

function load(): typeof Library {
  try {
    return require(platformPackage()) as typeof Library;
  } catch (error) {
    throw new Error(missing(), { cause: error });
  }
}

export const native = load();
