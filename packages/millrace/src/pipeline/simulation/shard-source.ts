import type { Json, Position, TransactionId } from "../../model/position.ts";
import type { LogStart, PreparedLog, SourceLog, SourceSnapshot } from "../../model/source.ts";
import type { TableShape } from "../../model/table.ts";
import { ModelSource, type ModelSourceOptions, type SlotHolder } from "./model-source.ts";
import { ShardLog } from "./shard-log.ts";
import {
  compareShardPlaces,
  joinShardPlaces,
  shardPlace,
  type ShardStanding,
} from "./shard-places.ts";
import { endOf, ShardSnapshot } from "./shard-snapshot.ts";
import type { ShardStream } from "./shard-stream.ts";
import type { ModelLink } from "./source-link.ts";

/** The model's source connector where the log is a stream of shards, as DynamoDB's is. */
export class ShardSource extends ModelSource {
  readonly #stream: ShardStream;
  readonly #link: ModelLink;
  readonly frontierEveryMs: number;
  readonly initSyncDelay: { readonly ms: number; readonly why: string };

  constructor(
    stream: ShardStream,
    link: ModelLink,
    holder: SlotHolder,
    options: ModelSourceOptions,
  ) {
    super(stream.server, link, holder, options);
    this.#stream = stream;
    this.#link = link;
    const { random } = stream.server.world;
    this.frontierEveryMs = random.pick([1_000, 2_000]);
    this.initSyncDelay = { ms: random.pick([0, 500]), why: "the model wants it" };
  }

  override comparePositions(standing: Position, place: Position): number {
    return compareShardPlaces(standing, place);
  }

  join(standing: Position, places: readonly Position[]): Position {
    return joinShardPlaces(standing, places);
  }

  override positionText(position: Position): string {
    return JSON.stringify(shardPlace(position));
  }

  override async prepare(
    tables: readonly TableShape[],
    known: Position | null,
  ): Promise<PreparedLog> {
    await this.#link.call("prepare");
    const { server, roots } = this.#stream;
    server.publication.join(
      tables.map(({ identity }) => identity),
      server.underWay,
    );
    // A stream keeps what it has whoever reads it: it begins with its first records.
    server.slot ??= { start: [0, 0], acknowledged: [0, 0] };
    const shards = Object.fromEntries(roots.map(({ id }) => [id, 0]));
    const start: ShardStanding = { shards, at: 0 };
    return { start: known ?? start, created: known === null, joined: [] };
  }

  override async safeToSnapshot(): Promise<void> {
    await this.#link.call("safe to snapshot");
  }

  override async openLog(start: LogStart): Promise<SourceLog> {
    await this.#link.call("log open");
    return new ShardLog(this.#stream, this.#link, start);
  }

  override async openSnapshot(): Promise<SourceSnapshot> {
    await this.#link.call("snapshot open");
    return new ShardSnapshot(this.#stream, this.#link);
  }

  override async unseen(): Promise<readonly TransactionId[]> {
    await this.#link.call("unseen");
    return [];
  }

  override sees(_token: Json): boolean {
    return true;
  }

  override async logEnd(): Promise<Position> {
    await this.#link.call("log end");
    return endOf(this.#stream);
  }

  override bytesBetween(): null {
    return null;
  }
}
