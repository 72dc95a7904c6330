import type { DiscoveredTable } from "../model/source.ts";
import type { TableDocument } from "./state-documents.ts";
import type { RunningTask } from "./task-api.ts";

/** The document of a table of which nothing was captured yet. */
export function freshDocument(
  parts: {
    readonly settings: Pick<RunningTask["settings"], "fullLoad">;
    readonly clock: Pick<RunningTask["clock"], "now">;
  },
  found: Pick<DiscoveredTable, "shape" | "estimatedRows">,
): TableDocument {
  return {
    v: 1,
    state: "INIT_SYNC",
    generation: parts.clock.now(),
    shape: found.shape,
    targetShape: found.shape,
    planned: null,
    allPlanned: !parts.settings.fullLoad,
    nextChunk: 0,
    rowsLoaded: 0,
    estimatedRows: found.estimatedRows,
    end: null,
    sweep: "none",
    snapshot: null,
    targets: [],
    aheadOfLog: false,
  };
}
