/** Python with psycopg and pytest for tests, fetched into the cache of the checkout where they are missing. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { pythonOf } from "../../scripts/python.mjs";
import { bringServer } from "../../scripts/servers.mjs";

const run = promisify(execFile);

/** Runs a program that may import psycopg; gives what it prints. */
export async function runPsycopg(program: string, ...args: readonly string[]): Promise<string> {
  const { command, environment } = pythonOf(await bringServer("psycopg"));
  const [file, ...first] = command;
  const env = { ...process.env, ...environment };
  const { stdout } = await run(file, [...first, "-c", program, ...args], { env });
  return stdout;
}

/** How pytest is called, with psycopg at hand: a program, its first arguments, and the environment that they need. */
export async function pytestCommand(): Promise<
  [program: string, args: readonly string[], environment: Readonly<Record<string, string>>]
> {
  const { command, environment } = pythonOf(await bringServer("psycopg"));
  const [file, ...first] = command;
  return [file, [...first, "-m", "pytest"], environment];
}
