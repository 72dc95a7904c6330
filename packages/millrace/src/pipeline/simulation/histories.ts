import type { Router } from "../../model/router.ts";
import { historyOf } from "./expectation.ts";
import type { SinkTransaction } from "./sink-database.ts";
import type { StoredRow } from "./sink-tables.ts";
import type { ModelPosition, SourceServer } from "./source-server.ts";
import { VALUE_ORDINAL } from "./source-tables.ts";
import { targetsOf } from "./target-rows.ts";
import { Violation } from "./violation.ts";

/** What every row of the sink was, one value after another. */
export class Histories {
  readonly #histories = new Map<string, unknown[]>();

  add({ journal }: SinkTransaction): void {
    for (const { key, value } of journal) {
      const seen = value === undefined ? null : { is: (value as StoredRow)["v"] ?? null };
      this.#histories.set(key, [...(this.#histories.get(key) ?? []), seen]);
    }
  }

  /** Every change of a key since `start` was applied once, in order, and nothing else (I2). */
  check(server: SourceServer, router: Router, start: ModelPosition): void {
    for (const { shape } of server.committed.values()) {
      for (const target of targetsOf(router, shape)) {
        for (const [key, history] of historyOf(server, shape.id, start, VALUE_ORDINAL)) {
          const actual = this.#histories.get(`row/${target.id}/${key}`) ?? [];
          if (JSON.stringify(actual) !== JSON.stringify(history))
            throw new Violation(
              `${target.id} ${key} was ${JSON.stringify(actual)}, the log says ${JSON.stringify(history)}`,
            );
        }
      }
    }
  }
}
