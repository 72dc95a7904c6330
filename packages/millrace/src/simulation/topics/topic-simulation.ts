import { SeededRandom } from "../../pipeline/simulation/seeded-random.ts";
import { Violation } from "../../pipeline/simulation/violation.ts";
import { Watch } from "../../pipeline/simulation/watch.ts";
import { World } from "../../pipeline/simulation/world.ts";
import { ModelCluster } from "./model-cluster.ts";
import { ShareDatabases } from "./share-sink.ts";
import { type RunningSet, TopicCrew } from "./topic-crew.ts";
import { TopicOracle } from "./topic-oracle.ts";
import { drawTopics, type TopicProfile } from "./topic-profile.ts";
import { TopicWorkload } from "./workload.ts";

const MAX_STEPS = 20_000;
/** Time passes though no process waits for it. */
const TICK_MS = 500;
/** Longer than anything of a broker's takes, such as the session of a process that was killed and whose partitions another one is to have. */
const PATIENCE_MS = 60_000;

/** How one seed went. */
export interface TopicResult {
  /** What was broken; null where everything held. */
  readonly failure: string | null;
  readonly steps: number;
  readonly trace: readonly string[];
}

/** Plays one seed: topics that are written, processes that share their partitions, and a sink. */
export async function playTopics(seed: number, trace = false): Promise<TopicResult> {
  const simulation = new TopicSimulation(seed, drawTopics(seed), trace);
  const failure = await simulation.play();
  const { steps, trace: told } = simulation.world;
  return { failure, steps, trace: told };
}

/** The real source and the real pipeline between a model of brokers and a model of a sink. */
class TopicSimulation {
  readonly world: World;
  readonly #profile: TopicProfile;
  readonly #cluster: ModelCluster;
  readonly #databases: ShareDatabases;
  readonly #workload: TopicWorkload;
  readonly #oracle: TopicOracle;
  readonly #crew: TopicCrew;
  readonly #watch = new Watch();
  /** What goes wrong is drawn by itself: another schedule has the same faults. */
  readonly #random: SeededRandom;
  #faults: number;
  #idleMs = 0;

  constructor(seed: number, profile: TopicProfile, trace: boolean) {
    const world = new World(seed, { trace });
    world.impatience = profile.impatience;
    this.world = world;
    this.#profile = profile;
    this.#random = new SeededRandom(seed ^ 0xfa17);
    this.#faults = profile.faults;
    const cluster = new ModelCluster(world, { lost: profile.lost });
    this.#cluster = cluster;
    const { topics, source, settings } = profile;
    for (const { name, partitions } of topics) cluster.makeTopic(name, partitions);
    this.#workload = new TopicWorkload(cluster, profile);
    const isPrefix = settings.parallelism === 1;
    this.#oracle = new TopicOracle({ cluster, plans: topics, isPrefix });
    this.#databases = new ShareDatabases(world, profile.sinkFaults, (share, db) => {
      db.onLand = () => this.#watch.check(() => this.#oracle.landed(share, db));
    });
    const databases = this.#databases;
    this.#crew = new TopicCrew({ world, cluster, databases, source, settings, watch: this.#watch });
  }

  async play(): Promise<string | null> {
    const onUnhandled = (error: unknown): void =>
      this.#watch.break(`an error that nobody caught: ${String(error)}`);
    process.on("unhandledRejection", onUnhandled);
    try {
      for (let left = 4; left > 0; left--) this.#workload.act();
      for (let left = this.#profile.processes; left > 0; left--) this.#crew.launch();
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

  async #storm(): Promise<void> {
    const { random } = this.world;
    while (this.#workload.isBusy || this.#faults > 0) {
      this.#keepSomeAlive();
      if (random.chance(0.03)) this.#workload.act();
      if (this.#faults > 0 && this.#random.chance(0.004)) this.#befall();
      await this.#turn();
    }
  }

  #keepSomeAlive(): void {
    if (this.#crew.alive().every(({ process }) => process.frozen)) this.#crew.launch();
  }

  #befall(): void {
    this.#faults--;
    const random = this.#random;
    const alive = this.#crew.alive();
    const one = alive.length === 0 ? null : random.pick(alive);
    const plans = this.#profile.topics;
    const acts: (() => void)[] = [
      () => one !== null && this.#crew.crash(one),
      () => one !== null && this.#stop(one),
      () => one !== null && this.#freeze(one),
      () => this.#crew.thaw(),
      () => alive.length < 4 && this.#crew.launch(),
      () => this.#cluster.move(),
      () => this.#cluster.cut(),
      () => this.#cluster.addPartition(random.pick(plans).name),
      () => this.#compact(),
    ];
    random.pick(acts)();
  }

  #freeze({ process }: RunningSet): void {
    this.world.tell(() => `---- ${process.name} stands still`);
    process.frozen = true;
  }

  #stop({ process, task }: RunningSet): void {
    this.world.tell(() => `---- ${process.name} is stopped`);
    task.stop().catch(() => undefined);
  }

  #compact(): void {
    for (const { name, compacts } of this.#profile.topics)
      if (compacts)
        for (const partition of this.#cluster.partitions(name)) partition.compact(this.#random);
  }

  /** Nothing goes wrong any more, and every partition comes to the sink. */
  async #calm(): Promise<void> {
    this.world.tell(() => "---- calm");
    this.#cluster.faults.lost = 0;
    this.#databases.calm();
    this.world.impatience = 0;
    this.#crew.thaw();
    this.#workload.finish();
    await this.#comeToRest();
    this.#watch.check(() => this.#oracle.checkEnd(this.#databases.all));
    this.#watch.throwIfBroken();
    for (const { task } of this.#crew.alive()) task.stop().catch(() => undefined);
    const limit = this.world.steps + MAX_STEPS;
    while (this.#crew.alive().length > 0 && this.world.steps < limit) await this.#turn();
    if (this.#crew.alive().length > 0) throw new Violation("a process does not stop");
    this.#watch.check(() => this.#oracle.checkEnd(this.#databases.all));
    this.#watch.throwIfBroken();
  }

  async #comeToRest(): Promise<void> {
    for (const limit = this.world.steps + MAX_STEPS; this.world.steps < limit;) {
      this.#keepSomeAlive();
      const all = this.#crew.alive();
      const look = { isOver: false, isCaughtUp: false };
      // Who has been given nothing says nothing of the others.
      for (const { task } of all)
        task.caughtUp().then(
          () => (look.isOver = look.isCaughtUp = true),
          () => (look.isOver = true),
        );
      const areThere = (): boolean => all.every(({ ended }) => !ended);
      while (!look.isOver && areThere() && this.world.steps < limit) await this.#turn();
      const rested = this.world.nowMs + PATIENCE_MS;
      while (areThere() && this.world.nowMs < rested) await this.#turn();
      if (look.isCaughtUp && areThere()) return;
    }
    throw new Violation(`nothing catches up: ${this.#crew.statuses()}`);
  }

  async #turn(): Promise<void> {
    const moved = await this.world.turn();
    this.#cluster.group.tick();
    this.#watch.throwIfBroken();
    if (moved) this.#idleMs = 0;
    if (moved || this.#crew.alive().length === 0) return;
    if (this.#workload.isBusy) this.#workload.act();
    // Brokers wait for members that are gone.
    this.#idleMs += TICK_MS;
    if (this.#idleMs > PATIENCE_MS)
      throw new Violation(`everything stands still: ${this.#crew.statuses()}`);
    void this.world.clock.sleep(TICK_MS);
    await this.world.turn();
  }
}
