import { z } from "zod";
import { MillraceError } from "../errors/millrace-error.ts";
import { selectLetters } from "../letter-selection.ts";
import type { Json } from "../model/position.ts";
import {
  discardedText,
  lettersText,
  letterText,
  outcomeText,
  type ShownLetter,
  type ShownOutcome,
} from "./dead-letter-text.ts";
import { parse, pathOf, pipelineName, type RemoteOptions } from "./remote-commands.ts";
import { RestClient } from "./rest-client.ts";
import type { CliSurroundings } from "./surroundings.ts";
import { EXIT } from "./surroundings.ts";

/** Which letters are meant, and where they are: in a running process, or, with a file, at the sink that it names. */
export interface LetterOptions extends RemoteOptions {
  readonly file?: string;
  readonly table?: string;
  readonly all?: boolean;
}

const JSON_VALUE: z.ZodType<Json> = z.json();

const LETTER = z.object({
  id: z.string(),
  table: z.string(),
  target: z.string(),
  key: z.string(),
  keyColumns: z.record(z.string(), z.string().nullable()),
  op: z.string(),
  position: JSON_VALUE.nullable(),
  code: z.string(),
  reason: z.string(),
  column: z.string().nullable(),
  attempts: z.number(),
  parkedAtMs: z.number(),
  triedAtMs: z.number(),
});

const LETTERS = z.object({ deadLetters: z.array(LETTER) });

const OUTCOME = z.object({
  id: z.string(),
  table: z.string(),
  outcome: z.enum(["replayed", "deleted", "superseded", "refused", "impossible"]),
  why: z.string().nullable(),
});

/** `dead-letters list`. */
export async function listLetters(options: LetterOptions, io: CliSurroundings): Promise<number> {
  const { table, json } = options;
  const all = await lettersOf(options, io);
  const deadLetters = table === undefined ? all : all.filter((letter) => letter.table === table);
  io.stdout.write(json ? `${JSON.stringify({ deadLetters })}\n` : lettersText(deadLetters));
  return EXIT.done;
}

/** `dead-letters show ID`. */
export async function showLetter(
  id: string,
  options: LetterOptions,
  io: CliSurroundings,
): Promise<number> {
  const [letter] = chosen(await lettersOf(options, io), { ...options, ids: [id] });
  if (letter !== undefined)
    io.stdout.write(options.json ? `${JSON.stringify(letter)}\n` : letterText(letter));
  return EXIT.done;
}

/** `dead-letters replay`. Exit 1 where a letter still stands. */
export async function replayLetters(
  ids: readonly string[],
  options: LetterOptions,
  { stdout }: CliSurroundings,
): Promise<number> {
  const client = new RestClient(options.url, options.tokenFile);
  const outcomes: ShownOutcome[] = [];
  for await (const { path, letter } of lettersAt(client, ids, options)) {
    const outcome = await replayOne(client, path, letter, options.url);
    outcomes.push(outcome);
    if (!options.json) stdout.write(outcomeText(outcome));
  }
  if (options.json) stdout.write(`${JSON.stringify({ outcomes })}\n`);
  const stands = ({ outcome }: ShownOutcome) => outcome === "refused" || outcome === "impossible";
  return outcomes.some(stands) ? EXIT.failed : EXIT.done;
}

/** `dead-letters discard`. */
export async function discardLetters(
  ids: readonly string[],
  options: LetterOptions,
  { stdout }: CliSurroundings,
): Promise<number> {
  const client = new RestClient(options.url, options.tokenFile);
  const deadLetters: ShownLetter[] = [];
  for await (const { path, letter } of lettersAt(client, ids, options)) {
    await client.post(`${path}/discard`);
    deadLetters.push(letter);
    if (!options.json) stdout.write(discardedText(letter));
  }
  if (options.json) stdout.write(`${JSON.stringify({ deadLetters })}\n`);
  return EXIT.done;
}

/** From the process that runs the pipeline, or from the sink that a file names. */
async function lettersOf(
  options: LetterOptions,
  { env, clock }: CliSurroundings,
): Promise<readonly ShownLetter[]> {
  if (options.file === undefined) return lettersOfProcess(options);
  const { readDeadLetters } = await import("../read-dead-letters.ts");
  return readDeadLetters(options.file, { env, clock });
}

async function lettersOfProcess(options: LetterOptions): Promise<readonly ShownLetter[]> {
  const client = new RestClient(options.url, options.tokenFile);
  try {
    return await remoteLetters(client, pathOf(await pipelineName(client, options)), options.url);
  } catch (thrown) {
    if (!(thrown instanceof MillraceError) || thrown.code !== "MR_UNREACHABLE") throw thrown;
    const what = `${thrown.detail}; without a process, name the pipeline's file and they are read at its sink`;
    throw new MillraceError("MR_UNREACHABLE", what, { cause: thrown });
  }
}

async function remoteLetters(
  client: RestClient,
  path: string,
  url: string,
): Promise<readonly ShownLetter[]> {
  return parse(LETTERS, await client.get(`${path}/dead-letters`), url).deadLetters;
}

/** The letters that are meant, one by one, each with its address: an answer never waits for all of them. */
async function* lettersAt(
  client: RestClient,
  ids: readonly string[],
  options: LetterOptions,
): AsyncGenerator<{ readonly path: string; readonly letter: ShownLetter }> {
  if (
    [ids.length > 0, options.table !== undefined, options.all === true].filter(Boolean).length !== 1
  )
    throw new MillraceError(
      "MR_USAGE",
      "say which dead letters: their ids, --table NAME for those of a table, or --all",
      { remedy: "Name one of the three; `millrace dead-letters list` shows the ids." },
    );
  const pipeline = pathOf(await pipelineName(client, options));
  const letters = await remoteLetters(client, pipeline, options.url);
  for (const letter of chosen(letters, { ...options, ids }))
    yield { path: `${pipeline}/dead-letters/${letter.id}`, letter };
}

function chosen(
  letters: readonly ShownLetter[],
  { ids, table, all }: { ids: readonly string[]; table?: string; all?: boolean },
): readonly ShownLetter[] {
  if (all === true) return letters;
  if (table !== undefined) return letters.filter((letter) => letter.table === table);
  return selectLetters(letters, { ids });
}

async function replayOne(
  client: RestClient,
  path: string,
  { id, table }: ShownLetter,
  url: string,
): Promise<ShownOutcome> {
  try {
    return parse(OUTCOME, await client.post(`${path}/replay`), url);
  } catch (thrown) {
    if (!(thrown instanceof MillraceError)) throw thrown;
    if (thrown.code === "MR_NOT_FOUND") return { id, table, outcome: "superseded", why: null };
    if (thrown.code !== "MR_REPLAY_IMPOSSIBLE") throw thrown;
    return { id, table, outcome: "impossible", why: thrown.detail };
  }
}
