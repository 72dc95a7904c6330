// A transform of one's own: values of one column in lower case, on top of what the file routes and hides.
//
//     node --conditions=source examples/lower-case-emails.ts PIPELINE.yaml
import { fileURLToPath } from "node:url";
import { loadPipeline } from "millrace";
import type { RoutePlan, Router } from "millrace/extend";

/** Wraps a router. Key columns are left alone: two rows would become one. */
export function lowerCase(own: Router, column: string): Router {
  return { plan: (shape) => own.plan(shape).map((plan) => lowerCasedPlan(plan, column)) };
}

function lowerCasedPlan(plan: RoutePlan, name: string): RoutePlan {
  const at = plan.shape.columns.findIndex((column) => column.name === name);
  if (at === -1 || plan.shape.key.includes(at)) return plan;
  return {
    ...plan,
    project(row) {
      const projected = plan.project === null ? row : plan.project(row);
      const value = projected[at];
      // What is not text is NULL, UNCHANGED, or too large to have been read: it stays what it is.
      return typeof value === "string" ? projected.with(at, value.toLowerCase()) : projected;
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [file = ""] = process.argv.slice(2);
  const router = (own: Router) => lowerCase(own, "email");
  const pipeline = await loadPipeline(file, { extensions: { router } });
  await pipeline.start();
  await pipeline.caughtUp();
  await pipeline.stop();
  process.stdout.write(`${pipeline.name} has caught up\n`);
}
