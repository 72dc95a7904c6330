import { MillraceError } from "../../errors/millrace-error.ts";
import type { ChunkKey, Json, Position, TransactionId } from "../../model/position.ts";
import type {
  ChunkRange,
  DiscoveredTable,
  LogStart,
  PreparedLog,
  SnapshotWish,
  SourceRetention,
  Source,
  SourceLog,
  SourceSnapshot,
} from "../../model/source.ts";
import type { TableId, TableShape } from "../../model/table.ts";
import type { Row } from "../../model/value.ts";
import { chunkKeyText, keyTextOf } from "./keys.ts";
import type { ModelLink } from "./source-link.ts";
import { ModelLog } from "./source-log.ts";
import { ModelLooks } from "./source-looks.ts";
import { ModelGate } from "./replay-gate.ts";
import { retentionOf } from "./retention.ts";
import { RowToldWords } from "./row-told-words.ts";
import { compareModelPositions, modelPosition, type SourceServer } from "./source-server.ts";
import { ModelSnapshot, sees } from "./source-snapshot.ts";
import type { Standby } from "./standby.ts";

const MAX_SLOT_WAITS = 30;

/** What a source is besides its server. */
export interface ModelSourceOptions {
  /** The tables that the pipeline's file names. */
  readonly matches: (id: TableId) => boolean;
  /** It can be asked for what its log does not tell, and takes tables out of the log that the file names no more. */
  readonly looks: boolean;
  /** How often columns that were altered are not proven. */
  readonly doubts: number;
  /** The log tells schema changes by messages in their place too. */
  readonly messages: boolean;
  /** It can be asked how much of its log it keeps. */
  readonly tellsRetention: boolean;
  /** Chunks are read there, where there is one. */
  readonly standby: Standby | null;
}

/** The session that has the slot now. */
export interface SlotHolder {
  session: ModelLog | null;
}

/** The model's source connector, as one process uses it. */
export class ModelSource implements Source {
  readonly kind = "model";
  readonly #server: SourceServer;
  readonly #link: ModelLink;
  readonly #holder: SlotHolder;
  readonly #options: ModelSourceOptions;
  readonly #gate: ModelGate | null;
  readonly look?: NonNullable<Source["look"]>;
  readonly retention?: NonNullable<Source["retention"]>;
  readonly joinTransactions?: NonNullable<Source["joinTransactions"]>;

  constructor(
    server: SourceServer,
    link: ModelLink,
    holder: SlotHolder,
    options: ModelSourceOptions,
  ) {
    this.#server = server;
    this.#link = link;
    this.#holder = holder;
    this.#options = options;
    this.#gate = options.standby === null ? null : new ModelGate(server, options.standby, link);
    if (this.#gate !== null) this.joinTransactions = this.#gate.join;
    if (options.tellsRetention) this.retention = () => this.#retention();
    if (!options.looks) return;
    const looks = new ModelLooks(server);
    this.look = async (tables) => {
      await link.call("look");
      return tables.map((table) => looks.at(table));
    };
  }

  comparePositions(a: Position, b: Position): number {
    return compareModelPositions(a, b);
  }

  positionText(position: Position): string {
    return modelPosition(position)
      .map((n) => String(n).padStart(6, "0"))
      .join("/");
  }

  keyText(shape: TableShape, row: Row): string {
    return keyTextOf(shape, row);
  }

  async identity(): Promise<Json> {
    await this.#link.call("identity");
    this.#gate?.begin();
    return { system: "model" };
  }

  async discover(): Promise<readonly DiscoveredTable[]> {
    await this.#link.call("discover");
    const tables = [...this.#server.visible.values()].filter(({ shape }) =>
      this.#options.matches(shape.id),
    );
    return tables.map(({ shape, rows }) => ({ shape, estimatedRows: rows.size, notices: [] }));
  }

  async prepare(
    tables: readonly TableShape[],
    known: Position | null,
    options: { recreate?: boolean } = {},
  ): Promise<PreparedLog> {
    await this.#link.call("prepare");
    const server = this.#server;
    if (options.recreate === true) server.slot = null;
    else this.#refuseLoss(known);
    const joined = this.#publish(tables);
    const { publication } = server;
    const carriers = new Map(
      tables.map(({ id, identity }) => [id, publication.carrierOf(identity)]),
    );
    const captured = this.#options.looks ? { joined, carriers } : { joined };
    await this.#link.call("publication made");
    if (server.slot !== null)
      return { start: server.slot.acknowledged, created: false, ...captured };
    if (known !== null && options.recreate !== true) this.#refuseLoss(known);
    await this.#olderEnded();
    // Another process may have made it meanwhile.
    server.slot ??= { start: server.logEnd, acknowledged: server.logEnd };
    server.world.tell(() => `slot made at ${server.logEnd.join(".")}`);
    return { start: server.slot.start, created: true, ...captured };
  }

  async safeToSnapshot(tables: readonly TableId[], signal: AbortSignal): Promise<void> {
    // Those that are under way now are older too: the log may be past them though no snapshot sees them.
    const { visible, publication, underWay } = this.#server;
    const waitedFor = underWay();
    for (const id of tables)
      for (const tx of publication.olderThan(visible.get(id)?.shape.identity ?? ""))
        waitedFor.add(tx);
    const older = () => [...waitedFor].some((tx) => tx.state === "open" || tx.state === "logged");
    do {
      await this.#link.call("safe to snapshot");
      signal.throwIfAborted();
    } while (older());
    await this.#gate?.passed(this.#server.logEnd[0], signal);
  }

  async openLog(start: LogStart): Promise<SourceLog> {
    for (let waits = 0; this.#slotTaken(); waits++) {
      if (waits > MAX_SLOT_WAITS)
        throw new MillraceError("MR_SOURCE_SLOT_BUSY", "(model) another session reads");
      await this.#link.step("slot is busy");
    }
    await this.#link.call("log open");
    this.#holder.session?.breakOff();
    const words = new RowToldWords(this.#server, this.#link, start, this.#options);
    const log = new ModelLog(this.#server, this.#link, start.from, words);
    this.#holder.session = log;
    return log;
  }

  openSnapshot(wish: SnapshotWish = {}): Promise<SourceSnapshot> {
    if (this.#gate !== null && wish.reads === "chunk") return this.#gate.openSnapshot(wish);
    return ModelSnapshot.open(this.#server, this.#link);
  }

  async unseen(transactions: readonly TransactionId[]): Promise<readonly TransactionId[]> {
    if (this.#gate !== null) return this.#gate.unseen(transactions);
    await this.#link.call("unseen");
    const hidden = new Set([...this.#server.open, ...this.#server.logged].map((tx) => tx.id));
    return transactions.filter((id) => hidden.has(id));
  }

  sees(token: Json, transaction: TransactionId): boolean {
    return sees(token, transaction);
  }

  async nudge(): Promise<void> {
    await this.#link.step("nudge");
    this.#server.nudge();
  }

  async logEnd(): Promise<Position> {
    await this.#link.call("log end");
    return this.#server.logEnd;
  }

  bytesBetween(from: Position, to: Position): number | null {
    return modelPosition(to)[0] - modelPosition(from)[0];
  }

  async planChunk(shape: TableShape, from: ChunkKey | null, rows: number): Promise<ChunkRange> {
    this.#link.tellCare((care, owner) => care.plans(owner));
    await this.#link.call("plan chunk");
    const after = chunkKeyText(from);
    const { visible } = this.#options.standby ?? this.#server;
    const table = visible.get(shape.id);
    if (table?.shape.identity !== shape.identity)
      throw new MillraceError("MR_SOURCE_TABLE_CHANGED", `(model) ${shape.id} is another one`);
    const keys = [...table.rows.keys()].filter((key) => after === null || key > after).sort();
    return { from, to: keys.length > rows ? (keys[rows - 1] ?? null) : null };
  }

  async close(): Promise<void> {
    await this.#link.step("source close");
    this.#server.disconnect(this.#link.owner);
    this.#options.standby?.disconnect(this.#link.owner);
  }

  /** The slot is dropped; not while somebody reads it. */
  async letGo(): Promise<void> {
    await this.#link.call("let go");
    if (this.#slotTaken())
      throw new MillraceError("MR_SOURCE_SLOT_BUSY", "(model) another session reads");
    this.#server.slot = null;
  }

  async #retention(): Promise<SourceRetention | null> {
    await this.#link.call("retention");
    const kept = retentionOf(this.#server);
    this.#link.tellCare((care, owner) => care.keeps(owner, kept?.retainedBytes ?? 0));
    return kept;
  }

  /** Tables that were not in the log before. */
  #publish(tables: readonly TableShape[]): TableId[] {
    const { publication } = this.#server;
    const identities = tables.map(({ identity }) => identity);
    if (this.#options.looks) publication.keepOnly(identities);
    const joined = publication.join(identities, this.#server.underWay);
    return tables.filter(({ identity }) => joined.includes(identity)).map(({ id }) => id);
  }

  /** A session of a process that stands still ends when the server hears nothing of it. */
  #slotTaken(): boolean {
    const { session } = this.#holder;
    return session !== null && session.open && !session.owner.frozen;
  }

  #refuseLoss(known: Position | null): void {
    const { slot } = this.#server;
    if (known === null) return;
    if (slot === null)
      throw new MillraceError("MR_SOURCE_SLOT_MISSING", "(model) the slot is gone");
    if (
      compareModelPositions(known, slot.start) < 0 ||
      modelPosition(known)[0] < slot.acknowledged[0]
    )
      throw new MillraceError(
        "MR_SOURCE_SLOT_LOST",
        "(model) the slot does not hold what comes next",
      );
  }

  /** The slot is consistent once every transaction that was under way has ended. */
  async #olderEnded(): Promise<void> {
    const older = [...this.#server.open];
    while (older.some((tx) => tx.state === "open") || this.#server.logged.size > 0)
      await this.#link.step("slot waits");
  }
}
