/** The conformance kit: what a source or a sink runs to show that it keeps the invariants. */
export type { ConformanceCase } from "./conformance-case.ts";
export type { SinkKit } from "./sink-kit.ts";
export { testSink } from "./test-sink.ts";
export type { KitRow, KitTransaction, SourceKit } from "./source-kit.ts";
export { testSource } from "./test-source.ts";
