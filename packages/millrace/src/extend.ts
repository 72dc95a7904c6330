/**
 * What a source, a sink or another part that is not ours is written against. `millrace/testkit` has the tests that
 * show whether it keeps the invariants.
 */
export { MillraceError } from "./errors/millrace-error.ts";
export type { ErrorClass, ErrorFacts } from "./errors/millrace-error.ts";
export type { CatalogueEntry, ErrorCode } from "./errors/catalogue.ts";
export { toMillraceError } from "./errors/to-millrace-error.ts";
export { Change } from "./model/change.ts";
export type {
  LogBatch,
  LogItem,
  Op,
  ShapeChange,
  TableDropped,
  Transaction,
  Truncate,
} from "./model/change.ts";
export type { LogicalType } from "./model/logical-type.ts";
export { silentLogger, systemClock } from "./model/ports.ts";
export type { Clock, Logger, Random } from "./model/ports.ts";
export type { InitSync } from "./model/init-sync.ts";
export type { ChunkKey, Json, Position, TransactionId } from "./model/position.ts";
export type { RoutePlan, Router } from "./model/router.ts";
export type {
  ChunkBatch,
  ChunkRange,
  ConnectorContext,
  DiscoveredTable,
  LogStart,
  RefusedTable,
  Source,
  SourceLog,
  SourceSnapshot,
} from "./model/source.ts";
export type {
  Commit,
  CommitResult,
  KeyPage,
  LaneRow,
  LaneStamp,
  Sink,
  SinkCapabilities,
  StateEntry,
  Takeover,
  TargetChange,
  TargetChangeEvent,
  TargetCheck,
  TargetMark,
  Write,
} from "./model/sink.ts";
export { deadLetterOf } from "./model/dead-letter.ts";
export type { DeadLetter, Refusal, ReplayOutcome } from "./model/dead-letter.ts";
export { tableId } from "./model/table.ts";
export type { Column, TableId, TableShape, TargetColumn, TargetTable } from "./model/table.ts";
export { Skimmed, UNCHANGED } from "./model/value.ts";
export type { Row, Value } from "./model/value.ts";
export type { ErrorHandler, RefusedRow } from "./model/error-handler.ts";
export type { Finding } from "./model/finding.ts";
export type { Extensions } from "./extensions.ts";
export type { AuthenticationProvider } from "./sinks/dsql/authentication.ts";
export { ownMapper } from "./sinks/dsql/type-mapping.ts";
export type { MappingOptions, SchemaMapper } from "./sinks/dsql/type-mapping.ts";
export { SINKS } from "./sinks/registry.ts";
export type { SinkContext } from "./sinks/registry.ts";
export { SOURCES } from "./sources/registry.ts";
export { ByteBudget } from "./pipeline/byte-budget.ts";
export { deafObserver } from "./pipeline/observer.ts";
export type { TaskObserver } from "./pipeline/observer.ts";
export type { TaskSettings } from "./pipeline/settings.ts";
export { createTask } from "./pipeline/task.ts";
export type { Task, TaskParts } from "./pipeline/task-api.ts";
export { taskDefaults } from "./task-defaults.ts";
