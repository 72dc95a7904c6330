/**
 * Millrace as a library: load a pipeline, start it, watch it, stop it. The command line is made of this.
 *
 * @example
 * const pipeline = await loadPipeline("shop.yaml");
 * await pipeline.start();
 * await pipeline.caughtUp();
 * await pipeline.stop();
 */
export { loadPipeline } from "./load-pipeline.ts";
export type { LoadOptions } from "./load-pipeline.ts";
export type { PipelineFileOptions } from "./pipeline-file.ts";
export type { Extensions } from "./extensions.ts";
export type { Pipeline, PipelineEvent } from "./pipeline-handle.ts";
export type { ReloadOutcome } from "./reload-check.ts";
export { checkPipeline } from "./check-pipeline.ts";
export type { CheckPipelineOptions } from "./check-pipeline.ts";
export type { PipelineFinding } from "./pipeline-finding.ts";
export { ConfigError } from "./config/problem.ts";
export type { Notice, Place, Problem } from "./config/problem.ts";
export { CATALOGUE } from "./errors/catalogue.ts";
export type { CatalogueEntry, ErrorCode } from "./errors/catalogue.ts";
export { MillraceError } from "./errors/millrace-error.ts";
export type { ErrorClass, ErrorFacts } from "./errors/millrace-error.ts";
export { Metrics } from "./observe/metrics.ts";
export { cleanUp } from "./clean-up.ts";
export type { CleanUpOptions } from "./clean-up.ts";
export type { CleanedUp } from "./model/clean-up.ts";
export { planPipeline } from "./plan-pipeline.ts";
export type {
  PipelinePlan,
  PlannedColumn,
  PlannedTable,
  PlannedTarget,
  PlanOptions,
} from "./plan-pipeline.ts";
export { readDeadLetters } from "./read-dead-letters.ts";
export type { ReadDeadLettersOptions } from "./read-dead-letters.ts";
export type { LetterSelection } from "./letter-selection.ts";
export type { DeadLetter, Refusal, ReplayOutcome } from "./model/dead-letter.ts";
export { verifyPipeline } from "./verify-pipeline.ts";
export type { VerifyPipelineOptions, VerifyPipelineResult } from "./verify-pipeline.ts";
export type { StandingVerdict } from "./table-standings.ts";
export type {
  RowDifference,
  TableVerdict,
  VerifyProgress,
  VerifyResult,
} from "./verify/verify-tables.ts";
export { ByteBudget } from "./pipeline/byte-budget.ts";
export type {
  ChannelStatus,
  TableState,
  TableStatus,
  TaskEvent,
  TaskState,
  TaskStatus,
} from "./pipeline/status.ts";
