import type { PipelineConfig } from "./config/pipeline-config.ts";
import { revealed } from "./config/rules.ts";
import type { Extensions } from "./extensions.ts";
import type { Router } from "./model/router.ts";
import { createRouter, defaultTargetOf } from "./transform/router.ts";
import type { TransformRouter } from "./transform/router.ts";

/** Compiles the routes and column choices of a pipeline. */
export function buildRouter({
  routes,
  columnChoices,
  routeMode,
  source,
}: PipelineConfig): TransformRouter {
  return createRouter({
    routes,
    columns: columnChoices.map(revealed),
    routeMode,
    database: source.database ?? "",
    defaultTarget: defaultTargetOf(source.kind),
  });
}

/** Where rows go: by the file, unless a router of the user's own takes its place. */
export function routerOf(config: PipelineConfig, extensions: Extensions): Router {
  const own = buildRouter(config);
  return extensions.router?.(own) ?? own;
}
