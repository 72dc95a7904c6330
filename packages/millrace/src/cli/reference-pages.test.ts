import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { CATALOGUE } from "../errors/catalogue.ts";
import { writtenSurroundings } from "./cli.fixture.ts";
import { runCommandLine } from "./command-line.ts";
import { referencePages } from "./reference-pages.ts";

const pages = [...referencePages()].map(([name, text]) => ({ name, text }));
const docs = new URL("../../../../docs/", import.meta.url);

describe("the reference", () => {
  it.each(pages)("docs/$name is what the program's tables say", ({ name, text }) => {
    expect(readFileSync(new URL(name, docs), "utf8")).toBe(text);
  });

  it.each(pages.filter(({ name }) => name.endsWith(".md")))(
    "docs/$name links to nothing that is not there",
    ({ name, text }) => {
      const page = new URL(name, docs);
      const links = [...text.matchAll(/\]\(([^)#]+)\)/g)].map(([, target = ""]) => target);
      expect(links.filter((link) => !existsSync(new URL(link, page)))).toEqual([]);
    },
  );

  it("has a section for every error of the catalogue, with a remedy and whether it is retried", () => {
    const errors = pages.find(({ name }) => name === "operations/errors.md")?.text ?? "";
    for (const [code, { meaning, remedy }] of Object.entries(CATALOGUE)) {
      expect(errors).toContain(`## ${code}\n\n${meaning}\n`);
      expect(errors).toContain(`- To do: ${remedy}\n`);
    }
  });

  it("sends nobody to a command that is not there", async () => {
    const { io, written } = writtenSurroundings({ isTerminal: false });
    await runCommandLine(["--help"], io);
    const help = written.join("");
    const listed = help.slice(help.indexOf("Commands:")).matchAll(/^ {2}([a-z][\w-]*)/gm);
    const commands = [...listed].map(([, name]) => name);
    const remedies = Object.values(CATALOGUE).map(({ remedy }) => remedy);
    const named = remedies.flatMap((remedy) => [...remedy.matchAll(/`millrace (\w[\w-]*)/g)]);
    expect(commands).toContain("validate");
    expect(named.map(([, name]) => name).filter((name) => !commands.includes(name))).toEqual([]);
  });

  it("calls the path of a jsonl sink the folder that it is", () => {
    const page = pages.find(({ name }) => name === "reference/sink-jsonl.md")?.text ?? "";
    expect(page).toMatch(/Folder that changes are written to/);
    expect(page).toContain("- Example: `path: out`\n");
  });

  it("says every error in whole sentences", () => {
    for (const [code, { meaning, remedy }] of Object.entries(CATALOGUE)) {
      expect([code, meaning, remedy]).toEqual([
        expect.stringMatching(/^MR_[A-Z_]+$/),
        expect.stringMatching(/^[A-Z].*\.$/),
        expect.stringMatching(/^[A-Z].*\.$/),
      ]);
    }
  });
});
