import type { MillraceError } from "../../errors/millrace-error.ts";
import { Holder } from "../../model/holder.ts";
import { silentLogger } from "../../model/ports.ts";
import { ByteBudget } from "../../pipeline/byte-budget.ts";
import { idleLoad } from "../../pipeline/load-control.ts";
import { deafObserver, type TaskObserver } from "../../pipeline/observer.ts";
import type { TaskSettings } from "../../pipeline/settings.ts";
import type { TaskStatus } from "../../pipeline/status.ts";
import { loadState } from "../../pipeline/state-documents.ts";
import { TaskSet } from "../../pipeline/task-set.ts";
import { createTask } from "../../pipeline/task.ts";
import type { MadeTask } from "../../pipeline/task-api.ts";
import { modelRouter } from "../../pipeline/simulation/model-router.ts";
import type { Watch } from "../../pipeline/simulation/watch.ts";
import type { Process, World } from "../../pipeline/simulation/world.ts";
import { ShareEnds } from "../../share-ends.ts";
import type { KafkaSourceOptions } from "../../sources/kafka/options.ts";
import { KafkaShares } from "../../sources/kafka/shares.ts";
import { GroupWatch } from "./group-watch.ts";
import type { ModelCluster } from "./model-cluster.ts";
import { documentsOf, type ShareDatabases, ShareSink } from "./share-sink.ts";

/** A process that runs the pipeline. */
export interface RunningSet {
  readonly process: Process;
  readonly task: TaskSet;
  ended: boolean;
}

interface CrewParts {
  readonly world: World;
  readonly cluster: ModelCluster;
  readonly databases: ShareDatabases;
  readonly source: Omit<KafkaSourceOptions, "cluster">;
  readonly settings: TaskSettings;
  readonly watch: Watch;
}

/** What another process, or a broker, brings about. */
const FOREIGN = /MR_FENCED|MR_SOURCE_LOST_CONNECTION|MR_SINK_LOST_CONNECTION/;
const BUDGET_BYTES = 1_000_000;
const EMPTY: TaskStatus = {
  pipeline: "topics",
  state: "stopped",
  error: null,
  retrying: null,
  unfinished: null,
  fence: null,
  tables: [],
  channels: [],
  lagMs: null,
  lagBytes: null,
  progressAgeMs: 0,
  waits: [],
  load: idleLoad({ maxRowsPerSecond: null, maxBytesPerSecond: null }),
  retention: null,
  bufferBytes: 0,
  bufferLimitBytes: BUDGET_BYTES,
  retries: {},
  identity: null,
};

/** The processes of one pipeline, each with what the group gives it. */
export class TopicCrew {
  readonly #parts: CrewParts;
  readonly #group: GroupWatch;
  readonly #running: RunningSet[] = [];

  constructor(parts: CrewParts) {
    this.#parts = parts;
    this.#group = new GroupWatch(parts.cluster.group);
  }

  /** Those that were started and have not ended. */
  alive(): readonly RunningSet[] {
    return this.#running.filter((one) => !one.ended && !one.process.dead);
  }

  launch(): void {
    const { world, databases, source, settings, watch } = this.#parts;
    const number = this.#running.length + 1;
    const process: Process = { name: `P${number}`, dead: false, frozen: false };
    world.tell(() => `---- ${process.name} starts`);
    const clock = world.clockOf(process);
    const random = world.random.next;
    const context = { pipeline: "topics", clock, random, log: silentLogger };
    const shared = new KafkaShares({ ...source, cluster: this.#reach(process) }, context);
    const observer = this.#observer(process);
    let holders = 0;
    const task = new TaskSet({
      clock,
      random,
      observer,
      shares: (signal) =>
        this.#group.watched(process, shared.shares(signal), (check) => watch.check(check)),
      moves: shared.moves,
      lost: (share) => {
        this.#group.lost(process, share);
        shared.lost(share);
      },
      // Not from the world's randomness, which a seed's schedule is of.
      holder: () => new Holder(() => number / 1_000 + ++holders / 1_000_000_000),
      open: (share, own): Promise<MadeTask> => {
        const sink = new ShareSink(databases, share, process, own.holder);
        const part = shared.open(share);
        const made = createTask({
          ...context,
          task: share,
          source: part,
          sink,
          router: modelRouter(false),
          settings,
          budget: new ByteBudget(BUDGET_BYTES),
          observer: own.observer,
        });
        const close = async (): Promise<void> => {
          await Promise.allSettled([part.close(), sink.close()]);
        };
        return Promise.resolve({ task: made, close });
      },
      elsewhere: () =>
        new ShareEnds({
          ends: () => shared.ends(),
          comparePositions: (a, b) => shared.comparePositions(a, b),
          open: () =>
            Promise.resolve({
              read: () => Promise.resolve(knownIn(databases)),
              [Symbol.asyncDispose]: () => Promise.resolve(),
            }),
        }),
      empty: EMPTY,
      close: () => shared.close(),
    });
    const running: RunningSet = { process, task, ended: false };
    this.#running.push(running);
    task.start().catch(() => undefined);
    task.done.then(
      () => this.#ended(running, null),
      (error: MillraceError) => this.#ended(running, error),
    );
  }

  /** SIGKILL. */
  crash(one: RunningSet): void {
    this.#parts.world.tell(() => `---- ${one.process.name} is killed`);
    this.#parts.world.kill(one.process);
    this.#group.gone(one.process);
  }

  /** Processes that stand still go on. */
  thaw(): void {
    for (const { process } of this.#running) process.frozen = false;
  }

  /** Nobody is left behind when the simulation is over. */
  bury(): void {
    for (const { process } of this.#running) this.#parts.world.kill(process);
  }

  statuses(): string {
    return JSON.stringify(this.alive().map(({ process, task }) => [process.name, task.status()]));
  }

  #reach(process: Process): KafkaSourceOptions["cluster"] {
    const { cluster } = this.#parts;
    return {
      bootstrap: [1, 2].map((port) => ({ host: `b${port}`, port })),
      clientId: process.name,
      tls: null,
      sasl: null,
      connectTimeoutMs: 1_000,
      requestTimeoutMs: 5_000,
      open: ({ port }) => cluster.open(process, port),
    };
  }

  #observer({ name }: Process): TaskObserver {
    const { world, watch } = this.#parts;
    return {
      ...deafObserver,
      event: (event) => {
        world.tell(() => `${name} says ${JSON.stringify(event)}`);
        // A share that stops for another reason than the model's is what nobody would look at.
        const said = event.type === "notice" ? event.message : "";
        const isOurs = said.includes("(model)") || FOREIGN.test(said);
        if (/^share \S+ has stopped/.test(said) && !isOurs) watch.break(`${name}: ${said}`);
      },
    };
  }

  #ended(running: RunningSet, failure: MillraceError | null): void {
    const { world, watch } = this.#parts;
    const { process } = running;
    running.ended = true;
    this.#group.gone(process);
    world.tell(() => `---- ${process.name} ended: ${failure?.message ?? "stopped"}`);
    if (failure !== null && !failure.message.includes("(model)") && failure.class !== "fenced")
      watch.break(`${process.name} failed: ${failure.message}`);
  }
}

/** What {@link ShareEnds} asks a sink for. */
function knownIn(databases: ShareDatabases) {
  const byTask = Map.groupBy(documentsOf(databases, ""), ({ task }) => task);
  const logs = [...byTask].flatMap(([task, documents]) => {
    const { frontier } = loadState(new Map(documents.map(({ key, value }) => [key, value])));
    return frontier === null
      ? []
      : [[task, { position: frontier.position, history: null }] as const];
  });
  return { identity: null, tables: new Map(), followed: [], log: null, shareLogs: new Map(logs) };
}
