import type { PipelineConfig } from "./config/pipeline-config.ts";
import type { ByteBudget } from "./pipeline/byte-budget.ts";
import { idleLoad } from "./pipeline/load-control.ts";
import type { TaskStatus } from "./pipeline/status.ts";

/** What a pipeline says of itself before it was ever started. */
export function statusBeforeStart(config: PipelineConfig, budget: ByteBudget): TaskStatus {
  return {
    pipeline: config.name,
    state: "stopped",
    error: null,
    retrying: null,
    unfinished: null,
    fence: null,
    tables: [],
    channels: [],
    lagMs: null,
    lagBytes: null,
    progressAgeMs: 0,
    waits: [],
    load: idleLoad(config.settings),
    retention: null,
    bufferBytes: 0,
    bufferLimitBytes: budget.limitBytes,
    retries: {},
    identity: null,
  };
}
