import { isBug } from "../../errors/own-fault.ts";
import type { Cluster } from "../../kafka/cluster.ts";
import { isPassing, KafkaFault } from "../../kafka/kafka-fault.ts";
import type { TopicPartition } from "../../kafka/wire.ts";
import { failpoint } from "../../model/failpoint.ts";
import type { Clock } from "../../model/ports.ts";
import type { ConnectorContext } from "../../model/source.ts";
import { EXPELLED, GroupSession, type Joined, REBALANCE } from "./group-session.ts";
import type { KafkaSourceOptions } from "./options.ts";
import { partitionsOf, type Partitions } from "./partitions.ts";
import { shareName } from "./topic-table.ts";

/** Before a group that cannot be asked is asked again. */
const PAUSE_MS = 500;
/** How often offsets are committed, for show. */
const SHOW_EVERY_MS = 5_000;
/** A group that cannot be asked for so long is told: one whose broker changes answers before. */
const UNHEARD_MS = 2_000;

type Outcome = "rebalance" | "expelled" | "changed" | "over";

/**
 * This process in the group that shares the partitions among processes. What it runs it keeps until it has stopped: it says
 * so when it joins, and only when it joins again without a share does another one get that. Where it was not heard of for a
 * session the others have taken over; it stops all it runs and begins anew.
 */
export class GroupMember {
  readonly #cluster: Cluster;
  readonly #options: KafkaSourceOptions;
  readonly #clock: Clock;
  readonly #session: GroupSession;
  readonly #offsets = new Map<string, TopicPartition & { readonly offset: number }>();
  #counts: ReadonlyMap<string, number> = new Map();
  #running: readonly string[] = [];
  /** Of these, what another process has taken over: this one runs them no more. */
  readonly #lost = new Set<string>();
  #saidLostMs = -Infinity;
  #isJoined = false;
  /** Since when the group cannot be asked; monotonic. */
  #unheardMs: number | null = null;
  #tell: (failure: unknown) => void = () => undefined;

  constructor(cluster: Cluster, options: KafkaSourceOptions, { clock }: ConnectorContext) {
    this.#cluster = cluster;
    this.#options = options;
    this.#clock = clock;
    this.#session = new GroupSession(cluster, options.groupId, options.sessionTimeoutMs);
  }

  /**
   * What it is to run, again and again.
   * @param heard told what the group cannot be asked for, as long as that lasts, and null once it answers again.
   * @throws KafkaFault, MillraceError what does not pass by itself.
   */
  async *assignments(
    signal: AbortSignal,
    heard: (failure: unknown) => void,
  ): AsyncGenerator<ReadonlySet<string>> {
    this.#tell = heard;
    while (!signal.aborted) {
      const claimed = this.#claimed();
      const joined = await this.#join(claimed, signal);
      if (joined === null) {
        yield* this.#giveUp();
        continue;
      }
      const watch = new Watch();
      const beating = this.#beat(joined, watch, signal);
      beating.catch(() => undefined); // told below
      failpoint("kafka-group.assigned");
      this.#running = joined.shares;
      // Also where it is the same as before: what was lost and is given back has to be begun anew. Whoever hears it does so also
      // with what was lost since this one joined: told to be free, it would go to another one and run twice.
      this.#lost.clear();
      yield new Set(joined.shares);
      // What it has stopped is for the others now.
      if (claimed.some((share) => !joined.shares.includes(share))) watch.end("rebalance");
      await beating;
      const outcome = await watch.ended;
      if (outcome !== "expelled") continue;
      this.#session.forget();
      yield* this.#giveUp();
    }
  }

  /**
   * Another process has taken over what this one was to run: somebody who was frozen since it had it, and whom the group has
   * forgotten. Nobody would run it once that one is gone again: the group is told that it is free.
   */
  lost(share: string): void {
    if (this.#running.includes(share)) this.#lost.add(share);
  }

  /** How many partitions each topic has, as of the last look. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  /** Everything of a partition before this offset is durable. */
  show(at: TopicPartition, offset: number): void {
    this.#offsets.set(shareName(at.topic, at.partition), { ...at, offset });
  }

  /** The others may have what it ran at once. Best effort. */
  async leave(): Promise<void> {
    this.#isJoined = true;
    await this.#showAll();
    await this.#session.leave().catch(() => undefined);
  }

  *#giveUp(): Generator<ReadonlySet<string>, void, void> {
    if (this.#running.length === 0) return;
    this.#running = [];
    yield new Set<string>();
  }

  /** What it runs, and has not lost. */
  #claimed(): readonly string[] {
    const claimed = this.#running.filter((share) => !this.#lost.has(share));
    if (claimed.length < this.#running.length) this.#saidLostMs = this.#clock.monotonic();
    this.#lost.clear();
    return claimed;
  }

  /** Not all the time: two processes that are not of one group take everything from one another for ever. */
  #hasLost(nowMs: number): boolean {
    return this.#lost.size > 0 && nowMs - this.#saidLostMs > this.#options.sessionTimeoutMs;
  }

  /** Null where the group has gone on without it. */
  async #join(claimed: readonly string[], signal: AbortSignal): Promise<Joined | null> {
    for (;;) {
      if (signal.aborted) return { shares: this.#running, isLeader: false };
      try {
        const { shares } = await this.#look();
        const joined = await this.#session.join(claimed, [...shares]);
        this.#isJoined = true;
        this.#heard();
        return joined;
      } catch (thrown) {
        if (!(thrown instanceof KafkaFault)) throw thrown;
        if (EXPELLED.has(thrown.id)) {
          this.#session.forget();
          return null;
        }
        if (!isPassing(thrown) && !REBALANCE.has(thrown.id)) throw thrown;
        if (isPassing(thrown)) {
          this.#session.lookAgain();
          this.#unheard(thrown);
        }
        await this.#clock.sleep(PAUSE_MS, signal).catch(() => undefined);
      }
    }
  }

  async #look(): Promise<Partitions> {
    const found = await partitionsOf(this.#cluster, this.#options.choice);
    this.#counts = found.counts;
    return found;
  }

  /** Tells the group that it is there until that has something to tell. */
  async #beat(joined: Joined, watch: Watch, signal: AbortSignal): Promise<void> {
    const { heartbeatIntervalMs, sessionTimeoutMs, discoveryIntervalMs } = this.#options;
    const known = JSON.stringify([...this.#counts]);
    let heardMs = this.#clock.monotonic();
    let [lookedMs, shownMs] = [heardMs, heardMs];
    while (watch.outcome === null) {
      await this.#clock
        .sleep(heartbeatIntervalMs, AbortSignal.any([signal, watch.signal]))
        .catch(() => undefined);
      if (signal.aborted) return watch.end("over");
      if (watch.outcome !== null) return;
      const nowMs = this.#clock.monotonic();
      const outcome = await this.#beatOnce();
      if (outcome === "well") heardMs = this.#clock.monotonic();
      else if (outcome !== "unheard") return watch.end(outcome);
      // The others have counted to it, too.
      else if (nowMs - heardMs > sessionTimeoutMs) return watch.end("expelled");
      if (this.#hasLost(nowMs)) return watch.end("rebalance");
      if (nowMs - shownMs > SHOW_EVERY_MS) {
        shownMs = nowMs;
        await this.#showAll();
      }
      if (joined.isLeader && nowMs - lookedMs > discoveryIntervalMs) {
        lookedMs = nowMs;
        const isOther = await this.#look().then(
          () => JSON.stringify([...this.#counts]) !== known,
          (thrown: unknown) => {
            if (isBug(thrown)) throw thrown;
            return false;
          },
        );
        if (isOther) return watch.end("changed");
      }
    }
  }

  async #beatOnce(): Promise<"well" | "unheard" | "rebalance" | "expelled"> {
    try {
      await this.#session.heartbeat();
      this.#heard();
      return "well";
    } catch (thrown) {
      if (isBug(thrown)) throw thrown;
      const id = thrown instanceof KafkaFault ? thrown.id : "";
      if (REBALANCE.has(id)) return "rebalance";
      if (EXPELLED.has(id)) return "expelled";
      this.#session.lookAgain();
      this.#unheard(thrown);
      return "unheard";
    }
  }

  #unheard(thrown: unknown): void {
    const nowMs = this.#clock.monotonic();
    this.#unheardMs ??= nowMs;
    if (nowMs - this.#unheardMs >= UNHEARD_MS) this.#tell(thrown);
  }

  #heard(): void {
    if (this.#unheardMs === null) return;
    this.#unheardMs = null;
    this.#tell(null);
  }

  async #showAll(): Promise<void> {
    const offsets = [...this.#offsets].filter(([share]) => this.#running.includes(share));
    this.#offsets.clear();
    if (offsets.length === 0 || !this.#isJoined) return;
    await this.#session.show(offsets.map(([, at]) => at)).catch(() => undefined);
  }
}

/** What ends a time in which nothing moves; the first that comes. */
class Watch {
  outcome: Outcome | null = null;
  readonly #ended = Promise.withResolvers<Outcome>();
  readonly #abort = new AbortController();

  get ended(): Promise<Outcome> {
    return this.#ended.promise;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  end(outcome: Outcome): void {
    if (this.outcome !== null) return;
    this.outcome = outcome;
    this.#ended.resolve(outcome);
    this.#abort.abort();
  }
}
