/** Runs a session's statements under DSQL's transaction rules. Knows nothing of messages. */
import type { CatalogueView } from "../concurrency/catalogue-versions.ts";
import { tableKey } from "../concurrency/catalogue-versions.ts";
import type { Statement } from "../gate/statement.ts";
import { Violation } from "../rules/rule.ts";
import { violation } from "../rules/table.ts";
import type { TransactionStatus } from "../wire/messages.ts";
import type { Answer, FrameSink } from "./answer.ts";
import type { ClusterContext } from "./context.ts";
import { isDdl, Transaction, type TransactionMode } from "./transaction.ts";
import { isDeadlock, type Worker } from "./worker.ts";

/** One statement as the client sent it. */
export interface Request {
  readonly statement: Statement;
  /** Its messages for PostgreSQL, without the Sync. */
  readonly frames: readonly Buffer[];
  readonly simple: boolean;
  readonly types: Buffer | undefined;
  readonly bindRest: Buffer | undefined;
  /** Where a read's rows go while they come. */
  readonly sink: FrameSink;
}

const MAX_RETRIES = 200;

/** One per session. */
export class Runner {
  readonly #worker: Worker;
  readonly #cluster: ClusterContext;
  readonly #view: CatalogueView;
  #transaction: Transaction | undefined;
  #defaultSchema = "public";

  constructor(worker: Worker, cluster: ClusterContext, view: CatalogueView) {
    this.#worker = worker;
    this.#cluster = cluster;
    this.#view = view;
  }

  /** The running transaction. */
  get transaction(): Transaction | undefined {
    return this.#transaction;
  }

  /** As ReadyForQuery tells it. */
  get status(): TransactionStatus {
    if (this.#transaction?.mode !== "block") return "I";
    return this.#transaction.phase === "failed" ? "E" : "T";
  }

  /** Whether everything but the end of the block is ignored. */
  get failed(): boolean {
    return this.#transaction?.phase === "failed";
  }

  /** Begins a transaction; an implicit one becomes a block. */
  begin(mode: TransactionMode, readOnly: boolean): void {
    if (this.#transaction?.mode === "implicit" && mode === "block") {
      this.#transaction.mode = "block";
    } else {
      this.#transaction ??= new Transaction(mode, this.#cluster.nowMs(), readOnly);
    }
  }

  /** Makes the running transaction known to PostgreSQL, writes replayed: for Bind without Execute. */
  async ready(): Promise<void> {
    const transaction = this.#transaction;
    if (transaction === undefined) return;
    await this.#worker.turns.run(async () => {
      await this.#worker.open(transaction);
      if (transaction.phase === "parked") await this.#worker.replay(transaction);
    });
  }

  /** Runs one statement. Throws the Violation that the client gets; a block has then failed. */
  async run(request: Request): Promise<Answer> {
    const transaction = this.#transaction;
    if (this.failed) throw violation("aborted");
    try {
      return await this.#guarded(request, transaction);
    } catch (error) {
      await this.fail();
      throw error;
    }
  }

  async #guarded(request: Request, transaction: Transaction | undefined): Promise<Answer> {
    const { statement } = request;
    this.#look(statement, transaction);
    if (transaction === undefined) {
      return needsTransaction(statement) ? this.#runSingle(request) : this.#runAlone(request);
    }
    transaction.admit(statement);
    return this.#worker.turns.run(() => this.#runInside(transaction, request));
  }

  #look(statement: Statement, transaction: Transaction | undefined): void {
    const old = transaction?.tooOld(this.#cluster.nowMs());
    if (old !== undefined) throw old;
    const tables = this.#tablesOf(statement);
    this.#view.look(tables);
    for (const table of tables) {
      if (transaction !== undefined && !transaction.tables.has(table)) {
        transaction.tables.set(table, this.#cluster.versions.of(table));
      }
    }
  }

  #tablesOf(statement: Statement): string[] {
    return statement.relations
      .map((use) => tableKey(use, this.#defaultSchema))
      .filter((key) => key !== undefined);
  }

  async #runAlone(request: Request): Promise<Answer> {
    const { frames, simple, sink, statement } = request;
    const answer = await this.#worker.turns.run(() =>
      this.#worker.runAlone({ frames, simple, sink }),
    );
    if (answer.error !== undefined) throw new Violation(answer.error);
    if (statement.searchPath !== undefined) this.#defaultSchema = statement.searchPath;
    return answer;
  }

  async #runSingle(request: Request): Promise<Answer> {
    const transaction = new Transaction("single", this.#cluster.nowMs());
    transaction.admit(request.statement);
    for (const table of this.#tablesOf(request.statement)) {
      transaction.tables.set(table, this.#cluster.versions.of(table));
    }
    return this.#worker.turns.run(async () => {
      try {
        const answer = await this.#runInside(transaction, request);
        await this.#commitInTurn(transaction);
        return answer;
      } catch (error) {
        await this.#worker.rollback(transaction);
        throw error;
      }
    });
  }

  async #runInside(transaction: Transaction, request: Request): Promise<Answer> {
    const { statement, frames, simple } = request;
    if (transaction.phase === "parked" && (await this.#worker.replay(transaction)) === "conflict") {
      throw violation("dataConflict");
    }
    const streams = statement.kind === "read" || statement.kind === "call";
    const unit = streams ? { frames, simple, sink: request.sink } : { frames, simple };
    if (transaction.phase === "fresh") transaction.snapshotCommits = this.#cluster.commits;
    let answer = await this.#worker.runInside(transaction, unit);
    if (answer.error !== undefined && isDeadlock(answer) && !streams) {
      answer = await this.#retry(transaction, request, answer);
    }
    if (answer.error !== undefined) throw this.#translate(answer.error);
    this.#settle(transaction, request, answer);
    return answer;
  }

  #translate(error: Violation["report"]): Violation {
    return error.code === "40001" ? violation("dataConflict") : new Violation(error);
  }

  #settle(transaction: Transaction, request: Request, answer: Answer): void {
    const { statement, types, bindRest } = request;
    if (statement.kind === "write") {
      const tooMany = transaction.countRows(answer.affectedRows);
      if (tooMany !== undefined) throw tooMany;
    }
    if (statement.kind === "write" || statement.kind === "setting" || isDdl(statement)) {
      transaction.log.push({ statement, types, bindRest, answer: answer.told });
    }
    if (statement.searchPath !== undefined) this.#defaultSchema = statement.searchPath;
    if (isDdl(statement)) {
      const tables = this.#tablesOf(statement);
      transaction.afterCommit.push(() => {
        this.#cluster.versions.bump(tables);
        this.#view.adopt(tables);
      });
    }
  }

  /** PostgreSQL broke a circle of waits at our statement: let the other through and run it again. */
  async #retry(transaction: Transaction, request: Request, first: Answer): Promise<Answer> {
    for (let attempt = 0; attempt < MAX_RETRIES; attempt++) {
      await this.#worker.park(transaction);
      await new Promise((resolve) => setTimeout(resolve, Math.min(attempt, 10)));
      if ((await this.#worker.replay(transaction)) === "conflict") break;
      const answer = request.simple
        ? await this.#worker.runInside(transaction, { frames: request.frames, simple: true })
        : await this.#worker.runEntry(request);
      if (isDeadlock(answer)) continue;
      if (!request.simple) answer.head.unshift(...first.head);
      return answer;
    }
    throw violation("dataConflict");
  }

  /** Commits the running transaction. Throws the Violation that refuses it; it is over either way. */
  async commit(): Promise<void> {
    const transaction = this.#transaction;
    this.#transaction = undefined;
    if (transaction === undefined || transaction.phase === "fresh") return;
    await this.#worker.turns.run(async () => {
      try {
        await this.#commitInTurn(transaction);
      } catch (error) {
        await this.#worker.rollback(transaction);
        throw error;
      }
    });
  }

  async #commitInTurn(transaction: Transaction): Promise<void> {
    const old = transaction.tooOld(this.#cluster.nowMs());
    if (old !== undefined) throw old;
    if (transaction.wrote) this.#view.confirm(transaction.tables);
    if (transaction.phase === "parked" && (await this.#worker.replay(transaction)) === "conflict") {
      throw violation(transaction.changedCatalogue ? "schemaConflict" : "dataConflict");
    }
    const answer = await this.#worker.commit(transaction);
    if (answer.error !== undefined) throw this.#translate(answer.error);
    if (transaction.wrote) this.#cluster.commits++;
    for (const then of transaction.afterCommit) then();
  }

  /** Rolls the running transaction back. */
  async rollback(): Promise<void> {
    const transaction = this.#transaction;
    this.#transaction = undefined;
    if (transaction === undefined || transaction.phase === "failed") return;
    await this.#worker.turns.run(() => this.#worker.rollback(transaction));
  }

  /** A block has failed: locks go at once, the client still has to end it. */
  async fail(): Promise<void> {
    const transaction = this.#transaction;
    if (transaction === undefined || transaction.phase === "failed") return;
    await this.#worker.turns.run(() => this.#worker.rollback(transaction));
    if (transaction.mode === "block") transaction.phase = "failed";
    else this.#transaction = undefined;
  }
}

function needsTransaction(statement: Statement): boolean {
  return statement.kind === "write" || isDdl(statement);
}
