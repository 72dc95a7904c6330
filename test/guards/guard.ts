/** The eleven invariants by number, and the paragraphs of "How they hold" by name. */
export const PROMISED = [
  1,
  2,
  3,
  4,
  5,
  6,
  7,
  8,
  9,
  10,
  11,
  "Position",
  "Fence and lost COMMIT",
  "Restart and idle lanes",
  "Chunk rows and changes",
  "Key change",
  "Barrier",
  "Tables without key",
  "Secondary unique constraints",
  "Dead letters",
  "Ghosts",
  "State at the sink",
  "Source transactions",
  "Shards",
  "Failover behind us",
] as const;

/** One of them. */
export type Promised = (typeof PROMISED)[number];

/** One place of the code that keeps a promise, how to take it away, and the test that then goes red. */
export interface Guard {
  /** What it keeps. */
  readonly keeps: readonly Promised[];
  /** What the guard does, as the page names it. */
  readonly guard: string;
  /** The file that has it, from `packages/millrace/src`. */
  readonly file: string;
  /** Text that stands there exactly once. */
  readonly take: string;
  /** What stands there instead while the guard is off. */
  readonly put: string;
  /** The test that goes red. */
  readonly shownBy: TestName;
}

/** A test by its file (from the checkout's root) and its name, or the beginning of it. */
export interface TestName {
  /** The one that is run. */
  readonly file: string;
  readonly name: string;
  /** The file that has the test, where the one that is run only calls it. */
  readonly of?: string;
}

const ROOM = "packages/millrace/src";

/** The guard's file from the checkout's root. */
export function pathOf(guard: Guard): string {
  return `${ROOM}/${guard.file}`;
}

/** The file that has the guard's test, from the checkout's root. */
export function testFileOf({ shownBy }: Guard): string {
  return shownBy.of ?? shownBy.file;
}

/** The file without its guard. @throws {Error} where the text is not there exactly once. */
export function without(guard: Guard, text: string): string {
  const [before, after, more] = text.split(guard.take);
  if (before === undefined || after === undefined || more !== undefined)
    throw new Error(`${pathOf(guard)} does not have exactly once: ${guard.take}`);
  return before + guard.put + after;
}
