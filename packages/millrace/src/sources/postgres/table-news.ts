import type { BatchBuilder } from "../../change-log/batch-builder.ts";
import type { CapturedTables, LoggedRelation } from "./captured-tables.ts";
import type { DdlMessages, DdlNews, Unread } from "./ddl-messages.ts";
import type { LogPlace } from "./log-place.ts";
import type { MessageMessage } from "./pgoutput-messages.ts";
import { type LogPosition, ordinal, Slot } from "./position.ts";

/** Weight of what is no row, bytes. */
const ANNOUNCEMENT_BYTES = 512;

/** What news go by, and where they go. */
export interface TableNewsParts {
  readonly place: LogPlace;
  readonly tables: CapturedTables;
  /** Reads messages about schema changes; null where they are not asked for. */
  readonly ddl: DdlMessages | null;
  readonly batch: BatchBuilder<LogPosition>;
}

/** What the log says of tables and not of rows, each at its place between the rows (barriers, I2). */
export class TableNews {
  readonly #parts: TableNewsParts;
  /** What the message that was fed last says, before the source was asked about it, and after: null is nothing. */
  #claim: { readonly news: DdlNews | Unread; readonly isPast: boolean } | null = null;
  #weighed: DdlNews | null | undefined = undefined;

  constructor(parts: TableNewsParts) {
    this.#parts = parts;
  }

  /** A transaction begins. */
  begin(): void {
    this.#parts.ddl?.begin(this.#parts.place.transaction.transaction.id);
    this.#parts.tables.begin();
  }

  /** Tells what changed about the table itself, right before its event, which is the `index`th of its LSN. */
  announce(relation: LoggedRelation, lsn: number, index: number): void {
    const { announcement, plan } = relation;
    if (announcement === null) return;
    relation.announcement = null;
    const { batch, place } = this.#parts;
    const { commitLsn, transaction } = place.transaction;
    const { dropped, shape } = announcement;
    if (dropped !== null) {
      const position: LogPosition = [commitLsn, lsn, ordinal(index, Slot.DROPPED)];
      batch.add({ kind: "dropped", table: dropped, position, transaction }, ANNOUNCEMENT_BYTES);
    }
    if (shape !== null && plan !== null) {
      const position: LogPosition = [commitLsn, lsn, ordinal(index, Slot.SHAPE)];
      const item = { kind: "shape", shape: plan.shape, ...shape, position, transaction } as const;
      batch.add(item, ANNOUNCEMENT_BYTES);
    }
  }

  /**
   * A message about a schema change stands at its own place, in front of the rows that follow it. False where it is to be
   * held against the catalogue first, by {@link weigh}, and told again.
   */
  told(message: MessageMessage): boolean {
    const { ddl, place, tables, batch } = this.#parts;
    const weighed = this.#weighed;
    this.#weighed = undefined;
    const news = weighed === undefined ? (ddl?.take(message) ?? null) : weighed;
    if (news === null) return true;
    const { commitLsn, transaction } = place.transaction;
    const position: LogPosition = [commitLsn, message.lsn, ordinal(0, Slot.SHAPE)];
    const isPast = place.isPast(position);
    const isUnread = news.kind === "unread";
    if (isUnread || (weighed === undefined && !isPast && tables.isClaim(news))) {
      this.#claim = { news, isPast };
      return false;
    }
    const change = tables.tell(news, transaction.id, isPast);
    if (change === null) return true;
    batch.passed(position);
    batch.add({ kind: "shape", ...change, position, transaction }, ANNOUNCEMENT_BYTES);
    return true;
  }

  /** Asks the source about the message that {@link told} has not taken in. */
  async weigh(): Promise<void> {
    const { tables, ddl } = this.#parts;
    const claim = this.#claim;
    this.#claim = null;
    if (claim === null) return;
    const { news: said, isPast } = claim;
    const news = said.kind === "unread" ? ((await ddl?.readAgain(said)) ?? null) : said;
    this.#weighed =
      news !== null && !isPast && tables.isClaim(news) ? await tables.weigh(news) : news;
  }

  /** The tables that a record empties; each has a position of its own by its oid, see position.ts. */
  truncated(oids: readonly number[], lsn: number): readonly TruncatedTable[] {
    const { place, tables } = this.#parts;
    const { commitLsn } = place.transaction;
    return oids
      .toSorted((a, b) => a - b)
      .map((oid) => ({
        relation: tables.relation(oid),
        position: [commitLsn, lsn, ordinal(oid, Slot.EVENT)] as const,
      }))
      .filter(({ position }) => !place.isPast(position));
  }

  /** Tells of them, in the order of their positions. */
  truncate(emptied: readonly TruncatedTable[], lsn: number): void {
    const { batch, place } = this.#parts;
    const { transaction } = place.transaction;
    place.moveTo(lsn);
    for (const { relation, position } of emptied) {
      this.announce(relation, lsn, relation.message.oid);
      batch.passed(position);
      const table = relation.plan?.shape.id;
      if (!relation.captured || table === undefined) continue;
      batch.add({ kind: "truncate", table, position, transaction }, ANNOUNCEMENT_BYTES);
    }
  }
}

/** A table that a TRUNCATE empties, and where. */
export interface TruncatedTable {
  readonly relation: LoggedRelation;
  readonly position: LogPosition;
}
