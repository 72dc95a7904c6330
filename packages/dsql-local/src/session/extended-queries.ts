/** The extended protocol: Parse, Bind, Describe, Execute, Close and Flush, each answered as PostgreSQL would. */
import { violation } from "../rules/table.ts";
import { askingSql } from "../gate/asking.ts";
import type { Statement } from "../gate/statement.ts";
import * as extended from "../wire/extended.ts";
import * as wire from "../wire/messages.ts";
import type { Binder } from "./binder.ts";
import type { ClientWriter } from "./client-writer.ts";
import type { Compiler } from "./compiler.ts";
import type { CopySource } from "./copied.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { Request } from "./execution.ts";
import type { Inbox } from "./inbox.ts";
import type { Names } from "./names.ts";
import type { KeptRows, ToldInParts } from "./kept-rows.ts";
import type { AnswerPlan, Pending } from "./pending.ts";
import * as prepare from "./prepared.ts";
import type { Runner } from "./runner.ts";
import type { Worker } from "./worker.ts";

const { Frames, Type } = wire;

/** A portal that is bound for the sake of PostgreSQL's word on it. */
const TRIAL = "_dl_trial";
/** A statement whose portal is bound anew. */
const AGAIN = "_dl_again";
const MISCOUNTED = /^bind message (?:supplies|has) \d+ parameter/;

/** What it works with: all of it is the session's. */
export interface ExtendedParts {
  readonly inbox: Inbox;
  readonly writer: ClientWriter;
  readonly worker: Worker;
  readonly runner: Runner;
  readonly compiler: Compiler;
  readonly dispatcher: Dispatcher;
  readonly binder: Binder;
  readonly names: Names;
  readonly pending: Pending;
  readonly copies: CopySource;
}

/** One per session. */
export class ExtendedQueries {
  readonly #inbox: Inbox;
  readonly #writer: ClientWriter;
  readonly #worker: Worker;
  readonly #runner: Runner;
  readonly #compiler: Compiler;
  readonly #dispatcher: Dispatcher;
  readonly #binder: Binder;
  readonly #names: Names;
  readonly #pending: Pending;
  readonly #copies: CopySource;

  constructor(parts: ExtendedParts) {
    this.#inbox = parts.inbox;
    this.#writer = parts.writer;
    this.#worker = parts.worker;
    this.#runner = parts.runner;
    this.#compiler = parts.compiler;
    this.#dispatcher = parts.dispatcher;
    this.#binder = parts.binder;
    this.#names = parts.names;
    this.#pending = parts.pending;
    this.#copies = parts.copies;
  }

  /** Takes a message. Throws the Violation that refuses it. */
  take(type: number, message: Buffer): Promise<void> | void {
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

  /** Sends what waits to PostgreSQL, without executing anything. A portal opens its transaction, unless `ends` comes next. */
  async flush(ends = false): Promise<void> {
    if (this.#pending.isEmpty) return;
    if (this.#pending.binds) {
      if (this.#runner.transaction === undefined && !ends) this.#runner.begin("implicit");
      await this.#runner.ready();
    }
    const unit = { frames: this.#pending.take(), simple: false, sink: this.#pending.sink };
    const answer = await this.#worker.turns.run(() => this.#worker.runAlone(unit));
    if (answer.violation !== undefined) throw answer.violation;
  }

  /** What a statement of ours that has run does to names, in either protocol. */
  async afterwards({ kind }: Statement): Promise<void> {
    if (kind === "commit" || kind === "rollback") this.#names.endPortals();
    if (kind !== "deallocate") return;
    const frames = this.#names.deallocateAll();
    await this.#worker.turns.run(() => this.#worker.runAlone({ frames, simple: false }));
  }

  async #takeParse(message: Buffer): Promise<void> {
    const { name, sql, types } = extended.readParse(message);
    const statement = await this.#parsed(name, sql);
    const known = name === "" ? undefined : this.#names.statement(name);
    if (known !== undefined) {
      if (!prepare.isKnownBehind(known, statement)) throw prepare.alreadyThere(name);
      // What else is wrong with it comes first.
      return this.#pending.add(message);
    }
    const prepared = { statement, types, twin: this.#binder.twinOf(name) };
    if (prepare.isOurs(statement)) {
      await this.#answer(Frames.parseComplete);
      this.#names.prepare(name, prepared);
      return;
    }
    const own = statement.sql === sql ? message : extended.parse(name, statement.sql, types);
    this.#pending.add(own, { lost: this.#names.prepare(name, prepared) });
  }

  /** A Parse that is refused has dropped the unnamed statement, where what came before it was well. */
  async #parsed(name: string, sql: string): Promise<Statement> {
    try {
      const statement = await this.#compiler.one(sql);
      if (this.#runner.failed && !isAllowedInFailed(statement)) throw violation("aborted");
      return statement;
    } catch (error) {
      await this.flush();
      if (name === "") this.#names.dropStatement(name);
      throw error;
    }
  }

  async #takeBind(message: Buffer): Promise<void> {
    const read = extended.readBind(message);
    const prepared = this.#names.statement(read.statement);
    if (prepared === undefined) throw prepare.missing("prepared statement", read.statement);
    const { statement } = prepared;
    const ends = statement.kind === "commit" || statement.kind === "rollback";
    if (this.#runner.failed && !ends) return this.#bindInFailed(read, statement);
    const taken = read.portal === "" ? undefined : this.#names.portal(read.portal);
    if (taken !== undefined) {
      if (!prepare.isKnownBehind(taken, statement)) throw prepare.alreadyOpen(read.portal);
      return this.#pending.add(message);
    }
    if (prepare.isOurs(statement)) {
      await this.#answer(Frames.bindComplete);
      this.#names.bind(read.portal, prepare.plainPortal(prepared, read.rest));
      return;
    }
    const bound = await this.#binder.bind(message, read, prepared);
    this.#addBind(bound.portal, bound.message, {
      lost: this.#names.bind(read.portal, bound.portal),
    });
  }

  #addBind(portal: prepare.Portal, message: Buffer, plan: AnswerPlan): void {
    const sent = (): void => void (portal.parks = this.#runner.transaction?.parks ?? 0);
    this.#pending.add(message, { ...plan, sent });
  }

  /** Binds a portal anew that has not run, and that PostgreSQL has forgotten since because its transaction was parked. */
  #needPortal(portal: prepare.Portal, name: string): void {
    const { transaction } = this.#runner;
    const parks = transaction?.parks ?? 0;
    if (portal.parks === undefined || portal.parks === parks || portal.ran) return;
    portal.parks = parks;
    const { statement, types, bindRest, asks } = portal;
    const sql = asks === undefined ? statement.sql : askingSql(statement);
    this.#pending.add(extended.closeStatement(AGAIN), { hides: "all" });
    this.#pending.add(extended.parse(AGAIN, sql, types), { hides: "all" });
    const values = asks?.bindRest ?? bindRest;
    this.#addBind(portal, extended.bind(name, AGAIN, values), { hides: "all" });
  }

  /** What is wrong with the number of values comes before the failed block. */
  async #bindInFailed(
    { statement: name, rest }: extended.BindMessage,
    statement: Statement,
  ): Promise<never> {
    await this.flush();
    if (!prepare.isOurs(statement)) {
      const unit = { frames: [extended.bind(TRIAL, name, rest)], simple: false };
      const { error, violation: told } = await this.#worker.turns.run(() =>
        this.#worker.runAlone(unit),
      );
      if (error?.code === "08P01" && MISCOUNTED.test(error.message))
        throw told ?? violation("aborted");
    }
    throw violation("aborted");
  }

  async #takeDescribe(message: Buffer): Promise<void> {
    const { of, name } = extended.readTarget(message);
    const portal = of === "P" ? this.#names.portal(name) : undefined;
    const described = of === "P" ? portal : this.#names.statement(name);
    if (described === undefined) {
      throw prepare.missing(of === "P" ? "portal" : "prepared statement", name);
    }
    const { failed } = this.#runner;
    const { statement } = described;
    if (failed && prepare.hasRows(statement)) throw violation("aborted");
    if (prepare.isOurs(statement)) {
      if (of === "S") await this.#answer(Frames.noParameters);
      await this.#answer(prepare.descriptionOf(statement));
    } else if (failed && of === "P") {
      await this.#answer(Frames.noData);
    } else {
      if (portal !== undefined) this.#needPortal(portal, name);
      this.#pending.add(message, prepare.planOf(portal));
    }
  }

  async #takeExecute(message: Buffer): Promise<void> {
    const { portal: name, maxRows } = extended.readExecute(message);
    const portal = this.#names.portal(name);
    if (portal === undefined) throw prepare.missing("portal", name);
    const again = portal.ran;
    if (again && !this.#runner.failed && !prepare.hasRows(portal.statement)) {
      throw prepare.cannotRun(name);
    }
    if (prepare.isOurs(portal.statement)) return this.#executeOurs(portal, again);
    if (this.#runner.failed) return this.#executeInFailed(portal);
    if (portal.statement.copyIn !== undefined) return this.#executeCopy(portal, again);
    if (portal.kept !== undefined) return this.#tellKept(portal.kept, maxRows);
    if (this.#runner.transaction === undefined && !(await this.#syncIsNext())) {
      this.#runner.begin("implicit");
    }
    let taken: readonly Buffer[] | undefined;
    // What is refused before it is sent leaves to the client what it has parsed and bound.
    const frames = (): readonly Buffer[] => {
      if (taken !== undefined) return taken;
      this.#needPortal(portal, name);
      portal.ran = true;
      taken = [...this.#pending.take(), prepare.executionOf(portal, name, message)];
      return taken;
    };
    const parts = this.#partsOf(portal, name, maxRows);
    await this.#dispatcher.run(this.#requestOf(portal, { frames, parts, again }), false);
  }

  /** What waits is answered before rows are asked for, and the Sync that ends it comes behind them. */
  async #executeCopy(portal: prepare.Portal, again: boolean): Promise<void> {
    await this.flush();
    this.#runner.begin("implicit");
    portal.ran = true;
    const request = this.#requestOf(portal, { frames: () => [], parts: undefined, again });
    await this.#dispatcher.run(request, false);
  }

  #partsOf(portal: prepare.Portal, name: string, most: number): ToldInParts | undefined {
    if (!prepare.hasRows(portal.statement)) return undefined;
    const isThere = (): boolean => this.#names.portal(name) === portal;
    return { name, most, isThere, keep: (rows) => void (portal.kept = rows) };
  }

  async #tellKept(rows: KeptRows, most: number): Promise<void> {
    await this.flush();
    this.#runner.needYoung();
    const { frames, violation: told } = rows.take(most);
    this.#writer.addAll(frames);
    if (told !== undefined) throw told;
  }

  /** The empty statement alone is no command. */
  async #executeInFailed({ statement }: prepare.Portal): Promise<void> {
    if (statement.kind !== "empty") throw violation("aborted");
    await this.#answer(Frames.emptyQuery);
  }

  async #executeOurs(portal: prepare.Portal, again: boolean): Promise<void> {
    const { statement } = portal;
    if (again) return this.#answer(wire.commandComplete(statement.tag ?? ""));
    if (!this.#runner.failed) portal.ran = true;
    await this.flush();
    const request = this.#requestOf(portal, { frames: () => [], parts: undefined, again });
    await this.#dispatcher.run(request, false);
    await this.afterwards(statement);
  }

  #requestOf(
    { statement, types, bindRest, asks, suspicious }: prepare.Portal,
    sent: Pick<Request, "frames" | "parts" | "again">,
  ): Request {
    const { sink } = this.#pending;
    const receive = this.#copies.receiver(statement);
    return {
      ...sent, statement, types, bindRest, asks, suspicious, simple: false, sink, receive, copied: undefined,
    }; // prettier-ignore
  }

  async #syncIsNext(): Promise<boolean> {
    if (!this.#inbox.hasWaiting) this.#writer.flush();
    const next = await this.#inbox.peek();
    return next?.[0] === Type.sync;
  }

  async #takeClose(message: Buffer): Promise<void> {
    const { of, name } = extended.readTarget(message);
    const closed = of === "S" ? this.#names.statement(name) : this.#names.portal(name);
    const isBehind = closed !== undefined && !prepare.isOurs(closed.statement);
    // What the client does not know is not its to close.
    if (!isBehind) await this.#answer(Frames.closeComplete);
    if (of === "S" && isBehind) this.#binder.closeTwin(closed);
    const lost = of === "S" ? this.#names.dropStatement(name) : this.#names.dropPortal(name);
    if (isBehind) this.#pending.add(message, { lost });
  }

  async #takeFlush(): Promise<void> {
    await this.flush();
    this.#writer.flush();
  }

  /** Answers by ourselves, behind the answers to what waits. */
  async #answer(frame: Buffer): Promise<void> {
    await this.flush();
    this.#writer.add(frame);
  }
}

function isAllowedInFailed({ kind }: Statement): boolean {
  return kind === "commit" || kind === "rollback" || kind === "empty";
}
