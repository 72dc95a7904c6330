import { loadConfig } from "./config/load.ts";
import { silentLogger, systemClock } from "./model/ports.ts";
import { ByteBudget } from "./pipeline/byte-budget.ts";
import { deafObserver } from "./pipeline/observer.ts";
import type { TaskSettings } from "./pipeline/settings.ts";
import type { TaskParts } from "./pipeline/task-api.ts";
import { createRouter, defaultTargetOf } from "./transform/router.ts";

/**
 * Everything that a task needs beside its source and its sink, as a pipeline file that says nothing would have it:
 *
 *     const task = createTask({ ...taskDefaults("clicks"), source, sink });
 *
 * `settings` are those that differ. Tables keep their names.
 */
export function taskDefaults(
  pipeline: string,
  settings: Partial<TaskSettings> = {},
): Omit<TaskParts, "source" | "sink"> {
  // Defaults live in the tables of config/ and nowhere else; what has no default there is not looked at.
  const config = loadConfig({
    source: { type: "postgres", hostname: "none", username: "none", tables: "none.none.none" },
    sink: { type: "jsonl", path: "none" },
    pipeline: { name: "defaults" },
  });
  return {
    pipeline,
    clock: systemClock,
    random: Math.random,
    log: silentLogger,
    observer: deafObserver,
    budget: new ByteBudget(config.memoryBudgetBytes),
    router: createRouter({
      routes: [],
      routeMode: config.routeMode,
      defaultTarget: defaultTargetOf("postgres"),
    }),
    settings: { ...config.settings, ...settings },
  };
}
