// Settings cross with the names of onceward.toml.

import { shapes } from "./settings";

/** `autoOffsetReset` is `auto_offset_reset`; names of topics and of client properties stay as they are. @internal */
export function written(settings: object, table = "Settings"): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(settings)) {
    if (value === undefined) continue;
    const below = shapes[table]?.[name];
    found[snake(name)] = isTable(value) && below ? nested(value, below) : value;
  }
  return found;
}

function nested(value: object, below: { table?: string; each?: string }): Record<string, unknown> {
  if (below.table) return written(value, below.table);
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, isTable(one) ? written(one, below.each) : one]));
}

function isTable(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
