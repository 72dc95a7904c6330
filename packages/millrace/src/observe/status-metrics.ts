import { Counter, Gauge } from "prom-client";
import type { Registry } from "prom-client";
import type { TableState, TaskStatus } from "../pipeline/status.ts";

/** What metrics are read from: a pipeline, as far as they need one. */
export interface WatchedPipeline {
  readonly name: string;
  status(): TaskStatus;
}

const TABLE_STATES: readonly TableState[] = ["DISCOVERY", "INIT_SYNC", "SYNC"];

/** The channel that lag belongs to: one log per source task. */
const LOG_CHANNEL = "log";

type Labels = Readonly<Record<string, string>>;
type Set = (labels: Labels, value: number) => void;
type Read = (status: TaskStatus, set: Set) => void;

/** Metrics that are read from each pipeline's status when Prometheus asks, so that they are never stale. */
export function registerStatusMetrics(
  registry: Registry,
  pipelines: () => readonly WatchedPipeline[],
): void {
  for (const { name, help, labels, read, counts } of STATUS_METRICS) {
    const configuration = {
      name,
      help,
      labelNames: ["pipeline", ...labels],
      registers: [registry],
    };
    const collectInto = (metric: { reset(): void }, set: Set) => {
      metric.reset();
      for (const pipeline of pipelines()) {
        read(pipeline.status(), (own, value) => set({ pipeline: pipeline.name, ...own }, value));
      }
    };
    if (counts) {
      const counter: Counter = new Counter({
        ...configuration,
        collect: () => collectInto(counter, (own, value) => counter.inc(own, value)),
      });
    } else {
      const gauge: Gauge = new Gauge({
        ...configuration,
        collect: () => collectInto(gauge, (own, value) => gauge.set(own, value)),
      });
    }
  }
}

interface StatusMetric {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly counts: boolean;
  readonly read: Read;
}

function gaugeOf(name: string, help: string, labels: readonly string[], read: Read): StatusMetric {
  return { name, help, labels, counts: false, read };
}

function counterOf(
  name: string,
  help: string,
  labels: readonly string[],
  read: Read,
): StatusMetric {
  return { name, help, labels, counts: true, read };
}

const STATUS_METRICS: readonly StatusMetric[] = [
  gaugeOf(
    "millrace_lag_seconds",
    "Age of the newest source commit that is durable at the sink.",
    ["channel"],
    ({ lagMs }, set) => {
      if (lagMs !== null) set({ channel: LOG_CHANNEL }, lagMs / 1000);
    },
  ),
  gaugeOf(
    "millrace_lag_bytes",
    "Bytes of the source's log that are not yet durable at the sink.",
    ["channel"],
    ({ lagBytes }, set) => {
      if (lagBytes !== null) set({ channel: LOG_CHANNEL }, lagBytes);
    },
  ),
  gaugeOf(
    "millrace_lag_messages",
    "Messages of a partition that are not yet durable at the sink (source `kafka`).",
    ["channel"],
    ({ channels }, set) => {
      for (const { id, lagMessages = null } of channels)
        if (lagMessages !== null) set({ channel: id }, lagMessages);
    },
  ),
  gaugeOf(
    "millrace_progress_age_seconds",
    "Time since the frontier moved or had nothing to move it.",
    ["channel"],
    (status, set) => set({ channel: LOG_CHANNEL }, status.progressAgeMs / 1000),
  ),
  gaugeOf(
    "millrace_slot_retained_bytes",
    "Bytes of log that the source keeps for the pipeline.",
    [],
    ({ retention }, set) => {
      const retainedBytes = retention?.retainedBytes ?? null;
      if (retainedBytes !== null) set({}, retainedBytes);
    },
  ),
  gaugeOf(
    "millrace_slot_limit_bytes",
    "Where something happens to that log: slot.max-retained, or the source's own limit where that is nearer; absent without one.",
    [],
    ({ retention }, set) => {
      if (typeof retention?.limitBytes === "number") set({}, retention.limitBytes);
    },
  ),
  gaugeOf(
    "millrace_slot_limit_seconds",
    "Time until that limit is met at the pace of the last minutes; absent while the log does not grow.",
    [],
    ({ retention }, set) => {
      if (typeof retention?.limitSeconds === "number") set({}, retention.limitSeconds);
    },
  ),
  gaugeOf(
    "millrace_waiting",
    "1 for whatever stands still and the reason: the log, the load, one table, the whole pipeline; absent otherwise. status says more.",
    ["what", "reason", "table"],
    ({ waits }, set) => {
      for (const { what, reason, table } of waits) set({ what, reason, table: table ?? "" }, 1);
    },
  ),
  gaugeOf(
    "millrace_load_paused",
    "1 while no chunk of a full load is begun because the source keeps too much log.",
    [],
    ({ load }, set) => set({}, load.paused === null ? 0 : 1),
  ),
  counterOf(
    "millrace_load_wait_seconds_total",
    "Time that chunks of full loads have waited for the rates of scan.snapshot.max-….",
    [],
    ({ load }, set) => set({}, load.waitedMs / 1000),
  ),
  gaugeOf(
    "millrace_table_state",
    "1 for the state that a table is in, 0 for the others.",
    ["table", "state"],
    ({ tables }, set) => {
      for (const table of tables)
        for (const state of TABLE_STATES)
          set({ table: table.id, state }, table.state === state ? 1 : 0);
    },
  ),
  gaugeOf(
    "millrace_table_stopped",
    "1 for a table whose changes are not applied any more, until it is loaded anew; of topics, until the partition that has stopped works again.",
    ["table"],
    ({ tables }, set) => {
      for (const table of tables) set({ table: table.id }, table.stopped === null ? 0 : 1);
    },
  ),
  gaugeOf(
    "millrace_table_paused",
    "1 for a table that the operator has paused; its state is never SYNC meanwhile.",
    ["table"],
    ({ tables }, set) => {
      for (const table of tables) set({ table: table.id }, table.paused === null ? 0 : 1);
    },
  ),
  counterOf(
    "millrace_retries_total",
    "Attempts that were made again, by the error that made them necessary.",
    ["code"],
    ({ retries }, set) => {
      for (const [code, count] of Object.entries(retries)) set({ code }, count);
    },
  ),
  gaugeOf(
    "millrace_dead_letters",
    "Changes of a table that are parked.",
    ["table"],
    ({ tables }, set) => {
      for (const table of tables) set({ table: table.id }, table.deadLetters);
    },
  ),
  gaugeOf(
    "millrace_buffer_bytes",
    "Bytes of changes that are on their way.",
    [],
    ({ bufferBytes }, set) => set({}, bufferBytes),
  ),
  gaugeOf(
    "millrace_buffer_limit_bytes",
    "Bytes of changes that may be on their way.",
    [],
    ({ bufferLimitBytes }, set) => set({}, bufferLimitBytes),
  ),
  gaugeOf(
    "dsql_fullload_progress_percent",
    "How much of a table's full load is done.",
    ["table"],
    ({ tables }, set) => {
      for (const table of tables)
        if (table.loadedPercent !== null) set({ table: table.id }, table.loadedPercent);
    },
  ),
  counterOf(
    "dsql_fullload_records_loaded_total",
    "Rows of a table that its full load has brought.",
    ["table"],
    ({ tables }, set) => {
      for (const table of tables) set({ table: table.id }, table.rowsLoaded);
    },
  ),
  gaugeOf(
    "dsql_fullload_tables_completed",
    "Tables whose full load is done.",
    [],
    ({ tables }, set) => set({}, tables.filter(({ state }) => state === "SYNC").length),
  ),
];
