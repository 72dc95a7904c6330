import type { Settle } from "./settle.ts";
import { bucketDigits, type Side } from "./side.ts";
import type { TablePair } from "./table-pair.ts";

/** How a table without a key to go by compares: rows counted by their hash. */
export interface BagResult {
  readonly sourceRows: number;
  readonly targetRows: number;
  /** Rows that the target lacks and rows that only it has; a changed row is one of each. */
  readonly missing: number;
  readonly extra: number;
  /** Rows that differed and cannot be judged: they went on changing, or what is older did not arrive in time. */
  readonly unsettled: number;
}

/** How often a difference must be found alike, after everything older has arrived, before it counts. */
const confirmations = 2;
const maxRounds = 8;

/** Compares a table as a bag of rows. A difference counts if it stays when everything older has arrived. */
export async function compareBags(
  pair: TablePair,
  settle: Settle,
  signal: AbortSignal,
): Promise<BagResult> {
  const source = await bucketsOf(pair.source);
  const target = await bucketsOf(pair.target);
  const found = await countDifferences(pair, differingBuckets(source, target));
  const rows = { sourceRows: total(source), targetRows: total(target) };
  if (settle === null) return { ...rows, ...counted(found), unsettled: 0 };
  const { confirmed, open } = await settled(pair, found, settle, signal);
  return { ...rows, ...counted(confirmed), unsettled: countRows(open) };
}

type Excess = ReadonlyMap<string, number>;

/**
 * A row's difference is confirmed once it is found alike in so many readings in a row, each after everything older has
 * arrived. Rows of one hash are one kind of row: only their number can change.
 */
async function settled(
  pair: TablePair,
  found: Excess,
  settle: NonNullable<Settle>,
  signal: AbortSignal,
): Promise<{ readonly confirmed: Excess; readonly open: Excess }> {
  let open = new Map([...found].map(([hash, excess]) => [hash, { excess, times: 0 }]));
  const confirmed = new Map<string, number>();
  for (let round = 0; round < maxRounds && open.size > 0; round += 1) {
    signal.throwIfAborted();
    if (!(await settle(signal))) continue;
    const again = await countDifferences(pair, new Set([...open.keys()].map(bucketOf)));
    const still: typeof open = new Map();
    for (const [hash, { excess, times }] of open) {
      const now = again.get(hash);
      if (now === undefined) continue;
      const seen = now === excess ? times + 1 : 0;
      if (seen >= confirmations) confirmed.set(hash, now);
      else still.set(hash, { excess: now, times: seen });
    }
    open = still;
  }
  return { confirmed, open: new Map([...open].map(([hash, { excess }]) => [hash, excess])) };
}

function counted(excesses: Excess): { readonly missing: number; readonly extra: number } {
  const values = [...excesses.values()];
  return {
    missing: values.reduce((sum, excess) => sum + Math.max(0, excess), 0),
    extra: values.reduce((sum, excess) => sum + Math.max(0, -excess), 0),
  };
}

function countRows(excesses: Excess): number {
  return [...excesses.values()].reduce((sum, excess) => sum + Math.abs(excess), 0);
}

type Buckets = ReadonlyMap<string, { readonly rows: number; readonly hash: string }>;

async function bucketsOf(side: Side): Promise<Buckets> {
  return new Map((await side.hashBuckets()).map(({ bucket, ...rest }) => [bucket, rest]));
}

function differingBuckets(source: Buckets, target: Buckets): ReadonlySet<string> {
  const names = new Set([...source.keys(), ...target.keys()]);
  return new Set([...names].filter((name) => source.get(name)?.hash !== target.get(name)?.hash));
}

/** By row hash: how many more rows the source has (negative: the target). */
async function countDifferences(
  pair: TablePair,
  buckets: ReadonlySet<string>,
): Promise<ReadonlyMap<string, number>> {
  const wanted = [...buckets];
  const source = await pair.source.hashCounts(wanted);
  const target = await pair.target.hashCounts(wanted);
  const excess = new Map<string, number>();
  for (const hash of new Set([...source.keys(), ...target.keys()])) {
    const more = (source.get(hash) ?? 0) - (target.get(hash) ?? 0);
    if (more !== 0) excess.set(hash, more);
  }
  return excess;
}

function bucketOf(hash: string): string {
  return hash.slice(0, bucketDigits);
}

function total(buckets: Buckets): number {
  return [...buckets.values()].reduce((sum, { rows }) => sum + rows, 0);
}
