import type { SinkCapabilities, TargetMark, Write } from "../model/sink.ts";
import type { TableId } from "../model/table.ts";
import type { TableRuntime } from "./table-runtime.ts";

const NONE: ReadonlySet<TableId> = new Set();

/**
 * What readers of a sink of topics are told of a table's targets, but of those that are `gone`; nothing where the sink
 * holds rows, which it removes by itself.
 */
export function marksOf(
  { lastWriteWins }: Pick<SinkCapabilities, "lastWriteWins">,
  table: TableRuntime,
  mark: Pick<TargetMark, "kind" | "position"> & Partial<Pick<TargetMark, "transaction">>,
  gone: ReadonlySet<TableId> = NONE,
): readonly Write[] {
  if (lastWriteWins) return [];
  const generation = mark.kind === "generation-end" ? table.document.generation : null;
  const told = table.targets.filter(({ target }) => !gone.has(target.id));
  return told.map(({ target }) => ({
    kind: "mark",
    mark: { transaction: null, ...mark, table: target, source: table.id, generation },
  }));
}
