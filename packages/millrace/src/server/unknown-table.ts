import { nearestName } from "../config/nearest-name.ts";
import { MillraceError } from "../errors/millrace-error.ts";

/** A table that a pipeline does not have, with those of its tables that were probably meant. */
export function unknownTable(
  pipeline: string,
  name: string,
  ids: readonly string[],
): MillraceError {
  const near = nearTables(name, ids);
  const hint = near.length === 0 ? "" : `; it has ${near.join(", ")}`;
  const remedy =
    near.length === 0
      ? "List the names with `millrace tables`."
      : "Give the whole name, as it stands here.";
  return new MillraceError("MR_NOT_FOUND", `pipeline ${pipeline} has no table ${name}${hint}`, {
    remedy,
  });
}

/** Those of this name elsewhere; else the nearest, by its whole name or by its last part alone. */
function nearTables(name: string, ids: readonly string[]): readonly string[] {
  const same = ids.filter((id) => lastName(id) === lastName(name));
  if (same.length > 0) return same;
  const whole = nearestName(name, ids);
  if (whole !== null && name.includes(".")) return [whole];
  const last = nearestName(lastName(name), ids.map(lastName));
  return ids.filter((id) => lastName(id) === last);
}

function lastName(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}
