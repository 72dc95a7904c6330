/** The OpenAPI document of the control port, made from its routes. */
import { routes, type Route } from "./routes.ts";

/** The document. */
export function openApi(): Readonly<Record<string, unknown>> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = (paths[route.path] ??= {});
    path[route.method.toLowerCase()] = operationOf(route);
  }
  return {
    openapi: "3.1.0",
    info: { title: "dynamodb-local: control port", version: "1" },
    paths,
  };
}

function operationOf({ summary, body, path }: Route): Readonly<Record<string, unknown>> {
  const name = /\{(\w+)\}/.exec(path)?.[1];
  const parameter = { name, in: "path", required: true, schema: { type: "string" } };
  return {
    summary,
    ...(name === undefined ? {} : { parameters: [parameter] }),
    ...(body === undefined ? {} : { requestBody: { required: true, content: json(body) } }),
    responses: {
      "200": { description: "Done", content: json({ type: "object" }) },
      ...(body === undefined
        ? {}
        : { "400": { description: "The body is wrong: `error` says why" } }),
    },
  };
}

function json(schema: unknown): Readonly<Record<string, unknown>> {
  return { "application/json": { schema } };
}
