/** The control of a stand-in, over its parts. */
import type { Principals } from "../access/principals.ts";
import type { Clock } from "../clock.ts";
import type { Settings } from "../options.ts";
import type { Realms } from "../realms.ts";
import type { Roles } from "../sts/roles.ts";
import type { Shard } from "../streams/shard.ts";
import type { Stream } from "../streams/stream.ts";
import { sweepExpired } from "../tables/time-to-live.ts";
import type { Control, ShardState, StreamChoice } from "./control.ts";
import type { CallLog } from "./counters.ts";
import type { FaultList } from "./faults.ts";

/** What is switched. */
export interface SwitchedParts {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly realms: Realms;
  readonly faults: FaultList;
  readonly roles: Roles;
  readonly principals: Principals;
  readonly log: CallLog;
}

/** Something was asked for that is not there. */
export class NoSuchStream extends Error {
  constructor(what: string) {
    super(`There is no ${what}`);
    this.name = "NoSuchStream";
  }
}

/** Makes the control of those parts. */
export function controlOf(parts: SwitchedParts): Control {
  const { clock, faults, roles, log, realms } = parts;
  const childrenOf = (choice: StreamChoice, how: "rotate" | "split"): readonly string[] => {
    const stream = streamFor(parts, choice);
    const children = openShards(stream, choice).flatMap((shard) =>
      stream[how](shard, clock.nowMs()),
    );
    return children.map(({ id }) => id);
  };
  return {
    nowMs: () => clock.nowMs(),
    shiftClock: (ms) => clock.shift(ms),
    inject: (fault) => faults.inject(fault),
    faults: () => faults.list(),
    clearFaults: (id) => faults.clear(id),
    rotate: (choice) => childrenOf(choice, "rotate"),
    split: (choice) => childrenOf(choice, "split"),
    shards: (choice) => streamFor(parts, choice).shards.map(stateOf),
    sweepExpired: async () => {
      const counts = await Promise.all(realms.all().map(sweepExpired));
      return counts.reduce((sum, count) => sum + count, 0);
    },
    putRole: (role) => roles.put(role),
    counters: () => log.counters(),
    calls: () => log.calls(),
    reset: () => {
      for (const part of [realms, faults, roles, parts.principals, log]) part.clear();
      clock.reset();
    },
  };
}

function streamFor({ realms, settings, clock }: SwitchedParts, choice: StreamChoice): Stream {
  const { table, account = settings.account, region } = choice;
  const there = realms
    .all()
    .filter(
      (realm) => realm.account === account && (region === undefined || realm.region === region),
    );
  const [stream] = there.flatMap((realm) => realm.tables.get(table)?.stream ?? []);
  if (stream === undefined) throw new NoSuchStream(`table ${table} with a stream`);
  stream.advance(clock.nowMs());
  return stream;
}

function openShards(stream: Stream, { shardId }: StreamChoice): readonly Shard[] {
  const open = stream.shards.filter((shard) => shard.isOpen);
  const chosen = open.filter(({ id }) => shardId === undefined || id === shardId);
  if (chosen.length === 0) throw new NoSuchStream(`open shard ${shardId ?? ""}`);
  return chosen;
}

function stateOf(shard: Shard): ShardState {
  const { id, parentId, startsWith, endsWith, openedMs, closedMs, trimmedThrough } = shard;
  const number = (value: bigint | undefined): string | null =>
    value === undefined ? null : String(value);
  return {
    shardId: id,
    parentShardId: parentId ?? null,
    startingSequenceNumber: String(startsWith),
    endingSequenceNumber: number(endsWith),
    openedAt: new Date(openedMs).toISOString(),
    closedAt: closedMs === undefined ? null : new Date(closedMs).toISOString(),
    records: shard.recordCount,
    trimmedThrough: number(trimmedThrough),
    from: shard.from,
    to: shard.to,
  };
}
