import { readLogEnd, type Session } from "./log-end.ts";
import type { PreparedGroup } from "./position.ts";
import type { XaStretch } from "./prepared-scan.ts";
import { compareOffsets, type LogOffset } from "./transaction-id.ts";
import { readPrepared } from "./xa-recover.ts";

/** Reads what a stretch of the log does to XA transactions. */
export type ReadXaStretch = (from: LogOffset, until: LogOffset) => Promise<XaStretch>;

/** What is prepared at a place of the log, as its reader knows it. */
export interface XaStanding {
  readonly place: LogOffset;
  readonly prepared: readonly Pick<PreparedGroup, "xid">[];
}

/** Asks again and again, until the answer is yes. */
export type Until = (isDone: () => Promise<boolean>) => Promise<void>;

/**
 * MariaDB: up to where in its log the engine has what each XA COMMIT commits. Its consistent snapshots do not wait for
 * these, and of what it lists as prepared only the log tells whether its commit is written already (docs/design/006,
 * "What a snapshot sees of them").
 */
export class CommittedXa {
  readonly #readStretch: ReadXaStretch;
  #place: LogOffset = { file: 0, at: 0 };
  #prepared: ReadonlySet<string> = new Set();
  #proven: LogOffset = { file: 0, at: 0 };

  constructor(readStretch: ReadXaStretch) {
    this.#readStretch = readStretch;
  }

  /** A reader goes on here. What is known of a later place stays. */
  begin({ place, prepared }: XaStanding): void {
    if (compareOffsets(place, this.#place) > 0) this.#know(place, prepared);
  }

  #know(place: LogOffset, prepared: XaStanding["prepared"]): void {
    this.#place = place;
    this.#prepared = new Set(prepared.map(({ xid }) => xid));
  }

  /** Waits until the engine has all that is committed before a place that the log has. */
  async reach(session: Session, place: LogOffset, until: Until): Promise<void> {
    if (compareOffsets(this.#proven, place) >= 0) return;
    const end = await readLogEnd(session);
    const listed = await listedNow(session);
    if (listed.size === 0) {
      this.#know(end, []);
      this.#proven = end;
      return;
    }
    // Read behind the list: the log has all that it names.
    const now = await readLogEnd(session);
    const { prepared, ended } = await this.#readStretch(this.#place, now);
    const left = this.#hanging(listed, prepared, ended);
    await until(async () => {
      const still = await listedNow(session);
      for (const xid of left) if (!still.has(xid)) left.delete(xid);
      return left.size === 0;
    });
    const stay = [...this.#prepared].filter((xid) => !ended.has(xid)).map((xid) => ({ xid }));
    this.#know(now, [...stay, ...prepared]);
    this.#proven = now;
  }

  /** Those whose commit the log may have, and the engine not. Who is prepared anew under a name has ended before. */
  #hanging(
    listed: ReadonlySet<string>,
    prepared: XaStanding["prepared"],
    ended: ReadonlySet<string>,
  ): Set<string> {
    const left = new Set(ended);
    // Of the reader's place nothing is proven at first: what is neither prepared there nor behind it was committed before.
    if (compareOffsets(this.#proven, this.#place) < 0)
      for (const xid of listed) if (!this.#prepared.has(xid)) left.add(xid);
    for (const { xid } of prepared) left.delete(xid);
    return left;
  }
}

async function listedNow(session: Session): Promise<ReadonlySet<string>> {
  return new Set(await readPrepared(session));
}
