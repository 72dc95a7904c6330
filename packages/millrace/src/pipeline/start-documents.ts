import type { Json } from "../model/position.ts";
import type { StateEntry, Takeover } from "../model/sink.ts";
import type { TableId } from "../model/table.ts";
import type { Committer } from "./committer.ts";
import { type LaneChoice, pipelineDocument } from "./lane-choice.ts";
import type { StartFrontier } from "./prepare-source.ts";
import { forgetStale } from "./stale-documents.ts";
import { entry, stateKey, type TableDocument } from "./state-documents.ts";
import type { TableRuntime } from "./table-runtime.ts";
import { writeDocuments } from "./write-documents.ts";

/** What a run begins with. */
interface StartOfRun {
  readonly identity: Json;
  readonly choice: LaneChoice;
  readonly frontier: StartFrontier;
  readonly history: Json | null;
  readonly tables: ReadonlyMap<TableId, TableRuntime>;
  readonly removed: readonly (readonly [TableId, TableDocument])[];
  readonly takeover: Takeover;
}

/** Makes durable what a run begins with, before anything flows. */
export function writeStart(committer: Committer, start: StartOfRun): Promise<void> {
  return writeDocuments(committer, startDocuments(start));
}

/** In order. */
function startDocuments({
  identity,
  choice,
  frontier,
  history,
  tables,
  removed,
  takeover,
}: StartOfRun): StateEntry[] {
  const { position, acknowledge, unseen } = frontier;
  return [
    ...forgetStale(takeover, tables, frontier.replayed),
    ...[...tables.values()].flatMap((table) => [
      entry(stateKey.table(table.id), table.stored.read()),
      ...(table.parts === null ? [] : [entry(stateKey.parts(table.id), table.parts)]),
    ]),
    ...removed.flatMap(([id, document]) => [
      entry(stateKey.table(id), document),
      entry(stateKey.parts(id), null),
    ]),
    entry(stateKey.frontier, { v: 1, position, acknowledge, unseen }),
    entry(stateKey.pipeline, pipelineDocument(identity, choice)),
    // Last: where it is durable, so is what was begun anew because of it.
    ...(history === null ? [] : [entry(stateKey.history, { v: 1, log: history })]),
  ];
}
