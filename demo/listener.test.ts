import { createServer } from "node:net";
import { once } from "node:events";
import { expect, it } from "vitest";
import { loadPipeline, Metrics } from "millrace";
import { DEFAULT_LISTEN } from "./arguments.ts";
import { serve } from "./listener.ts";

it("says that the port it is known by is taken, and takes another", async () => {
  const [host, port] = DEFAULT_LISTEN.split(":");
  const other = createServer();
  // Whoever has the port already serves as well.
  const taken = Promise.race([once(other, "listening"), once(other, "error")]).catch(() => null);
  other.listen(Number(port), host);
  await taken;
  const pipeline = await loadPipeline({
    source: { type: "postgres", hostname: "h", username: "u", password: "p", tables: "d.s.t" },
    sink: { type: "jsonl", path: "rows" },
    pipeline: { name: "shop" },
  });
  const said: string[] = [];
  const server = await serve(DEFAULT_LISTEN, pipeline, new Metrics(), (text) => said.push(text));
  await server?.close();
  other.close();
  expect(said).toEqual([`${DEFAULT_LISTEN} is taken: the dashboard has another port.`]);
});
