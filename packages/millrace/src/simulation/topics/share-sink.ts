import type { Holder } from "../../model/holder.ts";
import type { Json } from "../../model/position.ts";
import type { SinkCapabilities, TaskDocument } from "../../model/sink.ts";
import { ModelSink } from "../../pipeline/simulation/model-sink.ts";
import { SinkDatabase } from "../../pipeline/simulation/sink-database.ts";
import type { Process, World } from "../../pipeline/simulation/world.ts";

const CAPABILITIES: SinkCapabilities = {
  transactional: true,
  maxLanes: 8,
  maxRowsPerCommit: 200,
  maxBytesPerCommit: 100_000,
  maxValueBytes: 500,
  lastWriteWins: true,
  partialUpdates: true,
};

/** How COMMITs go wrong, of all shares. */
interface Faults {
  readonly lostBefore: number;
  readonly lostAnswer: number;
}

/** The sink: what each share's task has there is a database of its own, as no two of them write the same rows. */
export class ShareDatabases {
  readonly #world: World;
  readonly #faults: Faults;
  readonly #onMade: (share: string, db: SinkDatabase) => void;
  readonly #databases = new Map<string, SinkDatabase>();

  constructor(world: World, faults: Faults, onMade: (share: string, db: SinkDatabase) => void) {
    this.#world = world;
    this.#faults = faults;
    this.#onMade = onMade;
  }

  get all(): ReadonlyMap<string, SinkDatabase> {
    return this.#databases;
  }

  of(share: string): SinkDatabase {
    const known = this.#databases.get(share);
    if (known !== undefined) return known;
    const made = new SinkDatabase(this.#world, { ...this.#faults, lostOpen: 0 });
    this.#databases.set(share, made);
    this.#onMade(share, made);
    return made;
  }

  /** Nothing goes wrong any more. */
  calm(): void {
    for (const { faults } of this.#databases.values()) faults.lostAnswer = faults.lostBefore = 0;
  }
}

/** A share's sink, which sees what the tasks of the others keep. */
export class ShareSink extends ModelSink {
  readonly #all: ShareDatabases;

  constructor(all: ShareDatabases, share: string, owner: Process, holder: Holder) {
    super(all.of(share), owner, CAPABILITIES, holder);
    this.#all = all;
  }

  async readDocuments(_pipeline: string, prefix: string): Promise<readonly TaskDocument[]> {
    return documentsOf(this.#all, prefix);
  }
}

/** What the tasks keep under keys that begin so. */
export function documentsOf({ all }: ShareDatabases, prefix: string): readonly TaskDocument[] {
  return [...all].flatMap(([task, db]) =>
    db.durableKeys(`state/${prefix}`).map((name): TaskDocument => {
      const value = JSON.parse(JSON.stringify(db.durable(name))) as Json;
      return { task, key: name.slice("state/".length), value };
    }),
  );
}
