import type { SourceRetention } from "../../model/source.ts";
import type { SourceServer } from "./source-server.ts";

/** What the model source keeps of its log for the pipeline: positions are bytes. */
export function retentionOf({ slot, logEnd }: SourceServer): SourceRetention | null {
  if (slot === null) return null;
  const retainedBytes = logEnd[0] - slot.acknowledged[0];
  return { retainedBytes, acknowledgedBytes: 0, limitBytes: null };
}
