/**
 * The connection to PostgreSQL on which a session's transactions run: begins them with a savepoint
 * beneath all of their writes, parks and replays them. The why is in docs/dsql-local/concurrency.md.
 */
import type { LockWaits, LockHolder } from "../concurrency/lock-waits.ts";
import {
  bind,
  closePortal,
  closeStatement,
  describePortal,
  execute,
  parse,
} from "../wire/extended.ts";
import { copyFail, Frames } from "../wire/messages.ts";
import { askingSql } from "../gate/asking.ts";
import { Answer, type Asks, type FrameSink } from "./answer.ts";
import { Backend, type BackendEvents } from "./backend.ts";
import { KeptRows } from "./kept-rows.ts";
import type { LogEntry, Repeatable, Transaction } from "./transaction.ts";
import { Turns } from "./turns.ts";
import type { Opened } from "../postgres/connect.ts";

/** One statement's messages for PostgreSQL, without the Sync. */
export interface Unit {
  readonly frames: readonly Buffer[];
  /** A simple Query, which brings its own ReadyForQuery. */
  readonly simple: boolean;
  readonly sink?: FrameSink;
  /** Its statement is asked for places. */
  readonly asks?: Asks;
  /** Its description, if it has one, is that of its rows: no other statement is in it. */
  readonly describes?: boolean;
}

const CONTROLS = {
  begin: "BEGIN ISOLATION LEVEL REPEATABLE READ",
  beginReadOnly: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
  beginReadWrite: "BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE",
  base: "SAVEPOINT _dl_base",
  back: "ROLLBACK TO SAVEPOINT _dl_base",
  commit: "COMMIT",
  rollback: "ROLLBACK",
} as const;

type Control = keyof typeof CONTROLS;

/** In a portal of its own name, which ends with the transaction, or with the savepoint that is gone back to. */
function control(name: Control): Buffer {
  return Buffer.concat([bind(`_dl_${name}`, `_dl_${name}`), execute(`_dl_${name}`)]);
}

/**
 * Prepared once per connection and run through the extended protocol: a simple Query would drop
 * the client's unnamed statement and portal.
 */
const FRAMES = {
  begin: Buffer.concat([control("begin"), control("base")]),
  beginReadOnly: Buffer.concat([control("beginReadOnly"), control("base")]),
  beginReadWrite: Buffer.concat([control("beginReadWrite"), control("base")]),
  back: control("back"),
  commit: control("commit"),
  rollback: control("rollback"),
} as const;

/** BindComplete and CommandComplete, for BEGIN and for SAVEPOINT. */
const BEGIN_ANSWERS = 4;
const CONTROL_ANSWERS = 2;
/** Statement and portal of what is run behind the client's back: the unnamed ones are the client's. */
const REPLAY = "_dl_replay";
/** Why a COPY that was only tried comes to nothing. */
export const COPY_TAKEN_BACK = "_dl_copy";
const MAX_YIELDS = 200;
const ABORTED = "25P02";

/** How a replay ended. */
export type Replayed = "same" | "conflict";

/** A backend whose transactions can be parked. */
export class Worker implements LockHolder {
  readonly backend: Backend;
  readonly turns = new Turns();
  readonly #waits: LockWaits;
  #current: Transaction | undefined;
  #parkAsked = false;
  #held: Promise<void> | undefined;

  private constructor(opened: Opened, waits: LockWaits, events: Omit<BackendEvents, "onWaiting">) {
    this.#waits = waits;
    this.backend = new Backend(opened.socket, opened.pid, {
      ...events,
      onWaiting: (waiting) => {
        if (waiting) waits.blocked(this);
      },
    });
    waits.join(this);
  }

  /** Takes over a fresh connection. */
  static async take(
    opened: Opened,
    waits: LockWaits,
    events: Omit<BackendEvents, "onWaiting">,
  ): Promise<Worker> {
    const worker = new Worker(opened, waits, events);
    const frames = Object.entries(CONTROLS).map(([name, sql]) => parse(`_dl_${name}`, sql));
    await worker.backend.request([...frames, Frames.sync], new Answer(frames.length));
    return worker;
  }

  get pid(): number {
    return this.backend.pid;
  }

  get waiting(): boolean {
    return this.backend.waiting;
  }

  get snapshotCommits(): number | undefined {
    return this.#current?.snapshotCommits;
  }

  /** Another session waits for a lock that is held here: give it up when the running turn is over. */
  yieldLocks(stillWanted: () => boolean): void {
    if (this.#parkAsked) return;
    this.#parkAsked = true;
    this.turns
      .run(async () => {
        this.#parkAsked = false;
        const transaction = this.#current;
        if (transaction?.phase === "open" && stillWanted()) await this.park(transaction);
      })
      .catch(() => {});
  }

  hold(until: Promise<void>): void {
    const before = this.#held;
    this.#held = before === undefined ? until : Promise.all([before, until]).then(() => {});
  }

  async #request(frames: readonly Buffer[], answer: Answer, readies = 1): Promise<void> {
    await this.backend.request(frames, answer, readies);
    if (this.#held !== undefined) await this.#freed();
  }

  #freed(): Promise<void> | undefined {
    const held = this.#held;
    this.#held = undefined;
    return held;
  }

  /** Runs a unit outside of any transaction. Only in a turn. */
  async runAlone(unit: Unit): Promise<Answer> {
    const answer = new Answer(0, unit);
    await this.#request(withSync(unit), answer);
    return answer;
  }

  /** Runs a unit inside an open or fresh transaction. Only in a turn. */
  async runInside(transaction: Transaction, unit: Unit): Promise<Answer> {
    if (transaction.phase !== "fresh") return this.runAlone(unit);
    this.#current = transaction;
    if (transaction.commitsWithIt) return this.#runWhole(transaction, unit);
    const begin = beginOf(transaction);
    const answer = new Answer(BEGIN_ANSWERS, unit);
    const frames = unit.simple
      ? [begin, Frames.sync, ...unit.frames]
      : [begin, ...unit.frames, Frames.sync];
    transaction.phase = "open";
    await this.#request(frames, answer, unit.simple ? 2 : 1);
    return answer;
  }

  /**
   * Begins, runs and commits in one round trip. A statement that fails leaves the transaction open, as it would without its
   * COMMIT; a COMMIT that fails ends it.
   */
  async #runWhole(transaction: Transaction, unit: Unit): Promise<Answer> {
    const answer = new Answer(BEGIN_ANSWERS, { ...unit, commits: true });
    transaction.phase = "open";
    transaction.commitsWithIt = false;
    await this.#request([FRAMES.begin, ...unit.frames, FRAMES.commit, Frames.sync], answer);
    if (answer.complete !== undefined) await this.#end(transaction);
    return answer;
  }

  /** Makes a fresh transaction known to PostgreSQL. Only in a turn. */
  async open(transaction: Transaction): Promise<void> {
    if (transaction.phase === "fresh") {
      await this.runInside(transaction, { frames: [], simple: false });
    }
  }

  /** Gives up all locks and writes; snapshot and log stay. Only in a turn. */
  async park(transaction: Transaction): Promise<void> {
    await this.#keepSuspended(transaction);
    await this.#control("back");
    transaction.phase = "parked";
    transaction.parks++;
  }

  /** Going back ends portals: what they have not told yet is asked for now. */
  async #keepSuspended({ suspended }: Transaction): Promise<void> {
    for (const { name, isThere, keep } of suspended.splice(0)) {
      if (!isThere()) continue;
      const answer = await this.runAlone({ frames: [execute(name)], simple: false });
      // Behind a statement that failed there is nothing to be had.
      if (answer.error?.code !== ABORTED) keep(new KeptRows(answer));
    }
  }

  /** Repeats the log of a parked transaction. Only in a turn. */
  async replay(transaction: Transaction): Promise<Replayed> {
    for (let yields = 0; yields < MAX_YIELDS; yields++) {
      const outcome = await this.#replayOnce(transaction.log);
      if (outcome === "same") {
        transaction.phase = "open";
        return "same";
      }
      await this.#control("back");
      if (outcome === "conflict") return "conflict";
      await pause(yields);
    }
    return "conflict";
  }

  async #replayOnce(log: readonly LogEntry[]): Promise<Replayed | "deadlock"> {
    for (const entry of log) {
      const answer = await this.runEntry(entry);
      if (answer.error !== undefined) return isDeadlock(answer) ? "deadlock" : "conflict";
      if (answer.told !== entry.answer) return "conflict";
      entry.places = answer.places;
    }
    return "same";
  }

  /** Runs a logged statement, asking it for places as before; or `sql` in its place. Only in a turn. */
  runEntry(entry: Repeatable, sql?: string): Promise<Answer> {
    const asks = sql === undefined ? entry.asks : undefined;
    const text = sql ?? (asks === undefined ? entry.statement.sql : askingSql(entry.statement));
    const bindRest = asks === undefined ? entry.bindRest : asks.bindRest;
    const { types, copied } = entry;
    const frames = inMessagesOfOurs(text, { types, bindRest, copied: copied?.frames });
    const asking = asks === undefined ? {} : { asks, describes: true };
    return this.runAlone({ frames, simple: false, ...asking });
  }

  /** Runs SQL of ours without parameters. Throws the Violation that PostgreSQL answers. Only in a turn. */
  async command(sql: string): Promise<Answer> {
    const answer = await this.runAlone({ frames: quietly(sql), simple: false });
    if (answer.violation !== undefined) throw answer.violation;
    return answer;
  }

  /** Runs what may fail so that portals that wait outlive it: the transaction goes on. Only in a turn, inside one. */
  async sparingPortals(work: () => Promise<Answer>): Promise<Answer> {
    await this.command("SAVEPOINT _dl_portals");
    const answer = await work();
    const end = answer.error === undefined ? "RELEASE" : "ROLLBACK TO";
    const frames = [closePortal(REPLAY), ...quietly(`${end} SAVEPOINT _dl_portals`)];
    await this.runAlone({ frames, simple: false });
    return answer;
  }

  /**
   * Begins a COPY FROM STDIN and takes it back: what PostgreSQL says before it takes rows, and `COPY_TAKEN_BACK` as its error
   * where it would take them. Only in a turn, inside an open transaction.
   */
  async tryCopy(sql: string): Promise<Answer> {
    const answer = new Answer(0);
    const frames = [
      ...quietly("SAVEPOINT _dl_copy"),
      closeStatement(REPLAY),
      parse(REPLAY, sql),
      bind(REPLAY, REPLAY),
      execute(REPLAY),
      copyFail(COPY_TAKEN_BACK),
      Frames.sync,
      closePortal(REPLAY),
      ...quietly("ROLLBACK TO SAVEPOINT _dl_copy"),
      ...quietly("RELEASE SAVEPOINT _dl_copy"),
      Frames.sync,
    ];
    await this.#request(frames, answer, 2);
    return answer;
  }

  /** Commits; gives PostgreSQL's error when it refuses. Only in a turn. */
  async commit(transaction: Transaction): Promise<Answer> {
    const answer = await this.#control("commit");
    await this.#end(transaction);
    return answer;
  }

  /** Rolls everything back. Only in a turn. */
  async rollback(transaction: Transaction): Promise<void> {
    const known = transaction.phase !== "fresh" && transaction.phase !== "ended";
    if (known) await this.#control("rollback");
    await this.#end(transaction);
  }

  /** Disconnects. */
  close(): void {
    this.#current = undefined;
    this.#waits.leave(this);
    this.backend.close();
  }

  #end(transaction: Transaction): Promise<void> | undefined {
    transaction.phase = "ended";
    this.#current = undefined;
    this.#waits.ended(this);
    return this.#freed();
  }

  async #control(name: "back" | "commit" | "rollback"): Promise<Answer> {
    const answer = new Answer(CONTROL_ANSWERS);
    await this.backend.request([FRAMES[name], Frames.sync], answer);
    return answer;
  }
}

function beginOf({ readOnly }: Transaction): Buffer {
  if (readOnly === undefined) return FRAMES.begin;
  return readOnly ? FRAMES.beginReadOnly : FRAMES.beginReadWrite;
}

/** What messages of ours carry beside a statement's text. */
interface Carried {
  readonly types?: Buffer | undefined;
  readonly bindRest?: Buffer | undefined;
  readonly copied?: readonly Buffer[] | undefined;
}

/** A client's statement, described and run in a statement and a portal of our own. */
export function inMessagesOfOurs(sql: string, carried: Carried = {}): Buffer[] {
  const { types, bindRest, copied = [] } = carried;
  return [
    closeStatement(REPLAY),
    parse(REPLAY, sql, types),
    bind(REPLAY, REPLAY, bindRest),
    describePortal(REPLAY),
    execute(REPLAY),
    ...copied,
    closePortal(REPLAY),
  ];
}

/** SQL of ours without parameters, in a statement and a portal of our own. */
function quietly(sql: string): Buffer[] {
  return [
    closeStatement(REPLAY),
    parse(REPLAY, sql),
    bind(REPLAY, REPLAY),
    execute(REPLAY),
    closePortal(REPLAY),
  ];
}

function withSync(unit: Unit): readonly Buffer[] {
  return unit.simple ? unit.frames : [...unit.frames, Frames.sync];
}

/** PostgreSQL broke a circle of waiting statements: whoever it chose tries again. */
export function isDeadlock(answer: Answer): boolean {
  return answer.error?.code === "40P01" || answer.error?.code === "55P03";
}

function pause(attempt: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.min(attempt, 10)));
}
