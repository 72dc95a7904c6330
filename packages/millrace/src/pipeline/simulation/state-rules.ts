import type { TableId } from "../../model/table.ts";
import {
  stateKey,
  type FrontierDocument,
  type IntentDocument,
  type LoadedState,
} from "../state-documents.ts";
import type { Profile } from "./profile.ts";
import type { SinkTransaction } from "./sink-database.ts";
import { compareModelPositions } from "./source-server.ts";
import { Violation } from "./violation.ts";

/**
 * State at the sink stays small: a checkpoint a lane, a document or two a table, and chunks that are under way, or whose
 * end lane 0 is about to write (I10, docs/operations/state.md). Those of a table that was stopped wait for it, while the
 * loaders go on with other tables.
 */
export function checkBounds(state: LoadedState, laneRows: number, profile: Profile): void {
  const { checkpoints, chunks, tables, parts } = state;
  if (checkpoints.size > laneRows)
    throw new Violation(`${checkpoints.size} checkpoints for ${laneRows} lanes`);
  const loading = new Set(chunks.map(({ table }) => table));
  const most = (1 + loading.size) * profile.settings.snapshotParallelism;
  const names = chunks.map(({ table, chunk }) => `${table} ${chunk.n}`);
  if (chunks.length > most)
    throw new Violation(`${chunks.length} chunk documents: ${names.join()}`);
  const strange = [...parts.keys()].filter((id) => !tables.has(id));
  if (strange.length > 0) throw new Violation(`parts of ${strange.join()}, which is no table`);
}

/** Nothing of what a pipeline was doing is left when it rests. */
export function checkLeftovers(state: LoadedState): void {
  if (state.intent !== null) throw new Violation("an intent is left over");
  if (state.chunks.length > 0)
    throw new Violation(`${state.chunks.length} chunk documents are left over`);
  const lanes = state.pipeline?.lanes ?? 0;
  const beyond = [...state.checkpoints.keys()].filter((lane) => lane >= lanes);
  if (beyond.length > 0) throw new Violation(`checkpoints of lanes ${beyond.join()} are left over`);
}

/** A barrier that has begun. */
export interface OpenBarrier {
  readonly intent: IntentDocument;
  /** Another task had begun it: it is finished before any lane moves (design/001 "Barriers"). */
  readonly isInherited: boolean;
}

/**
 * While a barrier is open nothing of the log moves past it, and nothing is written to its table's `targets` (I2). Other
 * tables are loaded beside it, unless it was inherited.
 */
export function checkBarrier(
  { intent, isInherited }: OpenBarrier,
  tx: SinkTransaction,
  targets: readonly TableId[],
): void {
  if (ends(tx)) return;
  for (const { key, value } of tx.journal) {
    const isOwn = targets.some((id) => key.startsWith(`row/${id}/`));
    if (value !== undefined && (isInherited || isOwn))
      throw new Violation(`${key} is written while a barrier of ${intent.table} is open`);
  }
  for (const [key, value] of tx.writes) {
    // Written by every run before anything flows.
    if (isInherited && key === `state/${stateKey.pipeline}`)
      throw new Violation(`a run begins while a barrier of ${intent.table} is open`);
    const isFrontier = key === `state/${stateKey.frontier}`;
    if (key.startsWith("state/checkpoint/") || (isFrontier && isPast(value, intent)))
      throw new Violation(`${key} moves while a barrier is open`);
  }
}

function isPast(frontier: unknown, { position }: IntentDocument): boolean {
  const { position: moved } = frontier as FrontierDocument;
  return compareModelPositions(moved, position) > 0;
}

function ends(tx: SinkTransaction): boolean {
  const key = `state/${stateKey.intent}`;
  return tx.writes.has(key) && tx.writes.get(key) === undefined;
}
