/** The size rules of one session: estimates first, measures where an estimate comes near a limit. */
import type { TableKey } from "../concurrency/catalogue-versions.ts";
import type { Statement } from "../gate/statement.ts";
import { bounds } from "../rules/limits.ts";
import { violation } from "../rules/table.ts";
import type { Transaction } from "../session/transaction.ts";
import type { Worker } from "../session/worker.ts";
import { hasLongValue } from "./long-values.ts";
import { Measure } from "./measure.ts";
import type { TableFacts, TableFactsCache } from "./table-facts.ts";

/** Longest text form of a value that is short when stored: widths of bigint and timestamp. */
const SHORT_VALUE_BYTES = 8;
const MEGABYTE = 1024 * 1024;

/** What one statement wrote. */
export interface Written {
  readonly statement: Statement;
  readonly bindRest: Buffer | undefined;
  readonly rows: number;
  readonly tables: readonly TableKey[];
  readonly messageBytes: number;
  readonly deletes: boolean;
}

/** Checks sizes for one session. All methods only in a turn, inside an open transaction. */
export class SizeRules {
  readonly #measure: Measure;
  readonly #facts: TableFactsCache;

  constructor(worker: Worker, facts: TableFactsCache) {
    this.#measure = new Measure(worker);
    this.#facts = facts;
  }

  /** After a statement: notes its bytes, and throws when it wrote a value, row or key that is too large. */
  async afterStatement(transaction: Transaction, written: Written): Promise<void> {
    for (const table of written.tables) {
      const facts = await this.#facts.of(table);
      const before = transaction.writtenBytes.get(table) ?? 0;
      transaction.writtenBytes.set(table, before + estimate(written, facts));
      if (isSuspicious(written, facts)) await this.#measure.checkValues(table);
    }
    if (written.deletes) transaction.deletedRows += written.rows;
  }

  /** Before COMMIT: throws when the transaction wrote more than 10 MiB. */
  async beforeCommit(transaction: Transaction): Promise<void> {
    let estimated = 0;
    for (const bytes of transaction.writtenBytes.values()) estimated += bytes;
    if (estimated <= bounds.bytesPerTransaction) return;
    let bytes = transaction.deletedRows * bounds.bytesPerRowOverhead;
    for (const table of transaction.writtenBytes.keys()) {
      bytes += await this.#measure.writtenBytes(table);
    }
    if (bytes > bounds.bytesPerTransaction) {
      throw violation("sizeLimit", { megabytes: Math.ceil(bytes / MEGABYTE) });
    }
  }
}

/** Not less than what the statement can have written, for all but odd statements. */
function estimate(written: Written, facts: TableFacts): number {
  const { statement, rows, messageBytes } = written;
  if (statement.growth === "unknown") return Infinity;
  const perRow =
    facts.columns * SHORT_VALUE_BYTES +
    bounds.bytesPerRowOverhead +
    facts.secondaryIndexes * bounds.bytesPerIndexEntryOverhead;
  const grown = statement.growth === "by-row" ? 2 * facts.averageRowBytes : 0;
  const copies = 1 + facts.secondaryIndexes;
  return messageBytes * copies + rows * (perRow + grown);
}

function isSuspicious(written: Written, facts: TableFacts): boolean {
  const { statement, bindRest, messageBytes } = written;
  if (statement.growth === "unknown") return true;
  if (statement.longestLiteralBytes > Math.min(bounds.valueBytes, facts.keyValueBytes)) return true;
  if (bindRest === undefined && messageBytes > bounds.rowBytes) return true;
  if (bindRest === undefined) return false;
  // A row above its limit has at least one value of this length.
  const shareBytes = bounds.rowBytes / Math.max(facts.columns, 1);
  if (messageBytes > bounds.rowBytes && hasLongValue(bindRest, shareBytes, false)) return true;
  return (
    hasLongValue(bindRest, facts.keyValueBytes, false) ||
    hasLongValue(bindRest, bounds.valueBytes, true)
  );
}
