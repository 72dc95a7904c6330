import { letterKey } from "./sink-state.ts";
import type { SinkTransaction } from "./sink-database.ts";
import { Violation } from "./violation.ts";

const LETTERS = letterKey("", "").slice(0, -1);

/** Of a row of a load what readers of a topic were told. */
export interface ToldLoad {
  readonly target: string;
  readonly source: string;
  readonly key: string;
  /** When the load began. */
  readonly generation: number;
}

/** A load tells readers of topics each row once, whoever ends in it (docs/design/007). The replay of a letter reads its row again. */
export class LoadsTold {
  readonly #told = new Set<string>();
  /** Keys of targets that have, or had, a letter. */
  readonly #letters = new Set<string>();

  /** A transaction of the sink became durable. */
  landed({ loads, writes }: SinkTransaction): void {
    for (const key of writes.keys()) if (key.startsWith(LETTERS)) this.#letters.add(key);
    for (const { target, source, key, generation } of loads) {
      if (this.#letters.has(letterKey(target, key))) continue;
      const name = [target, source, key, generation].join("\u0000");
      if (this.#told.has(name))
        throw new Violation(`${target} is told of row ${key} twice by the load of ${generation}`);
      this.#told.add(name);
    }
  }
}
