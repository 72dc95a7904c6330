import type { Metrics, Pipeline } from "millrace";
import { startServer, type Server } from "../packages/millrace/src/server/listener.ts";
import { VERSION } from "../packages/millrace/src/version.ts";
import { DEFAULT_LISTEN, UsageError } from "./arguments.ts";

/**
 * Serves status, metrics and health of the demo's pipeline; null where `--listen off` says so. `elsewhere` is told of a
 * port that was taken.
 */
export async function serve(
  listen: string,
  pipeline: Pipeline,
  metrics: Metrics,
  elsewhere: (text: string) => void,
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
    if (listen !== DEFAULT_LISTEN) throw error;
    elsewhere(`${DEFAULT_LISTEN} is taken: the dashboard has another port.`);
    return at(0);
  });
}
