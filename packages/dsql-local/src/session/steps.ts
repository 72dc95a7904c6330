/** What happens around one statement, in a turn on the worker. */
import {
  tableKey,
  tablesNamed,
  tablesWritten,
  type CatalogueView,
} from "../concurrency/catalogue-versions.ts";
import { drawsValues } from "../concurrency/drawn-values.ts";
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
import { SizeRules } from "../sizes/size-rules.ts";
import { Violation } from "../rules/rule.ts";
import { violation } from "../rules/table.ts";
import { Type } from "../wire/messages.ts";
import type { Answer } from "./answer.ts";
import { announced, leavesNoLook, type PlanParts } from "./commit-plan.ts";
import { CommitSteps } from "./commit-steps.ts";
import type { ClusterContext } from "./context.ts";
import { DefinitionSteps } from "./definition-steps.ts";
import { Execution, isTakenBack, type Request } from "./execution.ts";
import { isSuspended } from "./kept-rows.ts";
import { OwnCommands } from "./own-commands.ts";
import { isOurs } from "./prepared.ts";
import type { Readable } from "./readable.ts";
import type { SearchPath } from "./search-path.ts";
import { isDdl, type Transaction } from "./transaction.ts";
import { COPY_TAKEN_BACK, type Worker } from "./worker.ts";

/** A table, column or schema that is not there, and a client that wants no more. */
const GONE = /^(?:42P01|42703|3F000|57014)$/;

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

/** One per session. All methods that run something only in a turn, but `commitInTurn`. */
export class Steps {
  readonly #worker: Worker;
  readonly #cluster: ClusterContext;
  readonly #execution: Execution;
  readonly #definitions: DefinitionSteps;
  readonly #commits: CommitSteps;
  readonly #own: OwnCommands;
  readonly #sizes: SizeRules;
  readonly #path: SearchPath;
  readonly #readable: Readable;

  constructor({ worker, cluster, view, path, readable }: StepParts) {
    this.#worker = worker;
    this.#cluster = cluster;
    this.#path = path;
    this.#readable = readable;
    this.#execution = new Execution({ worker, cluster, path, readable });
    const definitions = new Definitions(worker, path, cluster.limits);
    this.#definitions = new DefinitionSteps({ worker, cluster, view, path, definitions });
    const { jobs, admin } = cluster;
    this.#own = new OwnCommands({ worker, definitions, path, jobs, admin });
    this.#sizes = new SizeRules(worker, cluster, readable);
    this.#commits = new CommitSteps({
      worker,
      cluster,
      view,
      path,
      readable,
      execution: this.#execution,
      sizes: this.#sizes,
    });
  }

  /** Has to be called before any of the rest, for a statement: which tables it names may have changed. */
  async knowPath(): Promise<void> {
    if (!this.#path.isFresh) await this.#worker.turns.run(() => this.#path.refresh());
  }

  /** The keys of the tables that a statement names. */
  tablesOf(statement: Statement): string[] {
    return tablesNamed(statement, this.#path);
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
    const known = ddl ? await this.#definitions.before(transaction, statement) : undefined;
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
    if (known !== undefined) await this.#definitions.after(transaction, statement, known);
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
    transaction.commitsWithIt = await leavesNoLook(request, this.#planned);
  }

  /** Sees a statement through whose COMMIT goes with it. Not in a turn. */
  async runWhole(
    transaction: Transaction,
    statement: Statement,
    run: () => Promise<Answer>,
  ): Promise<Answer> {
    const end = announced(statement, this.#planned);
    let commit = 0;
    const answer = await run().finally(() => (commit = end()));
    if (!answer.committed) return answer;
    const shared = this.#worker.turns.run(() => this.#commits.noteShared(transaction, commit));
    await shared.catch(passIfGone);
    return answer;
  }

  get #planned(): PlanParts {
    return { cluster: this.#cluster, path: this.#path, worker: this.#worker };
  }

  #noteSnapshot(transaction: Transaction): void {
    if (transaction.phase === "fresh") {
      transaction.snapshotCommits = this.#cluster.commits.seen;
      transaction.snapshotVersion = this.#cluster.versions.latest;
    }
  }

  #noteSetting(statement: Statement): void {
    // It may be the role's.
    if (statement.kind === "setting") this.#readable.forget();
    if (statement.kind === "setting" || statement.calls.includes("set_config"))
      this.#path.changed();
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
    await this.#worker.turns.run(() => this.#commits.run(transaction));
    for (const then of transaction.afterCommit) await then();
  }

  /** A SET LOCAL ends with its transaction, any SET with its rollback. */
  #settingsEnd({ log }: Transaction): void {
    if (log.some(({ statement }) => statement.kind === "setting")) this.#path.changed();
  }
}

/** It is committed, whatever became of its table since: what is gone has no keys that count against anybody. */
function passIfGone(error: unknown): void {
  if (!(error instanceof Violation) || !GONE.test(error.report.code)) throw error;
}

function lengthOf(frames: readonly Buffer[]): number {
  let bytes = 0;
  for (const frame of frames) bytes += frame.length;
  return bytes;
}
