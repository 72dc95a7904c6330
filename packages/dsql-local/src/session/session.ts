/** One client's connection after start-up: takes its messages in order and answers them. */
import { violation } from "../rules/table.ts";
import type { Speaker } from "../control/statement-log.ts";
import type { Statement } from "../gate/statement.ts";
import * as extended from "../wire/extended.ts";
import * as wire from "../wire/messages.ts";
import { Binder, type Asked } from "./binder.ts";
import type { ClientWriter } from "./client-writer.ts";
import { Compiler } from "./compiler.ts";
import type { ClusterContext } from "./context.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { Inbox } from "./inbox.ts";
import { Pending } from "./pending.ts";
import * as prepare from "./prepared.ts";
import type { Request } from "./execution.ts";
import { moved, refusalFrame, refusalOf, unmasked } from "./refusal.ts";
import type { RowAsker } from "./row-asker.ts";
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
  readonly asker: RowAsker;
  readonly speaker: Speaker;
}

/** Speaks the simple and the extended protocol with one client. */
export class Session {
  readonly #inbox: Inbox;
  readonly #writer: ClientWriter;
  readonly #worker: Worker;
  readonly #runner: Runner;
  readonly #compiler: Compiler;
  readonly #dispatcher: Dispatcher;
  readonly #statements = new Map<string, prepare.Prepared>();
  readonly #portals = new Map<string, prepare.Portal>();
  readonly #pending: Pending;
  readonly #binder: Binder;
  /** After an error everything up to the next Sync is ignored. */
  #skipping = false;

  constructor(parts: SessionParts) {
    this.#inbox = parts.inbox;
    this.#writer = parts.writer;
    this.#worker = parts.worker;
    this.#runner = parts.runner;
    this.#compiler = new Compiler(parts);
    this.#pending = new Pending(parts.writer);
    this.#binder = new Binder(parts, this.#pending);
    this.#dispatcher = new Dispatcher(parts);
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
      await this.#refuse(await this.#earlier(error));
      this.#skipping = true;
    }
  }

  /** What came before the refused message is answered first; where that fails, its error is the one. */
  async #earlier(error: unknown): Promise<unknown> {
    try {
      await this.#flushPending();
      return error;
    } catch (before) {
      return before;
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
    this.#sayReady();
  }

  async #runText(sql: string, message: Buffer): Promise<void> {
    const gated = await this.#compiler.all(sql);
    if (gated.length === 0) {
      this.#writer.add(Frames.emptyQuery);
      return;
    }
    for (const one of gated) {
      const statement = await this.#compiler.statement(one, sql);
      if (gated.length > 1) this.#runner.begin("implicit", false);
      const asked = await this.#binder.ask(statement, statement.sql === sql ? message : undefined);
      await this.#dispatcher.run(this.#request(statement, asked, true), true).catch((error) => {
        throw moved(error, statement.startsAt);
      });
      if (statement.kind === "deallocate") await this.#forgetStatements();
    }
    if (this.#runner.transaction?.mode === "implicit") await this.#runner.commit();
  }

  #request(statement: Statement, asked: Asked, simple: boolean, portal?: prepare.Portal): Request {
    const { types, bindRest } = portal ?? { types: undefined, bindRest: undefined };
    return { statement, ...asked, simple, types, bindRest, sink: this.#pending.sink };
  }

  /** Tells the client of an error; what is running has failed. Rethrows what ends the connection. */
  async #refuse(error: unknown): Promise<void> {
    const refusal = unmasked(refusalOf(error), (twin) => prepare.nameOf(this.#statements, twin));
    this.#pending.fail();
    await this.#runner.fail();
    this.#writer.add(refusalFrame(refusal));
  }

  // --- extended protocol

  async #takeParse(message: Buffer): Promise<void> {
    const { name, sql, types } = extended.readParse(message);
    const statement = await this.#compiler.one(sql);
    const ends = statement.kind === "commit" || statement.kind === "rollback";
    if (this.#runner.failed && !ends) throw violation("aborted");
    const known = name === "" ? undefined : this.#statements.get(name);
    if (known !== undefined) {
      if (!prepare.isKnownBehind(known, statement)) throw prepare.alreadyThere(name);
      // What else is wrong with it comes first.
      return this.#pending.add(message);
    }
    if (prepare.isOurs(statement)) {
      await this.#flushPending();
      this.#writer.add(Frames.parseComplete);
    } else {
      const own = statement.sql === sql ? message : extended.parse(name, statement.sql, types);
      this.#pending.add(own, { lost: () => void this.#statements.delete(name) });
    }
    this.#statements.set(name, { statement, types, twin: this.#binder.twinOf(name) });
  }

  async #takeBind(message: Buffer): Promise<void> {
    const read = extended.readBind(message);
    const prepared = this.#statements.get(read.statement);
    if (prepared === undefined) {
      throw this.#compiler.inBlock(prepare.missing("prepared statement", read.statement, "26000"));
    }
    if (prepare.isOurs(prepared.statement)) {
      this.#portals.set(read.portal, prepare.plainPortal(prepared, read.rest));
      await this.#flushPending();
      this.#writer.add(Frames.bindComplete);
      return;
    }
    if (this.#runner.failed) throw violation("aborted");
    this.#portals.set(read.portal, await this.#binder.bind(message, read, prepared));
  }

  async #takeDescribe(message: Buffer): Promise<void> {
    const { of, name } = extended.readTarget(message);
    const described = of === "S" ? this.#statements.get(name) : this.#portals.get(name);
    if (described === undefined || !prepare.isOurs(described.statement)) {
      this.#pending.add(message, of === "P" ? prepare.planOf(this.#portals.get(name)) : {});
      return;
    }
    await this.#flushPending();
    if (of === "S") this.#writer.add(Frames.noParameters);
    this.#writer.add(prepare.descriptionOf(described.statement));
  }

  async #takeExecute(message: Buffer): Promise<void> {
    const { portal: name } = extended.readExecute(message);
    const portal = this.#portals.get(name);
    if (portal === undefined)
      throw this.#compiler.inBlock(prepare.missing("portal", name, "34000"));
    if (prepare.isOurs(portal.statement)) {
      await this.#flushPending();
      await this.#dispatcher.run(this.#requestOf(portal, []), false);
      if (portal.statement.kind === "deallocate") await this.#forgetStatements();
      return;
    }
    if (this.#runner.transaction === undefined && !(await this.#syncIsNext())) {
      this.#runner.begin("implicit", false);
    }
    const frames = [...this.#pending.take(), prepare.executionOf(portal, name, message)];
    await this.#dispatcher.run(this.#requestOf(portal, frames), false);
  }

  #requestOf(portal: prepare.Portal, frames: readonly Buffer[]): Request {
    const { statement, asks, suspicious } = portal;
    return this.#request(statement, { frames, asks, suspicious }, false, portal);
  }

  async #syncIsNext(): Promise<boolean> {
    if (!this.#inbox.hasWaiting) this.#writer.flush();
    const next = await this.#inbox.peek();
    return next?.[0] === Type.sync;
  }

  /** DEALLOCATE ALL drops the client's statements, and none of ours. */
  async #forgetStatements(): Promise<void> {
    const frames = prepare.closeAll(this.#statements);
    this.#statements.clear();
    await this.#worker.turns.run(() => this.#worker.runAlone({ frames, simple: false }));
  }

  async #takeClose(message: Buffer): Promise<void> {
    const { of, name } = extended.readTarget(message);
    const closed = of === "S" ? this.#statements.get(name) : this.#portals.get(name);
    if (of === "S") {
      this.#binder.closeTwin(this.#statements.get(name));
      this.#statements.delete(name);
    } else this.#portals.delete(name);
    if (closed !== undefined && prepare.isOurs(closed.statement)) {
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
    this.#sayReady();
  }

  /** Portals end with their transaction. */
  #sayReady(): void {
    const { status } = this.#runner;
    if (status === "I") this.#portals.clear();
    this.#writer.add(wire.ready(status));
  }

  /** Sends what waits to PostgreSQL, without executing anything. */
  async #flushPending(): Promise<void> {
    if (this.#pending.isEmpty) return;
    if (this.#pending.binds) await this.#runner.ready();
    const unit = { frames: this.#pending.take(), simple: false, sink: this.#pending.sink };
    const answer = await this.#worker.turns.run(() => this.#worker.runAlone(unit));
    if (answer.violation !== undefined) throw answer.violation;
  }
}
