import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readCommand } from "./cli-options.ts";

const file = readFileSync(new URL("../Containerfile", import.meta.url), "utf8");

/** The rest of the lines that begin with a word, continued lines joined. */
function linesOf(word: string): string[] {
  const lines = file.replaceAll(/\\\n\s*/g, "").split("\n");
  return lines.flatMap((line) =>
    line.startsWith(`${word} `) ? [line.slice(word.length + 1)] : [],
  );
}

describe("the container file", () => {
  const [entry = "[]"] = linesOf("ENTRYPOINT");
  const [program, ...args] = JSON.parse(entry) as string[];

  it("starts a cluster that answers from outside, on the ports that it names", () => {
    const command = readCommand(args);
    if (command.kind !== "run") throw new Error(JSON.stringify(command));
    const { host, port, control } = command.options;
    expect([host, `${port} ${control?.split(":")[1]}`]).toEqual(["0.0.0.0", linesOf("EXPOSE")[0]]);
    expect(linesOf("HEALTHCHECK")[0]).toContain(`:${control?.split(":")[1]}/health`);
  });

  it("lets options that come later win", () => {
    expect(readCommand([...args, "--auth", "iam", "--host", "::"])).toMatchObject({
      kind: "run",
      options: { auth: "iam", host: "::" },
    });
  });

  it("has the Node that is needed, and runs what the package is named as, not as root", () => {
    const manifest = JSON.parse(
      readFileSync(new URL("../package.json", import.meta.url), "utf8"),
    ) as { readonly bin: object; readonly engines: { readonly node: string } };
    const [image = ""] = linesOf("FROM");
    expect(`>=${/^node:(\d+)-/.exec(image)?.[1]}`).toBe(manifest.engines.node);
    expect(Object.keys(manifest.bin)).toContain(program?.split("/").at(-1));
    expect(linesOf("USER")).toEqual(["node"]);
  });
});
