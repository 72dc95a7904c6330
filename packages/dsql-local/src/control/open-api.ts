/** The OpenAPI document of the control port, from its table of routes. */
import type { Route } from "./routes.ts";
import { problem, type Schema } from "./schemas.ts";

/** The document, as JSON. */
export function openApi(routes: readonly Route[]): Schema {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const operations = (paths[route.path] ??= {});
    operations[route.method.toLowerCase()] = operation(route);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "dsql-local, control port",
      version: "1",
      description: "Switches of a cluster for tests. Not part of Aurora DSQL.",
    },
    paths,
  };
}

function operation({ summary, path, body, answers }: Route): Schema {
  const { status, schema } = answers;
  const refusal = { description: "What is wrong with the body", ...json(problem) };
  return {
    summary,
    ...(path.includes("{id}") ? { parameters: [idParameter] } : {}),
    ...(body === undefined ? {} : { requestBody: { required: true, ...json(body) } }),
    responses: {
      [status]: { description: "Done", ...json(schema) },
      ...(body === undefined ? {} : { 400: refusal }),
    },
  };
}

const idParameter = { name: "id", in: "path", required: true, schema: { type: "integer" } };

function json(schema: Schema): Schema {
  return { content: { "application/json": { schema } } };
}
