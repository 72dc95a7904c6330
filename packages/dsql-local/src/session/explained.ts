/**
 * EXPLAIN as the service tells it (sources: "Understanding DPUs", "Reading EXPLAIN plans" of its guide): scans of
 * tables as storage does them, the identifier of the query, and what the statement costs. The numbers are PostgreSQL's.
 */
import { hash } from "node:crypto";
import { dpuLines, type Usage } from "../control/dpu.ts";
import type { Explains } from "../gate/statement.ts";
import { base32 } from "../definitions/jobs.ts";
import { readRow } from "../postgres/rows.ts";
import { dataRow } from "../wire/messages.ts";

/** A plan's rows, retold. */
export function explainedRows(
  rows: readonly Buffer[],
  { analyze, verbose }: Explains,
  sql: string,
  usage: Usage,
): Buffer[] {
  const lines = rows.map((row) => readRow(row)[0] ?? "");
  const plan = retoldPlan(lines);
  const end = plan.findIndex((line) =>
    /^(?:Settings|Planning Time|Execution Time|Planning):/.test(line),
  );
  const tail = end < 0 ? plan.length : end;
  if (verbose) plan.splice(tail, 0, `Query Identifier: ${queryIdentifier(sql)}`);
  if (verbose && analyze) plan.push(...dpuLines(usage));
  return plan.map((line) => dataRow([line]));
}

/** 64 bits of the text, as the service writes them. */
function queryIdentifier(sql: string): string {
  return base32(Buffer.from(hash("sha256", sql), "hex").subarray(0, 8));
}

const SCAN =
  /^(\s*(?:->  )?)(Seq Scan|Index Scan|Index Only Scan)(?: using (\S+))? on (\S+)(?: [^\s(]\S*)?(?:  (\(cost=[^)]*\)))?(?: \(actual (?:time=\S+ )?(rows=\d+ loops=\d+)\))?/;

/** Scans, with what storage does below them. */
function retoldPlan(lines: readonly string[]): string[] {
  const told: string[] = [];
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? "";
    const scan = SCAN.exec(line);
    if (scan === null) {
      told.push(line);
      continue;
    }
    const own: string[] = [];
    while (isDetail(lines[at + 1], indentOf(line))) own.push(lines[++at] ?? "");
    told.push(...retoldScan(line, scan, own));
  }
  return told;
}

function indentOf(line: string): number {
  const arrow = line.indexOf("->  ");
  return arrow >= 0 ? arrow + 4 : line.search(/\S/);
}

/** A line about a node, and no node below it. */
function isDetail(line: string | undefined, indent: number): boolean {
  return line !== undefined && !line.includes("->  ") && line.search(/\S/) > indent;
}

function retoldScan(line: string, scan: RegExpExecArray, own: readonly string[]): string[] {
  const [, , kind = "", index = "", table = "", cost, actual] = scan;
  // The primary key's index is the table: it covers all columns.
  const covering = kind === "Index Only Scan" || index.endsWith("_pkey");
  const name =
    kind === "Seq Scan" ? "Full Scan (btree-table)" : covering ? "Index Only Scan" : "Index Scan";
  const storage = kind === "Seq Scan" ? table : index;
  const pad = " ".repeat(indentOf(line) + 2);
  // COSTS OFF leaves out the one, TIMING OFF the times of the other.
  const known = [cost, actual === undefined ? undefined : `(actual ${actual})`];
  const figures = known.map((figure) => (figure === undefined ? "" : ` ${figure}`)).join("");
  const detail = (label: string): string | undefined =>
    own.find((text) => text.trimStart().startsWith(`${label}:`))?.trim();
  const output = detail("Output")?.slice("Output: ".length);
  const filter = kind === "Seq Scan" ? detail("Filter") : undefined;
  const removed = detail("Rows Removed by Filter")?.slice("Rows Removed by Filter: ".length);
  const pushed = filter === undefined ? [] : [`Filters: ${filter.slice("Filter: ".length)}`];
  const kept = own.filter(
    (text) => filter === undefined || !/^\s*(?:Filter|Rows Removed by Filter):/.test(text),
  );
  const below = [
    ...(output === undefined ? [] : [`Projections: ${output}`]),
    ...pushed,
    ...(filter === undefined || actual === undefined ? [] : [`Rows Filtered: ${removed ?? 0}`]),
    `-> B-Tree Scan on ${storage}${figures}`,
  ];
  const lookup = [
    `${pad}-> Storage Lookup on ${table}${figures}`,
    `${pad}    -> B-Tree Lookup on ${table}${figures}`,
  ];
  return [
    line.replace(kind, name),
    ...kept,
    `${pad}-> Storage Scan on ${storage}${figures}`,
    ...below.map((text) => `${pad}    ${text}`),
    ...(name === "Index Scan" ? lookup : []),
  ];
}
