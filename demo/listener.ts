import type { Metrics, Pipeline } from "millrace";
import { startServer, type Server } from "../packages/millrace/src/server/listener.ts";
import { VERSION } from "../packages/millrace/src/version.ts";
import { UsageError } from "./arguments.ts";

/** Serves status, metrics and health of the demo's pipeline; null where `--listen off` says so. */
export async function serve(
  listen: string,
  pipeline: Pipeline,
  metrics: Metrics,
): Promise<Server | null> {
  if (listen === "off") return null;
  const [, host, port] = /^(.+):(\d+)$/.exec(listen) ?? [];
  if (host === undefined || port === undefined)
    throw new UsageError(`--listen takes ADDR:PORT or off, not "${listen}".`);
  const at = (chosen: number) =>
    startServer({
      listen: { host, port: chosen },
      pipelines: [pipeline],
      metrics,
      version: VERSION,
    });
  // The default port may be taken by another demo; any free one serves as well.
  return at(Number(port)).catch((error: unknown) => {
    if (listen !== "127.0.0.1:8083") throw error;
    return at(0);
  });
}
