import { MillraceError } from "../errors/millrace-error.ts";
import type { Clock } from "../model/ports.ts";
import type { Position } from "../model/position.ts";
import type { Source, TableLook } from "../model/source.ts";
import type { TableId } from "../model/table.ts";
import { RestartNeeded } from "./committer.ts";
import { isHeldUp } from "./held-tables.ts";
import { IdleShapes } from "./idle-shapes.ts";
import type { Newcomers } from "./newcomers.ts";
import type { TaskObserver } from "./observer.ts";
import type { TaskSettings } from "./settings.ts";
import type { LiveDocument } from "./state-writer.ts";
import type { TableLoads } from "./table-loads.ts";
import type { TableRuntime } from "./table-runtime.ts";
import type { Waits } from "./waits.ts";

interface TableWatchParts {
  readonly source: Pick<Source, "look" | "logEnd" | "nudge" | "comparePositions">;
  readonly clock: Clock;
  readonly observer: TaskObserver;
  readonly tables: ReadonlyMap<TableId, TableRuntime>;
  readonly loads: Pick<TableLoads, "resync" | "sweepAgain" | "canSweep" | "adopt">;
  readonly settings: Pick<TaskSettings, "fullLoad">;
  /** What is durable of the log. */
  readonly durable: () => Position;
  readonly writeState: (documents: readonly LiveDocument[]) => Promise<void>;
  /** Tables that appear; null where nobody takes them up. */
  readonly newcomers: Pick<Newcomers, "look"> | null;
  readonly waits: Pick<Waits, "begin" | "end">;
  readonly signal: AbortSignal;
}

/** Rows that moved without row events, and the log's end when that was found. */
interface Moved {
  readonly table: TableRuntime;
  readonly look: TableLook;
  readonly end: Position;
  /** How often the log had emptied it before the look before that. */
  readonly truncations: number;
}

/** Who waits until nothing is open that a look at these tables finds. */
interface Asked {
  readonly tables: readonly TableRuntime[];
  /** Takes whether there was anything. */
  readonly done: (isFound: boolean) => void;
  /** All of them were looked at since. */
  isSeen: boolean;
  isFound: boolean;
}

/** What a look that is held up is called by. */
const LOOKING = "looking";

/** How often the source is looked at, milliseconds. */
const LOOK_EVERY_MS = 5_000;

/**
 * Looks now and then at what the log does not tell of the tables. One that left the log, was dropped or made anew is
 * for the next run, which begins with the same look (I8). Rows that moved with partitions are met here, once the log
 * has been followed to where it stood after the look: it may still bring changes of a partition that has left, and
 * they would write again what a look for ghosts has deleted.
 */
export class TableWatch {
  readonly #parts: TableWatchParts;
  readonly #shapes: IdleShapes;
  #moved: Moved[] = [];
  /** How often the log had emptied a table before it was looked at last. */
  readonly #truncations = new Map<TableRuntime, number>();
  #asked: Asked[] = [];
  /** The next look is not to wait for its time. */
  #isHurried = false;
  #hasLooked = false;
  #wake: (() => void) | null = null;

  constructor(parts: TableWatchParts) {
    this.#parts = parts;
    this.#shapes = new IdleShapes(parts);
    this.#hasLooked = parts.source.look === undefined;
  }

  /** Nothing is known that still has to be met; false before the first look. */
  get settled(): boolean {
    return this.#hasLooked && this.#moved.length === 0 && this.#shapes.settled;
  }

  /** Resolves when these tables were looked at from now on, and what was found of their rows is met: whether there was any. */
  unlogged(tables: readonly TableRuntime[]): Promise<boolean> {
    return new Promise((done) => {
      const isFound = this.#moved.some(({ table }) => tables.includes(table));
      this.#asked.push({ tables, done, isSeen: false, isFound });
      this.#isHurried = true;
      this.#wake?.();
    });
  }

  /** Works until the signal aborts. @throws RestartNeeded */
  async run(): Promise<void> {
    const { signal } = this.#parts;
    while (!signal.aborted) {
      await this.#lookAndMeet();
      await this.#pause();
    }
  }

  /** A table that somebody at the source has locked is looked at the next time: nothing else waits for it. */
  async #lookAndMeet(): Promise<void> {
    const { newcomers, waits, signal } = this.#parts;
    try {
      await this.#look();
      // Before rows: a load for the table's new shape would begin another one behind theirs.
      await this.#shapes.meet();
      await this.#meet();
      this.#tellAsked();
      await newcomers?.look();
      waits.end(LOOKING);
    } catch (thrown) {
      if (!(thrown instanceof MillraceError) || !isHeldUp(thrown)) throw thrown;
      const why = `${thrown.detail}; what the log does not tell of the tables is not seen meanwhile. ${thrown.remedy}`;
      waits.begin(LOOKING, { what: "pipeline", reason: thrown.code, table: null, why }, signal);
    }
  }

  /** The frontier has moved. */
  onFrontier(): void {
    if (this.#isDue) this.#wake?.();
  }

  get #isDue(): boolean {
    return this.#moved.some((moved) => this.#isPassed(moved)) || this.#shapes.isDue;
  }

  async #pause(): Promise<void> {
    const { clock, signal } = this.#parts;
    if (this.#isDue || this.#isHurried) return;
    const woken = new AbortController();
    const wake = new Promise<void>((resolve) => (this.#wake = resolve));
    const sleep = clock.sleep(LOOK_EVERY_MS, AbortSignal.any([signal, woken.signal]));
    await Promise.race([sleep, wake]);
    woken.abort();
    await sleep.catch(() => undefined);
    signal.throwIfAborted();
  }

  async #look(): Promise<void> {
    const { source, tables, observer, writeState } = this.#parts;
    this.#isHurried = false;
    const busy = new Set(this.#moved.map(({ table }) => table));
    const isBusy = (table: TableRuntime): boolean => busy.has(table);
    const seen = this.#asked.filter((one) => !one.tables.some(isBusy));
    const asked = [...tables.values()].filter((table) => !busy.has(table));
    const known = asked.map(({ shape, standing }) => ({ shape, standing }));
    const truncations = new Map(asked.map((table) => [table, table.truncations]));
    const looks = (await source.look?.(known)) ?? [];
    const moved: Omit<Moved, "end">[] = [];
    for (const look of looks) {
      const table = tables.get(look.id);
      if (table === undefined || isAwaited(table, look)) continue;
      refuseLeft(look);
      // A resume brings the shape and the rows that there are then.
      if (table.paused === null) this.#shapes.see(table, look.shape);
      const before = this.#truncations.get(table) ?? 0;
      if (look.rows !== "same" && table.paused === null)
        moved.push({ table, look, truncations: before });
      else if (this.#note(table, look)) await writeState([table.storedParts]);
    }
    for (const [table, count] of truncations) this.#truncations.set(table, count);
    // After the looks: what they saw is in the log before this.
    const end = moved.length > 0 ? await source.logEnd() : null;
    await this.#shapes.look(end);
    if (end !== null) {
      this.#moved.push(...moved.map((one) => ({ ...one, end })));
      for (const { table, look } of moved) {
        const message = noticeOf(look);
        table.notices.push(message);
        observer.event({ type: "notice", table: table.id, message });
      }
      void source.nudge();
    }
    for (const one of seen) {
      one.isSeen = true;
      one.isFound ||= moved.some(({ table }) => one.tables.includes(table));
    }
    this.#hasLooked = true;
  }

  /** A table that had moved when it was asked for was not looked at: it is, now that this is met. */
  #tellAsked(): void {
    const isOpen = ({ tables }: Asked): boolean =>
      this.#moved.some(({ table }) => tables.includes(table));
    const met = this.#asked.filter((one) => !isOpen(one));
    this.#asked = this.#asked.filter((one) => !one.isSeen || isOpen(one));
    for (const { isSeen, isFound, done } of met) if (isSeen) done(isFound);
    if (met.some(({ isSeen }) => !isSeen)) this.#isHurried = true;
  }

  /** Takes the parts that brought and took no rows; true where they should be written down. */
  #note(table: TableRuntime, look: TableLook): boolean {
    if (look.parts === null) return false;
    table.parts = { v: 1, identity: table.shape.identity, parts: look.parts };
    return look.moved;
  }

  async #meet(): Promise<void> {
    for (const moved of this.#moved.filter((one) => this.#isPassed(one))) {
      const { table, look } = moved;
      this.#note(table, look);
      await this.#follow(moved);
      this.#moved = this.#moved.filter((one) => one !== moved);
      const told = table.notices.indexOf(noticeOf(look));
      if (told >= 0) table.notices.splice(told, 1);
    }
  }

  /**
   * Where the file loads nothing, rows that came are left out like all that were there before. A table that is paused,
   * perhaps while this waited for its turn, gets them with its resume.
   */
  async #follow({ table, look, truncations }: Moved): Promise<void> {
    const { loads, settings, writeState } = this.#parts;
    const isPaused = table.paused !== null;
    const mayLoad = !isPaused && (settings.fullLoad || table.document.nextChunk > 0);
    const isEmptied = look.rows === "renewed" && table.truncations > truncations;
    if (isEmptied) {
      // They have explained this file, and no other that comes behind it.
      this.#truncations.set(table, table.truncations);
      return writeState([table.storedParts]);
    }
    try {
      if (look.rows !== "fewer" && mayLoad) return await loads.resync(table.id);
      if (mayLoad || (!isPaused && loads.canSweep(table))) return await loads.sweepAgain(table);
    } catch (thrown) {
      if (!(thrown instanceof MillraceError) || thrown.code !== "MR_TABLE_PAUSED") throw thrown;
    }
    await writeState([table.storedParts]);
  }

  #isPassed({ end }: Moved): boolean {
    return this.#parts.source.comparePositions(this.#parts.durable(), end) >= 0;
  }
}

/** It was made anew before this run began, which is about to take it up. */
function isAwaited({ awaited, shape }: TableRuntime, { being }: TableLook): boolean {
  return being === "remade" && awaited !== null && awaited !== shape.identity;
}

/** @throws RestartNeeded where the next run has to say what follows. */
function refuseLeft({ id, being, lost, carrier }: TableLook): void {
  if (being === "gone") throw new RestartNeeded(`the source has no ${id} any more`);
  if (being === "remade") throw new RestartNeeded(`the source made ${id} anew`);
  if (lost !== null || carrier === null)
    throw new RestartNeeded(`${id} ${lost ?? "has no publication any more"}`);
}

const NOTICES = {
  fewer:
    "it was emptied, or partitions of it were or have left: rows that the source has no more are looked for",
  more: "partitions came with rows of their own: the table is loaded again",
  rewritten:
    "its rows were written anew, as by SET LOGGED, and what is written to an unlogged table is in no log: the table is loaded again",
  renewed:
    "its rows were written anew, as by SET LOGGED, or it was emptied: unless the log tells of a TRUNCATE, the table is loaded again",
} as const;

function noticeOf({ rows }: TableLook): string {
  return NOTICES[rows === "same" ? "fewer" : rows];
}
