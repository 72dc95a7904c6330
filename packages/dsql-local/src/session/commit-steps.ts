/** What is looked at before a COMMIT, and what others are told of it. */
import {
  tablesNamed,
  tablesWritten,
  type CatalogueView,
} from "../concurrency/catalogue-versions.ts";
import type { KeptShare } from "../concurrency/kept-shares.ts";
import { markLockedRows } from "../concurrency/locked-rows.ts";
import {
  holdsSharedParent,
  keysReferredTo,
  type ReferencedKeySet,
  type WrittenChild,
} from "../concurrency/referenced-keys.ts";
import { removesKeys } from "../concurrency/resurrected-keys.ts";
import { bounds } from "../rules/bounds.ts";
import { Violation } from "../rules/rule.ts";
import { violation } from "../rules/table.ts";
import type { SizeRules } from "../sizes/size-rules.ts";
import { refersToParents } from "../sizes/table-facts.ts";
import type { ClusterContext } from "./context.ts";
import type { Execution } from "./execution.ts";
import type { Readable } from "./readable.ts";
import type { SearchPath } from "./search-path.ts";
import type { Transaction } from "./transaction.ts";
import type { Worker } from "./worker.ts";

/** What COMMITs are made of. */
interface CommitParts {
  readonly worker: Worker;
  readonly cluster: ClusterContext;
  readonly view: CatalogueView;
  readonly path: SearchPath;
  readonly readable: Readable;
  readonly execution: Execution;
  readonly sizes: SizeRules;
}

/** What others are told of a COMMIT. */
interface Told {
  /** Tables that lose keys. */
  readonly losing: ReadonlySet<string>;
  readonly share: KeptShare | undefined;
  readonly referredTo: readonly ReferencedKeySet[];
}

/** One per session; runs in a turn. */
export class CommitSteps {
  readonly #worker: Worker;
  readonly #cluster: ClusterContext;
  readonly #view: CatalogueView;
  readonly #path: SearchPath;
  readonly #readable: Readable;
  readonly #execution: Execution;
  readonly #sizes: SizeRules;

  constructor({ worker, cluster, view, path, readable, execution, sizes }: CommitParts) {
    this.#worker = worker;
    this.#cluster = cluster;
    this.#view = view;
    this.#path = path;
    this.#readable = readable;
    this.#execution = execution;
    this.#sizes = sizes;
  }

  /** Throws the Violation that refuses it. */
  async run(transaction: Transaction): Promise<void> {
    const { commits, counters } = this.#cluster;
    const old = transaction.tooOld(this.#cluster.nowMs(), this.#cluster.limits);
    if (old !== undefined) throw old;
    if (transaction.wrote) this.#view.confirm(transaction.tables);
    if (transaction.copies !== undefined) throw violation("dataConflict");
    if (transaction.phase === "parked") {
      const replayed = await this.#execution.replay(transaction);
      if (replayed === "conflict") {
        throw violation(transaction.changedCatalogue ? "schemaConflict" : "dataConflict");
      }
    }
    const own = transaction.wrote ? await this.#lookedAt(transaction) : undefined;
    const commit = own === undefined ? 0 : commits.ask();
    try {
      if (own !== undefined) this.#tell(own, commit);
      const { violation: refused } = await this.#worker.commit(transaction);
      if (refused !== undefined) own?.share?.release();
      if (refused !== undefined) throw refused;
    } finally {
      commits.answered(commit);
    }
    counters.commits++;
  }

  /** Looks at what was written, and finds what others are to be told of it. Throws the Violation that refuses it. */
  async #lookedAt(transaction: Transaction): Promise<Told> {
    await this.#needUnsharedParents(transaction);
    await this.#sizes.beforeCommit(transaction);
    await this.#needSpace(transaction);
    for (const table of this.#tablesLocked(transaction)) {
      await markLockedRows(this.#worker, table).catch(asConflict);
    }
    const losing = await this.#tablesLosingKeys(transaction);
    const share = await this.#keepShares(transaction);
    return { losing, share, referredTo: await this.#keysReferredTo(transaction) };
  }

  #tell({ losing, share, referredTo }: Told, commit: number): void {
    this.#note(referredTo, commit);
    if (share !== undefined) share.commit = commit;
    for (const table of losing) this.#cluster.deletions.note(table, commit);
  }

  /** Of a transaction whose COMMIT went with its only statement: which keys it has shared with snapshots that are older. */
  async noteShared(transaction: Transaction, commit: number): Promise<void> {
    this.#note(await this.#keysReferredTo(transaction), commit);
  }

  #note(referredTo: readonly ReferencedKeySet[], commit: number): void {
    const { referenced, waits } = this.#cluster;
    const oldest = waits.oldestSnapshot(this.#worker);
    if (oldest !== undefined) referenced.note(referredTo, commit, oldest);
  }

  #tablesLocked(transaction: Transaction): Set<string> {
    const locking = transaction.log.filter((entry) => entry.statement.locksForUpdate);
    return new Set(locking.flatMap((entry) => tablesNamed(entry.statement, this.#path)));
  }

  /** No machine holds what the service does: only a limit that was set is looked at. */
  async #needSpace({ log }: Transaction): Promise<void> {
    const { clusterBytes } = this.#cluster.limits;
    if (clusterBytes >= bounds.clusterBytes) return;
    if (!log.some(({ statement }) => statement.writesRows)) return;
    const [row] = await this.#cluster.admin.query("SELECT sys.cluster_size()");
    if (Number(row?.[0]) > clusterBytes) throw violation("clusterSize");
  }

  /** See concurrency/kept-shares.ts. */
  async #keepShares({ log }: Transaction): Promise<KeptShare | undefined> {
    const statements = log.filter(({ statement }) => statement.onlySharesKeys);
    if (statements.length === 0) return undefined;
    const { schemas } = this.#path;
    return this.#cluster.shares.keep({ holder: this.#worker, statements, schemas });
  }

  /** Tables from which the transaction takes keys away: concurrency/resurrected-keys.ts. */
  async #tablesLosingKeys(transaction: Transaction): Promise<Set<string>> {
    const losing = new Set<string>(transaction.cascadedTo);
    for (const { statement } of transaction.log) {
      // Looking at a table that our own DDL has locked would wait for ourselves.
      if (statement.kind !== "write") continue;
      for (const table of tablesWritten(statement, this.#path)) {
        const { keyColumns } = await this.#cluster.facts.of(table);
        if (removesKeys(statement, keyColumns)) losing.add(table);
      }
    }
    return losing;
  }

  /** See concurrency/referenced-keys.ts. */
  async #keysReferredTo(transaction: Transaction): Promise<ReferencedKeySet[]> {
    const { facts, waits } = this.#cluster;
    if (waits.oldestSnapshot(this.#worker) === undefined) return [];
    const children = new Map<string, WrittenChild>();
    for (const { statement, written } of transaction.log) {
      for (const table of statement.kind === "write" ? written : []) {
        const known = await facts.of(table);
        if (!refersToParents(statement, known) || !(await this.#readable.may(table))) continue;
        const { foreignKeys } = known;
        children.set(table, { table, foreignKeys, places: transaction.placesIn(table) });
      }
    }
    const sets: ReferencedKeySet[] = [];
    for (const child of children.values()) {
      sets.push(...(await keysReferredTo(this.#worker, child)));
    }
    return sets;
  }

  /** A parent that others' children have shared since cannot be locked, and none of its keys changed. */
  async #needUnsharedParents(transaction: Transaction): Promise<void> {
    const { referenced } = this.#cluster;
    const { snapshotCommits } = transaction;
    const tables = this.#tablesLocked(transaction);
    for (const table of await this.#tablesLosingKeys(transaction)) tables.add(table);
    for (const table of tables) {
      const isShared = await holdsSharedParent(this.#worker, referenced, {
        table,
        snapshotCommits,
      });
      if (isShared) throw violation("dataConflict");
    }
  }
}

/** Rows that cannot be written any more are another's: that is the service's conflict, not PostgreSQL's. */
function asConflict(error: unknown): never {
  const conflict = error instanceof Violation && error.report.code === "40001";
  throw conflict ? violation("dataConflict") : error;
}
