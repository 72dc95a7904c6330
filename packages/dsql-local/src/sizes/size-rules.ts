/** The size rules of one session: estimates first, measures where an estimate comes near a limit. */
import type { TableKey } from "../concurrency/catalogue-versions.ts";
import type { Statement } from "../gate/statement.ts";
import { bounds, type Limits } from "../rules/bounds.ts";
import { violation } from "../rules/table.ts";
import type { Readable } from "../session/readable.ts";
import type { Transaction } from "../session/transaction.ts";
import type { Worker } from "../session/worker.ts";
import { nothingChanged, type ChangedRows } from "./changed-rows.ts";
import { hasLongValue } from "./long-values.ts";
import { isLong, Measure, refuseBroken, type Scales } from "./measure.ts";
import type { TableFacts, TableFactsCache } from "./table-facts.ts";

/** Longest text form of a value that is short when stored: widths of bigint and timestamp. */
const SHORT_VALUE_BYTES = 8;
const MEGABYTE = 1024 * 1024;
/** From here on it is worth knowing which rows a statement writes: a transaction of a few such ones may be at its limit. */
const WIDE_ROW_BYTES = 1024;
/** Up to here a table is as soon looked through. */
const SMALL_TABLE_BYTES = 256 * 1024;
const LONG_MESSAGE_BYTES = 2 * MEGABYTE;

/** A statement as it came. */
export interface Sent {
  readonly statement: Statement;
  readonly bindRest: Buffer | undefined;
  readonly messageBytes: number;
}

/** What one statement wrote. */
export interface Written extends Sent {
  readonly rows: number;
  /** All that it has changed, where its tag tells only some. */
  readonly changed: ChangedRows | undefined;
  readonly tables: readonly TableKey[];
  readonly deletes: boolean;
  /** Where its rows are; undefined when it was not asked. */
  readonly places: readonly string[] | undefined;
  /** It may have written something too large; undefined when nobody has looked. */
  readonly suspicious: boolean | undefined;
}

/** Checks sizes for one session. All methods only in a turn, inside an open transaction. */
export class SizeRules {
  readonly #measure: Measure;
  readonly #facts: TableFactsCache;
  readonly #readable: Readable;

  readonly #limits: Limits;

  constructor(worker: Worker, scales: Scales, readable: Readable) {
    this.#measure = new Measure(worker, scales);
    this.#facts = scales.facts;
    this.#limits = scales.limits;
    this.#readable = readable;
  }

  /** After a statement: notes its bytes, and throws when it wrote a value, row or key that is too large. */
  async afterStatement(transaction: Transaction, written: Written): Promise<void> {
    for (const table of written.tables) {
      const facts = await this.#facts.of(table);
      const before = transaction.writtenBytes.get(table) ?? 0;
      const suspicious = written.suspicious ?? isSuspicious(written, facts, this.#limits);
      const looks = suspicious && facts.isTable && (await this.#readable.may(table));
      const after = looks
        ? await this.#look(table, before, written.places)
        : before + estimatedBytes(written, facts);
      transaction.writtenBytes.set(table, after);
    }
    if (written.changed === undefined && written.deletes) transaction.deletedRows += written.rows;
    await this.#noteCascaded(transaction, written);
  }

  /** Rows that changed with others: their places are not known. */
  async #noteCascaded(
    transaction: Transaction,
    { changed = nothingChanged, tables }: Written,
  ): Promise<void> {
    for (const [table, { written, deleted }] of changed) {
      transaction.deletedRows += deleted;
      const facts = await this.#facts.of(table);
      if (facts.cascadesDeletes || !tables.includes(table)) transaction.cascadedTo.add(table);
      if (tables.includes(table)) continue;
      const bytes =
        written * (bytesPerRow(facts) + 2 * facts.averageRowBytes) +
        deleted * bounds.bytesPerRowOverhead;
      const before = transaction.writtenBytes.get(table) ?? 0;
      transaction.writtenBytes.set(table, before + bytes);
      // What comes with others is a key, and no more than a key in size: it may be too much for an index of this table.
      const hasLongKeys = written > 0 && Number.isFinite(facts.keyValueBytes);
      if (hasLongKeys && (await this.#readable.may(table))) await this.#look(table, 0, undefined);
    }
  }

  /** Measures what was written; without places that is all that the transaction has written to the table. */
  async #look(
    table: TableKey,
    beforeBytes: number,
    places: readonly string[] | undefined,
  ): Promise<number> {
    const measured = await this.#measure.rows(table, places);
    refuseBroken(measured);
    return places === undefined ? measured.bytes : beforeBytes + measured.bytes;
  }

  /** Before COMMIT: throws when the transaction wrote more than 10 MiB. */
  async beforeCommit(transaction: Transaction): Promise<void> {
    let estimated = 0;
    for (const bytes of transaction.writtenBytes.values()) estimated += bytes;
    if (estimated <= this.#limits.bytesPerTransaction) return;
    let bytes = transaction.deletedRows * bounds.bytesPerRowOverhead;
    for (const table of transaction.writtenBytes.keys()) {
      // What nobody may read is not counted.
      if (!(await this.#readable.may(table))) continue;
      bytes += (await this.#measure.rows(table, transaction.placesIn(table))).bytes;
    }
    const { bytesPerTransaction } = this.#limits;
    if (bytes > bytesPerTransaction) {
      const limit = Math.ceil(bytesPerTransaction / MEGABYTE);
      throw violation("sizeLimit", { megabytes: Math.ceil(bytes / MEGABYTE), limit });
    }
  }
}

/** Not less than what the statement can have written, for all but odd statements. */
export function estimatedBytes(
  { statement, rows, messageBytes }: Pick<Written, "statement" | "rows" | "messageBytes">,
  facts: TableFacts,
): number {
  if (!statement.writesRows) return rows * bounds.bytesPerRowOverhead;
  const grown = statement.growth === "by-row" ? 2 * facts.averageRowBytes : 0;
  // No entry has more than its share of the message, and none is longer than a key may be.
  const entries = facts.longEntryColumns * Math.min(messageBytes, rows * bounds.keyBytes);
  return messageBytes + entries + rows * (bytesPerRow(facts) + grown);
}

/** What a row costs without its long values. */
function bytesPerRow(facts: TableFacts): number {
  return (
    facts.columns.length * SHORT_VALUE_BYTES +
    bounds.bytesPerRowOverhead +
    facts.secondaryIndexes * bounds.bytesPerIndexEntryOverhead +
    facts.fixedEntryBytes
  );
}

/** Whether a statement may write a value, a row or a key that is too large. */
export function isSuspicious(
  { statement, bindRest, messageBytes }: Sent,
  facts: TableFacts,
  { rowBytes, valueBytes }: Limits,
): boolean {
  if (!statement.writesRows) return false;
  if (facts.makesLongValues) return true;
  if (statement.growth === "unknown" || growsLong(statement, facts)) return true;
  // A row above its limit has at least one value of this length, and may have had the others before, or the same in each.
  const shareBytes = rowBytes / Math.max(facts.columns.length, 1);
  const longBytes = Math.min(facts.keyValueBytes, shareBytes);
  const mostBytes = Math.min(valueBytes, facts.typeValueBytes);
  if (statement.longestLiteralBytes > Math.min(mostBytes, longBytes)) return true;
  // The longest of a COPY's values is known.
  if (statement.copyIn !== undefined) return false;
  if (bindRest === undefined) return messageBytes > rowBytes;
  return hasLongValue(bindRest, longBytes, false) || hasLongValue(bindRest, mostBytes, true);
}

/** Whether a column that may be long is made of what tables hold. */
function growsLong({ grownColumns }: Statement, { columns }: TableFacts): boolean {
  if (grownColumns.length === 0) return false;
  return columns.some(
    (column) =>
      isLong(column) && (grownColumns.includes(column.name) || grownColumns.includes("*")),
  );
}

/** Whether a statement may have to be measured at COMMIT: then the places of its rows are worth having. */
export function isBulky({ statement, messageBytes }: Sent, facts: TableFacts): boolean {
  if (messageBytes * (1 + facts.longEntryColumns) > LONG_MESSAGE_BYTES) return true;
  if (facts.tableBytes <= SMALL_TABLE_BYTES) return false;
  return statement.growth === "by-row" && facts.averageRowBytes > WIDE_ROW_BYTES;
}
