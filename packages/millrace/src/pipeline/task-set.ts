import { MillraceError } from "../errors/millrace-error.ts";
import { toMillraceError } from "../errors/to-millrace-error.ts";
import type { DeadLetter, ReplayOutcome } from "../model/dead-letter.ts";
import type { Holder } from "../model/holder.ts";
import type { Clock, Random } from "../model/ports.ts";
import type { TableId } from "../model/table.ts";
import type { TaskObserver } from "./observer.ts";
import { Outage } from "./outage.ts";
import { lettersOfAll, withLetters } from "./share-letters.ts";
import { ShareMember } from "./share-member.ts";
import { mergeCounts, mergeStatus } from "./share-status.ts";
import { SharedOutages } from "./shared-outages.ts";
import { catchUpShares, type Elsewhere } from "./shares-caught-up.ts";
import type { TableStatus, TaskState, TaskStatus, Wait } from "./status.ts";
import type { MadeTask, Task } from "./task-api.ts";

/** Among those that have an outage; shares have names. */
const THE_SET = "";

type Failing = { readonly isNews: boolean; readonly waitMs: number | null };

/** What the task of a share is made with. */
export interface ShareParts {
  /** Hears what it tells. */
  readonly observer: TaskObserver;
  /** The same for each attempt: whoever has held the share and finds another process there begins no more (I5). */
  readonly holder: Holder;
}

/** What a set of tasks is made of. */
export interface TaskSetParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: TaskObserver;
  /**
   * The shares that this process is to run from now on, again and again (design/008 "Tasks"). The next one is asked for once
   * every share that is not in the last one has stopped: then another process may have it.
   */
  readonly shares: (
    signal: AbortSignal,
    reached: (failure: Error | null) => void,
  ) => AsyncIterable<ReadonlySet<string>>;
  /** See {@link SharedSource.moves}. */
  readonly moves: boolean;
  /** See {@link SharedSource.lost}. */
  readonly lost?: (share: string) => void;
  /** Who this process is to the sink from now on, for a share that it is given. */
  readonly holder: () => Holder;
  /** See {@link SharedSource.tables}. */
  readonly tables?: (share: string) => readonly TableId[];
  /** Makes the task of a share; it is not started yet. */
  readonly open: (share: string, of: ShareParts) => Promise<MadeTask>;
  /** What is told of the source as a whole, beside its shares. */
  readonly waits?: () => readonly Wait[];
  /**
   * Begins to look at the pipeline as a whole, where shares move: what is not durable yet up to where it ended when it was
   * asked first.
   */
  readonly elsewhere?: () => Elsewhere;
  /** What is told where there is no share. */
  readonly empty: TaskStatus;
  /** Lets go of what the shares are made of. */
  readonly close: () => Promise<void>;
}

/**
 * A pipeline whose source is shared out: a task for each share that this process has, told and steered as one
 * (design/008). One that fails leaves the others at work, is said, and is tried again; the set fails once all have.
 */
export class TaskSet implements Task {
  readonly done: Promise<void>;
  readonly #parts: TaskSetParts;
  readonly #members = new Map<string, ShareMember>();
  readonly #ended = Promise.withResolvers<void>();
  readonly #started = Promise.withResolvers<void>();
  readonly #halt = new AbortController();
  readonly #assigned = Promise.withResolvers<void>();
  /** By table, the state that was told last. */
  readonly #told = new Map<TableId, string>();
  #state: TaskState = "stopped";
  #failure: MillraceError | null = null;
  #paused = false;
  /** The state that was told last. */
  #toldState: TaskState = "stopped";
  /** Of the shares with which it has ended. */
  #tables: readonly TableStatus[] = [];
  #hasShares = false;
  /** Of shares that have left. */
  #retries: Readonly<Record<string, number>> = {};
  #supervised: Promise<void> = Promise.resolve();
  /** Of whoever shares the source out; its shares have their own. */
  readonly #outage: Outage;
  readonly #outages: SharedOutages;
  /** When anything moved last, as far as shares that are gone have told; monotonic. */
  #progressMs: number;

  constructor(parts: TaskSetParts) {
    this.#parts = parts;
    const { clock, observer } = parts;
    this.#outages = new SharedOutages(() => clock.monotonic());
    this.#outage = new Outage({
      clock,
      tell: (event) => {
        if (this.#outages.tells(THE_SET, event)) observer.event(event);
      },
    });
    this.#progressMs = clock.monotonic();
    this.done = this.#ended.promise;
    for (const promise of [this.done, this.#started.promise, this.#assigned.promise])
      promise.catch(() => undefined);
  }

  start(): Promise<void> {
    if (this.#state !== "stopped" || this.#halt.signal.aborted)
      return Promise.reject(new MillraceError("MR_BUG", "the task was started already"));
    this.#to("starting");
    this.#supervised = this.#supervise();
    return this.#started.promise;
  }

  async stop(): Promise<void> {
    if (this.#state === "stopped") this.#ended.resolve();
    else if (this.#state === "starting" || this.#state === "running") this.#to("stopping");
    this.#halt.abort(new Error("stopped"));
    await this.#supervised;
  }

  /**
   * Every share of the pipeline. What is here, and at least one: whoever has none yet has copied nothing; and what other
   * processes have, or had when they ended: that comes here once the others know it.
   */
  async caughtUp(): Promise<void> {
    await this.#assigned.promise;
    await using elsewhere = this.#parts.elsewhere?.() ?? null;
    const isDone = await catchUpShares({
      ...this.#parts,
      elsewhere,
      members: () => [...this.#members.values()],
      hasMoved: (error) => this.#hasMoved(error),
      tell: (message) => this.#tell(message),
      signal: this.#halt.signal,
    });
    if (!isDone)
      throw this.#failure ?? new MillraceError("MR_NOT_RUNNING", "the pipeline was stopped");
    this.#parts.observer.event({ type: "caught-up" });
  }

  status(): TaskStatus {
    const error = this.#failure;
    return mergeStatus([...this.#members.values()], {
      empty: {
        ...this.#parts.empty,
        tables: this.#tables,
        progressAgeMs: this.#progressAgeMs,
      },
      state: this.#shownState(),
      error: error === null ? null : shown(error),
      retrying: this.#outage.current,
      retries: this.#retries,
      waits: [...this.#unreached(), ...(this.#parts.waits?.() ?? [])],
    });
  }

  beginning(): readonly string[] {
    const untold = [...this.#members.values()].filter(
      (member) => (member.status()?.tables.length ?? 0) === 0,
    );
    return untold.map(({ name }) => name);
  }

  async pause(): Promise<void> {
    this.#paused = true;
    await Promise.all([...this.#members.values()].map((member) => member.steer()));
    this.#tellState();
  }

  async resume(): Promise<void> {
    this.#paused = false;
    await Promise.all([...this.#members.values()].map((member) => member.steer()));
    this.#tellState();
  }

  resync(table: TableId): Promise<void> {
    return this.#ofTable(table, (task) => task.resync(table));
  }

  pauseTable(table: TableId): Promise<void> {
    return this.#ofTable(table, (task) => task.pauseTable(table));
  }

  resumeTable(table: TableId): Promise<void> {
    return this.#ofTable(table, (task) => task.resumeTable(table));
  }

  deadLetters(): readonly DeadLetter[] {
    return lettersOfAll(this.#running());
  }

  replay(ids: readonly string[]): Promise<readonly ReplayOutcome[]> {
    return withLetters(this.#running(), ids, (task, own) => task.replay(own));
  }

  discard(ids: readonly string[]): Promise<readonly DeadLetter[]> {
    return withLetters(this.#running(), ids, (task, own) => task.discard(own));
  }

  async #supervise(): Promise<void> {
    let failure: MillraceError | null = null;
    try {
      const reached = (why: Error | null): void => this.#reached(why);
      for await (const shares of this.#parts.shares(this.#halt.signal, reached)) {
        if (this.#halt.signal.aborted) break;
        await this.#become(shares);
      }
    } catch (thrown) {
      if (!this.#halt.signal.aborted) failure = toMillraceError(thrown, "MR_BUG");
    }
    await this.#finish(failure ?? this.#failure);
  }

  /** Told by the source as a whole: its shares may all be gone, or say nothing of what they do not ask. */
  #reached(failure: Error | null): void {
    if (failure === null) this.#outage.over();
    else this.#outage.failed(toMillraceError(failure, "MR_SOURCE_LOST_CONNECTION"), 0);
  }

  #unreached(): readonly Wait[] {
    const { current } = this.#outage;
    if (current === null) return [];
    const { code, message, sinceMs } = current;
    const why = `nobody says what this process is to read: ${message}`;
    return [{ what: "pipeline", reason: code, table: null, why, sinceMs }];
  }

  get #progressAgeMs(): number {
    return this.#parts.clock.monotonic() - this.#progressMs;
  }

  /** Stops what is not among the shares, then begins what is new, and what was lost and is ours again (I5: as another one). */
  async #become(shares: ReadonlySet<string>): Promise<void> {
    const left = [...this.#members.values()].filter(
      (member) => !shares.has(member.name) || this.#hasMoved(member.error),
    );
    await Promise.all(left.map((member) => this.#leave(member)));
    const come = [...shares].filter((name) => !this.#members.has(name));
    this.#tellMoved(left, shares, come);
    const members = come.map((name) => this.#join(name));
    if (shares.size > 0) this.#assigned.resolve();
    if (this.#state === "starting") void oneRuns(members).then(() => this.#begun());
  }

  /** What comes and goes behind the first ones, for whoever looks for what another process had. */
  #tellMoved(
    left: readonly ShareMember[],
    shares: ReadonlySet<string>,
    come: readonly string[],
  ): void {
    const gone = left.map(({ name }) => name).filter((name) => !shares.has(name));
    if (gone.length > 0) this.#tell(`this process gives up ${countedShares(gone, "")}`);
    if (this.#hasShares && come.length > 0)
      this.#tell(`this process has ${countedShares(come, "more ")}`);
    if (shares.size > 0) this.#hasShares = true;
  }

  /** A share of the first assignment runs, or all have said why not: one that cannot begin yet holds up no other. */
  #begun(): void {
    if (this.#failure !== null) return;
    if (this.#state === "starting") this.#to("running");
    this.#started.resolve();
  }

  async #leave(member: ShareMember): Promise<void> {
    await member.leave();
    this.#forget(member);
  }

  #forget(member: ShareMember): void {
    this.#outages.forget(member.name);
    const status = member.status();
    this.#retries = mergeCounts([this.#retries, status?.retries ?? {}]);
    if (status !== null)
      this.#progressMs = Math.max(
        this.#progressMs,
        this.#parts.clock.monotonic() - status.progressAgeMs,
      );
    this.#members.delete(member.name);
  }

  #join(name: string): ShareMember {
    const { clock, random, open } = this.#parts;
    const own = { observer: this.#observedOf(name), holder: this.#parts.holder() };
    const member = new ShareMember(name, {
      clock,
      random,
      observer: own.observer,
      open: () => open(name, own),
      isPaused: () => this.#paused,
      tables: () => this.#parts.tables?.(name) ?? [],
      failed: (failed, error, more) => this.#failed(failed, error, more),
      again: () => this.#begun(),
      recovered: () => this.#tell(`share ${name} works again`),
    });
    this.#members.set(name, member);
    return member;
  }

  /** What a share tells, but what is told of the pipeline as a whole. */
  #observedOf(share: string): TaskObserver {
    const { observer } = this.#parts;
    return {
      ...observer,
      event: (event) => {
        if (event.type === "state" || event.type === "caught-up") return;
        if (event.type === "table" && this.#isElsewhere(event)) return;
        if (event.type === "table" && this.#wasTold(event)) return;
        if (this.#outages.tells(share, event)) observer.event(event);
      },
    };
  }

  /** Another share has the table in a state that comes before this one: so has the pipeline. */
  #isElsewhere(event: { readonly table: TableId; readonly state: string }): boolean {
    const { tables } = this.status();
    const known = tables.find(({ id }) => id === event.table);
    return this.#members.size > 1 && known !== undefined && known.state !== event.state;
  }

  /** Each share that comes to have a table tells of it, and the pipeline's state is the same. */
  #wasTold({ table, state }: { readonly table: TableId; readonly state: string }): boolean {
    const before = this.#told.get(table);
    this.#told.set(table, state);
    return before === state;
  }

  /** Another process has, or had, the share. */
  #hasMoved(failure: MillraceError | null): boolean {
    return failure?.class === "fenced" && this.#parts.moves;
  }

  #tell(message: string): void {
    this.#parts.observer.event({ type: "notice", message });
  }

  #failed({ name }: ShareMember, failure: MillraceError, { isNews, waitMs }: Failing): void {
    if (this.#halt.signal.aborted) return;
    // The next assignment says who has it; until then it stands still here (I5).
    if (this.#hasMoved(failure)) return this.#parts.lost?.(name);
    const all = [...this.#members.values()];
    const isLast = all.every(({ error }) => error !== null && !this.#hasMoved(error));
    const again = waitMs === null || isLast ? "" : "; it is tried again, later each time";
    const what = `${failure.message.replace(/\.$/, "")}${again}. ${failure.remedy}`;
    if (isNews) this.#tell(`share ${name} has stopped: ${what}`);
    if (!isLast) return;
    // Nothing of the pipeline works here: whoever runs it has to know, and another process may do better.
    this.#failure = failure;
    this.#halt.abort(failure);
  }

  async #finish(failure: MillraceError | null): Promise<void> {
    this.#halt.abort(new Error("the tasks have ended"));
    const members = [...this.#members.values()];
    await Promise.all(members.map((member) => member.leave()));
    // Who is told of the end is told of all tables, not of those whose share took longest.
    this.#tables = this.status().tables;
    for (const member of members) this.#forget(member);
    await this.#parts.close().catch(() => undefined);
    this.#failure = failure;
    if (failure === null) {
      this.#to("stopped");
      const early = "the pipeline was stopped before it ran";
      this.#refuse(new MillraceError("MR_NOT_RUNNING", early));
      this.#ended.resolve();
      return;
    }
    this.#to(failure.class === "fenced" ? "fenced" : "failed");
    this.#refuse(failure);
    this.#ended.reject(failure);
  }

  #refuse(why: MillraceError): void {
    this.#started.reject(why);
    this.#assigned.reject(why);
  }

  #running(): Task[] {
    return [...this.#members.values()].flatMap(({ task }) => task ?? []);
  }

  async #ofTable(table: TableId, work: (task: Task) => Promise<void>): Promise<void> {
    const having = this.#running().filter((task) =>
      task.status().tables.some(({ id }) => id === table),
    );
    if (having.length === 0)
      throw new MillraceError("MR_NOT_RUNNING", `nothing that runs here has table ${table}`);
    await Promise.all(having.map(work));
  }

  #to(state: TaskState): void {
    this.#state = state;
    this.#tellState();
  }

  #shownState(): TaskState {
    return this.#paused && this.#state === "running" ? "paused" : this.#state;
  }

  #tellState(): void {
    const state = this.#shownState();
    if (state === this.#toldState) return;
    this.#toldState = state;
    const error = this.#failure === null ? {} : { error: shown(this.#failure) };
    this.#parts.observer.event({ type: "state", state, ...error });
  }
}

/** So many shares are named; a topic may have thousands of partitions. */
const MOST_NAMES = 8;

function countedShares(names: readonly string[], more: string): string {
  const named = names.slice(0, MOST_NAMES).join(", ");
  const rest = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} others` : "";
  return `${names.length} ${more}${names.length === 1 ? "share" : "shares"}: ${named}${rest}`;
}

/** Resolves when one of them runs, or all have been begun or have failed. */
async function oneRuns(members: readonly ShareMember[]): Promise<void> {
  const all = Promise.all(members.map(({ begun }) => begun));
  const one = Promise.withResolvers<void>();
  for (const member of members)
    void member.begun.then(() => (member.error === null ? one.resolve() : undefined));
  await Promise.race([all, one.promise]);
}

function shown({ code, message, remedy }: MillraceError) {
  return { code, message, remedy };
}
