import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../model/ports.ts";
import type { TextRow } from "./connection.ts";
import type { Session } from "./log-end.ts";
import type { XaStretch } from "./prepared-scan.ts";
import { SeenPlace } from "./seen-place.ts";
import type { LogOffset } from "./transaction-id.ts";
import { xidText } from "./xid.ts";

type Event = { readonly xid: string; readonly does: "prepare" | "commit" };

const NAMES = ["a", "b", "c"];
const named = (name: string): string => xidText(1, Buffer.from(name), Buffer.alloc(0));

/** MariaDB, as far as it matters: a log, and what the engine has of it. Each event is ten bytes long. */
class Server implements Session {
  readonly version = { flavor: "mariadb", major: 10, minor: 11, text: "10.11.18" } as const;
  readonly log: Event[] = [];
  /** What is listed, and which of that has its commit in the log: where it begins. */
  readonly listed = new Map<string, number | null>();
  readonly #before: () => void;
  reads = 0;

  constructor(before: () => void) {
    this.#before = before;
  }

  get end(): LogOffset {
    return { file: 1, at: 10 * this.log.length };
  }

  /** A transaction goes on: it is prepared, its commit is logged, the engine has it. */
  step(name: string): void {
    const committed = this.listed.get(name);
    if (committed === undefined) {
      this.log.push({ xid: named(name), does: "prepare" });
      this.listed.set(name, null);
    } else if (committed === null) {
      this.listed.set(name, this.end.at);
      this.log.push({ xid: named(name), does: "commit" });
    } else this.listed.delete(name);
  }

  query(sql: string): Promise<readonly TextRow[]> {
    this.#before();
    return Promise.resolve(this.#answer(sql));
  }

  #answer(sql: string): readonly TextRow[] {
    switch (sql) {
      case "SHOW MASTER STATUS":
        return [["log.000001", String(this.end.at)]];
      case "SHOW SESSION STATUS LIKE 'binlog_snapshot_%'":
        return [
          ["Binlog_snapshot_file", "log.000001"],
          ["Binlog_snapshot_position", String(this.end.at)],
        ];
      case "XA RECOVER FORMAT='SQL'":
        return [...this.listed.keys()].map((name) => ["1", "1", "0", `'${name}'`]);
      default:
        return [];
    }
  }

  readonly stretch = (from: LogOffset, until: LogOffset): Promise<XaStretch> => {
    this.reads += 1;
    const prepared = new Map<string, { xid: string; file: number; at: number }>();
    const ended = new Set<string>();
    for (const [index, { xid, does }] of this.log.slice(from.at / 10, until.at / 10).entries()) {
      if (does === "prepare") prepared.set(xid, { xid, file: 1, at: from.at + 10 * index });
      else {
        prepared.delete(xid);
        ended.add(xid);
      }
    }
    return Promise.resolve({ prepared: [...prepared.values()], ended });
  };

  /** Commits before the place that the engine has not. */
  hanging({ at }: LogOffset): string[] {
    return [...this.listed].flatMap(([name, begins]) =>
      begins !== null && begins < at ? [name] : [],
    );
  }
}

const clock = { ...systemClock, sleep: () => Promise.resolve() };
const never = new AbortController().signal;

function seenPlace(server: Server): SeenPlace {
  return new SeenPlace({ clock, readXaStretch: server.stretch });
}

const step = fc.constantFrom(...NAMES);

describe("XA COMMITs of MariaDB before a place", () => {
  it("are all in the engine once the place is reached, whatever is under way and wherever the reader begins", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 20 }),
        fc.array(fc.tuple(fc.array(step, { maxLength: 6 }), fc.boolean()), { maxLength: 6 }),
        fc.infiniteStream(fc.option(step)),
        async (first, rounds, meanwhile) => {
          const server = new Server(() => {
            const name = meanwhile.next().value;
            if (typeof name === "string") server.step(name);
          });
          for (const name of first) server.step(name);
          const seen = seenPlace(server);
          // As a position says it: by what the log has, not the engine.
          const { prepared } = await server.stretch({ file: 1, at: 0 }, server.end);
          seen.begin({ place: server.end, prepared });
          for (const [names, isAgain] of rounds) {
            for (const name of names) server.step(name);
            const place = server.end;
            await seen.reach(server, place, never);
            expect(server.hanging(place)).toEqual([]);
            if (isAgain) {
              const now = await server.stretch({ file: 1, at: 0 }, place);
              seen.begin({ place, prepared: now.prepared });
            }
          }
        },
      ),
    );
  });

  it("are not waited for where transactions only stay prepared, and the log is read once for them", async () => {
    const server = new Server(() => undefined);
    for (const name of ["a", "b", "b", "b"]) server.step(name);
    const seen = seenPlace(server);
    seen.begin({ place: server.end, prepared: [{ xid: named("a") }] });
    server.step("c");
    await seen.reach(server, server.end, never);
    await seen.reach(server, server.end, never);
    expect(server.reads).toBe(1);
  });
});
