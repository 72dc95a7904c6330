import type { DifferenceKind, Suspect } from "./differences.ts";
import { keyName, kindOf } from "./differences.ts";
import type { KeyTexts, Side } from "./side.ts";
import type { TablePair } from "./table-pair.ts";

/**
 * Resolves with true once everything that the source had committed when it was called has reached the target, with
 * false when that took too long. Null where nothing flows.
 */
export type Settle = ((signal: AbortSignal) => Promise<boolean>) | null;

/** A row that stays different though everything older has arrived. */
export interface ConfirmedDifference {
  readonly kind: DifferenceKind;
  readonly key: KeyTexts;
}

/** What became of suspects. */
export interface Verdict {
  readonly confirmed: readonly ConfirmedDifference[];
  /** Rows that kept changing, or whose changes did not arrive in time: nothing can be said about them. */
  readonly unsettled: readonly KeyTexts[];
}

/** How often a row must be found different, with the source unchanged meanwhile, before it counts. */
const confirmations = 2;
const maxRounds = 8;
const lookupRows = 1000;

/**
 * Looks at suspects again until each is equal, surely different, or given up.
 *
 * The source is read before and after the wait. A target that equals either reading was only on its way; a source that
 * changed meanwhile says nothing; twice the same source and another target is a difference.
 */
export async function settleSuspects(
  pair: TablePair,
  suspects: readonly Suspect[],
  settle: Settle,
  signal: AbortSignal,
): Promise<Verdict> {
  const confirmed: ConfirmedDifference[] = [];
  let open = new Map(suspects.map(({ key }) => [keyName(key), { key, times: 0 }]));
  for (let round = 0; round < maxRounds && open.size > 0; round += 1) {
    signal.throwIfAborted();
    const keys = [...open.values()].map(({ key }) => key);
    const before = await hashesOf(pair.source, keys);
    if (settle !== null && !(await settle(signal))) continue;
    const target = await hashesOf(pair.target, keys);
    const after = settle === null ? before : await hashesOf(pair.source, keys);
    const still: typeof open = new Map();
    for (const [name, { key, times }] of open) {
      const [first, arrived, second] = [before.get(name), target.get(name), after.get(name)];
      if (arrived === first || arrived === second) continue;
      const kind = kindOf(second, arrived);
      const seen = first === second ? times + 1 : 0;
      const enough = settle === null ? 1 : confirmations;
      if (kind !== null && seen >= enough) confirmed.push({ kind, key });
      else still.set(name, { key, times: seen });
    }
    open = still;
  }
  return { confirmed, unsettled: [...open.values()].map(({ key }) => key) };
}

async function hashesOf(
  side: Side,
  keys: readonly KeyTexts[],
): Promise<ReadonlyMap<string, string>> {
  const hashes = new Map<string, string>();
  for (let at = 0; at < keys.length; at += lookupRows) {
    const rows = await side.rowsOf(keys.slice(at, at + lookupRows));
    for (const { key, hash } of rows) hashes.set(keyName(key), hash);
  }
  return hashes;
}
