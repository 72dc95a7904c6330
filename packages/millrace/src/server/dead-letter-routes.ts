import type { Hono } from "hono";
import { MillraceError } from "../errors/millrace-error.ts";
import { selectLetters, type LetterSelection } from "../letter-selection.ts";
import type { DeadLetter, ReplayOutcome } from "../model/dead-letter.ts";

/** Dead letters of a pipeline as HTTP shows and settles them. */
export interface ServedLetters {
  deadLetters(): readonly DeadLetter[];
  replayDeadLetters(selection: LetterSelection): Promise<readonly ReplayOutcome[]>;
  discardDeadLetters(selection: LetterSelection): Promise<readonly DeadLetter[]>;
}

/** `…/dead-letters` below a pipeline. Keys are row values: whoever may ask here may see them; logs and metrics never do. */
export function addDeadLetters(
  app: Hono,
  base: string,
  find: (pipeline: string) => ServedLetters,
): void {
  const letters = `${base}/:pipeline/dead-letters` as const;
  app.get(letters, (context) => {
    const table = context.req.query("table");
    const all = find(context.req.param("pipeline")).deadLetters();
    return context.json({ deadLetters: table === undefined ? all : selectLetters(all, { table }) });
  });
  app.get(`${letters}/:id`, (context) => {
    const all = find(context.req.param("pipeline")).deadLetters();
    return context.json(selectLetters(all, { ids: [context.req.param("id")] })[0]);
  });
  app.post(`${letters}/replay`, async (context) => {
    const pipeline = find(context.req.param("pipeline"));
    const outcomes = await pipeline.replayDeadLetters(many(context.req.query()));
    return context.json({ outcomes });
  });
  app.post(`${letters}/discard`, async (context) => {
    const pipeline = find(context.req.param("pipeline"));
    const gone = await pipeline.discardDeadLetters(many(context.req.query()));
    return context.json({ deadLetters: gone });
  });
  app.post(`${letters}/:id/replay`, async (context) => {
    const pipeline = find(context.req.param("pipeline"));
    const selection = { ids: [context.req.param("id")] };
    const [outcome] = await pipeline.replayDeadLetters(selection);
    if (outcome?.outcome === "impossible")
      throw new MillraceError("MR_REPLAY_IMPOSSIBLE", outcome.why ?? "it cannot be tried");
    return context.json(outcome);
  });
  app.post(`${letters}/:id/discard`, async (context) => {
    const pipeline = find(context.req.param("pipeline"));
    const [letter] = await pipeline.discardDeadLetters({ ids: [context.req.param("id")] });
    return context.json(letter ?? null);
  });
}

/** `?table=NAME`, or `?all=true`: never all by leaving something out. */
function many({ table, all }: Record<string, string>): LetterSelection {
  if (table !== undefined) return { table };
  if (all === "true") return { all: true };
  throw new MillraceError("MR_USAGE", "say which dead letters: ?table=NAME, or ?all=true");
}
