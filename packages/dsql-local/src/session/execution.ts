/**
 * Runs one statement inside a transaction, in a turn on its worker, and sees it through what
 * concurrency does to it: parked before, in a circle of waits, overtaken by another's commit.
 * The why is in docs/dsql-local/concurrency.md.
 */
import { tablesWritten } from "../concurrency/catalogue-versions.ts";
import { bringsKeys, hasResurrectedKey } from "../concurrency/resurrected-keys.ts";
import { PrivateCopies } from "../concurrency/private-copies.ts";
import { askingSql } from "../gate/asking.ts";
import { identifier, literal } from "../postgres/rows.ts";
import { Violation } from "../rules/rule.ts";
import { violation } from "../rules/table.ts";
import { Type, type ServerMessage } from "../wire/messages.ts";
import type { Answer, FrameSink } from "./answer.ts";
import type { Copied } from "./copied.ts";
import type { ToldInParts } from "./kept-rows.ts";
import type { Readable } from "./readable.ts";
import type { SearchPath } from "./search-path.ts";
import type { LogEntry, Repeatable, Transaction } from "./transaction.ts";
import type { ClusterContext } from "./context.ts";
import { inMessagesOfOurs, isDeadlock, type Replayed, type Unit, type Worker } from "./worker.ts";

/** One statement as the client sent it. */
export interface Request extends Repeatable {
  /** Its messages for PostgreSQL, without the Sync; asked for when they are sent. */
  readonly frames: () => readonly Buffer[];
  readonly simple: boolean;
  /** It may write something too large; undefined when nobody has looked. */
  readonly suspicious: boolean | undefined;
  /** Its portal has run before: there may be more rows, and nothing is done twice. */
  readonly again: boolean;
  /** Its portal, in the extended protocol. */
  readonly parts: ToldInParts | undefined;
  /** Where a read's rows go while they come. */
  readonly sink: FrameSink;
  /** Takes what the client sends for its COPY FROM STDIN; undefined for all else. */
  readonly receive: (() => Promise<Copied>) | undefined;
}

type BeforeRun = () => Promise<void>;

const NOTHING: BeforeRun = () => Promise.resolve();
const MAX_RETRIES = 200;
const UNIQUE_VIOLATION = "23505";
const SERIALIZATION_FAILURE = "40001";
/** Of ours: clients cannot cancel. The statement waited for keys that who committed before has shared. */
const CANCELLED = "57014";

/** What an execution works with. */
export interface ExecutionParts {
  readonly worker: Worker;
  readonly cluster: ClusterContext;
  readonly path: SearchPath;
  readonly readable: Readable;
}

/** Executes for one session. All methods only in a turn of the worker. */
export class Execution {
  readonly #worker: Worker;
  readonly #cluster: ClusterContext;

  readonly #path: SearchPath;
  readonly #readable: Readable;

  constructor({ worker, cluster, path, readable }: ExecutionParts) {
    this.#worker = worker;
    this.#path = path;
    this.#cluster = cluster;
    this.#readable = readable;
  }

  /** Runs a statement; `before` right before it, once more where it is run again. Throws the Violation that the client gets. */
  async run(
    transaction: Transaction,
    request: Request,
    before: BeforeRun = NOTHING,
  ): Promise<Answer> {
    await this.unpark(transaction);
    await before();
    if (transaction.copies !== undefined && request.statement.kind !== "setting") {
      return this.#runOnCopies(transaction, transaction.copies, request);
    }
    const { simple, sink } = request;
    const streams = request.statement.kind === "read" || request.statement.kind === "call";
    const send = (): Promise<Answer> => this.#send(transaction, request, streams);
    const waits = !streams && transaction.suspended.some(({ isThere }) => isThere());
    let answer = await (waits ? this.#worker.sparingPortals(send) : send());
    if (!simple) tellHead(answer, sink);
    if (answer.committed) return answer;
    if (transaction.phase === "ended") throw refusedAtCommit(answer);
    if (isDeadlock(answer) && !streams) answer = await this.#retry(transaction, request, before);
    if (answer.error !== undefined) {
      return this.#recover(transaction, request, answer);
    }
    const ran = { statement: request.statement, places: answer.places };
    if (!(await this.#resurrects(transaction, [ran]))) return answer;
    await this.#worker.park(transaction);
    return this.#goOnDoomed(transaction, request);
  }

  async #send(transaction: Transaction, request: Request, streams: boolean): Promise<Answer> {
    if (request.copied !== undefined) return noticesOnly(await this.#worker.runEntry(request));
    const unit = unitOf(request);
    const { sink, simple } = request;
    if (streams) return this.#worker.runInside(transaction, { ...unit, sink });
    if (!simple || !transaction.commitsWithIt) return this.#worker.runInside(transaction, unit);
    return asOfQuery(await this.#worker.runInside(transaction, preparedUnitOf(request)));
  }

  /** Repeats a parked transaction's writes, where these can be the same again. Only "same" leaves it as it was. */
  async replay(transaction: Transaction): Promise<Replayed> {
    if (transaction.reliesOnDrawn) return "conflict";
    const replayed = await this.#worker.replay(transaction);
    if (replayed === "conflict") return replayed;
    if (!(await this.#resurrects(transaction, transaction.log))) return "same";
    await this.#worker.park(transaction);
    return "conflict";
  }

  /** See concurrency/resurrected-keys.ts. */
  async #resurrects(transaction: Transaction, ran: readonly Ran[]): Promise<boolean> {
    const { deletions, facts } = this.#cluster;
    for (const { statement, places } of ran) {
      if (statement.kind !== "write") continue;
      for (const table of tablesWritten(statement, this.#path)) {
        if (!deletions.since(table, transaction.snapshotCommits)) continue;
        const known = await facts.of(table);
        if (!bringsKeys(statement, known.keyColumns)) continue;
        if (!(await this.#readable.may(table))) continue;
        if (await hasResurrectedKey(this.#worker, { table, facts: known, places })) return true;
      }
    }
    return false;
  }

  /** Makes a parked transaction's writes again; when another's commit forbids it, it is doomed. */
  async unpark(transaction: Transaction): Promise<void> {
    if (transaction.phase !== "parked") return;
    if (transaction.copies !== undefined) {
      await this.#doom(transaction);
      return;
    }
    if ((await this.replay(transaction)) === "same") return;
    if (transaction.changedCatalogue) throw violation("schemaConflict");
    await this.#doom(transaction);
  }

  async #recover(transaction: Transaction, request: Request, failed: Answer): Promise<Answer> {
    const { error } = failed;
    const waited = error?.code === CANCELLED && !isTakenBack(error);
    const code = waited ? SERIALIZATION_FAILURE : error?.code;
    if (code === SERIALIZATION_FAILURE && transaction.mode === "single") {
      throw violation("dataConflict");
    }
    const { last, withStatements } = this.#cluster.commits;
    const duplicate =
      code === UNIQUE_VIOLATION && last + withStatements > transaction.snapshotCommits;
    if (code !== SERIALIZATION_FAILURE && !duplicate) throw refused(request, failed);
    if (request.statement.kind !== "write") throw refused(request, failed);
    await this.#worker.park(transaction);
    if (duplicate) {
      await this.unpark(transaction);
      if (error !== undefined && (await this.#sees(error))) throw refused(request, failed);
      if (transaction.phase === "open") await this.#worker.park(transaction);
    }
    return this.#goOnDoomed(transaction, request);
  }

  /** Gives a parked transaction's statement its answer over private copies; single ones fail instead. */
  async #goOnDoomed(transaction: Transaction, request: Request): Promise<Answer> {
    const copies = await this.#doom(transaction);
    return this.#answerOverCopies(transaction, copies, request);
  }

  /** For a statement whose head the client has got already. */
  async #answerOverCopies(
    transaction: Transaction,
    copies: PrivateCopies,
    request: Request,
  ): Promise<Answer> {
    const answer = await this.#runTranslated(copies, request);
    if (transaction.mode === "single") throw violation("dataConflict");
    if (!request.simple) answer.head.length = 0;
    return answer;
  }

  /** Whether the snapshot sees the row that a duplicate key error speaks of: then it is no conflict. */
  async #sees(error: ServerMessage): Promise<boolean> {
    const match = /^Key \((.*?)\)=\((.*)\) already exists\.$/s.exec(error.detail ?? "");
    const { schema, table } = error;
    if (match === null || schema === undefined || table === undefined) return true;
    const columns = (match[1] ?? "").split(", ");
    const values = columns.length === 1 ? [match[2] ?? ""] : (match[2] ?? "").split(", ");
    if (columns.length !== values.length) return true;
    const condition = columns.map((column, i) => `${column} = ${literal(values[i] ?? "")}`);
    const from = `${identifier(schema)}.${identifier(table)}`;
    const answer = await this.#worker.command(
      `SELECT 1 FROM ${from} WHERE ${condition.join(" AND ")} LIMIT 1`,
    );
    return answer.rows.length > 0;
  }

  /** A conflict at COMMIT is certain from here on: the transaction goes on over private copies. */
  async #doom(transaction: Transaction): Promise<PrivateCopies> {
    const copies = new PrivateCopies(this.#worker, this.#path);
    transaction.copies = copies;
    for (const entry of transaction.log) {
      const answer = await this.#worker.runEntry(entry, await copies.translate(entry.statement));
      if (answer.error !== undefined) throw violation("dataConflict");
    }
    transaction.phase = "open";
    return copies;
  }

  async #runOnCopies(
    transaction: Transaction,
    copies: PrivateCopies,
    request: Request,
  ): Promise<Answer> {
    if (request.simple || request.copied !== undefined) {
      return this.#runTranslated(copies, request);
    }
    const described = await this.#worker.runInside(transaction, {
      frames: request.frames().slice(0, -1),
      simple: false,
    });
    tellHead(described, request.sink);
    if (described.error !== undefined) throw asViolation(described);
    const answer = await this.#runTranslated(copies, request);
    answer.head.length = 0;
    return answer;
  }

  async #runTranslated(copies: PrivateCopies, request: Request): Promise<Answer> {
    const answer = await this.#worker.runEntry(request, await copies.translate(request.statement));
    const { error } = answer;
    if (error !== undefined) {
      // Data errors are the client's; anything else would be our translation's.
      const isTheirs = /^2[123]/.test(error.code) || isTakenBack(error);
      if (!isTheirs) throw violation("dataConflict");
      throw new Violation({ ...error, message: copies.retell(error.message) });
    }
    const shown = answer.head.filter((frame) => frame[0] === Type.rowDescription);
    answer.head.splice(0, Infinity, ...shown);
    return answer;
  }

  /** PostgreSQL broke a circle of waits at our statement: let the other through and run it again. */
  async #retry(transaction: Transaction, request: Request, before: BeforeRun): Promise<Answer> {
    for (let attempt = 0; attempt < MAX_RETRIES; attempt++) {
      await this.#worker.park(transaction);
      await new Promise((resolve) => setTimeout(resolve, Math.min(attempt, 10)));
      await this.unpark(transaction);
      if (transaction.copies !== undefined) {
        return this.#answerOverCopies(transaction, transaction.copies, request);
      }
      const simple = request.simple && request.copied === undefined;
      await before();
      const answer = simple
        ? await this.#worker.runInside(transaction, unitOf(request))
        : await this.#worker.runEntry(request);
      if (isDeadlock(answer)) continue;
      if (!simple) answer.head.length = 0;
      return answer;
    }
    throw violation("dataConflict");
  }
}

/** What PostgreSQL said before it took rows the client has heard already. */
function noticesOnly(answer: Answer): Answer {
  const notices = answer.head.filter((frame) => frame[0] === Type.notice);
  answer.head.splice(0, Infinity, ...notices);
  return answer;
}

/** A COPY FROM STDIN that its client has given up. */
export function isTakenBack({ code, message }: ServerMessage): boolean {
  return code === CANCELLED && message.startsWith("COPY from stdin failed: ");
}

/** A statement and where its rows are. */
type Ran = Pick<LogEntry, "statement" | "places">;

function unitOf({ frames, simple, asks }: Request): Unit {
  const unit = { frames: frames(), simple, describes: simple };
  return asks === undefined ? unit : { ...unit, asks };
}

/** A simple Query's statement in messages of the extended protocol: where it fails, the COMMIT behind it is ignored. */
function preparedUnitOf({ statement, asks }: Request): Unit {
  const sql = asks === undefined ? statement.sql : askingSql(statement);
  const unit = { frames: inMessagesOfOurs(sql), simple: false, describes: true };
  return asks === undefined ? unit : { ...unit, asks };
}

/** What a simple Query's answer has before its rows: a write that fails has none, and does not describe them. */
function asOfQuery(answer: Answer): Answer {
  const shown: (number | undefined)[] =
    answer.error === undefined ? [Type.rowDescription, Type.notice] : [Type.notice];
  const told = answer.head.filter(([type]) => shown.includes(type));
  answer.head.splice(0, Infinity, ...told);
  return answer;
}

/** What was parsed, bound and described stays so, whatever becomes of the execution: the client hears of it now. */
function tellHead(answer: Answer, sink: FrameSink): void {
  for (const frame of answer.head.splice(0)) sink.add(frame);
}

/** A simple Query's rows are described before they fail. */
function refused({ simple, sink }: Request, failed: Answer): Violation {
  if (simple) tellHead(failed, sink);
  return asViolation(failed);
}

function refusedAtCommit(answer: Answer): Violation {
  const isConflict = answer.error?.code === SERIALIZATION_FAILURE || isDeadlock(answer);
  return isConflict ? violation("dataConflict") : asViolation(answer);
}

function asViolation(answer: Answer): Violation {
  const { error, violation: said } = answer;
  // PostgreSQL's own bound on an index entry lies above DSQL's on a key.
  if (error?.code === "54000" && /^index row (?:size|requires)/.test(error.message)) {
    return violation("keySize");
  }
  return said ?? violation("serverUnavailable");
}
