// `onceward run` runs the consumer that a file made, also if the file's copy of this package is another one than the command's.

/** Where consumers are noted, if somebody asked for it. */
export const CREATED = Symbol.for("onceward.created");

/** What the command needs of a consumer. */
export interface Created {
  readonly hasRun: boolean;
  run(): Promise<unknown>;
}
