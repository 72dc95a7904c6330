/**
 * The folder of a life of kills: its pipeline files, what its processes said, and what befell it. A life that failed keeps it, with what
 * was in its servers when it ended; its report names it.
 */
import { appendFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keepServers, type LifeServers } from "./life-servers.ts";

/** Times are UTC, as in the logs of servers. */
export class LifeFolder {
  readonly path: string;
  #runs = 0;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<LifeFolder> {
    return new LifeFolder(await mkdtemp(join(tmpdir(), "millrace-life-")));
  }

  file(name: string): string {
    return join(this.path, name);
  }

  /** Of the next process: `03-into.log`. */
  nextLog(name: string): string {
    return this.file(`${String(++this.#runs).padStart(2, "0")}-${name}.log`);
  }

  /** Of what befell the life: `life.log`. */
  note(text: string): void {
    this.noteIn("life.log", text);
  }

  noteIn(name: string, text: string): void {
    appendFileSync(this.file(name), `${new Date().toISOString()} ${text}\n`);
  }

  remove(): Promise<void> {
    return rm(this.path, { recursive: true });
  }
}

/**
 * Lives a life, and gives what is wrong with it. Where anything is, the folder stays, as the first line says, or the error that is
 * thrown.
 */
export async function keptIfWrong(
  servers: LifeServers,
  live: (folder: LifeFolder) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  const folder = await LifeFolder.make();
  const kept = `kept in ${folder.path}`;
  const keep = async (wrong: readonly string[]): Promise<void> => {
    for (const line of wrong) folder.note(line);
    await keepServers(folder, servers);
  };
  let wrong: readonly string[];
  try {
    wrong = await live(folder);
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? String(error)) : String(error);
    await keep([text]);
    throw new Error(`${String(error)} (${kept})`, { cause: error });
  }
  if (wrong.length > 0) {
    await keep(wrong);
    return [kept, ...wrong];
  }
  await folder.remove();
  return wrong;
}
