/** What happens around one statement and around COMMIT, in a turn on the worker. */
import { tableKey, tablesWritten, type CatalogueView } from "../concurrency/catalogue-versions.ts";
import {
  holdsSharedParent,
  keysReferredTo,
  type ReferencedKeySet,
  type WrittenChild,
} from "../concurrency/referenced-keys.ts";
import type { KeptShare } from "../concurrency/kept-shares.ts";
import { drawsValues } from "../concurrency/drawn-values.ts";
import { markLockedRows } from "../concurrency/locked-rows.ts";
import { removesKeys } from "../concurrency/resurrected-keys.ts";
import { Definitions } from "../definitions/definitions.ts";
import { blankStatement, type Statement } from "../gate/statement.ts";
import {
  cascades,
  changedRows,
  changedSince,
  nothingChanged,
  totalOf,
  type ChangedRows,
} from "../sizes/changed-rows.ts";
import { chargedBytes } from "../sizes/charged.ts";
import { refersToParents } from "../sizes/table-facts.ts";
import { SizeRules } from "../sizes/size-rules.ts";
import { bounds } from "../rules/bounds.ts";
import { Violation } from "../rules/rule.ts";
import { violation } from "../rules/table.ts";
import { Type } from "../wire/messages.ts";
import type { Answer } from "./answer.ts";
import { leavesNoLook } from "./commit-plan.ts";
import type { ClusterContext } from "./context.ts";
import { Execution, isTakenBack, type Request } from "./execution.ts";
import { isSuspended } from "./kept-rows.ts";
import { OwnCommands } from "./own-commands.ts";
import { isOurs } from "./prepared.ts";
import type { Readable } from "./readable.ts";
import type { SearchPath } from "./search-path.ts";
import { isDdl, type Transaction } from "./transaction.ts";
import { COPY_TAKEN_BACK, type Worker } from "./worker.ts";

/** What the steps are made of. */
export interface StepParts {
  readonly worker: Worker;
  readonly cluster: ClusterContext;
  readonly view: CatalogueView;
  readonly path: SearchPath;
  readonly readable: Readable;
}

/** A write that has run. */
interface Wrote {
  readonly answer: Answer;
  /** Undefined where the answer's tag tells all. */
  readonly changed: ChangedRows | undefined;
}

/** What is known of a DDL's tables before it runs. */
interface KnownBefore {
  /** Tables that change with what it names. */
  readonly changed: readonly string[];
  /** Those that it names and that are not there. */
  readonly missing: readonly string[];
}

const NOTHING_KNOWN: KnownBefore = { changed: [], missing: [] };

/** One per session. All methods that run something only in a turn, but `commitInTurn`. */
export class Steps {
  readonly #worker: Worker;
  readonly #cluster: ClusterContext;
  readonly #view: CatalogueView;
  readonly #execution: Execution;
  readonly #definitions: Definitions;
  readonly #own: OwnCommands;
  readonly #sizes: SizeRules;
  readonly #path: SearchPath;
  readonly #readable: Readable;

  constructor({ worker, cluster, view, path, readable }: StepParts) {
    this.#worker = worker;
    this.#cluster = cluster;
    this.#view = view;
    this.#path = path;
    this.#readable = readable;
    this.#execution = new Execution({ worker, cluster, path, readable });
    this.#definitions = new Definitions(worker, path, cluster.limits);
    const { jobs, admin } = cluster;
    this.#own = new OwnCommands({ worker, definitions: this.#definitions, path, jobs, admin });
    this.#sizes = new SizeRules(worker, cluster, readable);
  }

  /** Has to be called before any of the rest, for a statement: which tables it names may have changed. */
  async knowPath(): Promise<void> {
    if (!this.#path.isFresh) await this.#worker.turns.run(() => this.#path.refresh());
  }

  /** The keys of the tables that a statement names. */
  tablesOf(statement: Statement): string[] {
    return [...statement.relations, ...statement.inside]
      .map((use) => tableKey(use, this.#path))
      .filter((key) => key !== undefined);
  }

  /** A table that was made behind the snapshot is not there yet (source G). Throws 42P01. */
  needTables({ kind, relations }: Statement, transaction: Transaction): void {
    if (transaction.phase === "fresh" || (kind !== "read" && kind !== "write")) return;
    for (const use of relations) {
      const key = tableKey(use, this.#path);
      if (key === undefined) continue;
      if (!this.#cluster.versions.isYounger(key, transaction.snapshotVersion)) continue;
      const name = use.schema === "" ? use.name : `${use.schema}.${use.name}`;
      throw violation("youngTable", { name });
    }
  }

  /** Opens a transaction at PostgreSQL, or makes its writes again. */
  async prepare(transaction: Transaction): Promise<void> {
    this.#noteSnapshot(transaction);
    await this.#worker.open(transaction);
    await this.#execution.unpark(transaction);
  }

  /** Has a transaction that may have begun already only read from now on, or write too, also when its log is repeated. */
  async setReadOnly(transaction: Transaction, readOnly: boolean): Promise<void> {
    transaction.readOnly = readOnly;
    if (transaction.phase === "fresh") return;
    await this.#execution.unpark(transaction);
    const sql = `SET TRANSACTION READ ${readOnly ? "ONLY" : "WRITE"}`;
    const entry = {
      statement: blankStatement("setting", sql), types: undefined, bindRest: undefined, asks: undefined, copied: undefined,
    }; // prettier-ignore
    const { violation: told, told: answer } = await this.#worker.runEntry(entry);
    if (told !== undefined) throw told;
    transaction.log.push({ ...entry, answer, written: [], places: undefined });
  }

  /**
   * Has PostgreSQL look at a COPY FROM STDIN, and tells the client how its rows are to come. Throws what PostgreSQL refuses
   * before it reads any of them.
   */
  async beginCopy(transaction: Transaction, { statement, sink }: Request): Promise<void> {
    await this.prepare(transaction);
    const { error, head, violation: told } = await this.#worker.tryCopy(statement.sql);
    for (const frame of head) if (frame[0] === Type.copyInResponse) sink.add(frame);
    const passes =
      error !== undefined && isTakenBack(error) && error.message.endsWith(COPY_TAKEN_BACK);
    if (told !== undefined && !passes) throw told;
  }

  /** Runs a statement that needs no transaction of ours. */
  async runAlone({ frames, simple, sink, statement }: Request): Promise<Answer> {
    const answer = await this.#worker.runAlone({ frames: frames(), simple, sink });
    // A function that writes may run into another's commit.
    if (/^40(?:001|P01)$/.test(answer.error?.code ?? "")) throw violation("dataConflict");
    if (answer.violation !== undefined) throw answer.violation;
    this.#noteSetting(statement);
    return answer;
  }

  /** Runs a statement inside a transaction, with all rules that hold right after it. */
  async runInside(transaction: Transaction, request: Request): Promise<Answer> {
    const { statement } = request;
    this.#noteSnapshot(transaction);
    const ddl = isDdl(statement);
    const known = ddl ? await this.#beforeDdl(transaction, statement) : NOTHING_KNOWN;
    if (statement.kind === "write") {
      const { answer, changed } = await this.#write(transaction, request);
      await this.#afterWrite(transaction, request, answer, changed);
      await this.#noteDrawn(transaction, statement);
      this.#log(transaction, request, answer);
      return answer;
    }
    const answer = isOurs(statement)
      ? await this.#own.run(transaction, statement)
      : await this.#execution.run(transaction, request);
    if (ddl) await this.#afterDdl(transaction, statement, known);
    if (request.parts !== undefined && isSuspended(answer)) {
      transaction.suspended.push(request.parts);
    }
    if (transaction.hasDrawn && statement.kind !== "setting") transaction.reliesOnDrawn = true;
    this.#log(transaction, request, answer);
    this.#noteSetting(statement);
    return answer;
  }

  /** See concurrency/drawn-values.ts. */
  async #noteDrawn(transaction: Transaction, statement: Statement): Promise<void> {
    if (transaction.hasDrawn) transaction.reliesOnDrawn = true;
    if (transaction.hasDrawn || transaction.mode === "single") return;
    for (const table of tablesWritten(statement, this.#path)) {
      if (drawsValues(statement, await this.#cluster.facts.of(table))) transaction.hasDrawn = true;
    }
  }

  /** Has PostgreSQL asked for the COMMIT with the statement, where nothing would be left to look at before it. */
  async planCommit(transaction: Transaction, request: Request): Promise<void> {
    transaction.commitsWithIt = await leavesNoLook(request, this.#cluster, this.#path);
  }

  #noteSnapshot(transaction: Transaction): void {
    if (transaction.phase === "fresh") {
      transaction.snapshotCommits = this.#cluster.commits.answered;
      transaction.snapshotVersion = this.#cluster.versions.latest;
    }
  }

  #noteSetting(statement: Statement): void {
    // It may be the role's.
    if (statement.kind === "setting") this.#readable.forget();
    if (statement.kind === "setting" || statement.calls.includes("set_config"))
      this.#path.changed();
  }

  async #beforeDdl(transaction: Transaction, statement: Statement): Promise<KnownBefore> {
    await this.#worker.open(transaction);
    const changed = await this.#definitions.before(statement);
    return { changed, missing: await this.#definitions.missing(this.tablesOf(statement)) };
  }

  async #afterDdl(
    transaction: Transaction,
    statement: Statement,
    { changed, missing }: KnownBefore,
  ): Promise<void> {
    if (!isOurs(statement)) await this.#definitions.after(statement);
    const tables = [...this.tablesOf(statement), ...changed];
    if (statement.renamesRole) transaction.afterCommit.push(() => this.#renameTrusted());
    transaction.afterCommit.unshift(() => {
      this.#cluster.versions.bump(tables);
      this.#cluster.versions.made(missing);
      this.#cluster.functions.changed();
      this.#view.adopt(tables);
    });
  }

  /** What AWS IAM GRANT trusts is the role, whatever it is called. */
  async #renameTrusted(): Promise<void> {
    await this.#cluster.admin.query(
      `UPDATE sys.iam_pg_role_mappings SET pg_role_name = r.rolname FROM pg_roles AS r WHERE r.oid = pg_role_oid`,
    );
  }

  /** Runs what writes; tells what it has changed where its tag tells only some of that. */
  async #write(transaction: Transaction, request: Request): Promise<Wrote> {
    if (!(await this.#changesMore(request.statement))) {
      return { answer: await this.#execution.run(transaction, request), changed: undefined };
    }
    let before = nothingChanged;
    const look = async (): Promise<void> => {
      await this.#worker.open(transaction);
      before = await changedRows(this.#worker);
    };
    const answer = await this.#execution.run(transaction, request, look);
    // Copies are filled by us.
    if (transaction.copies !== undefined) return { answer, changed: undefined };
    return { answer, changed: changedSince(before, await changedRows(this.#worker)) };
  }

  async #changesMore(statement: Statement): Promise<boolean> {
    if (statement.countByStatistics) return true;
    for (const table of tablesWritten(statement, this.#path)) {
      if (cascades(statement, await this.#cluster.facts.of(table))) return true;
    }
    return false;
  }

  async #afterWrite(
    transaction: Transaction,
    request: Request,
    answer: Answer,
    changed: ChangedRows | undefined,
  ): Promise<void> {
    const { statement, bindRest, suspicious, copied } = request;
    const rows = changed === undefined ? answer.affectedRows : totalOf(changed);
    const tooMany = transaction.countRows(rows, this.#cluster.limits);
    if (tooMany !== undefined) throw tooMany;
    this.#cluster.counters.rowsWritten += rows;
    await this.#charge(transaction, request, rows);
    const messageBytes = copied?.bytes ?? lengthOf(request.frames());
    if (transaction.copies !== undefined) return;
    const tables = tablesWritten(statement, this.#path);
    const deletes = answer.tag.startsWith("DELETE");
    await this.#sizes.afterStatement(transaction, {
      statement, bindRest, rows, changed, tables, messageBytes, deletes, suspicious, places: answer.places,
    }); // prettier-ignore
  }

  /** Notes what the rows cost, and where they go. */
  async #charge(transaction: Transaction, request: Request, rows: number): Promise<void> {
    const { statement, bindRest, frames, copied } = request;
    const [table] = tablesWritten(statement, this.#path);
    if (table === undefined || rows === 0) return;
    const facts = await this.#cluster.facts.of(table);
    const messageBytes = copied?.bytes ?? bindRest?.length ?? lengthOf(frames());
    const bytes = chargedBytes({ statement, rows, messageBytes }, facts);
    transaction.usage.writeBytes += bytes;
    transaction.writtenRows.set(table, (transaction.writtenRows.get(table) ?? 0) + rows);
  }

  #log(transaction: Transaction, request: Request, answer: Answer): void {
    if (request.again) return;
    const { statement, types, bindRest, asks, copied } = request;
    const { kind } = statement;
    if (kind === "write" || kind === "setting" || kind === "ddl") {
      const written = tablesWritten(statement, this.#path);
      const { told, places } = answer;
      transaction.log.push({
        statement, types, bindRest, asks, copied, answer: told, written, places,
      }); // prettier-ignore
    }
  }

  /** Takes a turn and rolls back; a SET of the transaction goes with it. */
  async rollbackInTurn(transaction: Transaction): Promise<void> {
    this.#settingsEnd(transaction);
    this.#readable.forget();
    await this.#worker.turns.run(() => this.#worker.rollback(transaction));
  }

  /** Takes a turn and commits. Throws the Violation that refuses it. */
  async commitInTurn(transaction: Transaction): Promise<void> {
    this.#settingsEnd(transaction);
    await this.#worker.turns.run(() => this.#commit(transaction));
    for (const then of transaction.afterCommit) await then();
  }

  /** A SET LOCAL ends with its transaction, any SET with its rollback. */
  #settingsEnd({ log }: Transaction): void {
    if (log.some(({ statement }) => statement.kind === "setting")) this.#path.changed();
  }

  #tablesLocked(transaction: Transaction): Set<string> {
    const locking = transaction.log.filter((entry) => entry.statement.locksForUpdate);
    return new Set(locking.flatMap((entry) => this.tablesOf(entry.statement)));
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

  async #commit(transaction: Transaction): Promise<void> {
    const { commits, counters, referenced, waits } = this.#cluster;
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
    let share: KeptShare | undefined;
    if (transaction.wrote) {
      await this.#needUnsharedParents(transaction);
      await this.#sizes.beforeCommit(transaction);
      await this.#needSpace(transaction);
      for (const table of this.#tablesLocked(transaction)) {
        await markLockedRows(this.#worker, table).catch(asConflict);
      }
      const losing = await this.#tablesLosingKeys(transaction);
      share = await this.#keepShares(transaction);
      const referredTo = await this.#keysReferredTo(transaction);
      commits.asked++;
      const oldest = waits.oldestSnapshot(this.#worker);
      if (oldest !== undefined) referenced.note(referredTo, commits.asked, oldest);
      if (share !== undefined) share.commit = commits.asked;
      for (const table of losing) this.#cluster.deletions.note(table, commits.asked);
    }
    const answer = await this.#worker.commit(transaction);
    if (transaction.wrote) commits.answered++;
    if (answer.violation !== undefined) share?.release();
    if (answer.violation !== undefined) throw answer.violation;
    counters.commits++;
  }
}

/** Rows that cannot be written any more are another's: that is the service's conflict, not PostgreSQL's. */
function asConflict(error: unknown): never {
  const conflict = error instanceof Violation && error.report.code === "40001";
  throw conflict ? violation("dataConflict") : error;
}

function lengthOf(frames: readonly Buffer[]): number {
  let bytes = 0;
  for (const frame of frames) bytes += frame.length;
  return bytes;
}
