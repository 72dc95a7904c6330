import type { ConnectorContext } from "../model/source.ts";
import { silentLogger, systemClock } from "../model/ports.ts";
import type {
  Commit,
  LaneStamp,
  Sink,
  SinkCapabilities,
  StateEntry,
  Takeover,
  Write,
} from "../model/sink.ts";
import type { TableShape, TargetTable } from "../model/table.ts";
import { tableId } from "../model/table.ts";
import type { Row, Value } from "../model/value.ts";

/** What a sink gives so that the kit can try it. */
export interface SinkKit {
  /** A sink, not yet opened; all of them write to one place that is there as long as the kit is used. */
  makeSink(context: ConnectorContext): Sink;
  /**
   * Everything that a table holds, values in their canonical form, in any order. For a sink where every change
   * matters: what its changes add up to.
   */
  readTable(table: TargetTable): Promise<readonly Row[]>;
  /**
   * Gives an opened sink to `work`. After `arm` was called, the connection of the next commit is cut: before anything
   * of it has reached the server, or after it was applied and before its answer. Absent where nothing can be lost.
   */
  loseAnswer?(
    context: ConnectorContext,
    when: "before" | "after",
    work: (sink: Sink, arm: () => void) => Promise<void>,
  ): Promise<void>;
  /**
   * Changes of a superseded task may land as long as its heir has written nothing to the same place; the heir sends them again.
   * Only for a sink that promises no more than at least once.
   */
  readonly lateDataMayLand?: boolean;
  /** A row that the sink will never take, of the kit's plain table (`id` bigint, `v` text, `w` integer). */
  readonly refusedRow?: Row;
}

/** A pipeline's hold on a sink: a takeover, and what it takes to commit. */
export class SinkTask {
  readonly sink: Sink;
  readonly takeover: Takeover;
  readonly #seq: Map<number, number>;

  private constructor(sink: Sink, takeover: Takeover) {
    this.sink = sink;
    this.takeover = takeover;
    this.#seq = new Map(takeover.lanes.map(({ lane, seq }) => [lane, seq]));
  }

  static async take(sink: Sink, pipeline: string, lanes = 2): Promise<SinkTask> {
    return new SinkTask(sink, await sink.takeOver({ pipeline, task: "0", lanes }));
  }

  stamp(lane: number): LaneStamp {
    return { lane, expectedSeq: this.#seq.get(lane) ?? 0 };
  }

  /** What a commit of the given lanes would be. */
  commitOf(
    writes: readonly Write[],
    more: Partial<Commit> = {},
    lanes: readonly number[] = [0],
  ): Commit {
    return {
      fence: this.takeover.fence,
      lanes: lanes.map((lane) => this.stamp(lane)),
      writes,
      state: [],
      deadLetters: [],
      superseded: [],
      ...more,
    };
  }

  /** Commits and counts the lanes on; a refused or incomplete commit leaves them. */
  async commit(
    writes: readonly Write[],
    more: Partial<Commit> = {},
    lanes: readonly number[] = [0],
  ): ReturnType<Sink["commit"]> {
    const result = await this.sink.commit(this.commitOf(writes, more, lanes));
    if (result.outcome === "done") for (const lane of lanes) this.advance(lane);
    return result;
  }

  advance(lane: number): void {
    this.#seq.set(lane, (this.#seq.get(lane) ?? 0) + 1);
  }
}

/** The context that the kit gives to connectors. */
export function kitContext(pipeline: string): ConnectorContext {
  return { pipeline, clock: systemClock, random: Math.random, log: silentLogger };
}

let made = 0;

/** A name that nothing else of this run has. */
export function freshName(prefix: string): string {
  made += 1;
  return `${prefix}_${process.pid}_${made}`;
}

/** The kit's plain table: `id` bigint key, `v` text, `w` integer. */
export function plainShape(name: string, key: readonly number[] = [0]): TableShape {
  return {
    id: tableId("public", name),
    schema: "public",
    name,
    identity: name,
    key,
    columns: [
      column("id", 1, false, { kind: "int", bits: 64 }, "bigint"),
      column("v", 2, true, { kind: "text", maxChars: null }, "text"),
      column("w", 3, true, { kind: "int", bits: 32 }, "integer"),
    ],
  };
}

/** A column of a kit's shape. */
export function column(
  name: string,
  ordinal: number,
  nullable: boolean,
  type: TableShape["columns"][number]["type"],
  sourceType: string,
): TableShape["columns"][number] {
  return { name, ordinal, nullable, type, sourceType };
}

/** A write that leaves these rows in a table, in the way that the sink takes rows. */
export function put(
  { lastWriteWins }: SinkCapabilities,
  table: TargetTable,
  rows: readonly Row[],
): Write {
  if (lastWriteWins) return { kind: "upsert", table, rows };
  const changes = rows.map((after, index) => ({
    table,
    op: "c" as const,
    key: JSON.stringify(table.key.map((at) => printable(after[at] ?? null))),
    before: null,
    after,
    position: { at: index },
    transaction: null,
    source: table.id,
    counterpart: null,
  }));
  return { kind: "changes", changes };
}

/** State with one entry. */
export function state(key: string, value: StateEntry["value"]): { state: readonly StateEntry[] } {
  return { state: [{ key, value }] };
}

/** Rows as text that can be compared, sorted. */
export function printed(rows: readonly Row[]): readonly string[] {
  return rows.map((row) => JSON.stringify(row.map(printable))).toSorted();
}

function printable(value: Value): unknown {
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString("hex")}`;
  return typeof value === "symbol"
    ? "UNCHANGED"
    : typeof value === "bigint"
      ? String(value)
      : value;
}
