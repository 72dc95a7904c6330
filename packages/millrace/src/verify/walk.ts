import type { Suspect } from "./differences.ts";
import { compareRows, keyName } from "./differences.ts";
import type { KeyTexts } from "./side.ts";
import type { TablePair } from "./table-pair.ts";

/** What a walk found about some rows. */
export interface WalkStep {
  readonly sourceRows: number;
  readonly targetRows: number;
  readonly suspects: readonly Suspect[];
}

/** Walks both sides by ranges of the source's keys; only a range whose hash differs is looked at row by row. */
export async function* walkRanges(
  pair: TablePair & { readonly way: "ranges" },
  rangeRows: number,
): AsyncGenerator<WalkStep> {
  let from: KeyTexts | null = null;
  for (;;) {
    const source = await pair.source.hashPage(from, rangeRows);
    const isLast = source.rows < rangeRows;
    const bounds = { from, to: isLast ? null : source.lastKey };
    const target = await pair.target.hashRange(bounds);
    const isSame = source.rows === target.rows && source.hash === target.hash;
    const suspects = isSame
      ? []
      : compareRows(await pair.source.rowsIn(bounds), await pair.target.rowsIn(bounds));
    yield { sourceRows: source.rows, targetRows: target.rows, suspects };
    if (isLast) return;
    from = source.lastKey;
  }
}

/** Walks each side in its own order and looks its rows up on the other by key. */
export async function* walkKeys(pair: TablePair, pageRows: number): AsyncGenerator<WalkStep> {
  for await (const page of pair.source.pages(pageRows)) {
    const found = await pair.target.rowsOf(page.map(({ key }) => key));
    yield { sourceRows: page.length, targetRows: 0, suspects: compareRows(page, found) };
  }
  for await (const page of pair.target.pages(pageRows)) {
    const found = await pair.source.keysOf(page.map(({ key }) => key));
    const names = new Set(found.map(keyName));
    const extra = page.filter(({ key }) => !names.has(keyName(key)));
    yield { sourceRows: 0, targetRows: page.length, suspects: extra };
  }
}
