import type { FailpointPhase } from "../model/failpoint.ts";
import type { TableRuntime } from "./table-runtime.ts";

/** Where a pipeline is, by what its tables say at this moment (I7). */
export function phaseOf(
  tables: Iterable<Pick<TableRuntime, "loaded"> & { readonly document: { state: string } }>,
): FailpointPhase {
  let phase: FailpointPhase = "SYNC";
  for (const { document, loaded } of tables) {
    if (document.state === "SYNC") continue;
    if (loaded) return "HANDOVER";
    phase = "INIT_SYNC";
  }
  return phase;
}
