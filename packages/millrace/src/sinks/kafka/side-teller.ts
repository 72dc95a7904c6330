import type {
  ChangePlace,
  Commit,
  TargetChange,
  TargetChangeEvent,
  TargetMark,
} from "../../model/sink.ts";
import type { TargetTable } from "../../model/table.ts";
import type { StateRecord, TaskState } from "./state-records.ts";

/**
 * Tells something on a topic beside those of tables, in the Kafka transaction of what it tells of. A transaction that fails
 * is written again: nothing of it counts before {@link done}.
 */
export interface SideTeller {
  /** What is durable, behind a takeover. */
  restore?(found: TaskState): void;
  /** It tells something with the next transaction, whatever that has. */
  isDue?(nowMs: number): boolean;
  /** A transaction begins. */
  begin?(commit: Commit, nowMs: number): void;
  /** Changes of a table follow. */
  table?(table: TargetTable, nowMs: number): void;
  /** One change follows, or what is told of a whole table. Hot. */
  change?(change: TargetChangeEvent | TargetMark, nowMs: number): void;
  /** All changes are there; what the state topic has to keep of them. */
  end?(commit: Commit, nowMs: number): readonly StateRecord[];
  /** A target was changed; the next transaction says that it is done. */
  applied?(change: TargetChange, place?: ChangePlace): void;
  /** The transaction is durable. */
  done(): void;
  /** It is not, and will not be. */
  undone(): void;
}
