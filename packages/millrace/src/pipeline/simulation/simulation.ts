import type { MillraceError } from "../../errors/millrace-error.ts";
import { Crew, type Running } from "./crew.ts";
import { Faults } from "./faults.ts";
import { modelRouter } from "./model-router.ts";
import { LockingDatabase } from "./locking-database.ts";
import { lockRows } from "./lock-rows.ts";
import { LostTargets } from "./lost-targets.ts";
import { Operator } from "./operator.ts";
import { Oracle } from "./oracle.ts";
import { PipelineFile } from "./pipeline-file.ts";
import type { Profile } from "./profile.ts";
import { logPlaces, shardPlaces } from "./model-places.ts";
import { ShardStream } from "./shard-stream.ts";
import { SinkDatabase } from "./sink-database.ts";
import { SourceServer } from "./source-server.ts";
import { Standby } from "./standby.ts";
import { Violation } from "./violation.ts";
import { Watch } from "./watch.ts";
import { Workload } from "./workload.ts";
import { initialTable } from "./workload-schema.ts";
import { World } from "./world.ts";

const MAX_STEPS = 40_000;
/** Longer than two turns of the frontier writer, so that the last frontier is acknowledged. */
const REST_MS = 3_000;
/** Longer than two looks at the source: what it does not tell by itself is found, and met. */
const LOOKS_MS = 12_000;

/** What a task says that has caught up but for tables that somebody has to bring back. */
const LEFT_OUT: ReadonlySet<string> = new Set(["MR_TABLE_STOPPED", "MR_TABLE_PAUSED"]);

/** One seed: a source, a sink, processes between them, and what becomes of all of them. */
export class Simulation {
  readonly world: World;
  readonly profile: Profile;
  readonly #db: SinkDatabase;
  readonly #workload: Workload;
  readonly #oracle: Oracle;
  readonly #watch = new Watch();
  readonly #crew: Crew;
  readonly #operator: Operator;
  readonly #faults: Faults;
  readonly #stream: ShardStream | null;

  constructor(seed: number, profile: Profile, trace: boolean) {
    this.profile = profile;
    const world = new World(seed, { trace });
    this.world = world;
    world.impatience = profile.impatience;
    world.slow = profile.slowLane === null ? null : `commit of lane ${profile.slowLane}`;
    const server = serverOf(world, profile);
    const db = new (profile.locks ? LockingDatabase : SinkDatabase)(world, {
      lostBefore: profile.lostBefore,
      lostAnswer: profile.lostAnswer,
      lostOpen: profile.lostOpen,
    });
    this.#db = db;
    db.unique = profile.unique?.fromStep === 0;
    db.foreign = profile.foreign?.fromStep === 0 ? profile.foreign : null;
    this.#workload = new Workload(server, profile);
    const stream = profile.shards === null ? null : new ShardStream(server, profile.shards);
    this.#stream = stream;
    const places = stream === null ? logPlaces(server) : shardPlaces(stream);
    const file = new PipelineFile(server, profile);
    const lost = new LostTargets(db);
    const router = modelRouter(profile.fanOut);
    const oracle = new Oracle({ server, db, profile, router, file, lost, places });
    this.#oracle = oracle;
    db.onLand = (owner, tx) => this.#watch.check(() => oracle.landed(owner, tx));
    const standby = profile.standby === null ? null : new Standby(server);
    const watch = this.#watch;
    const crew = new Crew({ world, profile, server, standby, stream, db, oracle, watch, file });
    this.#crew = crew;
    const until = (isSo: () => boolean) => this.#until(isSo);
    this.#operator = new Operator({ crew, server, file, watch: this.#watch, until });
    const busy = () => this.#workload.busy;
    this.#faults = new Faults(seed, {
      world,
      profile,
      crew,
      operator: this.#operator,
      file,
      db,
      server,
      standby,
      strangerLocks: (random) => void (db instanceof LockingDatabase && lockRows(db, random)),
      loseTarget: (random) => lost.lose(oracle.state().tables.values(), random),
      busy,
    });
  }

  /** Null where everything held. */
  async play(): Promise<string | null> {
    const onUnhandled = (error: unknown) =>
      this.#watch.break(`an error that nobody caught: ${String(error)}`);
    process.on("unhandledRejection", onUnhandled);
    try {
      await this.#storm();
      await this.#calm();
      return null;
    } catch (thrown) {
      if (thrown instanceof Violation) return thrown.message;
      throw thrown;
    } finally {
      this.#crew.bury();
      process.off("unhandledRejection", onUnhandled);
    }
  }

  /** Applications write and things go wrong. */
  async #storm(): Promise<void> {
    this.#crew.launch();
    while (this.#workload.busy || !this.#faults.isOver) {
      this.#crew.keepOneAlive();
      this.#faults.act();
      if (this.world.random.chance(0.08)) this.#workload.act();
      if (this.#stream !== null && this.world.random.chance(0.1))
        this.#stream.act(this.world.random);
      await this.#turn();
    }
  }

  /** Nothing goes wrong any more, and the pipeline comes to rest. */
  async #calm(): Promise<void> {
    this.#db.faults.lostAnswer = 0;
    this.#db.faults.lostBefore = 0;
    this.#db.faults.lostOpen = 0;
    this.#crew.sourceLoss = 0;
    this.world.slow = null;
    this.world.impatience = 0;
    this.#crew.thaw();
    if (this.profile.pauses > 0) this.#crew.resumeAll();
    this.world.tell(() => "---- calm");
    this.#operator.raiseLimits();
    // Who goes on writing to another table in the target's place does not see it; a start does.
    if (this.profile.lostTargets > 0) this.#crew.crashAll();
    this.#stream?.settle();
    this.#workload.finish();
    await this.#comeToRest();
    await this.#takeUpNew();
    this.#watch.check(() => this.#oracle.checkEnd());
    await this.#operator.replayAll();
    await this.#comeToRest();
    this.#watch.check(() => this.#oracle.checkEnd());
    this.#watch.check(() => this.#oracle.checkReplayed());
    await this.#operator.stopAll();
    this.#watch.throwIfBroken();
  }

  /** Tables that were made while a process ran are found by the next one. */
  async #takeUpNew(): Promise<void> {
    if (!this.#oracle.missesTables()) return;
    this.#crew.crashAll();
    await this.#comeToRest();
  }

  /** One process is left, has caught up, and nothing happens to it for a while: no late COMMIT of another one. */
  async #comeToRest(): Promise<void> {
    for (const limit = this.world.steps + MAX_STEPS; this.world.steps < limit;) {
      this.#crew.keepOneAlive();
      const last = this.#crew.last();
      if (last === undefined) continue;
      if (this.profile.looks) await this.#rest(last, LOOKS_MS);
      const state = await this.#catchUp(last, limit);
      if (state === "stopped") {
        await this.#operator.bringBack(last);
        continue;
      }
      const captured = this.#oracle.captured();
      await this.#rest(last, REST_MS);
      // A newcomer that is met meanwhile is nothing that was caught up with.
      const isWhole = this.#oracle.captured() === captured;
      if (isWhole && !last.ended && state === "caught up" && this.#crew.alive().length === 1)
        return;
      for (const other of this.#crew.alive()) if (other !== last) this.#crew.crash(other);
    }
    throw new Violation(`nothing catches up: ${this.#crew.statuses()}`);
  }

  async #rest(one: Running, ms: number): Promise<void> {
    const rested = this.world.nowMs + ms;
    while (!one.ended && this.world.nowMs < rested) await this.#turn();
  }

  async #catchUp(one: Running, limit: number): Promise<"caught up" | "stopped" | "not yet"> {
    let state: "caught up" | "stopped" | "not yet" = "not yet";
    one.task.caughtUp().then(
      () => (state = "caught up"),
      (error: MillraceError) => (state = LEFT_OUT.has(error.code) ? "stopped" : "not yet"),
    );
    const isOpen = (): boolean => state === "not yet";
    while (isOpen() && !one.ended && this.world.steps < limit) await this.#turn();
    return state;
  }

  async #until(isSo: () => boolean): Promise<boolean> {
    for (let left = MAX_STEPS; !isSo() && left > 0; left--) await this.#turn();
    return isSo();
  }

  async #turn(): Promise<void> {
    const moved = await this.world.turn();
    this.#crew.checkBudgets();
    this.#watch.throwIfBroken();
    if (moved || this.#crew.alive().length === 0) return;
    if (this.#workload.busy) this.#workload.act();
    else throw new Violation(`everything stands still: ${this.#crew.statuses()}`);
  }
}

function serverOf(world: World, profile: Profile): SourceServer {
  const keyed = Array.from({ length: profile.keyedTables }, (_, i) =>
    initialTable(`t${i}`, true, Math.min(profile.initialRows, profile.keys), profile),
  );
  const keyless = Array.from({ length: profile.keylessTables }, (_, i) =>
    initialTable(`bag${i}`, false, profile.initialRows, profile),
  );
  const server = new SourceServer(world, [...keyed, ...keyless], profile.publishesAll);
  server.unique = profile.unique !== null;
  server.foreign = profile.foreign;
  return server;
}
