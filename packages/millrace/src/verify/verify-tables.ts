import type { TableId } from "../model/table.ts";
import { compareBags } from "./bag.ts";
import type { Suspect } from "./differences.ts";
import type { ConfirmedDifference, Settle } from "./settle.ts";
import { settleSuspects } from "./settle.ts";
import type { SideReaders, TablePair, VerifyTable } from "./table-pair.ts";
import { missingColumns, pairTable } from "./table-pair.ts";
import type { TableReader } from "./table-reader.ts";
import { settleTextForms } from "./table-reader.ts";
import type { WalkStep } from "./walk.ts";
import { walkKeys, walkRanges } from "./walk.ts";

/** What `verifyTables` works with. */
export interface VerifyOptions {
  readonly source: SideReaders["source"];
  readonly target: TableReader;
  readonly tables: readonly VerifyTable[];
  /** While changes flow, what waits for the lag to pass; null where the pipeline has stopped after catching up. */
  readonly settle: Settle;
  /** Name the differing rows by key and column (`--rows`); at most this many per table. */
  readonly maxRowsNamed: number;
  /** Rows of one range. */
  readonly rangeRows?: number;
  readonly onProgress?: (progress: VerifyProgress) => void;
  readonly signal?: AbortSignal;
}

/** How far one table is. */
export interface VerifyProgress {
  readonly table: TableId;
  readonly target: TableId;
  readonly rowsCompared: number;
  readonly differingRows: number;
}

/** A differing row, for the operator who asked for it. */
export interface RowDifference {
  /** `unsettled`: it differed, and nothing more can be said about it. */
  readonly kind: ConfirmedDifference["kind"] | "unsettled";
  /** Key columns by name, canonical text. */
  readonly key: Readonly<Record<string, string>>;
  /** Names of the columns that differ; empty for a missing, an extra or an unsettled row. */
  readonly columns: readonly string[];
}

/** The result for one table and one target. */
export interface TableVerdict {
  readonly table: TableId;
  readonly target: TableId;
  readonly sourceRows: number;
  readonly targetRows: number;
  readonly missing: number;
  readonly extra: number;
  readonly different: number;
  /** Rows that kept changing, or whose changes did not arrive in time; nothing can be said about them. */
  readonly unsettled: number;
  /** So many rows differ that the comparison of this table was cut short. */
  readonly cutShort: boolean;
  /** Why the table could not be compared at all; null where it was. */
  readonly problem: string | null;
  readonly rows: readonly RowDifference[];
}

/** The result for all tables. */
export interface VerifyResult {
  /** Nothing is missing, extra, different or unsettled anywhere. */
  readonly equal: boolean;
  readonly tables: readonly TableVerdict[];
}

const defaultRangeRows = 5000;
/** More suspects than this are not collected (I10): the table is wrong as a whole. */
const maxSuspects = 50_000;

/** Compares source tables with their targets, down to rows. Reads only. */
export async function verifyTables(options: VerifyOptions): Promise<VerifyResult> {
  if ("dialect" in options.source) await settleTextForms(options.source);
  await settleTextForms(options.target);
  const tables: TableVerdict[] = [];
  for (const table of options.tables) {
    options.signal?.throwIfAborted();
    tables.push(await verifyTable(table, options));
  }
  return { equal: tables.every(isEqual), tables };
}

/** Nothing is wrong with a table, and it was compared. */
export function isEqual(verdict: TableVerdict): boolean {
  const { missing, extra, different, unsettled, cutShort, problem } = verdict;
  return missing + extra + different + unsettled === 0 && !cutShort && problem === null;
}

async function verifyTable(table: VerifyTable, options: VerifyOptions): Promise<TableVerdict> {
  const absent = await missingColumns(table, options.target);
  if (absent.length > 0) return incomparable(identityOf({ table }), absenceText(table, absent));
  const pair = await pairTable(table, options);
  const signal = options.signal ?? new AbortController().signal;
  if (pair.way !== "bag") return verifyKeyed(pair, options, signal);
  const bag = await compareBags(pair, options.settle, signal);
  report(pair, options, bag.sourceRows, bag.missing + bag.extra);
  return { ...nothingFound, ...identityOf(pair), ...bag };
}

const nothingFound = {
  sourceRows: 0,
  targetRows: 0,
  missing: 0,
  extra: 0,
  different: 0,
  unsettled: 0,
  cutShort: false,
  problem: null,
  rows: [],
};

const NEW_TABLE =
  "Where this pipeline has not run yet, `millrace run` makes it. Where the table is new at the source, a running pipeline makes it within seconds: verify again then";

/** A table that nobody can compare now, and why. */
export function incomparable(
  table: { readonly table: TableId; readonly target: TableId },
  problem: string,
): TableVerdict {
  return { ...nothingFound, ...table, problem };
}

function absenceText(table: VerifyTable, absent: readonly string[]): string {
  const isMissing = absent.length === table.target.columns.length;
  return isMissing
    ? `the target table does not exist. ${NEW_TABLE}`
    : `the target has no column ${absent.map((name) => `"${name}"`).join(", ")}. Where that is new at the source, it arrives with the next row or within seconds: verify again then`;
}

async function verifyKeyed(
  pair: TablePair,
  options: VerifyOptions,
  signal: AbortSignal,
): Promise<TableVerdict> {
  const walked = await walk(pair, options, signal);
  const { confirmed, unsettled } = await settleSuspects(
    pair,
    walked.suspects,
    options.settle,
    signal,
  );
  const count = (kind: ConfirmedDifference["kind"]): number =>
    confirmed.filter((difference) => difference.kind === kind).length;
  return {
    ...identityOf(pair),
    sourceRows: walked.sourceRows,
    targetRows: walked.targetRows,
    missing: count("missing"),
    extra: count("extra"),
    different: count("different"),
    unsettled: unsettled.length,
    cutShort: walked.cutShort,
    problem: null,
    rows: await nameRows(
      pair,
      [...confirmed, ...unsettled.map((key) => ({ kind: "unsettled" as const, key }))].slice(
        0,
        options.maxRowsNamed,
      ),
    ),
  };
}

async function walk(
  pair: TablePair,
  options: VerifyOptions,
  signal: AbortSignal,
): Promise<WalkStep & { cutShort: boolean }> {
  const suspects: Suspect[] = [];
  let sourceRows = 0;
  let targetRows = 0;
  const rangeRows = options.rangeRows ?? defaultRangeRows;
  const steps = pair.way === "ranges" ? walkRanges(pair, rangeRows) : walkKeys(pair, rangeRows);
  for await (const step of steps) {
    signal.throwIfAborted();
    sourceRows += step.sourceRows;
    targetRows += step.targetRows;
    for (const suspect of step.suspects) suspects.push(suspect);
    report(pair, options, sourceRows, suspects.length);
    if (suspects.length > maxSuspects) {
      return { sourceRows, targetRows, suspects: suspects.slice(0, maxSuspects), cutShort: true };
    }
  }
  return { sourceRows, targetRows, suspects, cutShort: false };
}

async function nameRows(
  pair: TablePair,
  differences: readonly (Pick<RowDifference, "kind"> & Pick<ConfirmedDifference, "key">)[],
): Promise<readonly RowDifference[]> {
  const named: RowDifference[] = [];
  for (const { kind, key } of differences) {
    const entries = pair.source.key.map(({ name }, index) => [name, key[index] ?? ""] as const);
    const columns = kind === "different" ? await differingColumns(pair, key) : [];
    named.push({ kind, key: Object.fromEntries(entries), columns });
  }
  return named;
}

async function differingColumns(
  pair: TablePair,
  key: ConfirmedDifference["key"],
): Promise<readonly string[]> {
  const source = await pair.source.columnHashes(key);
  const target = await pair.target.columnHashes(key);
  return pair.source.columns
    .filter((_, index) => source?.[index] !== target?.[index])
    .map(({ name }) => name);
}

function identityOf({ table }: Pick<TablePair, "table">): { table: TableId; target: TableId } {
  return { table: table.source.id, target: table.target.id };
}

function report(
  pair: TablePair,
  options: VerifyOptions,
  rowsCompared: number,
  differingRows: number,
): void {
  options.onProgress?.({ ...identityOf(pair), rowsCompared, differingRows });
}
