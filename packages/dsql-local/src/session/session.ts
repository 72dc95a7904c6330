/** One client's connection after start-up: takes its messages in order and answers them. */
import type { Speaker } from "../control/statement-log.ts";
import type { Statement } from "../gate/statement.ts";
import * as wire from "../wire/messages.ts";
import { Binder, type Asked } from "./binder.ts";
import type { ClientWriter } from "./client-writer.ts";
import { Compiler } from "./compiler.ts";
import type { ClusterContext } from "./context.ts";
import { CopySource } from "./copied.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { Inbox } from "./inbox.ts";
import { ExtendedQueries } from "./extended-queries.ts";
import type { Request } from "./execution.ts";
import { Names } from "./names.ts";
import { Pending } from "./pending.ts";
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
  readonly #runner: Runner;
  readonly #compiler: Compiler;
  readonly #dispatcher: Dispatcher;
  readonly #names = new Names();
  readonly #pending: Pending;
  readonly #binder: Binder;
  readonly #extended: ExtendedQueries;
  readonly #copies: CopySource;
  /** After an error everything up to the next Sync is ignored. */
  #skipping = false;

  constructor(parts: SessionParts) {
    this.#inbox = parts.inbox;
    this.#writer = parts.writer;
    this.#runner = parts.runner;
    this.#compiler = new Compiler(parts);
    this.#pending = new Pending(parts.writer);
    this.#binder = new Binder(parts, this.#pending);
    this.#dispatcher = new Dispatcher(parts);
    this.#copies = new CopySource(parts);
    this.#extended = new ExtendedQueries({
      ...parts, copies: this.#copies, compiler: this.#compiler, dispatcher: this.#dispatcher, binder: this.#binder, names: this.#names,
      pending: this.#pending,
    }); // prettier-ignore
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
      await this.#extended.take(type, message);
    } catch (error) {
      await this.#refuse(await this.#earlier(error));
      this.#skipping = true;
    }
  }

  /** What came before the refused message is answered first; where that fails, its error is the one. */
  async #earlier(error: unknown): Promise<unknown> {
    try {
      await this.#extended.flush();
      return error;
    } catch (before) {
      return before;
    }
  }

  async #takeQuery(message: Buffer): Promise<void> {
    const sql = wire.readCString(message, 5)[0];
    try {
      await this.#extended.flush();
      this.#names.dropStatement("");
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
      if (gated.length > 1) this.#runner.begin("implicit");
      const asked = await this.#binder.ask(statement, statement.sql === sql ? message : undefined);
      if (!this.#runner.failed) this.#names.dropPortal("");
      await this.#dispatcher.run(this.#request(statement, asked), true).catch((error) => {
        throw moved(error, statement.startsAt);
      });
      await this.#extended.afterwards(statement);
    }
    if (this.#runner.transaction?.mode === "implicit") await this.#runner.commit();
  }

  #request(statement: Statement, asked: Asked): Request {
    const { sink } = this.#pending;
    return {
      statement,
      ...asked,
      frames: () => asked.frames,
      parts: undefined,
      simple: true,
      again: false,
      types: undefined,
      bindRest: undefined,
      copied: undefined,
      receive: this.#copies.receiver(statement),
      sink,
    };
  }

  /** Tells the client of an error; what is running has failed. Rethrows what ends the connection. */
  async #refuse(error: unknown): Promise<void> {
    const refusal = unmasked(refusalOf(error), (twin) => this.#names.nameOf(twin));
    this.#pending.fail(refusal.report.code);
    await this.#runner.fail();
    this.#writer.add(refusalFrame(refusal));
  }

  async #takeSync(): Promise<void> {
    try {
      if (!this.#skipping) {
        await this.#extended.flush(true);
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
    if (status === "I") this.#names.endPortals();
    this.#writer.add(wire.ready(status));
  }
}
