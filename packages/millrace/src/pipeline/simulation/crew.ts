import type { MillraceError } from "../../errors/millrace-error.ts";
import { silentLogger } from "../../model/ports.ts";
import type { Position } from "../../model/position.ts";
import type { Sink, SinkCapabilities } from "../../model/sink.ts";
import type { Source } from "../../model/source.ts";
import { ByteBudget } from "../byte-budget.ts";
import type { TaskObserver } from "../observer.ts";
import type { TaskEvent } from "../status.ts";
import { createTask } from "../task.ts";
import type { Task } from "../task-api.ts";
import { modelRouter } from "./model-router.ts";
import { GrudgingTurns } from "./grudging-turns.ts";
import { Coordinator } from "./coordinator.ts";
import { LockingDatabase } from "./locking-database.ts";
import { LockingSink } from "./locking-sink.ts";
import { ModelLogSink } from "./model-log-sink.ts";
import { ModelSink } from "./model-sink.ts";
import { ModelSource, type SlotHolder } from "./model-source.ts";
import { OneServerLink } from "./one-server-link.ts";
import type { Oracle } from "./oracle.ts";
import type { PipelineFile } from "./pipeline-file.ts";
import type { Profile } from "./profile.ts";
import type { SinkDatabase } from "./sink-database.ts";
import { ShardSource } from "./shard-source.ts";
import type { ShardStream } from "./shard-stream.ts";
import { SourceCare } from "./source-care.ts";
import { ModelLink } from "./source-link.ts";
import type { SourceServer } from "./source-server.ts";
import type { Standby } from "./standby.ts";
import { ToldSource } from "./told-source.ts";
import type { Watch } from "./watch.ts";
import { TellingSink } from "./telling-sink.ts";
import type { Process, World } from "./world.ts";

/** A process with a task in it. */
export interface Running {
  readonly process: Process;
  readonly task: Task;
  readonly budget: ByteBudget;
  ended: boolean;
}

interface CrewParts {
  readonly world: World;
  readonly profile: Profile;
  readonly server: SourceServer;
  readonly db: SinkDatabase;
  readonly oracle: Oracle;
  readonly watch: Watch;
  readonly file: PipelineFile;
  readonly standby: Standby | null;
  /** The log is a stream of shards. */
  readonly stream: ShardStream | null;
}

/** The processes that run the pipeline: one that should, and those that think that they should. */
export class Crew {
  readonly #parts: CrewParts;
  readonly #holder: SlotHolder = { session: null };
  readonly #running: Running[] = [];
  readonly #coordinator: Coordinator;
  readonly #care: SourceCare;
  /** How often calls to the source lose their connection. */
  sourceLoss: number;

  constructor(parts: CrewParts) {
    this.#parts = parts;
    this.#coordinator = new Coordinator(parts.db);
    this.#care = new SourceCare(parts.profile.settings, () => parts.world.nowMs);
    this.sourceLoss = parts.profile.sourceLoss;
  }

  /** Those that were started and have not ended. */
  alive(): Running[] {
    return this.#running.filter((one) => !one.ended && !one.process.dead);
  }

  /** The one that was started last, and lives. */
  last(): Running | undefined {
    return this.alive().at(-1);
  }

  keepOneAlive(): void {
    if (this.alive().some((one) => !one.process.frozen)) return;
    this.launch();
  }

  launch(): void {
    const { world, profile, file } = this.#parts;
    const process: Process = { name: `P${this.#running.length + 1}`, dead: false, frozen: false };
    world.tell(() => `---- ${process.name} starts with ${file.parallelism} lanes`);
    const budget = new ByteBudget(profile.budgetBytes);
    const clock = world.clockOf(process);
    const task = createTask({
      pipeline: "shop",
      clock,
      random: world.random.next,
      log: silentLogger,
      source: this.#sourceFor(process),
      sink: this.#sinkFor(process),
      router: modelRouter(profile.fanOut),
      settings: {
        ...profile.settings,
        parallelism: file.parallelism,
        maxDeadLetters: file.maxDeadLetters,
        maxRetainedBytes: file.maxRetainedBytes,
      },
      budget,
      observer: this.#observer(process),
      ...(profile.grudges ? { loadTurns: new GrudgingTurns(clock, world.random.next) } : {}),
    });
    const running: Running = { process, task, budget, ended: false };
    this.#running.push(running);
    task.start().catch(() => undefined);
    task.done.then(
      () => this.#ended(running, null),
      (error: MillraceError) => this.#ended(running, error),
    );
  }

  /** SIGKILL. */
  crash(one: Running): void {
    this.#parts.world.tell(() => `---- ${one.process.name} is killed`);
    this.#parts.world.kill(one.process);
    this.#disconnect(one.process);
  }

  crashAll(): void {
    for (const one of this.alive()) this.crash(one);
  }

  /** The source's server is killed and comes back. */
  restartSource(): void {
    this.#parts.server.restart();
    this.cutLog();
  }

  /** Another server takes over, with the same log. */
  failOver(): void {
    this.#parts.server.failOver();
    this.cutLog();
  }

  /** The connection that reads the log is gone. */
  cutLog(): void {
    this.#holder.session?.breakOff();
  }

  /** Nothing is paused any more. */
  resumeAll(): void {
    for (const { task } of this.alive()) void task.resume();
  }

  /** No process holds more than its budget, but for a batch of each kind that passes alone (I10). */
  checkBudgets(): void {
    const { largestBatch } = this.#parts.server;
    for (const { budget, process } of this.alive())
      if (budget.usedBytes > budget.limitBytes + 2 * largestBatch)
        this.#parts.watch.break(`${process.name} holds ${budget.usedBytes} bytes`);
  }

  /** Processes that stand still go on. */
  thaw(): void {
    for (const one of this.#running) one.process.frozen = false;
  }

  /** Nobody is left behind when the simulation is over. */
  bury(): void {
    for (const { process } of this.#running) this.#parts.world.kill(process);
  }

  statuses(): string {
    return JSON.stringify(this.alive().map(({ task }) => task.status()));
  }

  #sourceFor(process: Process): Source {
    const { world, server, oracle, watch, file } = this.#parts;
    const heard = {
      care: (check: (care: SourceCare) => void) => watch.check(() => check(this.#care)),
      acknowledged: (_: Process, position: Position) =>
        watch.check(() => oracle.acknowledged(position)),
      replaysFrom: (
        owner: Process,
        asked: readonly [number, number],
        kept: readonly [number, number],
      ) => watch.check(() => oracle.replaysFrom(owner, asked, kept)),
    };
    const { told } = this.#parts.profile;
    const reach = [world, process, heard, () => this.sourceLoss] as const;
    const { looks, doubts, messages, settings } = this.#parts.profile;
    const options = {
      matches: file.matcher(),
      looks,
      doubts,
      messages,
      standby: this.#parts.standby,
      tellsRetention: settings.maxRetainedBytes !== null,
    };
    const { stream } = this.#parts;
    if (stream !== null)
      return new ShardSource(stream, new ModelLink(...reach), this.#holder, options);
    if (told === null)
      return new ModelSource(server, new ModelLink(...reach), this.#holder, options);
    const link = new OneServerLink(server, ...reach);
    return new ToldSource(server, link, this.#holder, { ...options, ...told });
  }

  #sinkFor(process: Process): Sink {
    const { db, profile } = this.#parts;
    const able = capabilities(profile);
    if (db instanceof LockingDatabase) return new LockingSink(db, process, able);
    if (profile.topics) return new ModelLogSink(db, this.#coordinator, process, able);
    return new (profile.lostTargets > 0 ? TellingSink : ModelSink)(db, process, able);
  }

  #ended(running: Running, failure: MillraceError | null): void {
    const { world, watch } = this.#parts;
    const { name } = running.process;
    running.ended = true;
    this.#disconnect(running.process);
    world.tell(() => `---- ${name} ended: ${failure?.message ?? "stopped"}`);
    if (failure !== null && !failure.message.includes("(model)") && failure.code !== "MR_FENCED")
      watch.break(`${name} failed: ${failure.message}`);
  }

  #disconnect(process: Process): void {
    this.#parts.server.disconnect(process);
    this.#parts.standby?.disconnect(process);
    this.#parts.db.disconnect(process);
  }

  #observer(owner: Process): TaskObserver {
    const { world, watch } = this.#parts;
    return {
      event: (event: TaskEvent) => {
        world.tell(() => `${owner.name} says ${JSON.stringify(event)}`);
      },
      committed: () => undefined,
      failed: ({ error }) => {
        if (error === undefined || error.code === "MR_SOURCE_RETAINED") return;
        if (!error.message.includes("(model)"))
          watch.break(`an error that is not the model's: ${error.message}`);
      },
      schemaChange: () => undefined,
    };
  }
}

function capabilities(profile: Profile): SinkCapabilities {
  return {
    transactional: true,
    maxLanes: 8,
    maxRowsPerCommit: profile.maxRowsPerCommit,
    maxBytesPerCommit: profile.maxBytesPerCommit,
    maxValueBytes: 500,
    lastWriteWins: true,
    partialUpdates: true,
    takesLines: true,
  };
}
