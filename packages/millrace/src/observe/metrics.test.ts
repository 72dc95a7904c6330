import { describe, expect, it } from "vitest";
import { tableId } from "../model/table.ts";
import { PipelineInTests, tableStatus } from "../server/served-pipeline.fixture.ts";
import { Metrics } from "./metrics.ts";

/** Lines of the page that are about one metric. */
async function linesOf(metrics: Metrics, name: string): Promise<string[]> {
  const { text } = await metrics.page();
  return text
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
}

/** Every name that docs/operations/metrics.md promises. */
const NAMES = [
  "dsql_connection_pool_active",
  "dsql_connection_pool_idle",
  "dsql_connection_acquisition_time_seconds",
  "dsql_auth_token_refresh_total",
  "dsql_auth_token_refresh_failures_total",
  "dsql_auth_token_expiration_timestamp_seconds",
  "dsql_records_processed_total",
  "dsql_processing_latency_seconds",
  "dsql_errors_total",
  "dsql_fullload_progress_percent",
  "dsql_fullload_records_loaded_total",
  "dsql_fullload_tables_completed",
  "millrace_lag_seconds",
  "millrace_lag_bytes",
  "millrace_progress_age_seconds",
  "millrace_table_state",
  "millrace_changes_total",
  "millrace_commit_latency_seconds",
  "millrace_retries_total",
  "millrace_slot_retained_bytes",
  "millrace_slot_limit_bytes",
  "millrace_slot_limit_seconds",
  "millrace_dead_letters",
  "millrace_buffer_bytes",
  "millrace_buffer_limit_bytes",
  "millrace_schema_changes_total",
  "millrace_dsql_dpu_estimate_total",
  "millrace_kafka_transactions_total",
  "millrace_kafka_transaction_seconds",
  "millrace_kafka_batch_bytes",
  "millrace_kafka_produce_seconds",
  "millrace_kafka_throttled_seconds_total",
];

describe("metrics", () => {
  it("have the names that others hold on to", async () => {
    const { text } = await new Metrics().page();
    expect(NAMES.filter((name) => !text.includes(`# HELP ${name} `))).toEqual([]);
  });

  it("say what the source keeps of its log, and what holds a load back; nothing of what is not known", async () => {
    const metrics = new Metrics();
    const pipeline = new PipelineInTests("shop");
    metrics.watch(pipeline);
    const names = [
      "millrace_slot_retained_bytes",
      "millrace_slot_limit_bytes",
      "millrace_slot_limit_seconds",
      "millrace_load_paused",
      "millrace_load_wait_seconds_total",
    ];
    const values = async (): Promise<(string | undefined)[]> => {
      const lines = await Promise.all(names.map((name) => linesOf(metrics, name)));
      return lines.map(([line]) => line?.split(" ")[1]);
    };
    pipeline.current = { ...pipeline.current, retention: null };
    expect(await values()).toEqual([undefined, undefined, undefined, "0", "0"]);
    pipeline.current = {
      ...pipeline.current,
      retention: {
        retainedBytes: 10,
        limitBytes: 40,
        limitOf: "server",
        limitSeconds: 3,
        expireSeconds: null,
      },
      load: { ...pipeline.current.load, waitedMs: 1_500, paused: "too much" },
    };
    expect(await values()).toEqual(["10", "40", "3", "1", "1.5"]);
  });

  it("name what stands still, and why, while it does", async () => {
    const metrics = new Metrics();
    const pipeline = new PipelineInTests("shop");
    metrics.watch(pipeline);
    expect(await linesOf(metrics, "millrace_waiting")).toEqual([]);
    const wait = { what: "log", reason: "standby", table: null, why: "it is behind", sinceMs: 1 };
    pipeline.current = { ...pipeline.current, waits: [{ ...wait, what: "log" }] };
    expect(await linesOf(metrics, "millrace_waiting")).toEqual([
      'millrace_waiting{pipeline="shop",what="log",reason="standby",table=""} 1',
    ]);
    pipeline.current = { ...pipeline.current, waits: [] };
    expect(await linesOf(metrics, "millrace_waiting")).toEqual([]);
  });

  it("are read from the status when they are asked for, never before", async () => {
    const metrics = new Metrics();
    const pipeline = new PipelineInTests("shop");
    metrics.watch(pipeline);
    expect(await linesOf(metrics, "millrace_lag_seconds")).toEqual([
      'millrace_lag_seconds{pipeline="shop",channel="log"} 0.12',
    ]);
    pipeline.current = {
      ...pipeline.current,
      lagMs: 2000,
      retries: { MR_SINK_CONFLICT: 5 },
      tables: [tableStatus("a", { state: "INIT_SYNC", rowsLoaded: 4, loadedPercent: 40 })],
    };
    expect(await linesOf(metrics, "millrace_lag_seconds")).toEqual([
      'millrace_lag_seconds{pipeline="shop",channel="log"} 2',
    ]);
    expect(await linesOf(metrics, "millrace_retries_total")).toEqual([
      'millrace_retries_total{pipeline="shop",code="MR_SINK_CONFLICT"} 5',
    ]);
    expect(await linesOf(metrics, "dsql_fullload_records_loaded_total")).toEqual([
      'dsql_fullload_records_loaded_total{pipeline="shop",table="public.a"} 4',
    ]);
    expect(await linesOf(metrics, "dsql_fullload_progress_percent")).toEqual([
      'dsql_fullload_progress_percent{pipeline="shop",table="public.a"} 40',
    ]);
    expect(await linesOf(metrics, "dsql_fullload_tables_completed")).toEqual([
      'dsql_fullload_tables_completed{pipeline="shop"} 0',
    ]);
    expect(await linesOf(metrics, "millrace_table_state")).toEqual([
      'millrace_table_state{pipeline="shop",table="public.a",state="DISCOVERY"} 0',
      'millrace_table_state{pipeline="shop",table="public.a",state="INIT_SYNC"} 1',
      'millrace_table_state{pipeline="shop",table="public.a",state="SYNC"} 0',
    ]);
  });

  it("forget a table that a pipeline no longer has", async () => {
    const metrics = new Metrics();
    const pipeline = new PipelineInTests("shop");
    metrics.watch(pipeline);
    await metrics.page();
    pipeline.current = { ...pipeline.current, tables: [] };
    expect(await linesOf(metrics, "millrace_dead_letters")).toEqual([]);
  });

  it("count commits, with the age of the oldest source commit in them", async () => {
    const metrics = new Metrics(() => 10_000);
    const table = tableId("public", "a");
    const commit = {
      lane: 0,
      rows: 2,
      bytes: 10,
      tookMs: 20,
      changes: [{ table, op: "c", count: 3 }],
    };
    const observer = metrics.observer("shop");
    observer.committed({ ...commit, oldestSourceMs: 7500 });
    observer.committed({ ...commit, oldestSourceMs: null });
    observer.failed({ code: "MR_SINK_CONFLICT", class: "conflict" });
    observer.schemaChange({ kind: "add.column", outcome: "applied" });
    expect(await linesOf(metrics, "millrace_changes_total")).toEqual([
      'millrace_changes_total{pipeline="shop",table="public.a",op="c"} 6',
    ]);
    expect(await linesOf(metrics, "dsql_records_processed_total")).toEqual([
      'dsql_records_processed_total{pipeline="shop",table="public.a",op="c"} 6',
    ]);
    expect(await linesOf(metrics, "millrace_commit_latency_seconds_sum")).toEqual([
      'millrace_commit_latency_seconds_sum{pipeline="shop"} 2.5',
    ]);
    expect(await linesOf(metrics, "millrace_commit_latency_seconds_count")).toEqual([
      'millrace_commit_latency_seconds_count{pipeline="shop"} 1',
    ]);
    expect(await linesOf(metrics, "dsql_processing_latency_seconds_count")).toEqual([
      'dsql_processing_latency_seconds_count{pipeline="shop"} 2',
    ]);
    expect(await linesOf(metrics, "dsql_errors_total")).toEqual([
      'dsql_errors_total{pipeline="shop",class="conflict"} 1',
    ]);
    expect(await linesOf(metrics, "millrace_schema_changes_total")).toEqual([
      'millrace_schema_changes_total{pipeline="shop",kind="add.column",outcome="applied"} 1',
    ]);
  });

  it("take a source clock that is ahead as no latency", async () => {
    const metrics = new Metrics(() => 1000);
    metrics
      .observer("shop")
      .committed({ lane: 0, rows: 1, bytes: 1, tookMs: 1, oldestSourceMs: 5000, changes: [] });
    expect(await linesOf(metrics, "millrace_commit_latency_seconds_sum")).toEqual([
      'millrace_commit_latency_seconds_sum{pipeline="shop"} 0',
    ]);
  });

  it("counts transactions at the brokers by their outcome, and the time of those that hold", async () => {
    const metrics = new Metrics();
    const { kafka } = metrics.connections("shop");
    kafka.ended("committed", 20);
    kafka.ended("aborted", 20);
    kafka.ended("committed", 40);
    kafka.sent(1000);
    kafka.produced(5, 0);
    kafka.produced(15, 250);
    kafka.throttled(500);
    expect(await linesOf(metrics, "millrace_kafka_produce_seconds_sum")).toEqual([
      'millrace_kafka_produce_seconds_sum{pipeline="shop"} 0.02',
    ]);
    expect(await linesOf(metrics, "millrace_kafka_throttled_seconds_total")).toEqual([
      'millrace_kafka_throttled_seconds_total{pipeline="shop"} 0.75',
    ]);
    expect(await linesOf(metrics, "millrace_kafka_transactions_total")).toEqual([
      'millrace_kafka_transactions_total{pipeline="shop",outcome="committed"} 2',
      'millrace_kafka_transactions_total{pipeline="shop",outcome="aborted"} 1',
    ]);
    expect(await linesOf(metrics, "millrace_kafka_transaction_seconds_sum")).toEqual([
      'millrace_kafka_transaction_seconds_sum{pipeline="shop"} 0.06',
    ]);
    expect(await linesOf(metrics, "millrace_kafka_batch_bytes_sum")).toEqual([
      'millrace_kafka_batch_bytes_sum{pipeline="shop"} 1000',
    ]);
  });

  it("follow connections and tokens", async () => {
    const metrics = new Metrics();
    const connections = metrics.connections("shop");
    connections.counts({ active: 3, idle: 2 });
    connections.acquired(250);
    connections.signed({ expiresAtMs: 5_000 });
    connections.failed();
    connections.estimatedDpu(0.5);
    connections.estimatedDpu(0.25);
    expect(await linesOf(metrics, "dsql_connection_pool_active")).toEqual([
      'dsql_connection_pool_active{pipeline="shop"} 3',
    ]);
    expect(await linesOf(metrics, "dsql_connection_pool_idle")).toEqual([
      'dsql_connection_pool_idle{pipeline="shop"} 2',
    ]);
    expect(await linesOf(metrics, "dsql_connection_acquisition_time_seconds_sum")).toEqual([
      'dsql_connection_acquisition_time_seconds_sum{pipeline="shop"} 0.25',
    ]);
    expect(await linesOf(metrics, "dsql_auth_token_refresh_total")).toEqual([
      'dsql_auth_token_refresh_total{pipeline="shop"} 1',
    ]);
    expect(await linesOf(metrics, "dsql_auth_token_expiration_timestamp_seconds")).toEqual([
      'dsql_auth_token_expiration_timestamp_seconds{pipeline="shop"} 5',
    ]);
    expect(await linesOf(metrics, "millrace_dsql_dpu_estimate_total")).toEqual([
      'millrace_dsql_dpu_estimate_total{pipeline="shop"} 0.75',
    ]);
    expect(await linesOf(metrics, "dsql_auth_token_refresh_failures_total")).toEqual([
      'dsql_auth_token_refresh_failures_total{pipeline="shop"} 1',
    ]);
  });
});
