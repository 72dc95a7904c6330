import type { Position } from "./position.ts";
import type { Source, SourceWait } from "./source.ts";
import type { TableId } from "./table.ts";

/** Something that a shared source waits for, or does not read; see {@link SourceWait}. */
export interface SharedWait extends Omit<SourceWait, "what"> {
  readonly what: "table" | "pipeline";
  readonly table: TableId | null;
}

/**
 * A source that several processes read together (design/008 "Tasks"): each share is a source of its own, with its own log, and
 * a task of its own at the sink.
 */
export interface SharedSource {
  /** Shares move among processes while they run: whoever is fenced in one has lost it to another process, and no more. */
  readonly moves: boolean;
  /**
   * The shares that this process is to read from now on; again whenever they change, until `signal` aborts. The next
   * answer is asked for once everything that the last one left out has stopped: only then may another process have it.
   * @param reached told that whoever shares it out cannot be asked and is tried again, and why; null once it answers again. No share
   * may be left by then to say so (I11).
   */
  shares(
    signal: AbortSignal,
    reached?: (failure: Error | null) => void,
  ): AsyncIterable<ReadonlySet<string>>;
  /**
   * Another process has taken this share over, which this one was to run: the next answer says whose it is. Absent where
   * shares do not move.
   */
  lost?(share: string): void;
  /** Opens nothing yet. A share's name stays what it is: state is kept under it. */
  open(share: string): Source;
  /**
   * What is known of the source as a whole, whichever share: what it looks for in vain, tables that it leaves out. Cheap:
   * asked with every `status`. Absent where there is nothing but the shares.
   */
  waits?(): readonly SharedWait[];
  /** Of which tables a share is, as far as is known before they are captured. Absent where nobody knows before. */
  tables?(share: string): readonly TableId[];
  /** Where each share ends now, whoever reads it. Absent where a process is given all shares. */
  ends?(): Promise<ReadonlyMap<string, Position>>;
  /** As {@link Source.comparePositions}, of any share. */
  comparePositions?(a: Position, b: Position): number;
  /** Leaves the others to the other processes. */
  close(): Promise<void>;
}
