/** Who made the server, and which of its releases it is. */
export interface ServerVersion {
  readonly flavor: "mysql" | "mariadb";
  readonly major: number;
  readonly minor: number;
  readonly text: string;
}

/**
 * Reads `VERSION()`: `9.7.4-2`, `8.0.36-28.1` (Percona), `10.11.18-MariaDB-log`, `5.5.5-10.6.12-MariaDB` (what MariaDB
 * says in its greeting). A text without numbers is version 0.
 */
export function parseServerVersion(text: string): ServerVersion {
  const isMariaDb = /mariadb/i.test(text);
  const plain = isMariaDb ? text.replace(/^5\.5\.5-/, "") : text;
  const [, major = "0", minor = "0"] = /^(\d+)\.(\d+)/.exec(plain) ?? [];
  return {
    flavor: isMariaDb ? "mariadb" : "mysql",
    major: Number(major),
    minor: Number(minor),
    text,
  };
}
