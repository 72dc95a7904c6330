import type { MillraceError } from "../../errors/millrace-error.ts";
import { silentLogger } from "../../model/ports.ts";
import type { SinkCapabilities } from "../../model/sink.ts";
import type { TableId } from "../../model/table.ts";
import { ByteBudget } from "../byte-budget.ts";
import type { TaskObserver } from "../observer.ts";
import type { TaskEvent } from "../status.ts";
import { createTask } from "../task.ts";
import type { Task } from "../task-api.ts";
import { ModelSink } from "./model-sink.ts";
import { ModelSource, type SlotHolder } from "./model-source.ts";
import { modelRouter } from "./model-router.ts";
import { Oracle, Violation } from "./oracle.ts";
import { drawProfile, type Profile, type ProfileName } from "./profile.ts";
import { SeededRandom } from "./seeded-random.ts";
import { SinkDatabase } from "./sink-database.ts";
import { ModelLink } from "./source-link.ts";
import { SourceServer } from "./source-server.ts";
import { initialTable, Workload } from "./workload.ts";
import { World, type Process } from "./world.ts";

/** How one seed went. */
export interface SeedResult {
  readonly seed: number;
  /** What was broken; null where everything held. */
  readonly failure: string | null;
  readonly steps: number;
  readonly profile: Profile;
  readonly trace: readonly string[];
}

/** A process with a task in it. */
interface Running {
  readonly process: Process;
  readonly task: Task;
  readonly budget: ByteBudget;
  ended: boolean;
  /** Why it failed, where it did. */
  failure: MillraceError | null;
}

const MAX_STEPS = 40_000;
/** More dead letters than a seed can make. */
const NO_LIMIT = 1_000;
/** Longer than two turns of the frontier writer, so that the last frontier is acknowledged. */
const REST_MS = 3_000;

/** Plays one seed from beginning to end. */
export async function runSeed(
  seed: number,
  options: { profile?: ProfileName; trace?: boolean } = {},
): Promise<SeedResult> {
  const simulation = new Simulation(
    seed,
    drawProfile(seed, options.profile ?? "all"),
    options.trace ?? false,
  );
  const failure = await simulation.play();
  const { world, profile } = simulation;
  return { seed, failure, steps: world.steps, profile, trace: world.trace };
}

class Simulation {
  readonly world: World;
  readonly profile: Profile;
  readonly #server: SourceServer;
  readonly #db: SinkDatabase;
  readonly #workload: Workload;
  readonly #oracle: Oracle;
  readonly #holder: SlotHolder = { session: null };
  readonly #running: Running[] = [];
  /** When what goes wrong, in steps. */
  readonly #plan: { readonly atStep: number; readonly act: () => void }[];
  #parallelism: number;
  #maxDeadLetters: number;
  #joined = false;
  #launched = 0;
  #broken: Violation | null = null;
  #sourceLoss: number;

  constructor(seed: number, profile: Profile, trace: boolean) {
    this.profile = profile;
    this.world = new World(seed, { trace });
    this.world.impatience = profile.impatience;
    this.world.slow = profile.slowLane === null ? null : `commit of lane ${profile.slowLane}`;
    const keyed = Array.from({ length: profile.keyedTables }, (_, i) =>
      initialTable(`t${i}`, true, Math.min(profile.initialRows, profile.keys)),
    );
    const keyless = Array.from({ length: profile.keylessTables }, (_, i) =>
      initialTable(`bag${i}`, false, profile.initialRows),
    );
    this.#server = new SourceServer(this.world, [...keyed, ...keyless]);
    this.#db = new SinkDatabase(this.world, {
      lostBefore: profile.lostBefore,
      lostAnswer: profile.lostAnswer,
    });
    this.#server.unique = profile.unique !== null;
    this.#db.unique = profile.unique?.fromStep === 0;
    this.#workload = new Workload(this.#server, profile);
    this.#oracle = new Oracle(this.#server, this.#db, profile, modelRouter(profile.fanOut));
    this.#parallelism = profile.settings.parallelism;
    this.#maxDeadLetters = profile.settings.maxDeadLetters;
    this.#sourceLoss = profile.sourceLoss;
    this.#db.onLand = (owner, tx) => this.#watch(() => this.#oracle.landed(owner, tx));
    this.#plan = this.#drawPlan(new SeededRandom(seed ^ 0xfa17));
  }

  /** Null where everything held. */
  async play(): Promise<string | null> {
    const onUnhandled = (error: unknown) =>
      this.#break(`an error that nobody caught: ${String(error)}`);
    process.on("unhandledRejection", onUnhandled);
    try {
      await this.#storm();
      await this.#calm();
      return null;
    } catch (thrown) {
      if (thrown instanceof Violation) return thrown.message;
      throw thrown;
    } finally {
      for (const { process: one } of this.#running) this.world.kill(one);
      process.off("unhandledRejection", onUnhandled);
    }
  }

  /** Applications write and things go wrong. */
  async #storm(): Promise<void> {
    this.#launch();
    const { random } = this.world;
    while (this.#workload.busy || this.#plan.length > 0) {
      this.#keepOneAlive();
      while (this.#plan[0] !== undefined && this.#plan[0].atStep <= this.world.steps)
        this.#plan.shift()?.act();
      if (random.chance(0.08)) this.#workload.act();
      await this.#turn();
    }
  }

  /** Nothing goes wrong any more, and the pipeline comes to rest. */
  async #calm(): Promise<void> {
    this.#db.faults.lostAnswer = 0;
    this.#db.faults.lostBefore = 0;
    this.#sourceLoss = 0;
    this.world.slow = null;
    this.world.impatience = 0;
    for (const one of this.#running) one.process.frozen = false;
    this.world.tell(() => "---- calm");
    this.#raiseLimit();
    this.#workload.finish();
    await this.#comeToRest();
    this.#watch(() => this.#oracle.checkEnd());
    await this.#replayAll();
    await this.#comeToRest();
    this.#watch(() => this.#oracle.checkEnd());
    this.#watch(() => this.#oracle.checkReplayed());
    await this.#stopAll();
    this.#throwIfBroken();
  }

  /** An operator who has seen that a table is stopped: the limit is raised, which takes a new start. */
  #raiseLimit(): void {
    if (this.#maxDeadLetters >= NO_LIMIT) return;
    this.#maxDeadLetters = NO_LIMIT;
    for (const one of this.#alive()) this.#crash(one);
  }

  /** One process is left, has caught up, and nothing happens to it for a while: no late COMMIT of another one. */
  async #comeToRest(): Promise<void> {
    for (const limit = this.world.steps + MAX_STEPS; this.world.steps < limit;) {
      this.#keepOneAlive();
      const last = this.#alive().at(-1);
      if (last === undefined) continue;
      let caughtUp = false;
      let stopped = false;
      last.task.caughtUp().then(
        () => (caughtUp = true),
        (error: MillraceError) => (stopped = error.code === "MR_TABLE_STOPPED"),
      );
      while (!caughtUp && !stopped && !last.ended && this.world.steps < limit) await this.#turn();
      if (stopped) {
        await this.#bringBack(last);
        continue;
      }
      const rested = this.world.nowMs + REST_MS;
      while (!last.ended && this.world.nowMs < rested) await this.#turn();
      if (!last.ended && caughtUp && this.#alive().length === 1) return;
      for (const other of this.#alive()) if (other !== last) this.#crash(other);
    }
    throw new Violation(`nothing catches up: ${this.#statuses()}`);
  }

  /** Tables that are stopped are loaded anew, once the limit is one that they can keep. */
  async #bringBack({ task }: Running): Promise<void> {
    for (const { id, stopped } of task.status().tables) {
      if (stopped === null) continue;
      let done = false;
      task
        .resync(id)
        .catch(() => undefined)
        .finally(() => (done = true));
      for (let left = MAX_STEPS; !done && left > 0; left--) await this.#turn();
    }
  }

  #statuses(): string {
    return JSON.stringify(this.#alive().map(({ task }) => task.status()));
  }

  async #stopAll(): Promise<void> {
    for (const one of this.#alive()) {
      const { usedBytes } = one.budget;
      if (usedBytes !== 0)
        throw new Violation(`${usedBytes} bytes are still out of the budget at rest`);
      void one.task.stop();
      for (let left = MAX_STEPS; !one.ended && left > 0; left--) await this.#turn();
      if (!one.ended) throw new Violation("the task does not stop");
      if (one.budget.usedBytes !== 0)
        throw new Violation(`${one.budget.usedBytes} bytes are still out of the budget after stop`);
    }
  }

  async #turn(): Promise<void> {
    const moved = await this.world.turn();
    this.#throwIfBroken();
    if (moved || this.#alive().length === 0) return;
    if (this.#workload.busy) this.#workload.act();
    else throw new Violation(`everything stands still: ${this.#statuses()}`);
  }

  #throwIfBroken(): void {
    if (this.#broken !== null) throw this.#broken;
  }

  #watch(check: () => void): void {
    try {
      check();
    } catch (thrown) {
      if (!(thrown instanceof Violation)) throw thrown;
      this.#broken ??= thrown;
    }
  }

  #break(message: string): void {
    this.#broken ??= new Violation(message);
  }

  #alive(): Running[] {
    return this.#running.filter((one) => !one.ended && !one.process.dead);
  }

  #keepOneAlive(): void {
    if (this.#alive().some((one) => !one.process.frozen)) return;
    this.#launch();
  }

  #launch(): void {
    const process: Process = { name: `P${++this.#launched}`, dead: false, frozen: false };
    const { world, profile } = this;
    world.tell(() => `---- ${process.name} starts with ${this.#parallelism} lanes`);
    const watch = {
      acknowledged: (_: Process, position: readonly [number, number]) =>
        this.#watch(() => this.#oracle.acknowledged(position)),
      replaysFrom: (
        owner: Process,
        asked: readonly [number, number],
        kept: readonly [number, number],
      ) => this.#watch(() => this.#oracle.replaysFrom(owner, asked, kept)),
    };
    const link = new ModelLink(world, process, watch, () => this.#sourceLoss);
    const budget = new ByteBudget(profile.budgetBytes);
    const last: TableId | undefined = [...this.#server.committed.keys()].at(-1);
    const late = profile.joins > 0 && !this.#joined;
    const task = createTask({
      pipeline: "shop",
      clock: world.clockOf(process),
      random: world.random.next,
      log: silentLogger,
      source: new ModelSource(
        this.#server,
        link,
        this.#holder,
        (id) => !late || id !== last || this.#server.committed.size === 1,
      ),
      sink: new ModelSink(this.#db, process, capabilities(profile)),
      router: modelRouter(profile.fanOut),
      settings: {
        ...profile.settings,
        parallelism: this.#parallelism,
        maxDeadLetters: this.#maxDeadLetters,
      },
      budget,
      observer: this.#observer(process),
    });
    const running: Running = { process, task, budget, ended: false, failure: null };
    this.#running.push(running);
    task.start().catch(() => undefined);
    task.done.then(
      () => this.#ended(running, null),
      (error: MillraceError) => this.#ended(running, error),
    );
  }

  #ended(running: Running, failure: MillraceError | null): void {
    running.ended = true;
    running.failure = failure;
    this.#server.disconnect(running.process);
    this.world.tell(() => `---- ${running.process.name} ended: ${failure?.message ?? "stopped"}`);
    if (failure !== null && !failure.message.includes("(model)") && failure.code !== "MR_FENCED")
      this.#break(`${running.process.name} failed: ${failure.message}`);
  }

  #observer(owner: Process): TaskObserver {
    return {
      event: (event: TaskEvent) => {
        this.world.tell(() => `${owner.name} says ${JSON.stringify(event)}`);
      },
      committed: () => undefined,
      failed: ({ error }) => {
        if (error !== undefined && !error.message.includes("(model)"))
          this.#break(`an error that is not the model's: ${error.message}`);
      },
      schemaChange: () => undefined,
    };
  }

  #crash(one: Running): void {
    this.world.tell(() => `---- ${one.process.name} is killed`);
    this.world.kill(one.process);
    this.#server.disconnect(one.process);
  }

  #drawPlan(random: SeededRandom): { readonly atStep: number; readonly act: () => void }[] {
    const { profile } = this;
    const plan: { atStep: number; act: () => void }[] = [];
    const add = (times: number, act: () => void) => {
      for (let i = 0; i < times; i++) plan.push({ atStep: random.between(5, 600), act });
    };
    add(profile.crashes, () => this.#alive().forEach((one) => this.#crash(one)));
    add(profile.zombies, () => this.#freezeAndLaunch(random));
    add(profile.stops, () => void this.#alive().at(-1)?.task.stop());
    add(profile.resyncs, () => this.#resync(random));
    add(profile.resizes, () => {
      this.#parallelism = random.between(1, 4);
      for (const one of this.#alive()) this.#crash(one);
    });
    add(profile.joins, () => {
      this.#joined = true;
      for (const one of this.#alive()) this.#crash(one);
    });
    if (profile.unique !== null && profile.unique.fromStep > 0)
      plan.push({ atStep: profile.unique.fromStep, act: () => this.#makeUnique() });
    add(profile.replays, () => this.#replaySome(random));
    return plan.sort((a, b) => a.atStep - b.atStep);
  }

  /** The old process stands still for a while (or not) while another one takes over. */
  #freezeAndLaunch(random: SeededRandom): void {
    const old = this.#alive().at(-1);
    this.#launch();
    if (old === undefined || random.chance(0.4)) return;
    old.process.frozen = true;
    this.#plan.push({
      atStep: this.world.steps + random.between(5, 400),
      act: () => (old.process.frozen = false),
    });
    this.#plan.sort((a, b) => a.atStep - b.atStep);
  }

  /** CREATE UNIQUE INDEX at the sink, as soon as its rows allow it. */
  #makeUnique(): void {
    if (this.#db.isUnique()) this.#db.unique = true;
    else if (this.#workload.busy)
      this.#plan.push({ atStep: this.world.steps + 10, act: () => this.#makeUnique() });
  }

  /** An operator does not know which letters are worth it, nor whether something runs. */
  #replaySome(random: SeededRandom): void {
    const one = this.#alive().at(-1);
    if (one === undefined || one.task.status().fence === null) return;
    const ids = one.task.deadLetters().map(({ id }) => id);
    one.task.replay(ids.filter(() => random.chance(0.7))).catch(() => undefined);
  }

  /** At rest: what is left after this is refused, and rightly. */
  async #replayAll(): Promise<void> {
    for (const { task } of this.#alive()) {
      const ids = task.deadLetters().map(({ id }) => id);
      let settled = ids.length === 0;
      const replay = task.replay(ids).finally(() => (settled = true));
      replay.catch((error: unknown) => this.#break(`a replay at rest: ${String(error)}`));
      for (let left = MAX_STEPS; !settled && left > 0; left--) await this.#turn();
      if (!settled) throw new Violation("a replay does not end");
    }
  }

  #resync(random: SeededRandom): void {
    const one = this.#alive().at(-1);
    const table = random.pick([...this.#server.committed.keys()]);
    if (one?.task.status().tables.some(({ id }) => id === table))
      one.task.resync(table).catch(() => undefined);
  }
}

function capabilities(profile: Profile): SinkCapabilities {
  return {
    transactional: true,
    maxLanes: 8,
    maxRowsPerCommit: profile.maxRowsPerCommit,
    maxBytesPerCommit: 100_000,
    maxValueBytes: 500,
    lastWriteWins: true,
    partialUpdates: true,
  };
}
