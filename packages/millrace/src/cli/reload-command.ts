import { z } from "zod";
import { parse, pathOf, pipelineName, type RemoteOptions } from "./remote-commands.ts";
import { RestClient } from "./rest-client.ts";
import type { CliSurroundings } from "./surroundings.ts";
import { EXIT } from "./surroundings.ts";

const names = z.array(z.string());
const RELOAD = z.object({
  came: names,
  left: names,
  rerouted: names,
  redirected: names.default([]),
  changed: z.boolean(),
});

/** `reload`. */
export async function reloadPipeline(
  options: RemoteOptions,
  { stdout }: Pick<CliSurroundings, "stdout">,
): Promise<number> {
  const client = new RestClient(options.url, options.tokenFile);
  const name = await pipelineName(client, options);
  const body = await client.post(`${pathOf(name)}/reload`);
  const outcome = parse(RELOAD, body, options.url);
  stdout.write(options.json ? `${JSON.stringify(body)}\n` : `${name}: ${reloadText(outcome)}\n`);
  return EXIT.done;
}

/** What came of a file that was read again, in one line. */
export function reloadText({
  came,
  left,
  rerouted,
  redirected,
  changed,
}: {
  readonly came: readonly string[];
  readonly left: readonly string[];
  readonly rerouted: readonly string[];
  readonly redirected: readonly string[];
  readonly changed: boolean;
}): string {
  if (!changed) return "the file was read again; nothing in it has changed";
  const parts = [
    [came, "captured from now on"],
    [rerouted, "loaded again"],
    [redirected, "written elsewhere or otherwise from now on, and what was read before stays"],
    [left, "let go of"],
  ] as const;
  const told = parts.flatMap(([tables, what]) =>
    tables.length === 0
      ? []
      : [`${tables.join(", ")} ${tables.length === 1 ? "is" : "are"} ${what}`],
  );
  const what = told.length === 0 ? "no table is concerned" : told.join("; ");
  return `the file was read again: ${what}`;
}
