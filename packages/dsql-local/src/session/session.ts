/** One client's connection after start-up: takes its messages in order and answers them. */
import { Violation } from "../rules/rule.ts";
import { violation } from "../rules/table.ts";
import { single } from "../gate/gate.ts";
import type { Statement } from "../gate/statement.ts";
import * as extended from "../wire/extended.ts";
import * as wire from "../wire/messages.ts";
import { BackendLost } from "./backend.ts";
import type { ClientWriter } from "./client-writer.ts";
import type { ClusterContext } from "./context.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { Inbox } from "./inbox.ts";
import { Pending } from "./pending.ts";
import { isOurs, type Portal, type Prepared } from "./prepared.ts";
import type { Request } from "./execution.ts";
import type { Runner } from "./runner.ts";
import type { Worker } from "./worker.ts";

const { Frames, Type } = wire;

/** What a session is made of. */
export interface SessionParts {
  readonly inbox: Inbox;
  readonly writer: ClientWriter;
  readonly worker: Worker;
  readonly runner: Runner;
  readonly cluster: ClusterContext;
}

/** Speaks the simple and the extended protocol with one client. */
export class Session {
  readonly #inbox: Inbox;
  readonly #writer: ClientWriter;
  readonly #worker: Worker;
  readonly #runner: Runner;
  readonly #cluster: ClusterContext;
  readonly #dispatcher: Dispatcher;
  readonly #statements = new Map<string, Prepared>();
  readonly #portals = new Map<string, Portal>();
  readonly #pending: Pending;
  /** After an error everything up to the next Sync is ignored. */
  #skipping = false;

  constructor(parts: SessionParts) {
    this.#inbox = parts.inbox;
    this.#writer = parts.writer;
    this.#worker = parts.worker;
    this.#runner = parts.runner;
    this.#cluster = parts.cluster;
    this.#pending = new Pending(parts.writer);
    this.#dispatcher = new Dispatcher(parts.runner, parts.writer, parts.cluster);
  }

  /** Serves until the client leaves. Rejects when the connection has to be closed with an error. */
  async serve(): Promise<void> {
    for (;;) {
      if (!this.#inbox.hasWaiting) this.#writer.flush();
      const message = await this.#inbox.take();
      if (message === undefined || message[0] === Type.terminate) return;
      await this.#take(message);
    }
  }

  async #take(message: Buffer): Promise<void> {
    const type = message[0] ?? 0;
    if (type === Type.sync) return this.#takeSync();
    if (this.#skipping) return;
    if (type === Type.query) return this.#takeQuery(message);
    try {
      await this.#takeExtended(type, message);
    } catch (error) {
      await this.#refuse(error);
      this.#skipping = true;
    }
  }

  #takeExtended(type: number, message: Buffer): Promise<void> | void {
    switch (type) {
      case Type.parse:
        return this.#takeParse(message);
      case Type.bind:
        return this.#takeBind(message);
      case Type.describe:
        return this.#takeDescribe(message);
      case Type.execute:
        return this.#takeExecute(message);
      case Type.close:
        return this.#takeClose(message);
      case Type.flush:
        return this.#takeFlush();
      case Type.functionCall:
        throw violation("unsupportedStatement", { name: "FunctionCall" });
      case Type.copyData:
      case Type.copyDone:
      case Type.copyFail:
        return undefined;
      default:
        throw violation("protocol", { reason: `invalid frontend message type ${type}` });
    }
  }

  // --- simple protocol

  async #takeQuery(message: Buffer): Promise<void> {
    const sql = wire.readCString(message, 5)[0];
    try {
      await this.#flushPending();
      await this.#runText(sql, message);
    } catch (error) {
      await this.#refuse(error);
    }
    this.#writer.add(wire.ready(this.#runner.status));
  }

  async #runText(sql: string, message: Buffer): Promise<void> {
    const gated = this.#cluster.gate.compile(sql);
    if (gated.length === 0) {
      this.#writer.add(Frames.emptyQuery);
      return;
    }
    for (const statement of gated) {
      if (statement instanceof Error) throw this.#inBlock(statement);
      if (gated.length > 1) this.#runner.begin("implicit", false);
      const own = statement.sql === sql ? message : wire.query(statement.sql);
      await this.#dispatcher.run(this.#request(statement, [own], true), true);
      if (statement.kind === "deallocate") await this.#forgetStatements();
    }
    if (this.#runner.transaction?.mode === "implicit") await this.#runner.commit();
  }

  /** In a failed block even an unsupported statement gets 25P02 (source E). */
  #inBlock(error: Error): Error {
    return this.#runner.failed ? violation("aborted") : error;
  }

  #request(
    statement: Statement,
    frames: readonly Buffer[],
    simple: boolean,
    portal?: Portal,
  ): Request {
    return {
      statement, frames, simple, sink: this.#pending.sink,
      types: portal?.types, bindRest: portal?.bindRest,
    }; // prettier-ignore
  }

  /** Tells the client of an error; what is running has failed. Rethrows what ends the connection. */
  async #refuse(error: unknown): Promise<void> {
    if (error instanceof BackendLost) throw error;
    if (!(error instanceof Violation) && !(error instanceof RangeError)) throw error;
    for (const name of this.#pending.fail()) this.#statements.delete(name);
    await this.#runner.fail();
    const report =
      error instanceof Violation
        ? error.report
        : violation("protocol", { reason: "invalid message format" }).report;
    if (report.severity === "FATAL") throw new Violation(report);
    const raw = error instanceof Violation ? error.raw : undefined;
    this.#writer.add(raw ?? wire.report(Type.error, report));
  }

  // --- extended protocol

  async #takeParse(message: Buffer): Promise<void> {
    const { name, sql, types } = extended.readParse(message);
    const statement = this.#compile(sql);
    const ends = statement.kind === "commit" || statement.kind === "rollback";
    if (this.#runner.failed && !ends) throw violation("aborted");
    if (name !== "" && this.#statements.has(name)) {
      throw new Violation({
        severity: "ERROR",
        code: "42P05",
        message: `prepared statement "${name}" already exists`,
      });
    }
    if (isOurs(statement)) {
      await this.#flushPending();
      this.#writer.add(Frames.parseComplete);
    } else {
      const own = statement.sql === sql ? message : extended.parse(name, statement.sql, types);
      this.#pending.add(own, name);
    }
    this.#statements.set(name, { statement, types });
  }

  #compile(sql: string): Statement {
    try {
      return single(this.#cluster.gate.compile(sql), sql);
    } catch (error) {
      throw error instanceof Error ? this.#inBlock(error) : error;
    }
  }

  async #takeBind(message: Buffer): Promise<void> {
    const { portal, statement: name, rest } = extended.readBind(message);
    const prepared = this.#statements.get(name);
    if (prepared === undefined) throw this.#inBlock(missing("prepared statement", name, "26000"));
    this.#portals.set(portal, { ...prepared, bindRest: rest });
    if (isOurs(prepared.statement)) {
      await this.#flushPending();
      this.#writer.add(Frames.bindComplete);
      return;
    }
    if (this.#runner.failed) throw violation("aborted");
    this.#pending.add(message);
  }

  async #takeDescribe(message: Buffer): Promise<void> {
    const { of, name } = extended.readTarget(message);
    const described = of === "S" ? this.#statements.get(name) : this.#portals.get(name);
    if (described === undefined || !isOurs(described.statement)) {
      this.#pending.add(message);
      return;
    }
    await this.#flushPending();
    if (of === "S") this.#writer.add(Frames.noParameters);
    const columns = described.statement.answer?.columns ?? [];
    this.#writer.add(columns.length > 0 ? wire.rowDescription(columns) : Frames.noData);
  }

  async #takeExecute(message: Buffer): Promise<void> {
    const { portal: name } = extended.readExecute(message);
    const portal = this.#portals.get(name);
    if (portal === undefined) throw this.#inBlock(missing("portal", name, "34000"));
    if (isOurs(portal.statement)) {
      await this.#flushPending();
      await this.#dispatcher.run(this.#request(portal.statement, [], false, portal), false);
      if (portal.statement.kind === "deallocate") await this.#forgetStatements();
      return;
    }
    if (this.#runner.transaction === undefined && !(await this.#syncIsNext())) {
      this.#runner.begin("implicit", false);
    }
    const frames = [...this.#pending.take(), message];
    await this.#dispatcher.run(this.#request(portal.statement, frames, false, portal), false);
    this.#pending.settle();
  }

  async #syncIsNext(): Promise<boolean> {
    if (!this.#inbox.hasWaiting) this.#writer.flush();
    const next = await this.#inbox.peek();
    return next?.[0] === Type.sync;
  }

  /** DEALLOCATE ALL drops the client's statements, and none of ours. */
  async #forgetStatements(): Promise<void> {
    const frames = [...this.#statements.keys()].map((name) => extended.closeStatement(name));
    this.#statements.clear();
    await this.#worker.turns.run(() => this.#worker.runAlone({ frames, simple: false }));
  }

  async #takeClose(message: Buffer): Promise<void> {
    const { of, name } = extended.readTarget(message);
    const closed = of === "S" ? this.#statements.get(name) : this.#portals.get(name);
    if (of === "S") this.#statements.delete(name);
    else this.#portals.delete(name);
    if (closed !== undefined && isOurs(closed.statement)) {
      await this.#flushPending();
      this.#writer.add(Frames.closeComplete);
    } else {
      this.#pending.add(message);
    }
  }

  async #takeFlush(): Promise<void> {
    if (this.#pending.binds && this.#runner.transaction === undefined) {
      this.#runner.begin("implicit", false);
    }
    await this.#flushPending();
    this.#writer.flush();
  }

  async #takeSync(): Promise<void> {
    try {
      if (!this.#skipping) {
        await this.#flushPending();
        if (this.#runner.transaction?.mode === "implicit") await this.#runner.commit();
      }
    } catch (error) {
      await this.#refuse(error);
    }
    this.#skipping = false;
    this.#writer.add(wire.ready(this.#runner.status));
  }

  /** Sends what waits to PostgreSQL, without executing anything. */
  async #flushPending(): Promise<void> {
    if (this.#pending.isEmpty) return;
    if (this.#pending.binds) await this.#runner.ready();
    const unit = { frames: this.#pending.take(), simple: false, sink: this.#pending.sink };
    const answer = await this.#worker.turns.run(() => this.#worker.runAlone(unit));
    if (answer.violation !== undefined) throw answer.violation;
    this.#pending.settle();
  }
}

function missing(what: string, name: string, code: string): Violation {
  const shown = name === "" ? `unnamed ${what}` : `${what} "${name}"`;
  return new Violation({ severity: "ERROR", code, message: `${shown} does not exist` });
}
