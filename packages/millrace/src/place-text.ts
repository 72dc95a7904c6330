import type { Position } from "./model/position.ts";
import { placeText as mysqlPlace } from "./sources/mysql/position.ts";
import { placeText as postgresPlace } from "./sources/postgres/position.ts";

/** A place of the log as its server writes it, whichever source's; what no source knows is shown as it is. */
export function placeText(position: Position): string {
  return postgresPlace(position) ?? mysqlPlace(position) ?? JSON.stringify(position);
}
