/** Where `${env:…}` and `${file:…}` read from; a parameter so that tests need no process. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The absolute path of one that counts from the pipeline file's folder. */
  readonly resolvePath: (path: string) => string;
  /** Reads a text file; relative paths count from the pipeline file's folder. Throws when it cannot. */
  readonly readFile: (path: string) => string;
  /** Told of each reference, such as `${env:PGPASSWORD}`, and what was put in for it. */
  readonly onReference?: (reference: string, value: string) => void;
}

/** A scalar after its references were put in. `foreign`: part of it came from outside and must not be echoed. */
export interface Interpolated {
  readonly text: string;
  readonly foreign: boolean;
  readonly problems: readonly { readonly wrong: string; readonly remedy: string }[];
}

const REFERENCE = /\$\$\{|\$\{([^}]*)(\}?)/g;
const ENV = /^env:([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;

/**
 * Puts `${env:NAME}`, `${env:NAME:-default}` and `${file:PATH}` into a scalar. What was put in is not looked at again.
 * An empty variable counts as missing where a default is given, as in a shell. `$${` stands for `${` itself.
 */
export function interpolate(text: string, surroundings: Surroundings): Interpolated {
  if (!text.includes("${")) return { text, foreign: false, problems: [] };
  const problems: { wrong: string; remedy: string }[] = [];
  let foreign = false;
  const result = text.replace(
    REFERENCE,
    (whole: string, inner: string | undefined, close: string | undefined) => {
      if (inner === undefined) return "${";
      const found = close === "" ? unclosed() : resolve(inner, surroundings);
      if (typeof found === "string") {
        foreign = true;
        surroundings.onReference?.(whole, found);
        return found;
      }
      problems.push(found);
      return "";
    },
  );
  return { text: result, foreign, problems };
}

/** The text is not quoted: it may be a password that holds "${". */
function unclosed(): { wrong: string; remedy: string } {
  return {
    wrong: 'a reference that begins with "${" has no closing brace',
    remedy: "Write }, or $${ for the two characters themselves",
  };
}

function resolve(
  inner: string,
  { env, readFile }: Surroundings,
): string | { wrong: string; remedy: string } {
  const [, name, fallback] = ENV.exec(inner) ?? [];
  if (name !== undefined) return variable(name, fallback, env);
  const path = inner.startsWith("file:") ? inner.slice("file:".length) : "";
  if (path === "") {
    return {
      wrong: 'what stands between "${" and "}" is not a reference that is known',
      remedy:
        "Write ${env:NAME}, ${env:NAME:-default} or ${file:PATH}, or $${ for the two characters themselves",
    };
  }
  try {
    return readFile(path).replace(/\r?\n$/, "");
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
    return {
      wrong: `the file ${path} cannot be read${reason}`,
      remedy: "Make the file, or mend its path or its rights",
    };
  }
}

function variable(
  name: string,
  fallback: string | undefined,
  env: Surroundings["env"],
): string | { wrong: string; remedy: string } {
  const value = env[name];
  if (fallback !== undefined) return value === undefined || value === "" ? fallback : value;
  if (value !== undefined) return value;
  return {
    wrong: `the environment variable ${name} is not set`,
    remedy: `Set it, or write \${env:${name}:-default}`,
  };
}
