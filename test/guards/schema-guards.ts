import type { Guard } from "./guard.ts";
import { SIMULATED_ALL } from "./simulation-tests.ts";

/** Barriers, intents, shapes. */
export const SCHEMA_GUARDS: readonly Guard[] = [
  {
    keeps: [2, "Barrier"],
    guard: "a barrier waits until the lanes are drained",
    file: "pipeline/log-reader.ts",
    take: "      await this.#parts.stopLoad(table);\n      await this.drained();",
    put: "      await this.#parts.stopLoad(table);",
    shownBy: SIMULATED_ALL,
  },
];
