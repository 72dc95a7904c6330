/** Integer keys that fill at least this share of their span are cut by arithmetic. */
const DENSE = 0.5;

/** The least and the greatest key of a table, and about how many rows it has. */
export interface KeyBounds {
  /** Decimal; null where there are no rows. */
  readonly least: string | null;
  readonly greatest: string | null;
  /** As the server's statistics have it; 0 where they know nothing. */
  readonly estimatedRows: number;
}

/** What is known of a table with one integer key: the span of its keys and how many of them exist. */
export interface KeySpan {
  readonly greatest: bigint;
  /** Keys per row, at least 1. */
  readonly stride: number;
}

/** Null where the keys are not dense, or nothing is known of them. */
export function spanOf({ least, greatest, estimatedRows }: KeyBounds): KeySpan | null {
  if (least === null || greatest === null || estimatedRows < 1) return null;
  const keys = Number(BigInt(greatest) - BigInt(least)) + 1;
  const stride = Math.max(1, keys / estimatedRows);
  return stride <= 1 / DENSE ? { greatest: BigInt(greatest), stride } : null;
}
