import type { Settle } from "./settle.ts";
import type { SideTable } from "./side.ts";
import type { TablePair } from "./table-pair.ts";

/** How a table without a key to go by compares: rows counted by their hash. */
export interface BagResult {
  readonly sourceRows: number;
  readonly targetRows: number;
  /** Rows that the target lacks and rows that only it has; a changed row is one of each. */
  readonly missing: number;
  readonly extra: number;
}

const maxRounds = 4;

/** Compares a table as a bag of rows. A difference counts if it stays when everything older has arrived. */
export async function compareBags(
  pair: TablePair,
  settle: Settle,
  signal: AbortSignal,
): Promise<BagResult> {
  const source = await bucketsOf(pair.source);
  const target = await bucketsOf(pair.target);
  let differing = await countDifferences(pair, differingBuckets(source, target));
  for (let round = 0; settle !== null && round < maxRounds && differing.size > 0; round += 1) {
    if (!(await settle(signal))) continue;
    const again = await countDifferences(pair, new Set([...differing.keys()].map(bucketOf)));
    differing = new Map([...differing].filter(([hash, excess]) => again.get(hash) === excess));
  }
  const excesses = [...differing.values()];
  return {
    sourceRows: total(source),
    targetRows: total(target),
    missing: excesses.reduce((sum, excess) => sum + Math.max(0, excess), 0),
    extra: excesses.reduce((sum, excess) => sum + Math.max(0, -excess), 0),
  };
}

type Buckets = ReadonlyMap<string, { readonly rows: number; readonly hash: string }>;

async function bucketsOf(side: SideTable): Promise<Buckets> {
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
  return hash.slice(0, 3);
}

function total(buckets: Buckets): number {
  return [...buckets.values()].reduce((sum, { rows }) => sum + rows, 0);
}
