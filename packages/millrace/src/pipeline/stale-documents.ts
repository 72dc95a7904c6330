import type { StateEntry, Takeover } from "../model/sink.ts";
import type { TableId } from "../model/table.ts";
import { entry, stateKey } from "./state-documents.ts";
import type { TableRuntime } from "./table-runtime.ts";

/**
 * Documents of an earlier run that nobody goes on with, so that the state stays small (I10): chunks of tables that left
 * or begin anew, and where the log begins anew all checkpoints.
 */
export function forgetStale(
  { state }: Pick<Takeover, "state">,
  tables: ReadonlyMap<TableId, TableRuntime>,
  replayed: boolean,
): StateEntry[] {
  const underWay = new Set(
    [...tables.values()].flatMap(({ id, chunks }) =>
      [...chunks.keys()].map((n) => stateKey.chunk(id, n)),
    ),
  );
  const isStale = (key: string): boolean =>
    key.startsWith("chunk/") ? !underWay.has(key) : !replayed && key.startsWith("checkpoint/");
  return [...state.keys()].filter(isStale).map((key) => entry(key, null));
}
