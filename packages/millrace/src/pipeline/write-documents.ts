import type { StateEntry } from "../model/sink.ts";
import type { Committer } from "./committer.ts";

const ENTRIES_PER_COMMIT = 200;

/** Writes documents at the start of a run, in order, in as many transactions of lane 0 as the sink's limits ask for. */
export async function writeDocuments(
  committer: Committer,
  entries: readonly StateEntry[],
): Promise<void> {
  for (let from = 0; from < entries.length; from += ENTRIES_PER_COMMIT) {
    const state = () => entries.slice(from, from + ENTRIES_PER_COMMIT);
    await committer.commit([0], { writes: [], state, deadLetters: [], superseded: [] });
  }
}
