import type { TableId } from "../../model/table.ts";

/** Who writes to a target table, one row per target. */
export interface Ownership {
  readonly target: string;
  readonly pipelines: readonly string[];
  /** Every one of them said so. */
  readonly shared: boolean;
}

/** What a pipeline asks for. */
export interface Claim {
  readonly pipeline: string;
  readonly targets: readonly TableId[];
  readonly shared: boolean;
  /** What else the pipeline has: one of several tasks knows only its own, and leaves that of the others alone. */
  readonly others: "let-go" | "keep";
}

/** What has to be written so that a claim holds; `refused` says why it cannot, and then nothing is. */
export interface ClaimOutcome {
  readonly refused: readonly string[];
  readonly put: readonly Ownership[];
  readonly gone: readonly string[];
}

/** Decides about a claim, given every row that there is. Pure. */
export function decideClaim(rows: readonly Ownership[], claim: Claim): ClaimOutcome {
  const known = new Map(rows.map((row) => [row.target, row]));
  const refused = claim.targets.flatMap((target) => refusalOf(known.get(target), claim));
  if (refused.length > 0) return { refused, put: [], gone: [] };
  const wanted = new Set<string>(claim.targets);
  const left = rows.filter(
    ({ target, pipelines }) =>
      claim.others === "let-go" && pipelines.includes(claim.pipeline) && !wanted.has(target),
  );
  const others = left.map((row) => ({ ...row, pipelines: without(row, claim.pipeline) }));
  return {
    refused,
    put: [
      ...claim.targets.flatMap((target) => claimed(target, known.get(target), claim)),
      ...others.filter(({ pipelines }) => pipelines.length > 0),
    ],
    gone: others.filter(({ pipelines }) => pipelines.length === 0).map(({ target }) => target),
  };
}

function refusalOf(row: Ownership | undefined, { pipeline, shared }: Claim): string[] {
  const others = row === undefined ? [] : without(row, pipeline);
  if (row === undefined || others.length === 0 || (row.shared && shared)) return [];
  const owner = `${row.target} belongs to ${others.length === 1 ? "pipeline" : "pipelines"} ${others.join(", ")}`;
  return [row.shared ? `${owner}, and this one does not say shared: true` : owner];
}

/** The row as it must be; none where it is so already. */
function claimed(target: TableId, row: Ownership | undefined, claim: Claim): Ownership[] {
  const { pipeline, shared } = claim;
  if (row === undefined) return [{ target, pipelines: [pipeline], shared }];
  const others = without(row, pipeline);
  if (row.pipelines.length > others.length && row.shared === shared) return [];
  return [{ target, pipelines: [...others, pipeline].toSorted(), shared }];
}

function without({ pipelines }: Ownership, pipeline: string): string[] {
  return pipelines.filter((name) => name !== pipeline);
}
