import { z } from "zod";
import { MillraceError } from "../errors/millrace-error.ts";
import { bytesText, coded, durationText, grouped, unfinishedText } from "./event-text.ts";
import { LOAD, loadLines, RETENTION, retentionLine } from "./protection-text.ts";
import { RestClient } from "./rest-client.ts";
import type { CliSurroundings } from "./surroundings.ts";
import { EXIT } from "./surroundings.ts";
import { RETRYING, retryingLines, WAITS, waitLines } from "./wait-text.ts";

/** Options of the commands that talk to a running process. */
export interface RemoteOptions {
  readonly url: string;
  readonly pipeline?: string;
  readonly tokenFile?: string;
  readonly json: boolean;
}

const TABLE = z.object({
  id: z.string(),
  targets: z.array(z.string()),
  state: z.string(),
  rowsLoaded: z.number(),
  loadedPercent: z.number().nullable(),
  changes: z.number(),
  deadLetters: z.number(),
  stopped: z
    .object({
      code: z.string(),
      message: z.string(),
      remedy: z.string().optional(),
      atMs: z.number(),
    })
    .nullable(),
  paused: z.object({ atMs: z.number() }).nullable().default(null),
  notices: z.array(z.string()),
});

/** `pending` tells of a load that has not begun yet when that will be. */
const ACCEPTED = TABLE.extend({ pending: z.string().nullable().default(null) });

/** What `status` is answered of one pipeline, as far as this version shows it. */
export const PIPELINE = z.object({
  pipeline: z.string(),
  state: z.string(),
  error: z.object({ code: z.string(), message: z.string(), remedy: z.string() }).nullable(),
  retrying: RETRYING.nullable(),
  unfinished: z.string().nullable(),
  lagMs: z.number().nullable(),
  lagBytes: z.number().nullable(),
  progressAgeMs: z.number(),
  waits: WAITS,
  load: LOAD,
  retention: RETENTION.nullable(),
  bufferBytes: z.number(),
  bufferLimitBytes: z.number(),
  tables: z.array(TABLE),
  channels: z
    .array(z.object({ id: z.string(), lagMessages: z.number().nullable().optional() }))
    .default([]),
});

const PIPELINES = z.object({ pipelines: z.array(PIPELINE) });

type RemotePipeline = z.output<typeof PIPELINE>;

/** `status`: every pipeline of the process, or the one that was asked for. */
export async function showStatus(
  options: RemoteOptions,
  { stdout, clock }: CliSurroundings,
): Promise<number> {
  const client = new RestClient(options.url, options.tokenFile);
  const body = await client.get("/api/v1/pipelines");
  const pipelines = wanted(parse(PIPELINES, body, options.url).pipelines, options.pipeline);
  if (options.json) stdout.write(`${JSON.stringify(rawPipelines(body, pipelines))}\n`);
  else stdout.write(pipelines.map((pipeline) => statusText(pipeline, clock.now())).join("\n"));
  return EXIT.done;
}

/** `tables`: the tables of one pipeline. */
export async function showTables(
  options: RemoteOptions & { readonly verbose: boolean },
  { stdout, clock }: CliSurroundings,
): Promise<number> {
  const client = new RestClient(options.url, options.tokenFile);
  const status = await onePipeline(client, options);
  const { pipeline: name, retrying } = status;
  const body = await client.get(`${pathOf(name)}/tables`);
  const { tables } = parse(z.object({ tables: z.array(TABLE) }), body, options.url);
  const trouble = [
    ...waitLines(status, clock.now()),
    ...(retrying === null ? [] : retryingLines(name, retrying, clock.now())),
  ].map((line) => `${line}\n`);
  stdout.write(
    options.json
      ? `${JSON.stringify(body)}\n`
      : [tablesText(tables, options.verbose), ...trouble].join(""),
  );
  return EXIT.done;
}

/** `pause`, `resume`, `restart`, `stop`. Exit 1 where a stop had to give up on what was under way. */
export async function remoteAction(
  action: "pause" | "resume" | "restart" | "stop",
  options: RemoteOptions,
  { stdout }: CliSurroundings,
): Promise<number> {
  const client = new RestClient(options.url, options.tokenFile);
  const name = await pipelineName(client, options);
  const body = await client.post(`${pathOf(name)}/${action}`);
  const { state, unfinished } = parse(PIPELINE, body, options.url);
  const later =
    action === "pause" && (state === "retrying" || state === "starting")
      ? "; it is paused once that is over"
      : "";
  const rest = unfinished === null ? later : `: ${unfinishedText(unfinished)}`;
  stdout.write(options.json ? `${JSON.stringify(body)}\n` : `${name} is ${state}${rest}\n`);
  return unfinished === null ? EXIT.done : EXIT.failed;
}

/** What is said of a table once that was asked of it. */
const TABLE_ANSWERS = {
  resync: () => "will be loaded again",
  pause: () => "is paused: its changes are left out until it is resumed",
  resume: (state: string) =>
    state === "SYNC" ? "is not paused; it is in SYNC" : `goes on: it is being loaded (${state})`,
} as const;

/** What is asked of one table. */
export type TableAction = keyof typeof TABLE_ANSWERS;

/** What is said of a table in this state once that was asked of it. */
export function tableAnswer(action: TableAction, state: string): string {
  return TABLE_ANSWERS[action](state);
}

/** `resync TABLE`, `pause --table`, `resume --table`. */
export async function tableAction(
  action: TableAction,
  table: string,
  options: RemoteOptions,
  { stdout }: CliSurroundings,
): Promise<number> {
  const client = new RestClient(options.url, options.tokenFile);
  const name = await pipelineName(client, options);
  const body = await client.post(`${pathOf(name)}/tables/${encodeURIComponent(table)}/${action}`);
  const { id, state, pending } = parse(ACCEPTED, body, options.url);
  const what =
    pending === null ? ` ${tableAnswer(action, state)}` : `: ${action} accepted, it ${pending}`;
  stdout.write(options.json ? `${JSON.stringify(body)}\n` : `${id} of ${name}${what}\n`);
  return EXIT.done;
}

/** Where a pipeline is at the listener. */
export function pathOf(pipeline: string): string {
  return `/api/v1/pipelines/${encodeURIComponent(pipeline)}`;
}

/** The pipeline that is meant: the only one, or the one that was named. */
export async function pipelineName(client: RestClient, options: RemoteOptions): Promise<string> {
  return (await onePipeline(client, options)).pipeline;
}

async function onePipeline(
  client: RestClient,
  { url, pipeline }: RemoteOptions,
): Promise<RemotePipeline> {
  const { pipelines } = parse(PIPELINES, await client.get("/api/v1/pipelines"), url);
  const [only, ...others] = wanted(pipelines, pipeline);
  if (only !== undefined && others.length === 0) return only;
  const names = pipelines.map(({ pipeline: name }) => name).join(", ");
  throw new MillraceError("MR_USAGE", `the process runs ${names}; say which with --pipeline NAME`);
}

function wanted(
  pipelines: readonly RemotePipeline[],
  name: string | undefined,
): readonly RemotePipeline[] {
  if (name === undefined) return pipelines;
  const found = pipelines.filter(({ pipeline }) => pipeline === name);
  if (found.length > 0) return found;
  const names = pipelines.map(({ pipeline }) => pipeline).join(", ");
  throw new MillraceError(
    "MR_NOT_FOUND",
    `there is no pipeline ${name} in this process; it runs ${names}`,
  );
}

/** The documents as they came, with fields that this version does not know. */
function rawPipelines(body: unknown, pipelines: readonly RemotePipeline[]): unknown {
  const names = new Set(pipelines.map(({ pipeline }) => pipeline));
  const loose = z
    .object({ pipelines: z.array(z.looseObject({ pipeline: z.string() })) })
    .parse(body);
  return { pipelines: loose.pipelines.filter(({ pipeline }) => names.has(pipeline)) };
}

/** What was answered, as far as this version knows it. */
export function parse<T>(schema: z.ZodType<T>, body: unknown, url: string): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  throw new MillraceError(
    "MR_UNREACHABLE",
    `what answers at ${url} is not this version of Millrace`,
  );
}

/** The lines of `status` of one pipeline. */
export function statusText(status: RemotePipeline, nowMs: number): string {
  const inSync = status.tables.filter(
    ({ state, stopped }) => state === "SYNC" && stopped === null,
  ).length;
  const failed = status.waits.filter(({ reason }) => reason === "share-failed").length;
  // Of what has stopped nobody knows how far it is behind, and it makes no progress.
  const ofAll = failed > 0 ? " of all" : "";
  const cause =
    failed > 0 ? `, as ${failed} ${failed === 1 ? "share has" : "shares have"} stopped` : "";
  const lag = status.lagMs === null ? `not known${cause}` : durationText(status.lagMs);
  const lagBytes = status.lagBytes === null ? "" : `, ${bytesText(status.lagBytes)}`;
  const { retrying, unfinished } = status;
  const lines = [
    ...(retrying === null
      ? [`${status.pipeline}: ${status.state}`]
      : retryingLines(status.pipeline, retrying, nowMs)),
    ...(unfinished === null ? [] : [`  ${unfinishedText(unfinished)}`]),
    ...(status.error === null ? [] : [`  ${coded(status.error)}`, `  ${status.error.remedy}`]),
    `  tables    ${inSync} of ${status.tables.length} in SYNC`,
    ...stoppedLines(status),
    ...pausedLines(status),
    ...parkedLine(status),
    `  lag       ${lag}${lagBytes}; last progress${ofAll} ${durationText(status.progressAgeMs)} ago`,
    ...messagesLine(status),
    ...waitLines(status, nowMs),
    ...loadLines(status.load),
    ...retentionLine(status.retention),
    `  memory    ${bytesText(status.bufferBytes)} of ${bytesText(status.bufferLimitBytes)}`,
  ];
  return `${lines.join("\n")}\n`;
}

/** So many partitions are named; a topic may have thousands. */
const MOST_PARTITIONS = 8;

/** Of topics: what is to be read, and in which partitions most of it stands. */
function messagesLine({ channels }: RemotePipeline): string[] {
  const read = channels.flatMap(({ id, lagMessages }) =>
    lagMessages === undefined ? [] : [{ id: id.replace(/\/log$/, ""), messages: lagMessages }],
  );
  if (read.length === 0) return [];
  const known = read.flatMap(({ id, messages }) => (messages === null ? [] : [{ id, messages }]));
  const unknown = read.filter(({ messages }) => messages === null).map(({ id }) => id);
  const behind = known
    .filter(({ messages }) => messages > 0)
    .toSorted((a, b) => b.messages - a.messages);
  const named = behind
    .slice(0, MOST_PARTITIONS)
    .map(({ id, messages }) => `${id} ${grouped(messages)}`);
  const unnamed = behind.length - named.length;
  if (unnamed > 0) named.push(`${unnamed} more`);
  const sum = known.reduce((total, { messages }) => total + messages, 0);
  const where = named.length === 0 ? "" : `: ${named.join(", ")}`;
  const partitions = `${known.length} ${known.length === 1 ? "partition" : "partitions"}`;
  const more = unknown.length > MOST_PARTITIONS ? `, ${unknown.length - MOST_PARTITIONS} more` : "";
  const rest = `not known of ${unknown.slice(0, MOST_PARTITIONS).join(", ")}${more}`;
  const said = known.length === 0 ? [] : [`${grouped(sum)} to read in ${partitions}${where}`];
  return [`  messages  ${[...said, ...(unknown.length === 0 ? [] : [rest])].join("; ")}`];
}

/** What has stopped as a whole has its remedy at its error. */
function stoppedLines({ tables, error }: RemotePipeline): string[] {
  return tables.flatMap(({ id, stopped }) =>
    stopped === null
      ? []
      : [
          `  stopped   ${id}: ${stopped.message}`,
          ...(error?.code === stopped.code
            ? []
            : [`            ${stopped.remedy ?? "mend the mapping, then millrace resync it"}`]),
        ],
  );
}

function pausedLines({ tables }: RemotePipeline): string[] {
  return tables.flatMap(({ id, paused }) =>
    paused === null
      ? []
      : [`  paused    ${id} since ${new Date(paused.atMs).toISOString().slice(0, 19)}Z`],
  );
}

/** Nothing where nothing is parked. */
function parkedLine({ tables }: RemotePipeline): string[] {
  const parked = tables.filter(({ deadLetters }) => deadLetters > 0);
  if (parked.length === 0) return [];
  const list = parked.map(({ id, deadLetters }) => `${id} ${grouped(deadLetters)}`).join(", ");
  return [`  parked    dead letters of ${list}; see millrace dead-letters list`];
}

function shownState({ state, stopped, paused }: z.output<typeof TABLE>): string {
  return paused !== null ? "PAUSED" : stopped !== null ? "STOPPED" : state;
}

const LEGEND = "(* there is something to know about it: millrace tables --verbose)\n";

/** The lines of `tables`. */
export function tablesText(tables: readonly z.output<typeof TABLE>[], verbose: boolean): string {
  const header = [
    "TABLE",
    "STATE",
    "LOADED",
    "LOADED ROWS",
    "CHANGES SINCE START",
    "DEAD LETTERS",
    "TARGETS",
  ];
  const rows = tables.map((table) => [
    table.notices.length > 0 && !verbose ? `${table.id} *` : table.id,
    shownState(table),
    table.loadedPercent === null ? "-" : `${Math.floor(table.loadedPercent)} %`,
    // Its load was let go of; what its target holds nobody counts.
    table.paused === null ? grouped(table.rowsLoaded) : "-",
    grouped(table.changes),
    grouped(table.deadLetters),
    table.targets.join(" "),
  ]);
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const lines = [header, ...rows].map(
    (row) =>
      `${row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd()}\n`,
  );
  const notices = tables.flatMap((table) =>
    table.notices.map((notice) => `${table.id}: ${notice}\n`),
  );
  if (verbose) return [...lines, ...notices].join("");
  return [...lines, ...(notices.length === 0 ? [] : [LEGEND])].join("");
}
