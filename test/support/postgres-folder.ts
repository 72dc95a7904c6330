/** What goes into the data folder of a PostgreSQL before its first start. */
import { appendFile, chmod, chown, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { UnixUser } from "./postgres-binaries.ts";
import type { FolderKind } from "./server-folder.ts";

/** PostgreSQL's folders: its processes share memory, so its first one is asked to end all of them at once. */
export const postgresFolders: FolderKind = {
  prefix: "millrace-pg-",
  pidFile: "data/postmaster.pid",
  signal: "SIGQUIT",
};

/** What goes into a data folder before the first start. */
export interface Configuration {
  readonly settings: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, string>>;
  readonly hba: readonly string[];
}

/** Writes settings, access rules and files into a data folder, all readable by `user`. */
export async function configure(
  data: string,
  configuration: Configuration,
  user: UnixUser | undefined,
): Promise<void> {
  await appendFile(join(data, "postgresql.conf"), confLines(configuration.settings));
  const hba = await readFile(join(data, "pg_hba.conf"), "utf8");
  await writeFile(join(data, "pg_hba.conf"), [...configuration.hba, hba].join("\n"));
  for (const [name, content] of Object.entries(configuration.files)) {
    const path = join(data, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
    await chmod(path, 0o600);
    if (user) await chown(path, user.uid, user.gid);
  }
}

/** Settings as lines of postgresql.conf. */
export function confLines(settings: Readonly<Record<string, string>>): string {
  const line = ([name, value]: [string, string]): string =>
    `${name} = '${value.replaceAll("'", "''")}'\n`;
  return `\n${Object.entries(settings).map(line).join("")}`;
}
