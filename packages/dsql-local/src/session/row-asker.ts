/**
 * Decides which statements are asked for the places of the rows that they write: those whose rows will, or may, have to
 * be looked at. Without places that would be a look through the whole table.
 */
import { tableKey, type TableKey } from "../concurrency/catalogue-versions.ts";
import { bringsKeys } from "../concurrency/resurrected-keys.ts";
import { isBulky, isSuspicious, type Sent } from "../sizes/size-rules.ts";
import { refersToParents, type TableFacts } from "../sizes/table-facts.ts";
import type { ClusterContext } from "./context.ts";
import type { Readable } from "./readable.ts";
import type { SearchPath } from "./search-path.ts";
import type { Worker } from "./worker.ts";

/** What was decided on a statement. */
export interface Verdict {
  readonly asks: boolean;
  /** It may write something too large; undefined where that has to be seen by each of its tables. */
  readonly suspicious: boolean | undefined;
}

/** What an asker goes by. */
export interface AskerParts {
  readonly worker: Worker;
  readonly cluster: ClusterContext;
  readonly path: SearchPath;
  readonly readable: Readable;
}

const NOT_ASKED: Verdict = { asks: false, suspicious: undefined };

/** One per session. */
export class RowAsker {
  readonly #parts: AskerParts;

  constructor(parts: AskerParts) {
    this.#parts = parts;
  }

  /** The verdict on a statement that is about to be sent. Takes a turn where it has to ask PostgreSQL. */
  async judge(sent: Sent): Promise<Verdict> {
    const { asking, kind } = sent.statement;
    const { cluster, path, worker } = this.#parts;
    if (!path.isFresh) await worker.turns.run(() => path.refresh());
    const table =
      asking === undefined || kind !== "write" ? undefined : tableKey(asking.target, path);
    if (table === undefined) return NOT_ASKED;
    const facts = await cluster.facts.of(table);
    if (!facts.isTable) return NOT_ASKED;
    const suspicious = isSuspicious(sent, facts, cluster.limits);
    const wanted =
      suspicious ||
      isBulky(sent, facts) ||
      refersToParents(sent.statement, facts) ||
      this.#mayResurrect(sent, table, facts);
    return { asks: wanted && (await this.#mayRead(table)), suspicious };
  }

  #mayResurrect({ statement }: Sent, table: TableKey, facts: TableFacts): boolean {
    const { deletions } = this.#parts.cluster;
    return deletions.lately(table) && bringsKeys(statement, facts.keyColumns);
  }

  /** RETURNING needs the right to read; an INSERT without it must not fail for what we add. */
  async #mayRead(table: TableKey): Promise<boolean> {
    const { readable, worker } = this.#parts;
    return readable.known(table) ?? worker.turns.run(() => readable.may(table));
  }
}
