import { readFileSync } from "node:fs";

/** This package's version; its `package.json` stands one folder above both the sources and what is built of them. */
export const VERSION: string = readVersion();

function readVersion(): string {
  const found: unknown = JSON.parse(
    readFileSync(new URL("../package.json", import.meta.url), "utf8"),
  );
  const version: unknown =
    typeof found === "object" && found !== null && "version" in found ? found.version : null;
  return typeof version === "string" ? version : "unknown";
}
