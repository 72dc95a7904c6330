/** Runs a session's statements under DSQL's transaction rules. Knows nothing of messages. */
import type { CatalogueView } from "../concurrency/catalogue-versions.ts";
import type { Counters } from "../control/counters.ts";
import { delay } from "../control/delays.ts";
import { dpuOfTransaction, LEAST_BYTES, noUsage, type Usage } from "../control/dpu.ts";
import { ConnectionCut, type CommitPlan } from "../control/faults.ts";
import type { Explains, Statement } from "../gate/statement.ts";
import { Violation } from "../rules/rule.ts";
import { violation } from "../rules/table.ts";
import { Type, type TransactionStatus } from "../wire/messages.ts";
import type { Answer } from "./answer.ts";
import type { ClusterContext } from "./context.ts";
import type { Copied } from "./copied.ts";
import type { Request } from "./execution.ts";
import { explainedRows } from "./explained.ts";
import type { Readable } from "./readable.ts";
import type { SearchPath } from "./search-path.ts";
import { Steps } from "./steps.ts";
import { isDdl, Transaction, type TransactionMode } from "./transaction.ts";
import type { Worker } from "./worker.ts";

/** What a runner is made of. */
export interface RunnerParts {
  readonly worker: Worker;
  readonly cluster: ClusterContext;
  readonly view: CatalogueView;
  readonly path: SearchPath;
  readonly readable: Readable;
  /** As the client called itself at start-up: faults may be meant for it alone. */
  readonly applicationName: string;
}

/** One per session. */
export class Runner {
  readonly #worker: Worker;
  readonly #cluster: ClusterContext;
  readonly #view: CatalogueView;
  readonly #applicationName: string;
  readonly #steps: Steps;
  #transaction: Transaction | undefined;
  #usage = noUsage();
  #singleWriteBytes = 0;
  /** How long the last statement has waited for what its client had to send. */
  #receivedMs = 0;
  /** A COMMIT that is applied after its client was cut off. */
  #late: Promise<void> = Promise.resolve();

  constructor(parts: RunnerParts) {
    this.#worker = parts.worker;
    this.#cluster = parts.cluster;
    this.#view = parts.view;
    this.#applicationName = parts.applicationName;
    this.#steps = new Steps(parts);
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

  /** Resolves when a COMMIT that comes after the cut is done. */
  get late(): Promise<void> {
    return this.#late;
  }

  /** Begins a transaction; an implicit one becomes a block. */
  begin(mode: TransactionMode, readOnly?: boolean): void {
    if (this.#transaction?.mode === "implicit" && mode === "block") {
      this.#transaction.mode = "block";
    } else {
      this.#transaction ??= new Transaction(mode, this.#cluster.nowMs(), readOnly);
    }
  }

  /** Whether the running transaction may write, from now on, by the word of a BEGIN. Throws what PostgreSQL refuses. */
  async setReadOnly(readOnly: boolean): Promise<void> {
    const transaction = this.#transaction;
    if (transaction === undefined || transaction.readOnly === readOnly) return;
    await this.#worker.turns.run(() => this.#steps.setReadOnly(transaction, readOnly));
  }

  /** Makes the running transaction known to PostgreSQL, its writes in place: for Bind without Execute. */
  async ready(): Promise<void> {
    const transaction = this.#transaction;
    if (transaction === undefined) return;
    await this.#worker.turns.run(() => this.#steps.prepare(transaction));
  }

  /** Throws where the running transaction is too old to go on. */
  needYoung(): void {
    const old = this.#transaction?.tooOld(this.#cluster.nowMs(), this.#cluster.limits);
    if (old !== undefined) throw old;
  }

  /** What the last statement used. */
  get usage(): Usage {
    return this.#usage;
  }

  /** Runs one statement. Throws the Violation that the client gets; a block has then failed. */
  async run(request: Request): Promise<Answer> {
    if (this.failed) throw violation("aborted");
    try {
      const { explains, lateralDefect } = request.statement;
      if (explains !== undefined) return await this.#explained(request, explains);
      if (lateralDefect !== undefined) return await this.#defective(request, lateralDefect);
      if (analyzesAll(request.statement)) return await this.#analyzed(request);
      return await this.#charged(request);
    } catch (error) {
      this.#count(error);
      await this.fail();
      throw error;
    }
  }

  /** The rows of a plan wait for what the statement cost. */
  async #explained(request: Request, explains: Explains): Promise<Answer> {
    const rows: Buffer[] = [];
    const { sink, statement } = request;
    const add = (frame: Buffer): void => {
      if (frame[0] === Type.dataRow) rows.push(frame);
      else sink.add(frame);
    };
    const answer = await this.#charged({ ...request, sink: { add } });
    const plan = answer.rows.length > 0 ? answer.rows : rows;
    answer.rows.splice(0, Infinity, ...explainedRows(plan, explains, statement.sql, this.#usage));
    return answer;
  }

  /** Fails where there is a row. */
  async #defective(request: Request, number: number): Promise<Answer> {
    const { sink } = request;
    const add = (frame: Buffer): void => {
      if (frame[0] !== Type.dataRow) sink.add(frame);
    };
    const answer = await this.#charged({ ...request, sink: { add } });
    if (answer.rowBytes > 0) throw violation("lateralDefect", { number });
    return answer;
  }

  async #analyzed(request: Request): Promise<Answer> {
    const { sink } = request;
    const add = (frame: Buffer): void => {
      if (!isOfSystem(frame)) sink.add(frame);
    };
    const answer = await this.#charged({ ...request, sink: { add } });
    answer.head.splice(0, Infinity, ...answer.head.filter((frame) => !isOfSystem(frame)));
    return answer;
  }

  async #charged(request: Request): Promise<Answer> {
    const running = this.#transaction;
    const { counters } = this.#cluster;
    const before = running?.usage.writeBytes ?? 0;
    const startedMs = performance.now();
    this.#usage = noUsage();
    const answer = await this.#guarded(request, running);
    this.#usage.computeMs = performance.now() - startedMs - this.#receivedMs;
    const { relations, kind } = request.statement;
    const reads = relations.length > 0 && (kind === "read" || kind === "write");
    if (reads) this.#usage.readBytes = Math.max(answer.rowBytes, LEAST_BYTES);
    if (running === undefined) {
      this.#usage.writeBytes = this.#singleWriteBytes;
      settle(this.#usage, counters);
    } else {
      this.#usage.writeBytes = running.usage.writeBytes - before;
      running.usage.computeMs += this.#usage.computeMs;
      running.usage.readBytes += this.#usage.readBytes;
    }
    return answer;
  }

  async #guarded(request: Request, transaction: Transaction | undefined): Promise<Answer> {
    const { statement } = request;
    const { counters, faults } = this.#cluster;
    counters.statements++;
    this.#singleWriteBytes = 0;
    this.#receivedMs = 0;
    const delayMs = faults.atStatement(statement.sql, this.#applicationName);
    if (delayMs > 0) await delay(delayMs);
    await this.#steps.knowPath();
    this.#look(statement, transaction);
    if (transaction === undefined) {
      if (needsTransaction(statement)) return this.#runSingle(request);
      return this.#worker.turns.run(() => this.#steps.runAlone(request));
    }
    transaction.admit(statement);
    return this.#runInside(transaction, request);
  }

  async #runInside(transaction: Transaction, request: Request): Promise<Answer> {
    const { receive } = request;
    const ready =
      receive === undefined ? request : await this.#received(transaction, request, receive);
    return this.#worker.turns.run(() => this.#steps.runInside(transaction, ready));
  }

  /** A COPY FROM STDIN with its rows. Others may have the locks meanwhile: no turn is taken while the client sends. */
  async #received(
    transaction: Transaction,
    request: Request,
    receive: () => Promise<Copied>,
  ): Promise<Request> {
    await this.#worker.turns.run(() => this.#steps.beginCopy(transaction, request));
    const tables = this.#steps.tablesOf(request.statement);
    const startedMs = performance.now();
    const copied = await receive();
    this.#receivedMs = performance.now() - startedMs;
    // The rows were sent for the table as it was.
    this.#view.look(tables);
    const statement = { ...request.statement, longestLiteralBytes: copied.longestFieldBytes };
    return { ...request, statement, copied };
  }

  /** Age and catalogue, before a statement runs. */
  #look(statement: Statement, transaction: Transaction | undefined): void {
    this.needYoung();
    const tables = this.#steps.tablesOf(statement);
    this.#view.look(tables);
    if (transaction === undefined) return;
    this.#steps.needTables(statement, transaction);
    this.#remember(transaction, tables);
  }

  #remember(transaction: Transaction, tables: readonly string[]): void {
    for (const table of tables) {
      if (!transaction.tables.has(table)) {
        transaction.tables.set(table, this.#cluster.versions.of(table));
      }
    }
  }

  async #runSingle(request: Request): Promise<Answer> {
    const transaction = new Transaction("single", this.#cluster.nowMs());
    transaction.admit(request.statement);
    this.#remember(transaction, this.#steps.tablesOf(request.statement));
    await this.#steps.planCommit(transaction, request);
    return this.#orRollback(transaction, async () => {
      const answer = await this.#runWhole(transaction, request);
      this.#singleWriteBytes = transaction.usage.writeBytes;
      return answer;
    });
  }

  /** Runs a transaction of one statement, and commits it where it has not been with that. */
  async #runWhole(transaction: Transaction, request: Request): Promise<Answer> {
    const run = (): Promise<Answer> => this.#runInside(transaction, request);
    if (!transaction.commitsWithIt) {
      const answer = await run();
      await this.#commit(transaction);
      return answer;
    }
    this.#view.confirm(transaction.tables);
    const answer = await this.#steps.runWhole(transaction, request.statement, run);
    if (answer.committed) this.#cluster.counters.commits++;
    else await this.#commit(transaction);
    return answer;
  }

  /** Commits the running transaction. Throws the Violation that refuses it; it is over either way. */
  async commit(): Promise<void> {
    const transaction = this.#transaction;
    this.#transaction = undefined;
    if (transaction === undefined || transaction.phase === "fresh") return;
    try {
      await this.#orRollback(transaction, () => this.#commit(transaction));
      settle(transaction.usage, this.#cluster.counters);
    } catch (error) {
      this.#count(error);
      throw error;
    }
  }

  async #orRollback<T>(transaction: Transaction, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const isLate = error instanceof ConnectionCut && error.late;
      if (!isLate) await this.#steps.rollbackInTurn(transaction);
      throw error;
    }
  }

  async #commit(transaction: Transaction): Promise<void> {
    const { wrote } = transaction;
    const { commitMs } = this.#cluster.delays;
    const waitMs =
      (wrote ? commitMs : 0) + this.#cluster.partitions.delayMs(transaction.writtenRows);
    if (waitMs > 0) await delay(waitMs);
    const plan = wrote ? this.#cluster.faults.atCommit(this.#applicationName) : undefined;
    if (plan === undefined) return this.#steps.commitInTurn(transaction);
    await this.#commitFaulty(transaction, plan);
  }

  async #commitFaulty(transaction: Transaction, plan: CommitPlan): Promise<void> {
    if (plan.delayMs > 0) await delay(plan.delayMs);
    if (plan.refusal !== undefined) throw plan.refusal;
    const { cut } = plan;
    if (cut === undefined) {
      await this.#steps.commitInTurn(transaction);
      if (plan.doubt !== undefined) throw plan.doubt;
      return;
    }
    this.#cluster.counters.connectionsCut++;
    if (cut.when === "late") {
      this.#late = delay(cut.lateMs ?? 0)
        .then(() => this.#steps.commitInTurn(transaction))
        .catch((error: unknown) => this.#count(error));
      throw new ConnectionCut(true);
    }
    if (cut.when === "after") await this.#steps.commitInTurn(transaction);
    throw new ConnectionCut(false);
  }

  #count(error: unknown): void {
    if (!(error instanceof Violation)) return;
    const { counters } = this.#cluster;
    if (error.message.includes("(OC000)")) counters.conflictsOC000++;
    else if (error.message.includes("(OC001)")) counters.conflictsOC001++;
    else counters.statementsRefused++;
  }

  /** Rolls the running transaction back. */
  async rollback(): Promise<void> {
    const transaction = this.#transaction;
    this.#transaction = undefined;
    if (transaction === undefined || transaction.phase === "failed") return;
    await this.#steps.rollbackInTurn(transaction);
  }

  /** A block has failed: locks go at once, the client still has to end it. */
  async fail(): Promise<void> {
    const transaction = this.#transaction;
    if (transaction === undefined || transaction.phase === "failed") return;
    await this.#steps.rollbackInTurn(transaction);
    if (transaction.mode === "block") transaction.phase = "failed";
    else this.#transaction = undefined;
  }
}

/** A transaction has ended well: it is charged for. */
function settle(usage: Usage, counters: Counters): void {
  const { compute, read, write } = dpuOfTransaction(usage);
  counters.transactions++;
  counters.bytesRead += usage.readBytes;
  counters.bytesWritten += usage.writeBytes;
  counters.dpuCompute += compute;
  counters.dpuRead += read;
  counters.dpuWrite += write;
}

/** ANALYZE of all is one of all that the client may: PostgreSQL tells each system table that it leaves out. */
function analyzesAll({ kind, relations }: Statement): boolean {
  return kind === "utility" && relations.length === 0;
}

function isOfSystem(frame: Buffer): boolean {
  return frame[0] === Type.notice && frame.includes("permission denied to analyze");
}

function needsTransaction(statement: Statement): boolean {
  return statement.kind === "write" || isDdl(statement);
}
