/** Sends each statement where it belongs and writes its answer; the same for both protocols. */
import { delay, type Delays } from "../control/delays.ts";
import type { Speaker, StatementLog } from "../control/statement-log.ts";
import type { Statement } from "../gate/statement.ts";
import { violation } from "../rules/table.ts";
import * as wire from "../wire/messages.ts";
import type { ClientWriter } from "./client-writer.ts";
import type { Request } from "./execution.ts";
import { KeptRows } from "./kept-rows.ts";
import type { Runner } from "./runner.ts";

/** What it needs of the cluster. */
export interface DispatchContext {
  readonly delays: Delays;
  readonly log: StatementLog;
}

/** What a dispatcher is made of. */
export interface DispatcherParts {
  readonly runner: Runner;
  readonly writer: ClientWriter;
  readonly cluster: DispatchContext;
  readonly speaker: Speaker;
}

/** One per session. */
export class Dispatcher {
  readonly #runner: Runner;
  readonly #writer: ClientWriter;
  readonly #cluster: DispatchContext;
  readonly #speaker: Speaker;

  constructor({ runner, writer, cluster, speaker }: DispatcherParts) {
    this.#runner = runner;
    this.#writer = writer;
    this.#cluster = cluster;
    this.#speaker = speaker;
  }

  /** Runs a statement and writes its answer, with a RowDescription of our own rows if `describe`. */
  run(request: Request, describe: boolean): Promise<void> {
    const { log } = this.#cluster;
    const work = (): Promise<void> => this.#run(request, describe);
    return log.watch(this.#speaker, request.statement.sql, work, () => this.#runner.usage);
  }

  async #run(request: Request, describe: boolean): Promise<void> {
    const { statement } = request;
    const { statementMs } = this.#cluster.delays;
    const isEnd = statement.kind === "commit" || statement.kind === "rollback";
    if (statementMs > 0 && !isEnd) await delay(statementMs);
    switch (statement.kind) {
      case "begin":
        return this.#begin(statement);
      case "commit":
        return this.#commit();
      case "rollback":
        this.#needBlock();
        await this.#runner.rollback();
        return this.#complete("ROLLBACK");
      case "local":
      case "deallocate":
        return this.#answerLocally(statement, describe);
      default:
        return this.#runAtPostgres(request, describe);
    }
  }

  async #runAtPostgres(request: Request, describe: boolean): Promise<void> {
    const { answer: own, tag } = request.statement;
    const answer = await this.#runner.run(request);
    if (describe && own !== undefined) this.#writer.add(wire.rowDescription(own.columns));
    this.#writer.addAll(answer.head);
    const { parts } = request;
    if (parts !== undefined && request.statement.kind === "write") {
      const rows = new KeptRows(answer);
      parts.keep(rows);
      return this.#writer.addAll(rows.take(parts.most).frames);
    }
    this.#writer.addAll(answer.rows);
    if (tag !== undefined) this.#complete(tag);
    else if (answer.complete !== undefined) this.#writer.add(answer.complete);
  }

  async #begin(statement: Statement): Promise<void> {
    if (this.#runner.failed) throw violation("aborted");
    if (this.#runner.transaction?.mode === "block") {
      this.#warn("25001", "there is already a transaction in progress");
    }
    const { readOnly } = statement;
    this.#runner.begin("block", readOnly);
    if (readOnly !== undefined) await this.#runner.setReadOnly(readOnly);
    this.#complete(statement.tag ?? "BEGIN");
  }

  async #commit(): Promise<void> {
    if (this.#runner.failed) {
      await this.#runner.rollback();
      return this.#complete("ROLLBACK");
    }
    this.#needBlock();
    await this.#runner.commit();
    this.#complete("COMMIT");
  }

  #needBlock(): void {
    if (this.#runner.transaction?.mode === "block") return;
    this.#warn("25P01", "there is no transaction in progress");
  }

  #answerLocally(statement: Statement, describe: boolean): void {
    if (this.#runner.failed) throw violation("aborted");
    const { answer } = statement;
    if (answer !== undefined && answer.columns.length > 0) {
      if (describe) this.#writer.add(wire.rowDescription(answer.columns));
      for (const row of answer.rows) this.#writer.add(wire.dataRow(row));
    }
    this.#complete(statement.tag ?? "");
  }

  #complete(tag: string): void {
    this.#writer.add(wire.commandComplete(tag));
  }

  #warn(code: string, message: string): void {
    this.#writer.add(wire.report(wire.Type.notice, { severity: "WARNING", code, message }));
  }
}
