import type { Finding } from "../../model/finding.ts";
import type { TargetTable } from "../../model/table.ts";
import type { CatalogueTable } from "./catalogue.ts";
import type { ObservedSink } from "./observed-sink.ts";
import type { SinkRequest } from "./sink-request.ts";
import { compareTable } from "./table-comparison.ts";
import { withoutPutAway } from "./target-tables.ts";

/** Targets that are there and do not fit, or are not there and will not be made. */
export function targetFindings({ targets }: ObservedSink, request: SinkRequest): Finding[] {
  return distinct(request.targets).flatMap((target) => {
    const actual = targets.get(target.id);
    if (actual !== undefined) return existingFindings(target, actual, request);
    return request.create === "never" ? [missingFinding(target)] : [];
  });
}

/** Whoever drops the target of a topic has lost its rows (I1). */
const MEND_TARGET =
  "Alter the target, where it is. Do not drop it: messages that were read are not read again. Before anything was read, a target that is moved away is made anew (create: if-missing); later a pipeline of another name reads all messages.";

/** Several source tables may go to one target; it is told once. */
function distinct(targets: readonly TargetTable[]): TargetTable[] {
  return [...new Map(targets.map((target) => [target.id, target])).values()];
}

function missingFinding({ id }: TargetTable): Finding {
  return {
    severity: "error",
    what: `There is no table ${id}.`,
    whatFollows: "The pipeline would not start: create is never.",
    remedy: "Make it, or write create: if-missing.",
    code: "MR_SINK_SCHEMA",
  };
}

function existingFindings(
  target: TargetTable,
  actual: CatalogueTable,
  { orderNotice, isLogOnly }: SinkRequest,
): Finding[] {
  const { problems, notices, ...check } = compareTable(withoutPutAway(actual), target);
  const order = orderNotice(target.id, check);
  return [
    ...problems.map((problem): Finding => ({
      severity: "error",
      what: `${target.id}: ${problem}.`,
      whatFollows: "The pipeline would not start.",
      remedy: isLogOnly
        ? MEND_TARGET
        : "Alter the target, or drop it and let create: if-missing make it anew.",
      code: "MR_SINK_SCHEMA",
    })),
    ...(order === null ? [] : [orderFinding(order)]),
    ...notices.map((notice): Finding => ({
      severity: "notice",
      what: `${target.id}: ${notice}.`,
      whatFollows: "The table is written all the same.",
      remedy: "Nothing, or change the table.",
    })),
  ];
}

function orderFinding({
  what,
  remedy,
}: {
  readonly what: string;
  readonly remedy: string;
}): Finding {
  const whatFollows = "It is loaded and followed more slowly than others.";
  return { severity: "notice", what: `${what}.`, whatFollows, remedy: `${remedy}.` };
}

/** Keys whose declared size the sink refuses, and those whose values may be over its limit. */
export function keyFindings({ targets }: ObservedSink, request: SinkRequest): Finding[] {
  const { profile } = request;
  const made = distinct(request.targets).filter(({ id, keyless }) => !keyless && !targets.has(id));
  return [
    ...made.flatMap((target) => declaredFindings(target, profile.maxDeclaredKeyBytes)),
    ...distinct(request.targets).flatMap((target) => longKeys(target, profile.maxKeyBytes)),
  ];
}

function declaredFindings(target: TargetTable, most: number | null): Finding[] {
  const declared = keyColumns(target).reduce((sum, { type }) => sum + declaredLength(type), 0);
  if (most === null || declared <= most) return [];
  return [
    {
      severity: "error",
      what: `${target.id}: its key is declared as ${declared} bytes; the sink takes ${most}.`,
      whatFollows: "The table could not be made.",
      remedy: "Map the key's columns to text, or to shorter ones.",
    },
  ];
}

function declaredLength(type: string): number {
  return Number(
    /^(?:varchar|char|character varying|character|bpchar)\((\d+)\)/.exec(type)?.[1] ?? 0,
  );
}

/** Of a character in UTF-8, where the source's charset does not say less. */
const MOST_BYTES_PER_CHAR = 4;

/** By what the source allows: in characters, which sinks count as bytes. */
function longKeys(target: TargetTable, most: number | null): Finding[] {
  if (target.keyless || most === null) return [];
  const texts = keyColumns(target).filter(({ logical }) => logical.kind === "text");
  const chars = texts.reduce((sum, { logical }) => sum + charsOf(logical), 0);
  const bytes = texts.reduce((sum, { logical }) => sum + charsOf(logical) * charBytes(logical), 0);
  if (bytes <= most) return [];
  const names = texts.map(({ name }) => name).join(", ");
  const length = Number.isFinite(chars)
    ? `${chars} characters, which may take ${bytes} bytes`
    : "any length";
  return [
    {
      severity: Number.isFinite(chars) ? "warning" : "notice",
      what: `${target.id}: its key (${names}) may have ${length}; the sink takes ${most} bytes.`,
      whatFollows: "A row with a longer key becomes a dead letter.",
      remedy: "Nothing where keys are short.",
    },
  ];
}

function charsOf(logical: TargetTable["columns"][number]["logical"]): number {
  return logical.kind === "text" ? (logical.maxChars ?? Infinity) : 0;
}

function charBytes(logical: TargetTable["columns"][number]["logical"]): number {
  return (logical.kind === "text" ? logical.charBytes : undefined) ?? MOST_BYTES_PER_CHAR;
}

function keyColumns({ key, columns }: TargetTable) {
  return key.map((index) => columns[index]).filter((column) => column !== undefined);
}
