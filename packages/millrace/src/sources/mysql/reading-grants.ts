/** On which databases a user may read every table, as SHOW GRANTS says it. */
export interface ReadingGrants {
  /** On all of them, but those that are `withheld`. */
  readonly isGlobal: boolean;
  /** Patterns of LIKE, as GRANT takes them. */
  readonly databases: readonly string[];
  /** By a partial revoke of MySQL. */
  readonly withheld: readonly string[];
}

const READS = /^(?:.*,\s*)?(?:SELECT|ALL PRIVILEGES)(?:\s*,.*)?$/;

/** What lines of SHOW GRANTS allow. Grants on single tables or columns say nothing of others. */
export function readingGrants(lines: readonly string[]): ReadingGrants {
  const told = lines.flatMap((line) => {
    const [, verb, list = "", database = ""] =
      /^(GRANT|REVOKE) (.+?) ON (\*|`(?:[^`]|``)*`)\.\* (?:TO|FROM) /.exec(line) ?? [];
    return READS.test(list) ? [{ verb, database: database.replaceAll(/^`|`$/g, "") }] : [];
  });
  const of = (verb: string): string[] =>
    told
      .filter((grant) => grant.verb === verb && grant.database !== "*")
      .map(({ database }) => database.replaceAll("``", "`"));
  return {
    isGlobal: told.some(({ verb, database }) => verb === "GRANT" && database === "*"),
    databases: of("GRANT"),
    withheld: of("REVOKE"),
  };
}

/** Whether every table of a database is readable, and so shown. */
export function readsAll({ isGlobal, databases, withheld }: ReadingGrants, name: string): boolean {
  if (databases.some((pattern) => isLike(pattern, name))) return true;
  return isGlobal && !withheld.includes(name);
}

/** Names of databases are told apart by case, or the server keeps all of them in lower case. */
function isLike(pattern: string, name: string): boolean {
  const source = pattern.replaceAll(/\\?[\s\S]/g, (part) => {
    if (part === "%") return ".*";
    if (part === "_") return ".";
    return part.replace(/^\\(?=.)/, "").replaceAll(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
  });
  return new RegExp(`^${source}$`, "si").test(name);
}
