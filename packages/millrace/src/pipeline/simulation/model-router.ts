import type { RoutePlan, Router } from "../../model/router.ts";
import type { TableShape } from "../../model/table.ts";
import { LARGE_ORDINAL } from "./source-tables.ts";

/** Routes of the model: each table under its own name; with `fanOut` also to a second target that lacks the large column. */
export function modelRouter(fanOut: boolean): Router {
  return { plan: (shape) => (fanOut ? [whole(shape), without(shape)] : [whole(shape)]) };
}

function whole(shape: TableShape): RoutePlan {
  return { target: { schema: "copy", name: shape.name }, shape, project: null };
}

function without(shape: TableShape): RoutePlan {
  const kept = shape.columns.flatMap((c, i) => (c.ordinal === LARGE_ORDINAL ? [] : [i]));
  const columns = kept.map((i) => shape.columns[i]).filter((c) => c !== undefined);
  const key = shape.key.map((index) => kept.indexOf(index));
  return {
    target: { schema: "small", name: shape.name },
    shape: { ...shape, columns, key },
    project: (row) => kept.map((i) => row[i] ?? null),
  };
}
